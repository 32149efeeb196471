/* The findings in the making, and their order.
 *
 * Worst first; among equals threads before memory (a leaked thread usually brings leaked
 * memory along, and is the cause), then the fastest growing. The last keys are names: the
 * order never depends on addresses or on the order in which sites were first seen.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/finding_list.h"
#include "verdict/sampling_error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/whole.h"
#include "series/ages.h"
#include "series/thin.h"
#include "verdict/stack_view.h"

enum { SERIES_POINTS_MAX = 60 };

static const char *subsystem_of(const struct seep_analysis *analysis, uint32_t site)
{
    uint32_t id = analysis->recording->sites[site].subsystem;

    return seep_findings_text(analysis->findings,
                              id < analysis->recording->subsystem_count
                                  ? analysis->recording->subsystems[id]
                                  : "");
}

/* Sums over the sites at the window's end; the errors of samples are independent. */
static void fill_counts(struct seep_analysis *analysis, const uint32_t *sites,
                        size_t count, struct seep_view_evidence *evidence)
{
    const struct seep_recording *recording = analysis->recording;
    size_t last = analysis->window.end - 1;

    evidence->live = seep_whole(analysis->series.live[last]);
    evidence->live_bytes = seep_whole(analysis->series.live_bytes[last]);
    for (size_t i = 0; i < count; i++) {
        const struct seep_counters at =
            seep_points_at(&recording->sites[sites[i]].points, last);
        struct seep_sampling_spread spread = seep_sampling_spread_of(recording, sites[i]);
        double live = count == 1 ? (double)evidence->live
                                 : (double)at.acquired - (double)at.released;
        double bytes = count == 1 ? (double)evidence->live_bytes
                                  : (double)at.acquired_bytes - (double)at.released_bytes;

        evidence->acquired += at.acquired;
        evidence->released += at.released;
        evidence->live_error =
            hypot(evidence->live_error,
                  seep_sampling_error(spread.live * fmax(live, 0), spread.live));
        evidence->live_bytes_error =
            hypot(evidence->live_bytes_error,
                  seep_sampling_error(spread.bytes * fmax(bytes, 0), spread.bytes));
    }
}

static void fill_evidence(struct seep_analysis *analysis, const uint32_t *sites,
                          size_t count, struct seep_view_evidence *evidence)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_ages ages =
        seep_ages_of_sites(recording, &analysis->window,
                           seep_ages_scan(recording, &analysis->window), sites, count);

    if (recording->sites[sites[0]].kind == SEEP_KIND_THREAD) {
        struct seep_ages table =
            seep_ages_of_threads(recording, &analysis->window, sites[0]);

        ages = table.known && table.generations >= ages.generations ? table : ages;
    }
    if (analysis->window.end > 0) {
        fill_counts(analysis, sites, count, evidence);
    }
    evidence->judged_s = seep_window_seconds(recording, &analysis->window);
    evidence->ages_known = ages.known;
    evidence->oldest_age_s = ages.oldest_age_s;
    evidence->generations_alive = ages.generations;
}

static int fill_series(struct seep_analysis *analysis, struct seep_finding *finding)
{
    size_t n = analysis->window.end;
    size_t kept = n < SERIES_POINTS_MAX ? n : SERIES_POINTS_MAX;
    size_t warm = analysis->window.warm < n ? analysis->window.warm : 0;
    const double *values = analysis->series.live;

    if (n == 0) {
        return 0;
    }
    finding->series_of_bytes =
        (finding->evidence.acquired < 2 && finding->evidence.live_bytes > 0) ||
        ((finding->kind == SEEP_KIND_HEAP || finding->kind == SEEP_KIND_MAPPING) &&
         values[n - 1] <= values[warm] &&
         analysis->series.live_bytes[n - 1] > analysis->series.live_bytes[warm]);
    if (finding->series_of_bytes) {
        values = analysis->series.live_bytes;
    }
    finding->series =
        seep_findings_alloc(analysis->findings, kept, sizeof(*finding->series));
    if (finding->series == NULL) {
        return -ENOMEM;
    }
    finding->series_count = seep_thin(values, n, SERIES_POINTS_MAX, finding->series);
    finding->series_from_s = analysis->series.t_s[0];
    finding->series_to_s = analysis->series.t_s[n - 1];
    return 0;
}

