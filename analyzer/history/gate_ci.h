/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_GATE_CI_H
#define SEEP_ANALYZER_HISTORY_GATE_CI_H

#include "base/buf.h"
#include "history/leak_gate.h"

/* Gates as CI servers show them. Thread-safety: any thread on its own buffer; what was
 * dropped for lack of memory is in out->failed. */

/* JUnit's XML: a suite per recording, a test per finding and one for the history. */
void seep_gate_junit(const struct seep_gate *gates, size_t count, struct seep_buf *out);
/* A comment for a merge request. */
void seep_gate_markdown(const struct seep_gate *gates, size_t count,
                        struct seep_buf *out);

#endif
