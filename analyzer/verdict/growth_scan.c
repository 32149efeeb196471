/* The walk over all sites: cheap statistics for each, then one false discovery rate per
 * kind. Sites are measured on all processors; what is found is put into their order
 * again, so that it does not depend on how many there are.
 *
 * Kinds are families of their own: a program has a handful of thread sites and thousands
 * of heap sites, and three leaked threads must not have to stand up against the noise of
 * all allocations. Only p-values up to 0.05 are kept for the q-values; larger ones cannot
 * bring any q below 0.05.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/growth_scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "series/thin.h"
#include "trend/fdr.h"
#include "trend/slope_error.h"
#include "verdict/declared_limit.h"
#include "verdict/growth_evidence.h"

enum {
    PIECE_SITES = 256,  /* that a worker takes at a time */
    WORKER_SITES = 2000 /* for which one worker more is worth its thread */
};
static const double P_KEPT = 0.05;

const char *seep_growth_too_little(const struct seep_recording *recording,
                                   const struct seep_window *window)
{
    if (recording->snapshot_count < SEEP_SNAPSHOTS_NEEDED) {
        return "fewer than 20 snapshots";
    }
    if (seep_window_points(window) < SEEP_GROWTH_POINTS_MIN) {
        return "fewer than 12 snapshots after warm-up";
    }
    if (seep_window_seconds(recording, window) < SEEP_WINDOW_SECONDS_NEEDED) {
        return "less than 10 s after warm-up";
    }
    return NULL;
}

