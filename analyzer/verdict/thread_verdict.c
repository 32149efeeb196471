/* Threads that ended and were forgotten, and threads that were left running.
 *
 * An ended thread that nobody joins keeps its stack mapped and its slot taken until the
 * process ends: no trend is needed to call it a leak, only the certainty that nobody is
 * about to join it. After a normal exit that is certain; before, a burst of workers may
 * be waiting for their owner, which joins them one by one. A pool that ends with the
 * program and is not joined has cost nothing: bounded.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/thread_verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "verdict/probe_view.h"
#include "verdict/summary_text.h"

static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const uint64_t HABIT_SPAN_NS = UINT64_C(10000000000);
static const double BLOCKED_LEAST_S = 5;
enum {
    UNJOINED_SURE = 3,
    HABIT_SECONDS = 3,
    GONE = 'X' /* the kernel knew it no more */
};

static bool ended_by_exit(const struct seep_recording *recording)
{
    return recording->ended && recording->ending_kind == SEEP_ENDING_EXITED;
}

bool seep_thread_is_unjoined(const struct seep_recording *recording,
                             const struct seep_rec_thread *thread)
{
    const uint32_t mask = SEEP_THREAD_ENDED | SEEP_THREAD_DETACHED | SEEP_THREAD_JOINED |
                          SEEP_THREAD_FOREIGN;

    return (thread->state & mask) == SEEP_THREAD_ENDED &&
           (ended_by_exit(recording) ||
            thread->ended_ns + SEEP_UNJOINED_GRACE_NS <= recording->threads_t_ns);
}

/* Whether the thread was there for most of the run and ended on the program's way out. */
static bool left_with_program(const struct seep_recording *recording,
                              const struct seep_rec_thread *thread)
{
    return thread->ended_ns + SEEP_UNJOINED_GRACE_NS > recording->ended_ns &&
           thread->ended_ns > thread->created_ns &&
           2 * (thread->ended_ns - thread->created_ns) > recording->ended_ns;
}

bool seep_thread_is_running(const struct seep_rec_thread *thread)
{
    return (thread->state & SEEP_THREAD_USED) != 0 &&
           (thread->state & SEEP_THREAD_FOREIGN) == 0 && thread->os_state != GONE &&
           (thread->state & (SEEP_THREAD_ENDED | SEEP_THREAD_JOINED)) == 0;
}

enum seep_verdict seep_unjoined_verdict(const struct seep_unjoined *unjoined)
{
    bool habit = unjoined->seconds >= HABIT_SECONDS &&
                 unjoined->last_created_ns - unjoined->first_created_ns >= HABIT_SPAN_NS;

    if (unjoined->count == 0) {
        return SEEP_VERDICT_NONE;
    }
    if (unjoined->count == unjoined->leaving) {
        return SEEP_VERDICT_BOUNDED;
    }
    if (unjoined->count - unjoined->leaving >= UNJOINED_SURE &&
        (unjoined->exited || habit)) {
        return SEEP_VERDICT_DEFINITE;
    }
    return unjoined->exited ? SEEP_VERDICT_PROBABLE : SEEP_VERDICT_SUSPECT;
}

static struct seep_unjoined survey(const struct seep_recording *recording, uint32_t site)
{
    struct seep_unjoined unjoined = {.exited = ended_by_exit(recording)};
    uint64_t seen = 0; /* creation seconds modulo 64 */

    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->site != site || !seep_thread_is_unjoined(recording, thread)) {
            continue;
        }
        if (unjoined.count == 0 || thread->created_ns < unjoined.first_created_ns) {
            unjoined.first_created_ns = thread->created_ns;
        }
        if (thread->created_ns > unjoined.last_created_ns) {
            unjoined.last_created_ns = thread->created_ns;
        }
        seen |= UINT64_C(1) << (thread->created_ns / SECOND_NS % 64);
        unjoined.stack_bytes += thread->stack_bytes;
        unjoined.leaving += unjoined.exited && left_with_program(recording, thread);
        unjoined.count++;
    }
    unjoined.seconds = (size_t)__builtin_popcountll(seen);
    return unjoined;
}

static const struct seep_rec_probe *probe_of(const struct seep_analysis *analysis,
                                             const struct seep_rec_thread *thread)
{
    return (thread->state & SEEP_THREAD_ENDED) == 0
               ? seep_probe_of(analysis->recording, thread->tid,
                               thread->unchanged_since_ns)
               : NULL;
}

