/* One finding or several?
 *
 * A group speaks for its sites when none of them needs to speak for itself: either most
 * of what is done below the call rises, too little to be found alone and none by half of
 * it all, or three or more sites were found with the same verdict and move together. Two
 * strangers that leak below one event loop stay two findings, however well their sum
 * passes the gates.
 *
 * Sites that suppression rules take have no say (group_suppress.c).
 *
 * Larger groups are asked first: the deepest call that covers all is wanted, and callers
 * of which one callee has nearly all were left out before (caller_tree.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/caller_settle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/site_points.h"
#include "trend/together.h"
#include "verdict/companion.h"
#include "verdict/group_finding.h"
#include "verdict/group_suppress.h"

enum { FOUND_MIN = 3, COMPARED_MAX = 32 };
static const double SHARE_MAX = 0.5; /* of the growth, for one site that is not found */

struct settle {
    struct seep_analysis *analysis;
    struct seep_growth_sites *sites;
    size_t own;  /* entries of single sites; groups come after them */
    bool *taken; /* by site: member of an accepted group */
    struct seep_site_rules rules;
    struct seep_caller_member *members; /* scratch; of the group at hand */
    size_t count;
};

/* What the members of a group are by themselves. */
struct found {
    size_t count, same; /* suspect or worse; of these with the worst verdict */
    enum seep_verdict worst;
    uint32_t first;  /* the site that rises most of those with that verdict */
    double all_rise; /* of all members */
};

static const struct seep_growth_site *entry_of(const struct settle *settle, uint32_t site)
{
    size_t low = 0;
    size_t high = settle->own;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (settle->sites->sites[middle].site < site) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < settle->own && settle->sites->sites[low].site == site
               ? &settle->sites->sites[low]
               : NULL;
}

static struct seep_caller_member member_of(const struct settle *settle, uint32_t id)
{
    const struct seep_points *points = &settle->analysis->recording->sites[id].points;
    const struct seep_window *window = &settle->analysis->window;
    const struct seep_points_pair ends =
        seep_points_at_both(points, window->warm, window->end - 1);
    const struct seep_counters from = ends.first;
    const struct seep_counters to = ends.last;

    return (struct seep_caller_member){
        .site = id,
        .rise = (double)to.acquired - (double)from.acquired -
                ((double)to.released - (double)from.released),
        .rise_bytes = (double)to.acquired_bytes - (double)from.acquired_bytes -
                      ((double)to.released_bytes - (double)from.released_bytes)};
}

static int most_first(const void *a, const void *b)
{
    const struct seep_caller_member *x = a;
    const struct seep_caller_member *y = b;

    if (x->rise != y->rise) {
        return x->rise < y->rise ? 1 : -1;
    }
    if (x->rise_bytes != y->rise_bytes) {
        return x->rise_bytes < y->rise_bytes ? 1 : -1;
    }
    return (x->site > y->site) - (x->site < y->site);
}

/* Its sites that rise, but for filling caches and what belongs to a thread or a stream.
 * Returns: false when a larger group has taken some of them. */
static bool gather(struct settle *settle, const struct seep_caller_group *group)
{
    settle->count = 0;
    for (size_t i = 0; i < group->count; i++) {
        uint32_t site = group->sites[i];
        const struct seep_growth_site *entry = entry_of(settle, site);
        struct seep_caller_member member = member_of(settle, site);

        if (settle->taken[site]) {
            return false;
        }
        if (member.rise > 0 &&
            (entry == NULL || entry->verdict != SEEP_VERDICT_BOUNDED) &&
            seep_companion_owner(settle->analysis, site) == NULL) {
            settle->members[settle->count++] = member;
        }
    }
    qsort(settle->members, settle->count, sizeof(*settle->members), most_first);
    return settle->count >= SEEP_CALLER_SITES_MIN;
}

static struct found survey(const struct settle *settle)
{
    struct found found = {0};

    for (size_t i = 0; i < settle->count; i++) {
        const struct seep_growth_site *entry = entry_of(settle, settle->members[i].site);

        found.all_rise += settle->members[i].rise;
        if (entry == NULL) {
            continue;
        }
        found.count++;
        if (entry->verdict > found.worst) {
            found.worst = entry->verdict;
            found.first = entry->site;
            found.same = 0;
        }
        found.same += entry->verdict == found.worst;
    }
    return found;
}

/* Whether the sites move together with the first member: sets moves[i] for each of the
 * first COMPARED_MAX members. Returns: 0; -ENOMEM. */
static int compare(struct settle *settle, bool *moves)
{
    struct seep_analysis *analysis = settle->analysis;
    struct seep_series *series = &analysis->series;
    size_t warm = analysis->window.warm;
    size_t n = seep_window_points(&analysis->window);
    double *first = calloc(n + 1, sizeof(*first));

    if (first == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < settle->count && i < COMPARED_MAX; i++) {
        seep_series_read(series, analysis->recording, settle->members[i].site);
        if (i == 0) {
            memcpy(first, series->live + warm, n * sizeof(*first));
        }
        moves[i] = seep_together(first, series->live + warm, n);
    }
    moves[0] = true;
    free(first);
    return 0;
}

