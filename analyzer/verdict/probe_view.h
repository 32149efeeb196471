/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_PROBE_VIEW_H
#define SEEP_ANALYZER_VERDICT_PROBE_VIEW_H

#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"
#include "waits/wait_kind.h"

/* What a PROBE says, as a person reads it. */

/* The newest look at a thread that has stood still since then; NULL: there is none. Cost:
 * O(probes). */
const struct seep_rec_probe *seep_probe_of(const struct seep_recording *recording,
                                           uint32_t tid, uint64_t unchanged_since_ns);

/* The stack, innermost first, without libseep.so's frames.
 *
 * frames:  out; owned by findings; NULL without a stack.
 * Returns: 0; -ENOMEM (untouched).
 */
int seep_probe_view_stack(struct seep_findings *findings,
                          struct seep_symbolizer *symbolizer,
                          const struct seep_rec_probe *probe,
                          struct seep_view_frame **frames, size_t *count);

/* Where it waits: the program's innermost function, "hub_send (hub.c:120)". Owned by
 * findings; "" unknown. */
const char *seep_probe_view_place(struct seep_findings *findings,
                                  const struct seep_view_frame *frames, size_t count);

/* What it waits for, who holds that (0: nobody, or unknown), and whether the wait ends by
 * itself. */
struct seep_probe_wait {
    enum seep_wait_kind kind;
    uint64_t address; /* of the object; 0 none */
    uint32_t owner_tid;
    bool timed;
    bool open;   /* to what comes from outside: an event loop, a listener */
    bool shared; /* with other processes, perhaps */
};
struct seep_probe_wait seep_probe_view_wait(struct seep_symbolizer *symbolizer,
                                            const struct seep_rec_probe *probe);

#endif
