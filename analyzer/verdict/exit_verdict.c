/* Heap left at exit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/exit_verdict.h"

#include <errno.h>
#include <stdlib.h>

#include "verdict/companion.h"
#include "verdict/summary_text.h"

struct left {
    uint32_t site;
    uint64_t live, live_bytes;
};

static int most_first(const void *a, const void *b)
{
    const struct left *x = a;
    const struct left *y = b;

    if (x->live_bytes != y->live_bytes) {
        return x->live_bytes < y->live_bytes ? 1 : -1;
    }
    return (x->site > y->site) - (x->site < y->site);
}

static struct left left_of(const struct seep_recording *recording, uint32_t site)
{
    const struct seep_rec_site *from = &recording->sites[site];
    struct left left = {.site = site};

    if (from->kind == SEEP_KIND_HEAP && from->point_count > 0) {
        const struct seep_counters *last = &from->points[from->point_count - 1].counters;

        if (last->acquired > last->released &&
            last->acquired_bytes >= last->released_bytes) {
            left.live = last->acquired - last->released;
            left.live_bytes = last->acquired_bytes - last->released_bytes;
        }
    }
    return left;
}

static int add(struct seep_analysis *analysis, const struct left *left)
{
    struct seep_finding *finding = NULL;
    int status = seep_finding_add(analysis, left->site, SEEP_CAUSE_LEFT_AT_EXIT,
                                  SEEP_VERDICT_BOUNDED, &finding);

    if (status == 0) {
        const struct seep_rec_site *site = &analysis->recording->sites[left->site];
        const struct seep_counters *last = &site->points[site->point_count - 1].counters;

        finding->evidence.live = left->live;
        finding->evidence.live_bytes = left->live_bytes;
        finding->evidence.acquired = last->acquired;
        finding->evidence.released = last->released;
        finding->summary = seep_summary_left_at_exit(analysis->findings, finding);
    }
    return status;
}

int seep_exit_findings_add(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct left *list = NULL;
    size_t n = 0;
    size_t added = 0;
    int status = 0;

    if (!recording->ended || recording->ending_kind != SEEP_ENDING_EXITED) {
        return 0;
    }
    list = calloc(recording->site_count + 1, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    for (uint32_t site = 0; site < recording->site_count; site++) {
        list[n] = left_of(recording, site);
        analysis->findings->left_at_exit_bytes += list[n].live_bytes;
        n += list[n].live > 0;
    }
    analysis->findings->left_at_exit_sites = n;
    qsort(list, n, sizeof(*list), most_first);
    for (size_t i = 0; i < n && added < SEEP_LEFT_AT_EXIT_MAX && status == 0; i++) {
        if (seep_finding_of_site(analysis, list[i].site) == NULL &&
            seep_companion_owner(analysis, list[i].site) == NULL) {
            status = add(analysis, &list[i]);
            added++;
        }
    }
    free(list);
    return status;
}