/* Three or more found sites: all of them must move with the first; members that were not
 * found and do not are left out. Returns: 1 when they do; 0; -ENOMEM. */
static int move_together(struct settle *settle)
{
    bool moves[COMPARED_MAX] = {false};
    size_t kept = 0;
    int status = compare(settle, moves);

    if (status < 0) {
        return status;
    }
    for (size_t i = 0; i < settle->count; i++) {
        bool found = entry_of(settle, settle->members[i].site) != NULL;
        bool together = i < COMPARED_MAX ? moves[i] : found;

        if (found && !together) {
            return 0;
        }
        if (together) {
            settle->members[kept++] = settle->members[i];
        }
    }
    settle->count = kept;
    return 1;
}

/* Returns: 1 when the group speaks for its members; 0; -ENOMEM. */
static int speaks(struct settle *settle, const struct seep_growth_site *entry,
                  const struct found *found)
{
    if (found->count >= FOUND_MIN) {
        return found->same >= FOUND_MIN ? move_together(settle) : 0;
    }
    return entry->verdict > SEEP_VERDICT_BOUNDED && entry->group->mostly_rises &&
           found->count == 0 && settle->members[0].rise < SHARE_MAX * found->all_rise;
}

static int accept(struct settle *settle, struct seep_growth_site *entry,
                  const struct found *found)
{
    struct seep_caller_group *group =
        &settle->sites->groups[entry->group - settle->sites->groups];

    group->members = calloc(settle->count, sizeof(*group->members));
    if (group->members == NULL) {
        return -ENOMEM;
    }
    memcpy(group->members, settle->members, settle->count * sizeof(*group->members));
    group->member_count = settle->count;
    if (!seep_group_finding_is_specific(settle->analysis, group)) {
        free(group->members);
        group->members = NULL;
        group->member_count = 0;
        return 0;
    }
    for (size_t i = 0; i < settle->count; i++) {
        settle->taken[settle->members[i].site] = true;
    }
    if (found->worst > entry->verdict) { /* traffic below the call hides it in the sum */
        entry->verdict = found->worst;
        entry->evidence = entry_of(settle, found->first)->evidence;
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const struct seep_growth_site *x = a;
    const struct seep_growth_site *y = b;

    if (x->group->count != y->group->count) {
        return x->group->count < y->group->count ? 1 : -1;
    }
    return (x->group->node > y->group->node) - (x->group->node < y->group->node);
}

static int consider(struct settle *settle, struct seep_growth_site *entry)
{
    if (!gather(settle, entry->group)) {
        return 0;
    }
    struct found found = survey(settle);

    if (found.count < FOUND_MIN && entry->verdict <= SEEP_VERDICT_BOUNDED) {
        return 0;
    }
    int status = seep_group_suppress(settle->analysis, &settle->rules, settle->sites,
                                     entry, settle->members, &settle->count);

    if (status < 0 || settle->count < SEEP_CALLER_SITES_MIN) {
        return status;
    }
    found = survey(settle);
    status = speaks(settle, entry, &found);
    return status > 0 ? accept(settle, entry, &found) : status;
}

/* Keeps accepted groups and the sites that are in none. */
static void compact(struct settle *settle)
{
    struct seep_growth_sites *sites = settle->sites;
    size_t kept = 0;

    for (size_t i = 0; i < sites->count; i++) {
        const struct seep_growth_site *entry = &sites->sites[i];

        if (entry->group != NULL ? entry->group->member_count > 0
                                 : !settle->taken[entry->site]) {
            sites->sites[kept++] = *entry;
        }
    }
    sites->count = kept;
}

int seep_caller_groups_settle(struct seep_analysis *analysis,
                              struct seep_growth_sites *sites)
{
    struct settle settle = {.analysis = analysis, .sites = sites};
    int status = 0;

    while (settle.own < sites->count && sites->sites[settle.own].group == NULL) {
        settle.own++;
    }
    if (settle.own == sites->count) {
        return 0;
    }
    settle.taken = calloc(analysis->recording->site_count + 1, sizeof(*settle.taken));
    settle.members = calloc(SEEP_CALLER_SITES_MAX, sizeof(*settle.members));
    if (settle.taken == NULL || settle.members == NULL) {
        status = -ENOMEM;
    } else {
        status = seep_site_rules_init(analysis, &settle.rules);
        qsort(sites->sites + settle.own, sites->count - settle.own, sizeof(*sites->sites),
              by_size);
    }
    for (size_t i = settle.own; i < sites->count && status == 0; i++) {
        status = consider(&settle, &sites->sites[i]);
    }
    if (status == 0) {
        compact(&settle);
    }
    seep_site_rules_fini(&settle.rules);
    free(settle.taken);
    free(settle.members);
    return status;
}
