/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_GATE_TEXT_H
#define SEEP_ANALYZER_HISTORY_GATE_TEXT_H

#include "history/leak_gate.h"
#include "report/text_layout.h"

/* The sentences about a gate that all formats share; out: SEEP_GATE_SENTENCE_MAX.
 * Thread-safety: pure. */
enum { SEEP_GATE_SENTENCE_MAX = 1536 };
/* "2 findings are new or worse than on main" */
const char *seep_gate_sentence(const struct seep_gate *gate, char *out);
/* "12 runs of server on main, 2026-11-01 10:00 to ..., commits 4f2c1a to 9ab01c" */
const char *seep_gate_against(const struct seep_gate *gate, char *out);
/* Why the item is judged so, and what was there before. */
const char *seep_gate_reason(const struct seep_gate *gate,
                             const struct seep_gate_item *item, char *out);
/* "NEW", "WORSE", "KNOWN" */
const char *seep_gate_word(enum seep_gate_judgement judgement);

/* One gate for people at a terminal. Allocates: only in the layout's buffer. */
void seep_gate_text(const struct seep_gate *gate, const struct seep_layout *layout);

#endif
