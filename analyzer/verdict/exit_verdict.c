/* What is left at exit: heap, and descriptors and timers where there are several of one
 * site. Mappings are not: nobody unmaps what ends with the process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/exit_verdict.h"

#include <errno.h>
#include <stdlib.h>

#include "verdict/companion.h"
#include "verdict/summary_text.h"
#include "verdict/target_groups.h"

struct left {
    uint32_t site;
    uint64_t live, live_bytes;
};

/* Sites of a kind with `least` or more left; the `most` largest of them. */
struct rule {
    enum seep_kind kind;
    uint64_t least;
    size_t most;
};

static int most_first(const void *a, const void *b)
{
    const struct left *x = a;
    const struct left *y = b;

    if (x->live_bytes != y->live_bytes) {
        return x->live_bytes < y->live_bytes ? 1 : -1;
    }
    if (x->live != y->live) {
        return x->live < y->live ? 1 : -1;
    }
    return (x->site > y->site) - (x->site < y->site);
}

static struct left left_of(const struct seep_recording *recording, uint32_t site)
{
    const struct seep_rec_site *from = &recording->sites[site];
    struct left left = {.site = site};

    if (from->points.count > 0) {
        const struct seep_counters *last = &from->points.last;

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

    if (status == 0 && finding->kind == SEEP_KIND_FD) {
        status = seep_target_groups_of_site(analysis->findings, analysis->recording,
                                            left->site, &finding->targets);
    }
    if (status == 0) {
        const struct seep_rec_site *site = &analysis->recording->sites[left->site];
        const struct seep_counters *last = &site->points.last;

        finding->evidence.live = left->live;
        finding->evidence.live_bytes = left->live_bytes;
        finding->evidence.acquired = last->acquired;
        finding->evidence.released = last->released;
        finding->summary = seep_summary_left_at_exit(analysis->findings, finding);
    }
    return status;
}

/* Adds the largest sites of one kind that have no finding yet. list: scratch. */
static int add_kind(struct seep_analysis *analysis, const struct rule *rule,
                    struct left *list)
{
    const struct seep_recording *recording = analysis->recording;
    size_t n = 0;
    size_t added = 0;
    int status = 0;

    for (uint32_t site = 0; site < recording->site_count; site++) {
        if (recording->sites[site].kind != rule->kind) {
            continue;
        }
        list[n] = left_of(recording, site);
        if (rule->kind == SEEP_KIND_HEAP && list[n].live > 0) {
            analysis->findings->left_at_exit_bytes += list[n].live_bytes;
            analysis->findings->left_at_exit_sites++;
        }
        n += list[n].live >= rule->least;
    }
    qsort(list, n, sizeof(*list), most_first);
    for (size_t i = 0; i < n && added < rule->most && status == 0; i++) {
        if (seep_finding_of_site(analysis, list[i].site) == NULL &&
            seep_companion_owner(analysis, list[i].site) == NULL) {
            status = add(analysis, &list[i]);
            added++;
        }
    }
    return status;
}

int seep_exit_findings_add(struct seep_analysis *analysis)
{
    static const struct rule rules[] = {
        {SEEP_KIND_FD, SEEP_LEFT_AT_EXIT_HELD_LEAST, SEEP_LEFT_AT_EXIT_HELD_MAX},
        {SEEP_KIND_TIMER, SEEP_LEFT_AT_EXIT_HELD_LEAST, SEEP_LEFT_AT_EXIT_HELD_MAX},
        {SEEP_KIND_HEAP, 1, SEEP_LEFT_AT_EXIT_MAX},
    };
    const struct seep_recording *recording = analysis->recording;
    struct left *list = NULL;
    int status = 0;

    if (!recording->ended || recording->ending_kind != SEEP_ENDING_EXITED) {
        return 0;
    }
    list = calloc(recording->site_count + 1, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && status == 0; i++) {
        status = add_kind(analysis, &rules[i], list);
    }
    free(list);
    return status;
}
