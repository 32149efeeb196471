/* A recording judged as it grows, within a budget of time.
 *
 * The follower appends in place, so that a judgement is of the recording as it is now and
 * costs no reading. Its findings borrow text from the recording and from the symbolizer;
 * both live as long as the findings do.
 *
 * Rules for subsystems change the recording that they are applied to, and a recording
 * that grows has no room for names that its writer does not know of. So with rules each
 * judgement reads the file anew; what that costs counts as judging and is paid for by
 * judging less often. Names of their own inside the follower were rejected: ids that the
 * writer uses next would collide.
 *
 * I1: findings never outlive the recording and the symbolizer that they were made with.
 *
 * SPDX-License-Identifier: MIT
 */
#include "live/live_judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load/follow.h"
#include "verdict/verdict.h"

enum { REST_TIMES = 30 }; /* of what a judgement took: 3 % of a core */

struct judgement {
    struct seep_findings *findings;     /* owned */
    struct seep_recording *recording;   /* owned; NULL: the follower's */
    struct seep_symbolizer *symbolizer; /* owned with `recording`; else the live's */
    bool has_profile;
    uint64_t generation, due_ns;
};

struct seep_live {
    char *path; /* owned */
    struct seep_live_options options;
    struct seep_follow *follow;         /* owned */
    struct seep_symbolizer *symbolizer; /* owned; of the follower's recording */
    size_t modules;                     /* that it knows */
    struct judgement newest;
    bool wants_profile; /* somebody looks at all sites */
    uint64_t generation;
    bool written;
    bool unjudged; /* it grew since `newest` */
    struct seep_live_now recent[SEEP_LIVE_RECENT_MAX];
    size_t recent_count; /* in all; the newest is at (recent_count - 1) % MAX */
    struct seep_live_cost cost;
};

static uint64_t cpu_ns(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void drop(struct judgement *judgement)
{
    seep_findings_free(judgement->findings);
    if (judgement->recording != NULL) {
        if (judgement->symbolizer != NULL) {
            seep_symbolizer_free(judgement->symbolizer);
        }
        seep_recording_free(judgement->recording);
    }
    *judgement = (struct judgement){.due_ns = judgement->due_ns};
}

static void drop_all(struct seep_live *live)
{
    drop(&live->newest);
    if (live->symbolizer != NULL) {
        seep_symbolizer_free(live->symbolizer);
        live->symbolizer = NULL;
    }
}

int seep_live_open(const char *path, const struct seep_live_options *options,
                   struct seep_live **live, struct seep_error *error)
{
    struct seep_live *made = calloc(1, sizeof(*made));
    int n = -ENOMEM;

    if (made == NULL || (made->path = strdup(path)) == NULL) {
        free(made);
        return seep_error_set(error, -ENOMEM, "%s: out of memory", path);
    }
    made->options = *options;
    n = seep_follow_open_bounded(path, options->points_most, &made->follow, error);
    if (n < 0) {
        free(made->path);
        free(made);
        return n;
    }
    made->unjudged = true;
    *live = made;
    return 0;
}

void seep_live_close(struct seep_live *live)
{
    if (live == NULL) {
        return;
    }
    drop_all(live);
    seep_follow_close(live->follow);
    free(live->path);
    free(live);
}

/* Opens what a judgement with rules is of. */
static int read_by_rules(struct seep_live *live, struct judgement *made,
                         struct seep_error *error)
{
    int status = seep_recording_open(live->path, &made->recording, error);

    if (status == 0) {
        status = seep_symbolizer_new(made->recording, &made->symbolizer);
    }
    if (status == 0) {
        status = seep_subsystem_rules_apply(live->options.subsystems, made->recording,
                                            made->symbolizer);
    }
    return status;
}

/* A symbolizer that knows all modules; findings made with an older one go (I1). */
static int renew_symbolizer(struct seep_live *live)
{
    const struct seep_recording *recording = seep_follow_recording(live->follow);

    if (live->symbolizer != NULL && live->modules == recording->module_count) {
        return 0;
    }
    drop_all(live);
    live->modules = recording->module_count;
    return seep_symbolizer_new(recording, &live->symbolizer);
}

/* Judges anew; what was there is dropped first. */
static int judge(struct seep_live *live, uint64_t now_ns, struct seep_error *error)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct judgement made = {.generation = live->generation,
                             .has_profile = live->wants_profile};
    uint64_t from_ns = cpu_ns();
    int status = 0;

    options.suppressions = live->options.suppressions;
    options.profile = live->wants_profile;
    options.still_written = live->written;
    drop(&live->newest); /* two of a large recording would be too much memory */
    if (live->options.subsystems != NULL) {
        status = read_by_rules(live, &made, error);
    } else {
        status = renew_symbolizer(live);
        made.symbolizer = live->symbolizer;
    }
    if (status == 0) {
        status = seep_verdict_make(
            made.recording != NULL ? made.recording : seep_follow_recording(live->follow),
            made.symbolizer, &options, &made.findings, error);
    }
    if (status < 0) {
        drop(&made);
        return status == -ENOMEM
                   ? seep_error_set(error, status, "%s: out of memory", live->path)
                   : status;
    }
    uint64_t took_ns = cpu_ns() - from_ns;

    made.due_ns = now_ns + REST_TIMES * took_ns;
    live->newest = made;
    live->unjudged = false;
    live->cost.judgements++;
    live->cost.last_judge_s = (double)took_ns / 1e9;
    live->cost.judge_s += live->cost.last_judge_s;
    return 0;
}

