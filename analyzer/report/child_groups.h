/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_CHILD_GROUPS_H
#define SEEP_ANALYZER_REPORT_CHILD_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/findings.h"

/* Children that ran the same program. */
struct seep_child_group {
    const struct seep_view_child *first; /* the earliest of them */
    size_t count;
    size_t replaced;          /* of them: went on as another program, by exec */
    size_t failed;            /* of them: ended otherwise than "exited 0" or by exec */
    const char *other_ending; /* how the failed ended; "" when not all alike */
    size_t files;             /* of them with a recording of their own */
    const char *file;         /* the first of those; "" none */
    bool same_command;        /* to the last letter */
    bool own_images;          /* images of the process itself, before its last exec */
    double shortest_s, longest_s;
    uint64_t heap_live_bytes;  /* at their ends, summed */
    enum seep_outcome outcome; /* the worst; 0: no recording was read */
    char program[64];          /* base name of the command's first word */
};

/* Groups the children by program and by being images of the process itself; one with a
 * leak or a suspect stands alone.
 *
 * groups:  out, owned (free); in the order of their first members, those with findings
 *   before all others; NULL without children. count: out.
 * Returns: 0; -ENOMEM (both untouched). Thread-safety: pure. Cost: O(children x groups).
 */
int seep_child_groups_make(const struct seep_findings *findings,
                           struct seep_child_group **groups, size_t *count);

#endif
