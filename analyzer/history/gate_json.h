/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_GATE_JSON_H
#define SEEP_ANALYZER_HISTORY_GATE_JSON_H

#include "base/buf.h"
#include "history/leak_gate.h"

/* {"seep_gate": 1, "fails": bool, "gates": [...]}: fields are added, never changed.
 * Returns: 0; -ENOMEM. */
int seep_gate_json(const struct seep_gate *gates, size_t count, struct seep_buf *out);

#endif
