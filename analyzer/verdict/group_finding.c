/* The finding that speaks for all sites below one call.
 *
 * All members were reached through one call, so the function called answers. Compilers
 * put one function's body into another, and often the inlined one is the better name: of
 * the frames that stand at the place of the call, the deepest that is the same for all
 * members is taken. Where even the outermost differs, one place calls several functions
 * through a pointer, and the function that calls is all that they share.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/group_finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/whole.h"
#include "series/ages.h"
#include "verdict/headline.h"
#include "verdict/stack_view.h"
#include "verdict/summary_text.h"

enum { INLINE_MAX = 64, NAMED_MAX = 32 };

/* The callee's node on a member's way below the caller; 0: the caller is its own. */
static uint32_t node_below(const struct seep_recording *recording, uint32_t site,
                           uint32_t caller)
{
    uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    size_t n = seep_recording_stack(recording, site, nodes, SEEP_STACK_MAX_FRAMES, NULL);

    for (size_t i = 1; i < n; i++) {
        if (nodes[i] == caller) {
            return nodes[i - 1];
        }
    }
    return 0;
}

/* Outer frames that both have: the same functions, called from the same lines. Functions
 * without a name are never the same. */
static size_t in_common(const struct seep_symbol_frame *a, size_t n,
                        const struct seep_symbol_frame *b, size_t m)
{
    size_t common = 0;

    while (common < n && common < m && strcmp(a[n - 1 - common].function, "??") != 0 &&
           strcmp(a[n - 1 - common].function, b[m - 1 - common].function) == 0) {
        common++;
        if (a[n - common].line != b[m - common].line) {
            break; /* two places in one function */
        }
    }
    return common;
}

static struct seep_stack_top find_top(struct seep_analysis *analysis,
                                      const struct seep_caller_group *group)
{
    struct seep_symbol_frame first[INLINE_MAX];
    struct seep_symbol_frame other[INLINE_MAX];
    struct seep_stack_top top = {
        .caller = group->node,
        .inner = node_below(analysis->recording, group->members[0].site, group->node)};

    if (top.inner == 0) {
        return top;
    }
    size_t n = seep_symbol_frames(analysis->symbolizer, top.inner, first, INLINE_MAX);

    top.kept = n;
    for (size_t i = 1; i < group->member_count && i < NAMED_MAX; i++) {
        uint32_t node =
            node_below(analysis->recording, group->members[i].site, group->node);
        size_t m =
            node == 0 ? 0
                      : seep_symbol_frames(analysis->symbolizer, node, other, INLINE_MAX);
        size_t common = in_common(first, n, other, m);

        top.kept = common < top.kept ? common : top.kept;
    }
    return top;
}

bool seep_group_finding_is_specific(struct seep_analysis *analysis,
                                    const struct seep_caller_group *group)
{
    struct seep_stack_top top = find_top(analysis, group);
    struct seep_symbol_frame frames[INLINE_MAX];
    size_t n = seep_symbol_frames(
        analysis->symbolizer, top.kept > 0 ? top.inner : group->node, frames, INLINE_MAX);
    const char *function = frames[top.kept > 0 ? n - top.kept : 0].function;

    return strcmp(function, "main") != 0 && strncmp(function, "__libc_start", 12) != 0;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* One of the largest members, with its own place and pace. analysis->series is its own
 * afterwards. */
static int fill_member(struct seep_analysis *analysis, uint32_t site,
                       struct seep_view_member *out)
{
    struct seep_finding named = {.kind = SEEP_KIND_HEAP, .subsystem = ""};
    const struct seep_series *series = &analysis->series;
    size_t last = analysis->window.end - 1;
    int status = seep_stack_view_fill(analysis->findings, analysis->recording,
                                      analysis->symbolizer, site, &named);

    if (status < 0) {
        return status;
    }
    seep_series_read(&analysis->series, analysis->recording, site);
    *out = (struct seep_view_member){
        .headline = named.headline,
        .place = seep_summary_place(analysis->findings, &named),
        .live = seep_whole(series->live[last]),
        .live_bytes = seep_whole(series->live_bytes[last]),
        .growth_per_s =
            seep_growth_slope(&analysis->window, series->t_s, series->live).u_per_s,
        .growth_bytes_per_s =
            seep_growth_slope(&analysis->window, series->t_s, series->live_bytes).u_per_s,
    };
    return 0;
}

static int fill_members(struct seep_analysis *analysis,
                        const struct seep_caller_group *group,
                        struct seep_finding *finding)
{
    size_t shown = group->member_count < SEEP_VIEW_MEMBERS_MAX ? group->member_count
                                                               : SEEP_VIEW_MEMBERS_MAX;
    int status = 0;

    finding->members =
        seep_findings_alloc(analysis->findings, shown, sizeof(*finding->members));
    if (finding->members == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < shown && status == 0; i++) {
        status = fill_member(analysis, group->members[i].site, &finding->members[i]);
    }
    finding->member_count = shown;
    finding->member_total = group->member_count;
    return status;
}

static int sum_counters(const struct seep_analysis *analysis, const uint32_t *sites,
                        size_t n, double *acquired, double *released)
{
    size_t points = analysis->series.n;
    struct seep_counters *counters = calloc(points + 1, sizeof(*counters));

    if (counters == NULL) {
        return -ENOMEM;
    }
    memset(acquired, 0, points * sizeof(*acquired));
    memset(released, 0, points * sizeof(*released));
    for (size_t i = 0; i < n; i++) {
        seep_recording_site_counters(analysis->recording, sites[i], counters);
        for (size_t at = 0; at < points; at++) {
            acquired[at] += (double)counters[at].acquired;
            released[at] += (double)counters[at].released;
        }
    }
    free(counters);
    return 0;
}

int seep_group_finding_add(struct seep_analysis *analysis,
                           const struct seep_growth_site *site, double *acquired,
                           double *released, struct seep_finding **out)
{
    const struct seep_caller_group *group = site->group;
    struct seep_stack_top top = find_top(analysis, group);
    struct seep_finding view = {0};
    uint32_t *sites =
        seep_findings_alloc(analysis->findings, group->member_count, sizeof(*sites));
    int status = sites != NULL ? 0 : -ENOMEM;

    if (status == 0) {
        for (size_t i = 0; i < group->member_count; i++) {
            sites[i] = group->members[i].site;
        }
        qsort(sites, group->member_count, sizeof(*sites), by_id);
        status = fill_members(analysis, group, &view);
    }
    if (status == 0) {
        status = sum_counters(analysis, sites, group->member_count, acquired, released);
    }
    if (status == 0) {
        status = seep_finding_add_sites(analysis, sites, group->member_count,
                                        site->verdict, out);
    }
    if (status < 0) {
        return status;
    }
    (*out)->site = group->members[0].site;
    (*out)->members = view.members;
    (*out)->member_count = view.member_count;
    (*out)->member_total = view.member_total;
    (*out)->members_suppressed = group->suppressed;
    return seep_stack_view_fill_top(analysis->findings, analysis->recording,
                                    analysis->symbolizer, &top, *out);
}
