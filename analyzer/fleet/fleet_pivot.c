/* From instances to the fleet.
 *
 * Many instances are evidence that one cannot have: the same place grows on each instance
 * of one version, and on none of the others, which bear the same load. That is what makes
 * a finding definite here. What grows on nearly all instances alike is no more than
 * it is on one: their load may have risen together. What grows on so few of many as the
 * growth verdict errs is a suspect. A place that trickles (SEEP_GROWTH_BYTES_PER_DAY) is
 * a suspect at most, on however many instances: a new version is young wherever it runs,
 * and what it keeps by design fills.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_pivot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const double DAY_S = 86400;

void seep_fleet_findings_fini(struct seep_fleet_findings *findings)
{
    free(findings->findings);
    *findings = (struct seep_fleet_findings){0};
}

static int by_rate(const void *left, const void *right)
{
    const struct seep_fleet_row *a = left;
    const struct seep_fleet_row *b = right;

    if (a->u_per_s != b->u_per_s) {
        return a->u_per_s > b->u_per_s ? -1 : 1;
    }
    return (a->unit > b->unit) - (a->unit < b->unit);
}

/* rows: of one site; n of them. scratch: room for as many. */
static struct seep_fleet_finding summarize(const struct seep_fleet_row *rows, size_t n,
                                           struct seep_fleet_row *scratch)
{
    struct seep_fleet_finding found = {.site = rows[0].site, .seen = n};
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        found.judged += rows[i].judged;
        if (rows[i].verdict >= SEEP_VERDICT_SUSPECT) {
            found.worst = rows[i].verdict > found.worst ? rows[i].verdict : found.worst;
            found.total_per_s += rows[i].u_per_s;
            found.total_live += rows[i].live;
            found.of_bytes = rows[i].of_bytes;
            scratch[k++] = rows[i];
        }
    }
    found.growing = k;
    if (k > 0) {
        qsort(scratch, k, sizeof(*scratch), by_rate);
        found.median_per_s = scratch[(k - 1) / 2].u_per_s;
        found.high_per_s = scratch[(k - 1) / 4].u_per_s;
        found.low_per_s = scratch[(k - 1) - (k - 1) / 4].u_per_s;
        found.fastest_count = k < SEEP_FLEET_WORST_MAX ? k : SEEP_FLEET_WORST_MAX;
        memcpy(found.fastest, scratch, found.fastest_count * sizeof(*scratch));
    }
    found.chance =
        seep_binomial_tail(found.growing, found.judged, SEEP_FLEET_FALSE_SHARE);
    return found;
}

static bool is_same(const struct seep_fleet_share *a, const struct seep_fleet_share *b)
{
    return a->group != b->group && a->units.in_marked == b->units.in_marked &&
           a->units.in_all == b->units.in_all;
}

static void put_common(struct seep_fleet_finding *finding,
                       enum seep_fleet_common_kind kind,
                       const struct seep_fleet_share *share)
{
    if (finding->common_count < SEEP_FLEET_COMMON_MAX) {
        finding->common[finding->common_count++] =
            (struct seep_fleet_common){kind, *share};
    }
}

static bool is_stronger(const struct seep_fleet_share *a,
                        const struct seep_fleet_share *b)
{
    return b == NULL || a->p < b->p ||
           (a->p <= b->p && a->units.in_all > b->units.in_all);
}

/* Among the instances with the strongest value, what else tells those that grow. */
static int refine(const struct seep_fleet_table *table,
                  const struct seep_fleet_rows *rows, struct seep_fleet_finding *finding)
{
    struct seep_fleet_shares within = {0};
    const struct seep_fleet_share best = finding->common[0].share;
    const struct seep_fleet_share *second = NULL;
    int status = 0;

    if (best.units.in_marked == best.units.in_all) {
        return 0;
    }
    status = seep_fleet_shares_add(table, rows, &best, &within);
    if (status == 0) {
        status = seep_fleet_shares_settle(&within);
    }
    for (size_t i = 0; i < within.count && status == 0; i++) {
        if (within.shares[i].q <= SEEP_FLEET_Q_COMMON &&
            is_stronger(&within.shares[i], second)) {
            second = &within.shares[i];
        }
    }
    if (second != NULL) {
        put_common(finding, SEEP_FLEET_COMMON_WITHIN, second);
    }
    seep_fleet_shares_fini(&within);
    return status;
}

