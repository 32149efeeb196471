/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_SITE_SET_H
#define SEEP_ANALYZER_DIFF_SITE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diff/site_table.h"
#include "load/recording.h"
#include "series/series.h"
#include "verdict/changes.h"
#include "verdict/finding.h"

/* The sites of one run that an entry of a comparison is about: one, or all that a finding
 * on their caller speaks for. */
struct seep_site_set {
    size_t *at; /* owned; indexes into the run's site table, each once */
    size_t count;
};

/* Those of a finding. Returns: 0, out empty when none is in the table; -ENOMEM. */
int seep_site_set_of(const struct seep_site_table *table,
                     const struct seep_finding *finding, struct seep_site_set *out);
/* Those of the other run that are the same sites. counterpart: of each index, or
 * SEEP_MATCH_NONE; borrowed. Returns: as above. */
int seep_site_set_map(const struct seep_site_set *from, const size_t *counterpart,
                      struct seep_site_set *out);
/* Adds those of `more` that have no counterpart in the other run. Returns: 0; -ENOMEM. */
int seep_site_set_add_unmatched(struct seep_site_set *to,
                                const struct seep_site_set *more,
                                const size_t *counterpart);
void seep_site_set_fini(struct seep_site_set *set);

/* Whether the finding speaks for any of them. */
bool seep_site_set_has(const struct seep_site_set *set,
                       const struct seep_site_table *table,
                       const struct seep_finding *finding);
/* Sets the series to the sum of the set. Cost: O(sites x snapshots). */
void seep_site_set_read(const struct seep_site_set *set,
                        const struct seep_site_table *table,
                        const struct seep_recording *recording,
                        struct seep_series *series);
/* What the set holds over the whole run; nothing of an empty one. series: its contents
 * are lost. out: its values are owned (free). Returns: 0; -ENOMEM. */
int seep_site_set_draw(const struct seep_site_set *set,
                       const struct seep_site_table *table,
                       const struct seep_recording *recording, struct seep_series *series,
                       bool of_bytes, struct seep_diff_curve *out);
/* Mean size of what the set acquired; 1 where resources are counted, or nothing was. */
double seep_site_set_grain(const struct seep_site_set *set,
                           const struct seep_site_table *table,
                           const struct seep_recording *recording);
/* Whether kinds of a size (heap, mappings) are compared by their bytes. */
bool seep_site_set_is_of_bytes(enum seep_kind kind);

#endif
