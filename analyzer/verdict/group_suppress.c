/* Suppressions meet groups.
 *
 * A rule names a function, and a group's stack begins at the function that its sites
 * share: a rule on one of them would hold no more as soon as it is found with others, and
 * the group would tell of what somebody looked at and does not want to hear of. So the
 * sites that rules take are no members. What is left has to be a finding by itself: its
 * sum is measured anew. Applying the rules to all sites before anything is measured was
 * rejected: it needs the names of a hundred thousand stacks, here of some hundred.
 *
 * The new q-value is the one of Benjamini and Hochberg's procedure or larger: p times the
 * tests over the group's rank among those listed, where the procedure may take a smaller
 * one of a higher rank.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/group_suppress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "load/site_points.h"
#include "verdict/stack_view.h"
#include "verdict/suppress.h"

enum answer { NOT_ASKED = 0, KEPT = 1, TAKEN = 2 };

int seep_site_rules_init(const struct seep_analysis *analysis,
                         struct seep_site_rules *out)
{
    struct seep_site_rules rules = {0};

    if (analysis->suppressions != NULL) {
        rules.answers =
            calloc(analysis->recording->site_count + 1, sizeof(*rules.answers));
        if (rules.answers == NULL) {
            return -ENOMEM;
        }
    }
    *out = rules;
    return 0;
}

void seep_site_rules_fini(struct seep_site_rules *rules)
{
    free(rules->answers);
    *rules = (struct seep_site_rules){0};
}

/* Returns: an answer; -ENOMEM. */
static int ask(struct seep_analysis *analysis, struct seep_site_rules *rules,
               uint32_t site)
{
    struct seep_finding alone = {
        .kind = (enum seep_kind)analysis->recording->sites[site].kind, .subsystem = ""};
    struct seep_findings *memory = NULL;
    int status = 0;

    if (rules->answers[site] != NOT_ASKED) {
        return rules->answers[site];
    }
    status = seep_findings_new(&memory);
    if (status < 0) {
        return status;
    }
    status = seep_stack_view_fill(memory, analysis->recording, analysis->symbolizer, site,
                                  &alone);
    if (status == 0) {
        status =
            seep_suppressions_take(analysis->suppressions, analysis->findings, &alone)
                ? TAKEN
                : KEPT;
        rules->answers[site] = (uint8_t)status;
    }
    seep_findings_free(memory);
    return status;
}

/* The group without what is taken. */
static int shrink(struct seep_analysis *analysis, const struct seep_site_rules *rules,
                  struct seep_caller_group *group)
{
    const struct seep_window *window = &analysis->window;
    uint32_t *kept = seep_findings_alloc(analysis->findings, group->count, sizeof(*kept));
    size_t count = 0;
    struct seep_caller_tally tally = {0};

    if (kept == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < group->count; i++) {
        uint32_t site = group->sites[i];

        if (rules->answers[site] == TAKEN) {
            continue;
        }
        const struct seep_points_pair ends = seep_points_at_both(
            &analysis->recording->sites[site].points, window->warm, window->end - 1);
        seep_caller_tally_site(&tally, &ends.first, &ends.last);
        kept[count++] = site;
    }
    group->sites = kept;
    group->count = count;
    group->mostly_rises = seep_caller_mostly_rises(&tally);
    return 0;
}

static void judge_anew(struct seep_analysis *analysis,
                       const struct seep_growth_sites *sites,
                       struct seep_growth_site *entry)
{
    size_t rank = 0;

    entry->verdict = SEEP_VERDICT_NONE;
    if (!seep_caller_group_measure(analysis->recording, &analysis->window, entry->group,
                                   &analysis->series, &entry->evidence)) {
        return;
    }
    double p = seep_growth_p(&entry->evidence);

    for (size_t i = 0; i < sites->count; i++) {
        rank += seep_growth_p(&sites->sites[i].evidence) <= p;
    }
    entry->evidence.q_value =
        fmin(1, p * (double)sites->tested / (double)(rank > 0 ? rank : 1));
    entry->verdict = seep_growth_verdict(&entry->evidence);
}

int seep_group_suppress(struct seep_analysis *analysis, struct seep_site_rules *rules,
                        const struct seep_growth_sites *sites,
                        struct seep_growth_site *entry,
                        struct seep_caller_member *members, size_t *count)
{
    struct seep_caller_group *group = &sites->groups[entry->group - sites->groups];
    size_t kept = 0;
    int status = 0;

    for (size_t i = 0; rules->answers != NULL && i < *count; i++) {
        status = ask(analysis, rules, members[i].site);
        if (status < 0) {
            return status;
        }
        kept += status == KEPT;
    }
    if (rules->answers == NULL || kept == *count || kept == 0) {
        group->suppressed = rules->answers != NULL && kept == 0;
        return 0;
    }
    kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (rules->answers[members[i].site] == KEPT) {
            members[kept++] = members[i];
        }
    }
    *count = kept;
    status = shrink(analysis, rules, group);
    if (status == 0) {
        judge_anew(analysis, sites, entry);
    }
    return status;
}