/* shares: those of this finding alone; n of them. */
static int name_common(const struct seep_fleet_table *table,
                       const struct seep_fleet_rows *rows,
                       const struct seep_fleet_share *shares, size_t n,
                       struct seep_fleet_finding *finding)
{
    const struct seep_fleet_share *best = NULL;

    for (size_t i = 0; i < n; i++) {
        if (shares[i].q <= SEEP_FLEET_Q_COMMON && is_stronger(&shares[i], best)) {
            best = &shares[i];
        }
    }
    if (best == NULL) {
        return 0;
    }
    put_common(finding, SEEP_FLEET_COMMON_BEST, best);
    for (size_t i = 0; i < n; i++) {
        if (is_same(&shares[i], best)) {
            put_common(finding, SEEP_FLEET_COMMON_SAME, &shares[i]);
        }
    }
    return refine(table, rows, finding);
}

/* All units that anything was judged of, as rows of one site: those without it do not
 * grow. rows: room for all units of the table. Returns: how many. */
static size_t rows_of_all(const struct seep_fleet_table *table, const bool *known,
                          const struct seep_fleet_rows *of_site,
                          struct seep_fleet_row *rows)
{
    size_t n = 0;

    for (size_t i = 0; i < of_site->count; i++) {
        rows[n++] = of_site->rows[i];
    }
    for (size_t unit = 0, at = 0; unit < table->unit_keys.count; unit++) {
        bool here = at < of_site->count && of_site->rows[at].unit == unit;

        at += here; /* rows of a site ascend by unit */
        if (known[unit] && !here) {
            rows[n++] = (struct seep_fleet_row){.unit = (uint32_t)unit, .judged = true};
        }
    }
    return n;
}

/* Where nothing tells the units that grow from the others that have the place: what tells
 * them from those that do not. tests: findings that may ask this (Bonferroni). */
static int name_place(const struct seep_fleet_table *table, const bool *known,
                      const struct seep_fleet_rows *rows, size_t tests,
                      struct seep_fleet_finding *finding)
{
    struct seep_fleet_shares shares = {0};
    const struct seep_fleet_share *best = NULL;
    struct seep_fleet_row *all = calloc(table->unit_keys.count, sizeof(*all));
    struct seep_fleet_rows of_all = *rows;
    int status = all == NULL ? -ENOMEM : 0;

    if (status == 0) {
        of_all.rows = all;
        of_all.count = rows_of_all(table, known, rows, all);
        finding->absent = of_all.count - rows->count;
        status = seep_fleet_shares_add(table, &of_all, NULL, &shares);
    }
    if (status == 0) {
        status = seep_fleet_shares_settle(&shares);
    }
    for (size_t i = 0; i < shares.count && status == 0; i++) {
        if (shares.shares[i].q * (double)tests <= SEEP_FLEET_Q_COMMON &&
            is_stronger(&shares.shares[i], best)) {
            best = &shares.shares[i];
        }
    }
    if (best != NULL && finding->absent > 0 && finding->common_count == 0) {
        put_common(finding, SEEP_FLEET_COMMON_ONLY, best);
    }
    free(all);
    seep_fleet_shares_fini(&shares);
    return status;
}

static bool is_trickle(const struct seep_fleet_finding *finding, enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP && finding->of_bytes &&
           finding->median_per_s * DAY_S < SEEP_GROWTH_BYTES_PER_DAY;
}

static enum seep_verdict judge(const struct seep_fleet_finding *finding,
                               enum seep_kind kind)
{
    const struct seep_two_groups *units = &finding->common[0].share.units;
    bool alone =
        finding->judged >= SEEP_FLEET_MANY_UNITS && finding->chance > SEEP_FLEET_P_CHANCE;
    bool told =
        finding->common_count > 0 && finding->common[0].kind == SEEP_FLEET_COMMON_BEST;
    bool repeated =
        finding->growing >= SEEP_FLEET_REPEATED_UNITS &&
        finding->chance <= SEEP_FLEET_P_REPEATED &&
        (double)finding->growing < SEEP_FLEET_SHARE_ALIKE * (double)finding->judged;

