/* What an entry of a comparison is about.
 *
 * A finding on a caller speaks for a hundred sites, of which the other run may have found
 * three, or one, or have them under changed lines. Comparing through the fastest growing
 * one told of a hundredth of the leak, and called the group better when another site came
 * first. So both runs' sums are compared: of the finding's sites here, and of the same
 * sites there. What the other run's finding on that caller has beyond those and is not
 * matched here is counted there too: code that moved is no change.
 *
 * Sets are small beside the tables: they are searched from front to back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/site_set.h"

#include <errno.h>
#include <stdlib.h>

#include "series/thin.h"

enum { CURVE_POINTS_MAX = 120 };

static bool holds(const struct seep_site_set *set, size_t at)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->at[i] == at) {
            return true;
        }
    }
    return false;
}

int seep_site_set_of(const struct seep_site_table *table,
                     const struct seep_finding *finding, struct seep_site_set *out)
{
    bool several = finding->site_count > 0;
    size_t n = several ? finding->site_count : 1;
    struct seep_site_set set = {.at = calloc(n, sizeof(*set.at))};

    if (set.at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at =
            seep_site_table_find(table, several ? finding->sites[i] : finding->site);

        if (at != SEEP_MATCH_NONE) {
            set.at[set.count++] = at;
        }
    }
    *out = set;
    return 0;
}

int seep_site_set_map(const struct seep_site_set *from, const size_t *counterpart,
                      struct seep_site_set *out)
{
    struct seep_site_set set = {.at = calloc(from->count + 1, sizeof(*set.at))};

    if (set.at == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < from->count; i++) {
        size_t at = counterpart[from->at[i]];

        if (at != SEEP_MATCH_NONE && !holds(&set, at)) {
            set.at[set.count++] = at;
        }
    }
    *out = set;
    return 0;
}

int seep_site_set_add_unmatched(struct seep_site_set *to,
                                const struct seep_site_set *more,
                                const size_t *counterpart)
{
    size_t *larger = realloc(to->at, (to->count + more->count + 1) * sizeof(*larger));

    if (larger == NULL) {
        return -ENOMEM;
    }
    to->at = larger;
    for (size_t i = 0; i < more->count; i++) {
        if (counterpart[more->at[i]] == SEEP_MATCH_NONE && !holds(to, more->at[i])) {
            to->at[to->count++] = more->at[i];
        }
    }
    return 0;
}

void seep_site_set_fini(struct seep_site_set *set)
{
    free(set->at);
    *set = (struct seep_site_set){0};
}

bool seep_site_set_has(const struct seep_site_set *set,
                       const struct seep_site_table *table,
                       const struct seep_finding *finding)
{
    for (size_t i = 0; i < finding->site_count; i++) {
        size_t at = seep_site_table_find(table, finding->sites[i]);

        if (at != SEEP_MATCH_NONE && holds(set, at)) {
            return true;
        }
    }
    size_t own = seep_site_table_find(table, finding->site);

    return own != SEEP_MATCH_NONE && holds(set, own);
}

void seep_site_set_read(const struct seep_site_set *set,
                        const struct seep_site_table *table,
                        const struct seep_recording *recording,
                        struct seep_series *series)
{
    seep_series_sum_begin(series);
    for (size_t i = 0; i < set->count; i++) {
        seep_series_sum_add(series, recording, table->ids[set->at[i]]);
    }
    seep_series_sum_end(series);
}

bool seep_site_set_is_of_bytes(enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP || kind == SEEP_KIND_MAPPING;
}

double seep_site_set_grain(const struct seep_site_set *set,
                           const struct seep_site_table *table,
                           const struct seep_recording *recording)
{
    double acquired = 0;
    double bytes = 0;

    for (size_t i = 0; i < set->count; i++) {
        const struct seep_rec_site *from = &recording->sites[table->ids[set->at[i]]];

        if (seep_site_set_is_of_bytes((enum seep_kind)from->kind) &&
            from->points.count > 0) {
            acquired += (double)from->points.last.acquired;
            bytes += (double)from->points.last.acquired_bytes;
        }
    }
    return acquired > 0 ? bytes / acquired : 1;
}

int seep_site_set_draw(const struct seep_site_set *set,
                       const struct seep_site_table *table,
                       const struct seep_recording *recording, struct seep_series *series,
                       bool of_bytes, struct seep_diff_curve *out)
{
    size_t kept = series->n < CURVE_POINTS_MAX ? series->n : CURVE_POINTS_MAX;

    if (kept == 0 || set->count == 0) {
        return 0;
    }
    out->values = calloc(kept, sizeof(*out->values));
    if (out->values == NULL) {
        return -ENOMEM;
    }
    seep_site_set_read(set, table, recording, series);
    out->count = seep_thin(of_bytes ? series->live_bytes : series->live, series->n,
                           CURVE_POINTS_MAX, out->values);
    out->from_s = series->t_s[0];
    out->to_s = series->t_s[series->n - 1];
    return 0;
}