/* Where it is blocked, when somebody looked. Without memory for that it is left out. */
static void show_stack(struct seep_analysis *analysis,
                       const struct seep_rec_thread *thread, struct seep_view_thread *out)
{
    const struct seep_rec_probe *probe = probe_of(analysis, thread);

    if (probe != NULL) {
        (void)seep_probe_view_stack(analysis->findings, analysis->symbolizer, probe,
                                    &out->stack, &out->stack_count);
        out->place =
            seep_probe_view_place(analysis->findings, out->stack, out->stack_count);
    }
}

static struct seep_view_thread view(struct seep_analysis *analysis,
                                    const struct seep_rec_thread *thread)
{
    struct seep_findings *findings = analysis->findings;
    uint64_t at_ns = analysis->recording->threads_t_ns;
    struct seep_view_thread out = {
        .tid = thread->tid,
        .name = seep_findings_text(findings, thread->name),
        .wait = seep_findings_text(findings, thread->wait),
        .state = (thread->state & SEEP_THREAD_ENDED) != 0 ? "ended" : "running",
        .start = "??",
        .place = "",
    };

    if (thread->start_module != 0) {
        out.start = seep_findings_text(
            findings, seep_symbol_function(analysis->symbolizer, thread->start_module,
                                           thread->start_offset));
    }
    if ((thread->state & SEEP_THREAD_ENDED) == 0 &&
        (thread->os_state == 'S' || thread->os_state == 'D')) {
        out.state = "waiting";
        if (thread->unchanged_since_ns > 0 && at_ns > thread->unchanged_since_ns) {
            out.idle_s = (double)(at_ns - thread->unchanged_since_ns) / 1e9;
        }
        if (out.idle_s >= BLOCKED_LEAST_S ||
            (out.idle_s > 0 &&
             out.idle_s >= (double)(at_ns - thread->created_ns) / 2e9)) {
            out.state = "blocked";
            out.blocked_s = out.idle_s;
        }
    }
    show_stack(analysis, thread, &out);
    return out;
}

static int oldest_first(const void *a, const void *b)
{
    const struct seep_rec_thread *x = *(const struct seep_rec_thread *const *)a;
    const struct seep_rec_thread *y = *(const struct seep_rec_thread *const *)b;

    if (x->created_ns != y->created_ns) {
        return x->created_ns < y->created_ns ? -1 : 1;
    }
    return (x->slot > y->slot) - (x->slot < y->slot);
}

int seep_thread_samples_set(struct seep_analysis *analysis,
                            const struct seep_rec_thread **threads, size_t n,
                            struct seep_finding *finding)
{
    size_t kept = n < SEEP_THREAD_SAMPLES_MAX ? n : SEEP_THREAD_SAMPLES_MAX;

    qsort(threads, n, sizeof(threads[0]), oldest_first);
    finding->thread_total = n;
    finding->thread_count = 0;
    finding->longest_stop_s = 0;
    finding->threads =
        seep_findings_alloc(analysis->findings, kept, sizeof(*finding->threads));
    for (size_t i = 0; i < kept && finding->threads != NULL; i++) {
        const struct seep_rec_probe *probe = probe_of(analysis, threads[i]);

        finding->threads[i] = view(analysis, threads[i]);
        finding->thread_count++;
        if (probe != NULL) {
            finding->longest_stop_s =
                fmax(finding->longest_stop_s, (double)probe->stop_ns / SECOND_NS);
        }
    }
    return kept > 0 && finding->threads == NULL ? -ENOMEM : 0;
}

int seep_thread_samples_fill(struct seep_analysis *analysis, uint32_t site,
                             struct seep_finding *finding)
{
    const struct seep_recording *recording = analysis->recording;
    const struct seep_rec_thread **mine =
        calloc(recording->thread_count + 1, sizeof(const struct seep_rec_thread *));
    size_t n = 0;
    int err = -ENOMEM;

    if (mine == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->site == site && (seep_thread_is_running(thread) ||
                                     seep_thread_is_unjoined(recording, thread))) {
            mine[n++] = thread;
        }
    }
    err = seep_thread_samples_set(analysis, mine, n, finding);
    free(mine);
    return err;
}