static int append(struct seep_growth_sites *list, size_t *capacity,
                  const struct seep_growth_site *site)
{
    if (list->count == *capacity) {
        size_t grown = *capacity * 2 + 16;
        struct seep_growth_site *larger = realloc(list->sites, grown * sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        list->sites = larger;
        *capacity = grown;
    }
    list->sites[list->count++] = *site;
    return 0;
}

/* Threads stand in the live table and in the thread table; a joined one may be missing
 * from the newer of the two, so the one that knows more generations speaks. */
static struct seep_ages ages_of(const struct seep_recording *recording,
                                const struct seep_window *window,
                                const struct seep_rec_ages *scan,
                                const struct seep_growth_site *site)
{
    struct seep_ages live = seep_ages_of_site(recording, window, scan, site->site);

    if (site->evidence.kind == SEEP_KIND_THREAD) {
        struct seep_ages table = seep_ages_of_threads(recording, window, site->site);

        if (table.known && table.window_generations >= live.window_generations) {
            return table;
        }
    }
    return live;
}

/* Fills in the q-values and keeps what is not stable. */
static int judge(const struct seep_recording *recording, const struct seep_window *window,
                 struct seep_growth_sites *list)
{
    size_t n = list->count;
    const struct seep_rec_ages *scan = seep_ages_scan(recording, window);
    double *p = calloc(n > 0 ? n : 1, 2 * sizeof(*p));
    size_t *scratch = calloc(n > 0 ? n : 1, sizeof(*scratch));
    size_t kept = 0;

    if (p == NULL || scratch == NULL) {
        free(p);
        free(scratch);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = seep_growth_p(&list->sites[i].evidence);
    }
    (void)seep_fdr_q_values(p, n, list->tested, scratch, p + n); /* tested >= n */
    for (size_t i = 0; i < n; i++) {
        struct seep_growth_site site = list->sites[i];

        site.evidence.q_value = p[n + i];
        if (site.group == NULL) {
            site.evidence.ages = ages_of(recording, window, scan, &site);
        }
        site.verdict = seep_growth_verdict(&site.evidence);
        if (site.group == NULL) {
            site.verdict = seep_declared_limit_verdict(
                recording, site.site, site.breaks_limit, &site.evidence, site.verdict);
        }
        if (site.verdict != SEEP_VERDICT_NONE || site.group != NULL) {
            list->sites[kept++] = site;
        }
    }
    list->count = kept;
    free(p);
    free(scratch);
    return 0;
}

void seep_growth_sites_fini(struct seep_growth_sites *sites)
{
    for (size_t i = 0; sites->groups != NULL && i < sites->tree.branch_count; i++) {
        free(sites->groups[i].members);
    }
    seep_caller_tree_fini(&sites->tree);
    free(sites->groups);
    free(sites->sites);
    *sites = (struct seep_growth_sites){0};
}

/* What one worker found. Sites come to it ascending, so that the lists of all merge. */
struct scan {
    const struct seep_recording *recording; /* borrowed, as all here but `list` */
    const struct seep_window *window;
    enum seep_kind kind;
    struct seep_series series; /* owned by all but the first */
    struct seep_caller_group *groups;
    struct seep_growth_sites list; /* owned; no tree */
    size_t capacity;
};

static int scan_sites(void *worker, size_t first, size_t end)
{
    struct scan *scan = worker;
    const struct seep_recording *recording = scan->recording;
    int status = 0;

    for (uint32_t id = (uint32_t)first; id < end && status == 0; id++) {
        struct seep_growth_site site = {.site = id, .evidence = {.kind = scan->kind}};

        if (recording->sites[id].kind != scan->kind) {
            continue;
        }
        site.breaks_limit =
            seep_declared_limit_is_broken(recording, scan->window, &scan->series, id);
        if (!seep_growth_evidence_of_site(recording, scan->window, &scan->series, id,
                                          &site.evidence) &&
            !site.breaks_limit) {
            continue;
        }
        scan->list.tested++;
        if (site.breaks_limit || seep_growth_p(&site.evidence) <= P_KEPT ||
            seep_growth_is_staircase(&site.evidence)) {
            status = append(&scan->list, &scan->capacity, &site);
        }
    }
    return status;
}

static int scan_groups(void *worker, size_t first, size_t end)
{
    struct scan *scan = worker;
    int status = 0;

    for (size_t i = first; i < end && status == 0; i++) {
        struct seep_growth_site site = {.group = &scan->groups[i],
                                        .site = scan->groups[i].sites[0]};

        if (seep_caller_group_measure(scan->recording, scan->window, site.group,
                                      &scan->series, &site.evidence)) {
            scan->list.tested++;
            status = append(&scan->list, &scan->capacity, &site);
        }
    }
    return status;
}

/* Sites by number; groups, of which two may begin with the same site, in their order. */
static bool is_before(const struct seep_growth_site *a, const struct seep_growth_site *b)
{
    return a->group != NULL ? a->group < b->group : a->site < b->site;
}

/* Moves what all workers have found to the list. Returns: 0; -ENOMEM. */
static int merge(struct scan *scans, size_t count, struct seep_growth_sites *list,
                 size_t *capacity)
{
    size_t at[SEEP_PARALLEL_WORKERS_MAX] = {0};
    int status = 0;

    while (status == 0) {
        size_t from = count;

        for (size_t i = 0; i < count; i++) {
            if (at[i] < scans[i].list.count &&
                (from == count || is_before(&scans[i].list.sites[at[i]],
                                            &scans[from].list.sites[at[from]]))) {
                from = i;
            }
        }
        if (from == count) {
            break;
        }
        status = append(list, capacity, &scans[from].list.sites[at[from]++]);
    }
    for (size_t i = 0; i < count; i++) {
        list->tested += scans[i].list.tested;
        scans[i].list.tested = 0;
        scans[i].list.count = 0;
    }
    return status;
}

/* Fills in what groups are there. Returns: 0; -ENOMEM. */
static int list_groups(const struct scan *scan, struct seep_growth_sites *list)
{
    int status = seep_caller_tree_init(scan->recording, scan->window, scan->kind,
                                       SEEP_GROWTH_HEAP_RISE_MIN, &list->tree);

    if (status < 0 || list->tree.branch_count == 0) {
        return status;
    }
    list->groups = calloc(list->tree.branch_count, sizeof(*list->groups));
    if (list->groups == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < list->tree.branch_count; i++) {
        const struct seep_caller_branch *branch = &list->tree.branches[i];

        list->groups[i] =
            (struct seep_caller_group){.node = branch->node,
                                       .sites = list->tree.order + branch->first,
                                       .count = branch->count,
                                       .mostly_rises = branch->mostly_rises};
    }
    return 0;
}

/* All sites and groups, by all workers. */
static int scan_all(struct scan *scans, size_t count, struct seep_growth_sites *list)
{
    void *workers[SEEP_PARALLEL_WORKERS_MAX];
    size_t capacity = 0;
    int status = 0;

    for (size_t i = 0; i < count; i++) {
        workers[i] = &scans[i];
    }
    status = seep_parallel_run(scans[0].recording->site_count, PIECE_SITES, workers,
                               count, scan_sites);
    if (status == 0) {
        status = merge(scans, count, list, &capacity);
    }
    if (status == 0 && seep_caller_groups_wanted(scans[0].kind)) {
        status = list_groups(&scans[0], list);
    }
    if (status == 0 && list->groups != NULL) {
        for (size_t i = 0; i < count; i++) {
            scans[i].groups = list->groups;
        }
        status =
            seep_parallel_run(list->tree.branch_count, 1, workers, count, scan_groups);
        if (status == 0) {
            status = merge(scans, count, list, &capacity);
        }
    }
    return status;
}

int seep_growth_scan(const struct seep_recording *recording,
                     const struct seep_window *window, enum seep_kind kind,
                     struct seep_series *series, struct seep_growth_sites *out)
{
    struct seep_growth_sites list = {0};
    struct scan scans[SEEP_PARALLEL_WORKERS_MAX];
    size_t count = seep_parallel_workers(recording->site_count, WORKER_SITES);
    int status = 0;

    if (seep_growth_too_little(recording, window) != NULL) {
        *out = list;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        scans[i] = (struct scan){
            .recording = recording, .window = window, .kind = kind, .series = *series};
        if (i > 0 && seep_series_new(recording, &scans[i].series) < 0) {
            count = i; /* without memory for more, with fewer */
        }
    }
    status = scan_all(scans, count, &list);
    if (status == 0) {
        status = judge(recording, window, &list);
    }
    for (size_t i = 0; i < count; i++) {
        free(scans[i].list.sites);
        if (i > 0) {
            seep_series_free(&scans[i].series);
        }
    }
    if (status < 0) {
        seep_growth_sites_fini(&list);
        return status;
    }
    *out = list;
    return 0;
}

struct seep_slope seep_growth_slope(const struct seep_window *window, const double *t_s,
                                    const double *values)
{
    double t[SEEP_SLOPE_POINTS_MAX];
    double y[SEEP_SLOPE_POINTS_MAX];
    struct seep_slope slope = {0};
    size_t n = seep_thin(t_s + window->warm, seep_window_points(window),
                         SEEP_SLOPE_POINTS_MAX, t);
    double *scratch = NULL;

    (void)seep_thin(values + window->warm, seep_window_points(window),
                    SEEP_SLOPE_POINTS_MAX, y);
    if (n >= 2) {
        scratch = calloc(seep_theil_sen_scratch(n), sizeof(*scratch));
    }
    if (scratch != NULL && seep_theil_sen(t, y, n, scratch, &slope) == 0) {
        (void)seep_slope_error(t, y, n, &slope); /* as Kendall's where points are few */
    }
    free(scratch);
    return slope;
}
