/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TOP_TOP_NAMES_H
#define SEEP_ANALYZER_TOP_TOP_NAMES_H

#include "load/recording.h"
#include "verdict/finding.h"

/* Stacks and headlines of sites, resolved when a site is first looked at: a screen shows
 * some tens of ten thousand. All-zero is valid and empty. */
struct seep_top_names {
    struct seep_symbolizer *symbolizer; /* owned */
    struct seep_findings *findings;     /* owned; memory of what follows */
    struct seep_finding **by_site;      /* owned; NULL: not asked for yet */
    size_t count;                       /* of by_site */
    size_t modules;                     /* of the recording, when it was begun */
};

/* A site as a finding: kind, subsystem, headline, stack and stack_end are filled, nothing
 * else.
 *
 * recording: that of the calls before, which may have grown; for another one
 *   seep_top_names_fini first.
 * Returns: borrowed, until a call finds that the recording gained modules; NULL: no
 *   memory. Thread-safety: owner thread. Cost: O(frames), with files read from disk.
 */
const struct seep_finding *seep_top_names_of(struct seep_top_names *names,
                                             const struct seep_recording *recording,
                                             uint32_t site);
void seep_top_names_fini(struct seep_top_names *names);

#endif