/* The judged window ends before the program: what was found at the end is counted there.
 */
static void at_end(const struct seep_recording *recording, uint32_t site_id,
                   struct seep_finding *finding)
{
    const struct seep_rec_site *site = &recording->sites[site_id];

    if (site->points.count == 0) {
        return;
    }
    const struct seep_counters *last = &site->points.last;

    if (last->acquired >= last->released &&
        last->acquired_bytes >= last->released_bytes) {
        finding->evidence.acquired = last->acquired;
        finding->evidence.released = last->released;
        finding->evidence.live = last->acquired - last->released;
        finding->evidence.live_bytes = last->acquired_bytes - last->released_bytes;
    }
}

static int add_unjoined(struct seep_analysis *analysis, uint32_t site)
{
    struct seep_unjoined unjoined = survey(analysis->recording, site);
    bool none_allowed = analysis->no_threads_left && unjoined.exited;
    enum seep_verdict verdict =
        none_allowed ? SEEP_VERDICT_DEFINITE : seep_unjoined_verdict(&unjoined);
    struct seep_finding *finding = seep_finding_of_site(analysis, site);
    int status = 0;

    if (finding != NULL && finding->evidence.live > 2 * unjoined.count) {
        finding = NULL; /* it grows by threads that run: two findings */
    } else if (finding != NULL) {
        finding->cause = SEEP_CAUSE_UNJOINED;
        finding->verdict = verdict > finding->verdict ? verdict : finding->verdict;
    }
    if (finding == NULL) {
        status = seep_finding_add(analysis, site, SEEP_CAUSE_UNJOINED, verdict, &finding);
        if (status == 0) {
            at_end(analysis->recording, site, finding);
        }
    }
    if (status == 0 && finding->threads == NULL) {
        status = seep_thread_samples_fill(analysis, site, finding);
    }
    if (status == 0) {
        finding->summary =
            finding->verdict == SEEP_VERDICT_BOUNDED
                ? seep_summary_unjoined_at_exit(analysis->findings, finding,
                                                unjoined.count)
                : seep_summary_unjoined(analysis->findings, finding, unjoined.count,
                                        unjoined.stack_bytes);
    }
    return status;
}

static int add_running_at_exit(struct seep_analysis *analysis, uint32_t site,
                               size_t running)
{
    struct seep_finding *finding = seep_finding_of_site(analysis, site);
    enum seep_verdict verdict =
        analysis->no_threads_left ? SEEP_VERDICT_DEFINITE : SEEP_VERDICT_BOUNDED;
    int status = 0;

    if (finding != NULL) {
        finding->verdict = verdict > finding->verdict ? verdict : finding->verdict;
        return 0;
    }
    status = seep_finding_add(analysis, site, SEEP_CAUSE_LEFT_AT_EXIT, verdict, &finding);
    if (status == 0) {
        status = seep_thread_samples_fill(analysis, site, finding);
    }
    if (status == 0) {
        at_end(analysis->recording, site, finding);
        finding->evidence.live = running;
        finding->summary =
            analysis->no_threads_left
                ? seep_summary_thread_left(analysis->findings, finding, running)
                : seep_summary_thread_at_exit(analysis->findings, finding, running);
    }
    return status;
}

int seep_thread_findings_add(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    size_t *unjoined = calloc(recording->site_count + 1, 2 * sizeof(*unjoined));
    size_t *running = unjoined != NULL ? unjoined + recording->site_count + 1 : NULL;
    int status = unjoined != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; i < recording->thread_count && status == 0; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (thread->site == 0 || thread->site >= recording->site_count ||
            recording->sites[thread->site].kind != SEEP_KIND_THREAD) {
            continue;
        }
        unjoined[thread->site] += seep_thread_is_unjoined(recording, thread);
        running[thread->site] += seep_thread_is_running(thread) &&
                                 (analysis->told == NULL || analysis->told[i] == 0);
    }
    for (uint32_t site = 1; site < recording->site_count && status == 0; site++) {
        if (unjoined[site] > 0) {
            status = add_unjoined(analysis, site);
        }
        if (status == 0 && running[site] > 0 && ended_by_exit(recording)) {
            status = add_running_at_exit(analysis, site, running[site]);
        }
    }
    free(unjoined);
    return status;
}
