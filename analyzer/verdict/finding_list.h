/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_FINDING_LIST_H
#define SEEP_ANALYZER_VERDICT_FINDING_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/progress.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "series/series.h"
#include "series/window.h"
#include "verdict/findings.h"
#include "verdict/suppress.h"
#include "verdict/units.h"

struct seep_draft {
    struct seep_finding finding;
    uint32_t site;
    const uint32_t *sites; /* of a finding on several; ascending; NULL otherwise */
    size_t site_count;
    bool folded; /* into another finding: to be left out */
};

/* What the verdict modules share while findings are being made. */
struct seep_analysis {
    const struct seep_recording *recording; /* borrowed */
    struct seep_symbolizer *symbolizer;     /* borrowed */
    struct seep_findings *findings;         /* owner of all text */
    struct seep_window window;
    struct seep_series series;                    /* scratch for one site at a time */
    struct seep_units units;                      /* owned: what the program did */
    struct seep_progress *progress;               /* borrowed; may be NULL */
    bool still_written, no_threads_left;          /* see struct seep_verdict_options */
    const struct seep_suppressions *suppressions; /* borrowed; NULL: none */
    uint8_t *told; /* owned (free); by index of the recording's threads: 1 = a finding
                      speaks for it already; NULL: none does */
    struct seep_draft *drafts; /* owned (free) */
    size_t count, capacity;
};

/* Adds a finding about a site with what is the same for every cause: stack, headline, id,
 * subsystem, live and event counts at the window's end, ages, the series.
 *
 * out:     the new finding, valid until the next addition.
 * Returns: 0; -ENOMEM.
 */
int seep_finding_add(struct seep_analysis *analysis, uint32_t site, enum seep_cause cause,
                     enum seep_verdict verdict, struct seep_finding **out);

/* The same on the sum of several sites, growth of their caller, without a stack: the
 * caller adds it. sites: of the findings' memory; ascending. */
int seep_finding_add_sites(struct seep_analysis *analysis, const uint32_t *sites,
                           size_t count, enum seep_verdict verdict,
                           struct seep_finding **out);

/* The finding that a site already has, or NULL. Cost: O(findings). */
struct seep_finding *seep_finding_of_site(struct seep_analysis *analysis, uint32_t site);

/* Sorts worst first, gives findings with the same functions ids of their own, and moves
 * all that pass the filters into analysis->findings.
 *
 * kind: SEEP_KIND_NONE for all. subsystem: NULL for all.
 * Returns: 0; -ENOMEM.
 */
int seep_finding_list_finish(struct seep_analysis *analysis, enum seep_kind kind,
                             const char *subsystem);

#endif