    if (is_trickle(finding, kind) || (alone && !told)) {
        return SEEP_VERDICT_SUSPECT;
    }
    if (told && units->in_marked >= SEEP_FLEET_DEFINITE_UNITS &&
        (double)units->in_marked >= SEEP_FLEET_SHARE_DEFINITE * (double)units->in_all) {
        return SEEP_VERDICT_DEFINITE;
    }
    if (repeated || told || finding->worst >= SEEP_VERDICT_PROBABLE) {
        return SEEP_VERDICT_PROBABLE;
    }
    return SEEP_VERDICT_SUSPECT;
}

static int by_weight(const void *left, const void *right)
{
    const struct seep_fleet_finding *a = left;
    const struct seep_fleet_finding *b = right;

    if (a->verdict != b->verdict) {
        return a->verdict > b->verdict ? -1 : 1;
    }
    if (a->of_bytes != b->of_bytes) {
        return a->of_bytes ? 1 : -1; /* threads and descriptors run out first */
    }
    if (a->total_per_s != b->total_per_s) {
        return a->total_per_s > b->total_per_s ? -1 : 1;
    }
    return (a->site > b->site) - (a->site < b->site);
}

static size_t rows_of_site(const struct seep_fleet_table *table, size_t from)
{
    size_t end = from;

    while (end < table->row_count && table->rows[end].site == table->rows[from].site) {
        end++;
    }
    return end - from;
}

/* The sites that grow anywhere, with the values of their labels. starts: where the rows
 * of each begin. */
static int gather(const struct seep_fleet_table *table, size_t group_count,
                  struct seep_fleet_findings *found, size_t *starts,
                  struct seep_fleet_shares *shares)
{
    struct seep_fleet_row *scratch =
        calloc(table->row_count > 0 ? table->row_count : 1, sizeof(*scratch));
    int status = scratch == NULL ? -ENOMEM : 0;

    for (size_t i = 0, n = 0; i < table->row_count && status == 0; i += n) {
        n = rows_of_site(table, i);
        struct seep_fleet_finding finding = summarize(&table->rows[i], n, scratch);

        if (finding.growing == 0) {
            found->quiet_sites++;
            continue;
        }
        const struct seep_fleet_rows rows = {&table->rows[i], n, group_count,
                                             found->count};

        starts[found->count] = i;
        found->findings[found->count++] = finding;
        status = seep_fleet_shares_add(table, &rows, NULL, shares);
    }
    free(scratch);
    return status;
}

/* The shares lie in the order of the findings. */
static int conclude(const struct seep_fleet_table *table, size_t group_count,
                    struct seep_fleet_findings *found, const size_t *starts,
                    const struct seep_fleet_shares *shares)
{
    bool *known = calloc(table->unit_keys.count + 1, sizeof(*known));
    size_t at = 0;
    int status = known == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < table->row_count && status == 0; i++) {
        known[table->rows[i].unit] |= table->rows[i].judged;
    }

    for (size_t i = 0; i < found->count && status == 0; i++) {
        struct seep_fleet_finding *finding = &found->findings[i];
        const struct seep_fleet_rows rows = {&table->rows[starts[i]], finding->seen,
                                             group_count, i};
        size_t from = at;

        while (at < shares->count && shares->shares[at].site == i) {
            at++;
        }
        if (at > from) {
            status = name_common(table, &rows, shares->shares + from, at - from, finding);
        }
        if (status == 0) {
            status = name_place(table, known, &rows, found->count, finding);
        }
        finding->verdict = judge(finding, table->sites[finding->site].kind);
    }
    free(known);
    return status;
}

int seep_fleet_pivot(const struct seep_fleet_table *table, size_t group_count,
                     struct seep_fleet_findings *out)
{
    struct seep_fleet_findings found = {0};
    struct seep_fleet_shares shares = {0};
    size_t sites = table->site_keys.count > 0 ? table->site_keys.count : 1;
    size_t *starts = calloc(sites, sizeof(*starts));
    int status = -ENOMEM;

    found.findings = calloc(sites, sizeof(*found.findings));
    if (starts != NULL && found.findings != NULL) {
        status = gather(table, group_count, &found, starts, &shares);
    }
    if (status == 0) {
        status = seep_fleet_shares_settle(&shares);
    }
    if (status == 0) {
        status = conclude(table, group_count, &found, starts, &shares);
    }
    free(starts);
    seep_fleet_shares_fini(&shares);
    if (status < 0) {
        seep_fleet_findings_fini(&found);
        return status;
    }
    qsort(found.findings, found.count, sizeof(*found.findings), by_weight);
    *out = found;
    return 0;
}
