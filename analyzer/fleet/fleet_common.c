/* What the instances that grow have in common, against those that do not.
 *
 * RESIN (Lou et al., OSDI 2022) finds leaks of a fleet by pivots: the growth of all
 * instances by version, host, region. Here each value of each label is a test of its own:
 * Fisher's exact test asks whether the growing instances are among its own more often
 * than chance would have it, and the false discovery rate is controlled over all of them.
 * A decision tree was rejected: its splits are greedy and nobody can check one by hand; a
 * table of two by two anyone can.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_common.h"

#include <errno.h>
#include <stdlib.h>

#include "trend/fdr.h"

struct mark {
    uint32_t value;
    bool grows;
};

static int by_value(const void *left, const void *right)
{
    const struct mark *a = left;
    const struct mark *b = right;

    return (a->value > b->value) - (a->value < b->value);
}

static int append(struct seep_fleet_shares *out, const struct seep_fleet_share *share)
{
    if (out->count == out->capacity) {
        size_t larger = out->capacity * 2 + 64;
        struct seep_fleet_share *moved =
            realloc(out->shares, larger * sizeof(*out->shares));

        if (moved == NULL) {
            return -ENOMEM;
        }
        out->shares = moved;
        out->capacity = larger;
    }
    out->shares[out->count++] = *share;
    return 0;
}

void seep_fleet_shares_fini(struct seep_fleet_shares *shares)
{
    free(shares->shares);
    *shares = (struct seep_fleet_shares){0};
}

/* Runs of one value in n sorted marks, of which `grow` grow. */
static int add_values(const struct seep_fleet_table *table, const struct mark *marks,
                      size_t n, struct seep_fleet_share share,
                      struct seep_fleet_shares *out)
{
    size_t grow = share.units.in_marked;
    int status = 0;

    for (size_t i = 0, end = 0; i < n && status == 0; i = end) {
        size_t marked = 0;

        for (end = i; end < n && marks[end].value == marks[i].value; end++) {
            marked += marks[end].grows;
        }
        if (end - i < SEEP_FLEET_SHARE_LEAST || end - i == n ||
            seep_fleet_text(table, marks[i].value)[0] == '\0') {
            continue;
        }
        share.value = marks[i].value;
        share.units = (struct seep_two_groups){.in_marked = marked,
                                               .in_all = end - i,
                                               .out_marked = grow - marked,
                                               .out_all = n - (end - i)};
        share.p = seep_fisher_greater(&share.units);
        status = append(out, &share);
    }
    return status;
}

int seep_fleet_shares_add(const struct seep_fleet_table *table,
                          const struct seep_fleet_rows *rows,
                          const struct seep_fleet_share *filter,
                          struct seep_fleet_shares *out)
{
    struct mark *marks = calloc(rows->count > 0 ? rows->count : 1, sizeof(*marks));
    int status = marks == NULL ? -ENOMEM : 0;

    for (size_t group = 0; group < rows->group_count && status == 0; group++) {
        struct seep_fleet_share share = {.site = rows->site, .group = group, .q = 1};
        size_t n = 0;

        for (size_t i = 0; i < rows->count; i++) {
            const struct seep_fleet_row *row = &rows->rows[i];
            const struct seep_fleet_unit *unit = &table->units[row->unit];
            bool grows = row->verdict >= SEEP_VERDICT_SUSPECT;

            if (row->judged &&
                (filter == NULL || unit->groups[filter->group] == filter->value)) {
                marks[n++] = (struct mark){unit->groups[group], grows};
                share.units.in_marked += grows;
            }
        }
        qsort(marks, n, sizeof(*marks), by_value);
        status = add_values(table, marks, n, share, out);
    }
    free(marks);
    return status;
}

int seep_fleet_shares_settle(struct seep_fleet_shares *shares)
{
    size_t n = shares->count;
    double *p = calloc(n > 0 ? n : 1, 2 * sizeof(*p));
    size_t *scratch = calloc(n > 0 ? n : 1, sizeof(*scratch));

    if (p == NULL || scratch == NULL) {
        free(p);
        free(scratch);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = shares->shares[i].p;
    }
    (void)seep_fdr_q_values(p, n, n, scratch, p + n);
    for (size_t i = 0; i < n; i++) {
        shares->shares[i].q = p[n + i];
    }
    free(p);
    free(scratch);
    return 0;
}

double seep_fleet_lift(const struct seep_fleet_share *share)
{
    const struct seep_two_groups *units = &share->units;
    double in = (double)units->in_marked / (double)units->in_all;
    double all = (double)(units->in_marked + units->out_marked) /
                 (double)(units->in_all + units->out_all);

    return all > 0 ? in / all : 0;
}
