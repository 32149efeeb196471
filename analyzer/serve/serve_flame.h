/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_FLAME_H
#define SEEP_ANALYZER_SERVE_SERVE_FLAME_H

#include <stdint.h>

#include "base/buf.h"
#include "report/site_value.h"
#include "verdict/findings.h"

/* Appends a tree of functions from findings with their profile, root first: name, value
 * (of it and all below), place, role, children, the widest first. At most
 * SEEP_FLAME_NODES of them, the widest; how many are not there is said in "left_off".
 *
 * kind: NONE is heap. Returns: 0; -ENOMEM. Thread-safety: pure. Cost: O(sites + frames).
 */
enum { SEEP_FLAME_NODES = 2000 };
int seep_flame_put(const struct seep_findings *findings, enum seep_kind kind,
                   enum seep_site_value value, uint64_t generation, struct seep_buf *out);

#endif