/* The subsystem of all sites; "" when they differ. */
static const char *subsystem_of_all(const struct seep_analysis *analysis,
                                    const uint32_t *sites, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (analysis->recording->sites[sites[i]].subsystem !=
            analysis->recording->sites[sites[0]].subsystem) {
            return "";
        }
    }
    return subsystem_of(analysis, sites[0]);
}

/* All but the stack; the draft is not counted yet. Returns: 0; -ENOMEM. */
static int begin(struct seep_analysis *analysis, const uint32_t *sites, size_t count,
                 struct seep_finding **out)
{
    if (analysis->count == analysis->capacity) {
        size_t grown = analysis->capacity * 2 + 16;
        struct seep_draft *larger = realloc(analysis->drafts, grown * sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        analysis->drafts = larger;
        analysis->capacity = grown;
    }
    struct seep_draft *draft = &analysis->drafts[analysis->count];
    struct seep_finding *finding = &draft->finding;

    *draft = (struct seep_draft){.site = sites[0]};
    finding->site = sites[0];
    finding->kind = (enum seep_kind)analysis->recording->sites[sites[0]].kind;
    finding->subsystem = subsystem_of_all(analysis, sites, count);
    finding->summary = "";
    seep_series_sum_begin(&analysis->series);
    for (size_t i = 0; i < count; i++) {
        seep_series_sum_add(&analysis->series, analysis->recording, sites[i]);
    }
    seep_series_sum_end(&analysis->series);
    fill_evidence(analysis, sites, count, &finding->evidence);
    *out = finding;
    return fill_series(analysis, finding);
}

int seep_finding_add(struct seep_analysis *analysis, uint32_t site, enum seep_cause cause,
                     enum seep_verdict verdict, struct seep_finding **out)
{
    struct seep_finding *finding = NULL;
    int status = begin(analysis, &site, 1, &finding);

    if (status == 0) {
        finding->cause = cause;
        finding->verdict = verdict;
        status = seep_stack_view_fill(analysis->findings, analysis->recording,
                                      analysis->symbolizer, site, finding);
    }
    if (status == 0) {
        analysis->count++;
        *out = finding;
    }
    return status;
}

int seep_finding_add_sites(struct seep_analysis *analysis, const uint32_t *sites,
                           size_t count, enum seep_verdict verdict,
                           struct seep_finding **out)
{
    struct seep_finding *finding = NULL;
    int status = begin(analysis, sites, count, &finding);