static uint64_t held(uint64_t acquired, uint64_t released)
{
    return acquired > released ? acquired - released : 0;
}

/* The figures of the newest snapshot; of those before it only /proc's are still there. */
static void look(struct seep_live *live)
{
    const struct seep_recording *recording = seep_follow_recording(live->follow);
    struct seep_live_now now = {0};

    if (recording->snapshot_count == 0) {
        return;
    }
    const struct seep_rec_snapshot *at =
        &recording->snapshots[recording->snapshot_count - 1];

    now.t_s = (double)at->t_ns / 1e9;
    now.rss_bytes = at->rss_bytes;
    now.threads = at->threads;
    now.fds = at->fds;
    now.cpu_ns = at->user_ns + at->system_ns;
    for (uint32_t i = 1; i < recording->site_count; i++) {
        const struct seep_rec_site *site = &recording->sites[i];

        if (site->kind == SEEP_KIND_HEAP) {
            const struct seep_counters *last = &site->points.last;

            now.heap_live += held(last->acquired, last->released);
            now.heap_live_bytes += held(last->acquired_bytes, last->released_bytes);
        }
    }
    live->recent[live->recent_count++ % SEEP_LIVE_RECENT_MAX] = now;
}

void seep_live_set_written(struct seep_live *live, bool written)
{
    live->unjudged = live->unjudged || live->written != written;
    live->written = written;
}

bool seep_live_is_due(const struct seep_live *live, uint64_t now_ns)
{
    return live->newest.findings == NULL || now_ns >= live->newest.due_ns ||
           seep_follow_recording(live->follow)->ended;
}

int seep_live_refresh(struct seep_live *live, uint64_t now_ns, struct seep_error *error)
{
    uint64_t from_ns = cpu_ns();
    int news = SEEP_LIVE_SAME;
    int n = seep_follow_refresh(live->follow, error);

    if (n < 0) {
        drop_all(live);
        return n;
    }
    if (n == SEEP_FOLLOW_ANEW) {
        drop_all(live); /* I1 */
        news |= SEEP_LIVE_ANEW;
    }
    if (n != SEEP_FOLLOW_SAME || live->recent_count == 0) {
        look(live);
    }
    if (n != SEEP_FOLLOW_SAME) {
        live->unjudged = true;
        live->generation++;
        news |= SEEP_LIVE_GREW;
    }
    live->cost.follow_s += (double)(cpu_ns() - from_ns) / 1e9;
    if (live->unjudged && seep_live_is_due(live, now_ns)) {
        live->generation += n == SEEP_FOLLOW_SAME;
        n = judge(live, now_ns, error);
        if (n < 0) {
            return n;
        }
        news |= SEEP_LIVE_JUDGED;
    }
    return news;
}

const struct seep_recording *seep_live_recording(const struct seep_live *live)
{
    return seep_follow_recording(live->follow);
}

struct seep_live_judged seep_live_judged(const struct seep_live *live)
{
    const struct judgement *newest = &live->newest;

    return (struct seep_live_judged){
        .findings = newest->findings,
        .recording = newest->recording != NULL ? newest->recording
                                               : seep_follow_recording(live->follow),
        .symbolizer = newest->symbolizer,
        .generation = newest->generation};
}

int seep_live_profile(struct seep_live *live, uint64_t now_ns,
                      struct seep_live_judged *judged, struct seep_error *error)
{
    live->wants_profile = true;
    if (!live->newest.has_profile) {
        int status = judge(live, now_ns, error);

        if (status < 0) {
            return status;
        }
    }
    *judged = seep_live_judged(live);
    return 0;
}

void seep_live_forget_profile(struct seep_live *live)
{
    live->wants_profile = false;
}

const struct seep_findings *seep_live_findings(const struct seep_live *live)
{
    return live->newest.findings;
}

uint64_t seep_live_generation(const struct seep_live *live)
{
    return live->generation;
}

struct seep_live_now seep_live_now(const struct seep_live *live)
{
    return live->recent_count > 0
               ? live->recent[(live->recent_count - 1) % SEEP_LIVE_RECENT_MAX]
               : (struct seep_live_now){0};
}

size_t seep_live_recent(const struct seep_live *live, double after_s,
                        struct seep_live_now *out)
{
    size_t there = live->recent_count < SEEP_LIVE_RECENT_MAX ? live->recent_count
                                                             : SEEP_LIVE_RECENT_MAX;
    size_t count = 0;

    for (size_t i = live->recent_count - there; i < live->recent_count; i++) {
        const struct seep_live_now *now = &live->recent[i % SEEP_LIVE_RECENT_MAX];

        if (now->t_s > after_s) {
            out[count++] = *now;
        }
    }
    return count;
}

const char *seep_live_subsystem(const struct seep_live *live, uint32_t site)
{
    const struct seep_recording *recording = live->newest.recording;

    if (recording == NULL || site >= recording->site_count) {
        recording = seep_follow_recording(live->follow);
    }
    return site < recording->site_count
               ? recording->subsystems[recording->sites[site].subsystem]
               : "";
}

struct seep_live_cost seep_live_cost(const struct seep_live *live)
{
    return live->cost;
}
