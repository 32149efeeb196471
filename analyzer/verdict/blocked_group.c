/* The signature of threads that pile up: many of one creation site, in one call, for one
 * object.
 *
 * The rows of the waits say of every thread in which call it is and for what; where that
 * call is made, the few that were stopped for their stacks say. Chosen: the largest group
 * of one call and one object; where each waits for its own object (of one kind, in one
 * function), the largest of one call. Rejected: groups by identical stacks, which a few
 * stopped threads do not tell of the others.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/blocked_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "seep/recording.h"
#include "verdict/probe_view.h"
#include "verdict/thread_verdict.h"

enum { MOST_PERCENT = 80, LEAST = 3 };

/* A running thread of the site. */
struct member {
    const struct seep_rec_thread *thread;
    const struct seep_rec_wait *wait; /* NULL: it runs, or that is not known */
};

struct crowd {
    struct seep_analysis *analysis;
    struct member *members; /* owned */
    size_t count;
};

/* What a group has in common. */
struct common {
    const struct seep_rec_wait *wait; /* one of them */
    bool one_object;
    size_t count;
};

static bool is_in(const struct common *common, const struct seep_rec_wait *wait)
{
    return wait != NULL && wait->syscall_plus_1 == common->wait->syscall_plus_1 &&
           (!common->one_object || (wait->address == common->wait->address &&
                                    strcmp(wait->target, common->wait->target) == 0));
}

/* The largest group among the members. Every group that could be large enough has one of
 * the first few members in it, or nearly all of the others. */
static struct common largest(const struct crowd *crowd, bool one_object)
{
    struct common best = {0};
    size_t tries = crowd->count < 2 * LEAST ? crowd->count : (size_t)2 * LEAST;

    for (size_t i = 0; i < tries; i++) {
        const struct member *from = &crowd->members[i * crowd->count / tries];
        struct common tried = {.wait = from->wait, .one_object = one_object};

        for (size_t k = 0; from->wait != NULL && k < crowd->count; k++) {
            tried.count += is_in(&tried, crowd->members[k].wait);
        }
        best = tried.count > best.count ? tried : best;
    }
    return best;
}

static bool is_most(const struct crowd *crowd, const struct common *common)
{
    return common->count >= LEAST && common->count * 100 >= crowd->count * MOST_PERCENT;
}

/* What the members that were stopped say: their place, and one of their waits. Returns:
 * false when they disagree. */
static bool ask_probes(const struct crowd *crowd, const struct common *common,
                       const char **place, struct seep_probe_wait *wait)
{
    struct seep_analysis *analysis = crowd->analysis;

    *place = "";
    for (size_t i = 0; i < crowd->count; i++) {
        const struct member *member = &crowd->members[i];
        const struct seep_rec_probe *probe =
            is_in(common, member->wait)
                ? seep_probe_of(analysis->recording, member->thread->tid,
                                member->thread->unchanged_since_ns)
                : NULL;
        struct seep_view_frame *frames = NULL;
        size_t count = 0;

        if (probe == NULL ||
            seep_probe_view_stack(analysis->findings, analysis->symbolizer, probe,
                                  &frames, &count) < 0) {
            continue;
        }
        const char *here = seep_probe_view_place(analysis->findings, frames, count);

        if ((*place)[0] != '\0' && strcmp(*place, here) != 0) {
            return false;
        }
        *place = here;
        *wait = seep_probe_view_wait(analysis->symbolizer, probe);
    }
    return true;
}

static const char *call_of(const struct crowd *crowd, const struct common *common)
{
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->members[i].wait == common->wait) {
            return seep_findings_text(crowd->analysis->findings,
                                      crowd->members[i].thread->wait);
        }
    }
    return "";
}

/* What it is that they wait for. */
static const char *object_of(const struct crowd *crowd, const struct common *common,
                             const struct seep_probe_wait *wait)
{
    struct seep_findings *findings = crowd->analysis->findings;
    const char *kind = seep_wait_kind_name(wait->kind);
    const char *call = call_of(crowd, common);

    if (common->wait->address == 0) {
        return common->one_object && common->wait->target[0] != '\0'
                   ? seep_findings_printf(findings, ": %s of %s", call,
                                          common->wait->target)
                   : seep_findings_printf(findings, ": %s", call);
    }
    if (wait->kind == SEEP_WAIT_JOIN) {
        return common->one_object ? " to join one thread" : " to join a thread each";
    }
    if (wait->kind == SEEP_WAIT_UNKNOWN) {
        kind = "futex";
    }
    if (!common->one_object) {
        return seep_findings_printf(findings, " for a %s each", kind);
    }
    return wait->owner_tid != 0
               ? seep_findings_printf(
                     findings, " for the %s 0x%" PRIx64 ", thread %" PRIu32 " holds it",
                     kind, wait->address, wait->owner_tid)
               : seep_findings_printf(findings, " for the %s 0x%" PRIx64, kind,
                                      wait->address != 0 ? wait->address
                                                         : common->wait->address);
}

static const char *words_of(const struct crowd *crowd)
{
    struct seep_findings *findings = crowd->analysis->findings;
    struct common common = largest(crowd, true);
    struct seep_probe_wait wait = {0};
    const char *place = "";
    char some[SEEP_FMT_MAX];
    char all[SEEP_FMT_MAX];

    if (!is_most(crowd, &common)) {
        common = largest(crowd, false);
    }
    if (!is_most(crowd, &common) || !ask_probes(crowd, &common, &place, &wait) ||
        wait.timed || (place[0] == '\0' && !common.one_object)) {
        return "";
    }
    return seep_findings_printf(
        findings, "%s of %s wait%s%s%s", seep_fmt_count(some, sizeof(some), common.count),
        seep_fmt_count(all, sizeof(all), crowd->count), place[0] != '\0' ? " in " : "",
        place, object_of(crowd, &common, &wait));
}

/* The site's running threads with their waits. Returns: false without memory. */
static bool gather(struct crowd *crowd, uint32_t site)
{
    const struct seep_recording *recording = crowd->analysis->recording;
    const struct seep_rec_wait **waits =
        calloc(SEEP_THREADS_MAX + 1, sizeof(const struct seep_rec_wait *));

    crowd->members = calloc(recording->thread_count + 1, sizeof(*crowd->members));
    if (waits == NULL || crowd->members == NULL) {
        free(waits);
        return false;
    }
    for (size_t i = 0; i < recording->waits.count; i++) {
        if (recording->waits.rows[i].slot_plus_1 <= SEEP_THREADS_MAX) {
            waits[recording->waits.rows[i].slot_plus_1] = &recording->waits.rows[i];
        }
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->site == site && seep_thread_is_running(thread)) {
            crowd->members[crowd->count++] = (struct member){
                .thread = thread,
                .wait = thread->slot < SEEP_THREADS_MAX ? waits[thread->slot + 1] : NULL};
        }
    }
    free(waits);
    return true;
}

const char *seep_blocked_group_words(struct seep_analysis *analysis, uint32_t site)
{
    struct crowd crowd = {.analysis = analysis};
    const char *words =
        gather(&crowd, site) && crowd.count >= LEAST ? words_of(&crowd) : "";

    free(crowd.members);
    return words;
}