    if (status == 0) {
        finding->cause = SEEP_CAUSE_GROWTH;
        finding->verdict = verdict;
        finding->stack_end = "";
        finding->sites = sites;
        finding->site_count = count;
        analysis->drafts[analysis->count].sites = sites;
        analysis->drafts[analysis->count].site_count = count;
        analysis->count++;
        *out = finding;
    }
    return status;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Whether a draft speaks for the site. Cost: O(log its sites). */
static bool is_on(const struct seep_draft *draft, uint32_t site)
{
    return draft->site == site ||
           (draft->sites != NULL &&
            bsearch(&site, draft->sites, draft->site_count, sizeof(site), by_id) != NULL);
}

struct seep_finding *seep_finding_of_site(struct seep_analysis *analysis, uint32_t site)
{
    for (size_t i = 0; i < analysis->count; i++) {
        if (is_on(&analysis->drafts[i], site)) {
            return &analysis->drafts[i].finding;
        }
    }
    return NULL;
}

static int rank(enum seep_kind kind)
{
    static const int ranks[SEEP_KIND_END] = {
        [SEEP_KIND_THREAD] = 1,  [SEEP_KIND_FD] = 2,   [SEEP_KIND_TIMER] = 3,
        [SEEP_KIND_MAPPING] = 4, [SEEP_KIND_HEAP] = 5,
    };

    return ranks[kind];
}

static int falling(double a, double b)
{
    return (a < b) - (a > b);
}

static int by_stack(const struct seep_finding *a, const struct seep_finding *b)
{
    for (size_t i = 0; i < a->stack_count && i < b->stack_count; i++) {
        if (a->stack[i].offset != b->stack[i].offset) {
            return a->stack[i].offset < b->stack[i].offset ? -1 : 1;
        }
    }
    return (a->stack_count > b->stack_count) - (a->stack_count < b->stack_count);
}

static int worst_first(const void *left, const void *right)
{
    const struct seep_draft *drafts[] = {left, right};
    const struct seep_finding *a = &drafts[0]->finding;
    const struct seep_finding *b = &drafts[1]->finding;
    const int orders[] = {
        (int)b->verdict - (int)a->verdict,
        (int)a->cause - (int)b->cause == 0 || a->verdict > SEEP_VERDICT_BOUNDED
            ? 0
            : (int)a->cause - (int)b->cause,
        rank(a->kind) - rank(b->kind),
        falling(a->evidence.growth_bytes_per_s, b->evidence.growth_bytes_per_s),
        falling(a->evidence.growth_per_s, b->evidence.growth_per_s),
        falling((double)a->evidence.live_bytes, (double)b->evidence.live_bytes),
        strcmp(a->headline, b->headline),
        strcmp(a->subsystem, b->subsystem),
        strcmp(a->id, b->id),
        by_stack(a, b),
        (drafts[0]->site > drafts[1]->site) - (drafts[0]->site < drafts[1]->site),
    };

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

/* Those with the same id beside each other, by their place in the code. */
static int by_id_and_place(const void *left, const void *right)
{
    const struct seep_draft *const *a = left;
    const struct seep_draft *const *b = right;
    int order = strcmp((*a)->finding.id, (*b)->finding.id);

    order = order != 0 ? order : by_stack(&(*a)->finding, &(*b)->finding);
    order = order != 0 ? order : strcmp((*a)->finding.subsystem, (*b)->finding.subsystem);
    return order != 0 ? order : ((*a)->site > (*b)->site) - ((*a)->site < (*b)->site);
}

/* Findings whose functions are all the same (two allocations in one function) count up by
 * their place in the code, which keeps its order from build to build. */
static int tell_apart(struct seep_analysis *analysis)
{
    size_t n = analysis->count;
    struct seep_draft **sorted = calloc(n + 1, sizeof(struct seep_draft *));
    char before[sizeof(sorted[0]->finding.id)] = "";
    unsigned ordinal = 0;

    if (sorted == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &analysis->drafts[i];
    }
    qsort(sorted, n, sizeof(struct seep_draft *), by_id_and_place);
    for (size_t i = 0; i < n; i++) {
        struct seep_finding *finding = &sorted[i]->finding;

        ordinal = strcmp(before, finding->id) == 0 ? ordinal + 1 : 0;
        memcpy(before, finding->id, sizeof(before));
        seep_stack_view_id(finding, ordinal);
    }
    free(sorted);
    return 0;
}

int seep_finding_list_finish(struct seep_analysis *analysis, enum seep_kind kind,
                             const char *subsystem)
{
    struct seep_findings *findings = analysis->findings;
    int status = tell_apart(analysis);

    if (status < 0 || analysis->count == 0) {
        return status;
    }
    qsort(analysis->drafts, analysis->count, sizeof(*analysis->drafts), worst_first);
    findings->findings =
        seep_findings_alloc(findings, analysis->count, sizeof(*findings->findings));
    if (findings->findings == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < analysis->count; i++) {
        const struct seep_finding *finding = &analysis->drafts[i].finding;

        if ((kind == SEEP_KIND_NONE || finding->kind == kind) &&
            (subsystem == NULL || strcmp(finding->subsystem, subsystem) == 0)) {
            findings->findings[findings->finding_count++] = *finding;
        }
    }
    return 0;
}
