/* From looks at blocked threads to findings: one for each cycle, orphaned lock, forgotten
 * object and lock that is held too long, however many threads wait for it.
 *
 * A finding is on the place that created the thread that answers for it: there the reader
 * finds whose thread it is; where it waits is in the summary, and in the stack of each
 * thread that is listed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/stuck_verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "seep/recording.h"
#include "verdict/headline.h"
#include "verdict/probe_view.h"
#include "verdict/stack_view.h"
#include "verdict/stuck_graph.h"
#include "verdict/summary_text.h"
#include "verdict/thread_verdict.h"

/* One thread that was there at the end. */
struct subject {
    const struct seep_rec_thread *thread; /* NULL: the table does not know it */
    const struct seep_rec_wait *wait;     /* NULL: it runs, or that is not known */
    const struct seep_rec_probe *probe;   /* of it, or of one like it; NULL none */
    bool like_another;                    /* the probe is of one that waits as it does */
    uint32_t site;                        /* 0: not made by a wrapper */
    uint64_t since_ns;                    /* it has not moved since */
};

struct scene {
    struct seep_analysis *analysis;
    struct subject *subjects; /* owned; n of each */
    struct seep_stuck_thread *threads;
    struct seep_wait_chain *chains;
    struct seep_stuck_fate *fates;
    uint32_t *leaders; /* whose finding a thread belongs to; its own index: it leads */
    size_t n;
};

static bool is_there(const struct seep_rec_thread *thread)
{
    return (thread->state & SEEP_THREAD_USED) != 0 &&
           (thread->state & (SEEP_THREAD_ENDED | SEEP_THREAD_JOINED)) == 0 &&
           thread->os_state != 'X' && thread->tid != 0;
}

static void take_slots(struct scene *scene, const struct seep_rec_wait **wait_of_slot,
                       size_t slots)
{
    const struct seep_recording *recording = scene->analysis->recording;

    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        if (!is_there(thread)) {
            continue;
        }
        scene->subjects[scene->n] = (struct subject){
            .thread = thread,
            .wait = thread->slot < slots ? wait_of_slot[thread->slot] : NULL,
            .site = thread->site,
            .since_ns = thread->unchanged_since_ns};
        scene->threads[scene->n++].wait = (struct seep_wait_thread){
            .tid = thread->tid,
            .name = seep_findings_text(scene->analysis->findings, thread->name),
            .place = "",
            .call = seep_findings_text(scene->analysis->findings, thread->wait)};
    }
}

/* Threads of the table, then those that it does not know. Returns: 0; -ENOMEM. */
static int take_threads(struct scene *scene)
{
    const struct seep_recording *recording = scene->analysis->recording;
    size_t slots = 0;
    const struct seep_rec_wait **wait_of_slot = NULL;

    for (size_t i = 0; i < recording->thread_count; i++) {
        slots =
            recording->threads[i].slot >= slots ? recording->threads[i].slot + 1 : slots;
    }
    slots = slots < SEEP_THREADS_MAX ? slots : SEEP_THREADS_MAX;
    wait_of_slot = calloc(slots + 1, sizeof(const struct seep_rec_wait *));
    if (wait_of_slot == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->waits.count; i++) {
        const struct seep_rec_wait *row = &recording->waits.rows[i];

        if (row->slot_plus_1 > 0 && row->slot_plus_1 <= slots) {
            wait_of_slot[row->slot_plus_1 - 1] = row;
        }
    }
    take_slots(scene, wait_of_slot, slots);
    for (size_t i = 0; i < recording->waits.count; i++) {
        const struct seep_rec_wait *row = &recording->waits.rows[i];

        if (row->slot_plus_1 == 0) {
            scene->subjects[scene->n] =
                (struct subject){.wait = row, .since_ns = row->unchanged_since_ns};
            scene->threads[scene->n++].wait = (struct seep_wait_thread){
                .tid = row->tid,
                .name = seep_findings_text(scene->analysis->findings, row->name),
                .place = "",
                .call =
                    row->os_state == 'S' || row->os_state == 'D' ? "a system call" : ""};
        }
    }
    free(wait_of_slot);
    return 0;
}

static bool wait_alike(const struct subject *a, const struct subject *b)
{
    return a->wait != NULL && b->wait != NULL && a->site == b->site &&
           a->wait->address != 0 && a->wait->address == b->wait->address &&
           a->wait->syscall_plus_1 == b->wait->syscall_plus_1;
}

/* Of many that wait alike only some were looked at. */
static void find_probes(struct scene *scene)
{
    const struct seep_recording *recording = scene->analysis->recording;

    for (size_t i = 0; i < scene->n; i++) {
        scene->subjects[i].probe = seep_probe_of(recording, scene->threads[i].wait.tid,
                                                 scene->subjects[i].since_ns);
    }
    for (size_t i = 0; i < scene->n; i++) {
        struct subject *subject = &scene->subjects[i];

        if (subject->wait == NULL || subject->wait->address == 0) {
            continue;
        }
        for (size_t k = 0; subject->probe == NULL && k < scene->n; k++) {
            const struct subject *other = &scene->subjects[k];

            if (other->probe != NULL && !other->like_another &&
                wait_alike(subject, other)) {
                subject->probe = other->probe;
                subject->like_another = true;
            }
        }
    }
}

/* "read of pipe:[17]". */
static const char *call_of(struct seep_findings *findings, const struct scene *scene,
                           size_t i)
{
    const struct seep_rec_wait *wait = scene->subjects[i].wait;
    const char *call = scene->threads[i].wait.call;

    return wait != NULL && wait->target[0] != '\0'
               ? seep_findings_printf(findings, "%s of %s", call, wait->target)
               : call;
}

static bool is_thread_here(const struct scene *scene, uint32_t tid)
{
    for (size_t i = 0; i < scene->n; i++) {
        if (scene->threads[i].wait.tid == tid) {
            return true;
        }
    }
    return false;
}

/* The owner, unless it only seems to have ended: it may be another process's (after a
 * fork the parent's, whose numbers are lower), have a number of another namespace (then
 * the table does not know the waiter either), or have been made after the threads were
 * listed. */
static uint32_t owner_of(const struct scene *scene, size_t i,
                         const struct seep_probe_wait *wait)
{
    const struct subject *subject = &scene->subjects[i];
    const struct seep_recording *recording = scene->analysis->recording;
    bool would_be_listed = !wait->shared && subject->probe->slot_plus_1 > 0 &&
                           wait->owner_tid >= recording->program.pid &&
                           recording->threads_t_ns > subject->probe->t_ns;

    return would_be_listed || is_thread_here(scene, wait->owner_tid) ? wait->owner_tid
                                                                     : 0;
}

/* Fills what the probe tells. Returns: 0; -ENOMEM. */
static int describe(struct scene *scene, size_t i)
{
    struct seep_analysis *analysis = scene->analysis;
    const struct subject *subject = &scene->subjects[i];
    struct seep_stuck_thread *thread = &scene->threads[i];
    struct seep_view_frame *frames = NULL;
    struct seep_probe_wait wait;
    size_t count = 0;
    int err = 0;

    thread->wait.call = call_of(analysis->findings, scene, i);
    if (subject->probe == NULL) {
        return 0;
    }
    err = seep_probe_view_stack(analysis->findings, analysis->symbolizer, subject->probe,
                                &frames, &count);
    if (err < 0) {
        return err;
    }
    wait = seep_probe_view_wait(analysis->symbolizer, subject->probe);
    thread->wait.kind = wait.kind;
    thread->wait.address = wait.address;
    thread->wait.owner_tid = owner_of(scene, i, &wait);
    thread->wait.place = seep_probe_view_place(analysis->findings, frames, count);
    if (analysis->recording->threads_t_ns > subject->since_ns) {
        thread->wait.blocked_s =
            (double)(analysis->recording->threads_t_ns - subject->since_ns) / 1e9;
    }
    thread->blocked = !wait.timed && !wait.open;
    thread->unreachable = thread->blocked && subject->probe->reach == SEEP_REACH_NOBODY;
    return 0;
}

static bool counts(const struct scene *scene, size_t i)
{
    return scene->fates[i].verdict >= SEEP_VERDICT_SUSPECT;
}

/* Threads whose findings are one: by what they wait for in the end; of those that nobody
 * can wake, by where they were created, where they wait and for what kind of object. */
static bool same_finding(const struct scene *scene, size_t a, size_t b)
{
    uint32_t root_a = scene->fates[a].root;
    uint32_t root_b = scene->fates[b].root;

    return root_a == root_b ||
           (scene->fates[root_a].why == SEEP_STUCK_UNREACHABLE &&
            scene->fates[root_b].why == SEEP_STUCK_UNREACHABLE &&
            scene->subjects[root_a].site == scene->subjects[root_b].site &&
            scene->threads[root_a].wait.kind == scene->threads[root_b].wait.kind &&
            strcmp(scene->threads[root_a].wait.place,
                   scene->threads[root_b].wait.place) == 0);
}

/* The root leads where it is stuck itself; else, a lock being held, its first waiter. */
static uint32_t leader_of(const struct scene *scene, uint32_t i)
{
    uint32_t root = scene->fates[i].root;

    for (uint32_t k = 0; k < scene->n; k++) {
        if (counts(scene, k) && same_finding(scene, k, i)) {
            return counts(scene, root) && scene->fates[root].why != SEEP_STUCK_UNREACHABLE
                       ? root
                       : k;
        }
    }
    return i;
}

static size_t members(const struct scene *scene, uint32_t leader)
{
    size_t n = 0;

    for (size_t i = 0; i < scene->n; i++) {
        n += counts(scene, i) && scene->leaders[i] == leader;
    }
    return n;
}

static void put_more(struct seep_buf *text, size_t more)
{
    char n[SEEP_FMT_MAX];

    if (more > 0) {
        seep_buf_printf(text, "; %s more thread%s for %s",
                        seep_fmt_count(n, sizeof(n), more),
                        more == 1 ? " waits" : "s wait", more == 1 ? "it" : "them");
    }
}

static void put_chain(const struct scene *scene, uint32_t leader, struct seep_buf *text)
{
    struct seep_wait_thread *waits = calloc(scene->n + 1, sizeof(*waits));

    text->failed |= waits == NULL;
    for (size_t i = 0; waits != NULL && i < scene->n; i++) {
        waits[i] = scene->threads[i].wait;
    }
    if (waits != NULL) {
        seep_wait_graph_words(waits, scene->chains, leader, text);
    }
    free(waits);
}

/* How many objects the threads of a finding wait for. */
static size_t objects(const struct scene *scene, uint32_t leader)
{
    size_t n = 0;

    for (size_t i = 0; i < scene->n; i++) {
        bool seen = !counts(scene, i) || scene->leaders[i] != leader;

        for (size_t k = 0; k < i && !seen; k++) {
            seen = counts(scene, k) && scene->leaders[k] == leader &&
                   scene->threads[k].wait.address == scene->threads[i].wait.address;
        }
        n += !seen;
    }
    return n;
}

/* "4 threads wait in serve_queue (q.c:12) for the condition variable 0x1000", or "for a
 * condition variable each". */
static void put_waiters(const struct scene *scene, uint32_t leader, size_t n,
                        struct seep_buf *text)
{
    const struct seep_wait_thread *wait = &scene->threads[leader].wait;
    char number[SEEP_FMT_MAX];

    seep_buf_printf(text, "%s thread%s", seep_fmt_count(number, sizeof(number), n),
                    n == 1 ? "" : "s");
    if (wait->name[0] != '\0') {
        seep_buf_printf(text, " (%s%s)", wait->name, n == 1 ? "" : " ...");
    }
    seep_buf_printf(text, " wait%s", n == 1 ? "s" : "");
    if (wait->place[0] != '\0') {
        seep_buf_printf(text, " in %s", wait->place);
    }
    if (n > 1 && objects(scene, leader) == n) {
        seep_buf_printf(text, " for a %s each", seep_wait_kind_name(wait->kind));
    } else {
        seep_buf_printf(text, " for the %s 0x%" PRIx64, seep_wait_kind_name(wait->kind),
                        wait->address);
    }
}

static void put_summary(const struct scene *scene, uint32_t leader,
                        const struct seep_finding *finding, struct seep_buf *text)
{
    const struct seep_rec_probe *probe = scene->subjects[leader].probe;
    size_t n = members(scene, leader);
    char bytes[SEEP_FMT_MAX];

    switch (scene->fates[leader].why) {
    case SEEP_STUCK_CYCLE:
        seep_buf_printf(text, "Deadlock: ");
        put_chain(scene, leader, text);
        put_more(text, n - scene->chains[leader].steps);
        break;
    case SEEP_STUCK_OWNER_ENDED:
        put_waiters(scene, leader, n, text);
        seep_buf_printf(
            text, ", and will for ever: thread %" PRIu32 " ended without releasing it",
            scene->threads[leader].wait.owner_tid);
        break;
    case SEEP_STUCK_UNREACHABLE:
        put_waiters(scene, leader, n, text);
        seep_buf_printf(
            text,
            ", and nobody can wake %s: %u searches of %s of memory found nothing that "
            "refers to it",
            n == 1 ? "it" : "them", probe->searches,
            seep_fmt_bytes(bytes, sizeof(bytes), (double)probe->scanned_bytes));
        break;
    default:
        put_chain(scene, leader, text);
        put_more(text, n - 1);
        break;
    }
    if (finding->evidence.measured && finding->evidence.growth_per_s > 0) {
        seep_buf_printf(text, "; %s more thread%s an hour come to stand there",
                        seep_fmt_count(bytes, sizeof(bytes),
                                       (uint64_t)(finding->evidence.growth_per_s * 3600)),
                        "s");
    }
    seep_buf_printf(text, ".");
    seep_buf_put(text, "", 1);
}

static enum seep_cause cause_of(enum seep_stuck_why why)
{
    return why == SEEP_STUCK_CYCLE         ? SEEP_CAUSE_LOCK_CYCLE
           : why == SEEP_STUCK_UNREACHABLE ? SEEP_CAUSE_UNREACHABLE
                                           : SEEP_CAUSE_STUCK;
}

/* A thread that no wrapper created has no creation stack: what it is doing stands there.
 */
static int show_own_stack(struct scene *scene, uint32_t leader,
                          struct seep_finding *finding)
{
    struct seep_analysis *analysis = scene->analysis;
    const struct seep_rec_probe *probe = scene->subjects[leader].probe;

    finding->kind = SEEP_KIND_THREAD;
    finding->subsystem = "";
    finding->stack_end = "";
    if (probe == NULL ||
        seep_probe_view_stack(analysis->findings, analysis->symbolizer, probe,
                              &finding->stack, &finding->stack_count) < 0) {
        return probe == NULL ? 0 : -ENOMEM;
    }
    seep_headline_fill(analysis->findings, finding);
    seep_stack_view_id(finding, 0);
    return 0;
}

/* A cycle's lowest thread may be one that no wrapper created; another may tell more. */
static uint32_t site_of(const struct scene *scene, uint32_t leader)
{
    uint32_t site = scene->subjects[leader].site;

    for (size_t i = 0; site == 0 && i < scene->n; i++) {
        if (counts(scene, i) && scene->leaders[i] == leader) {
            site = scene->subjects[i].site;
        }
    }
    return site;
}

/* The threads that the finding speaks for, whoever created them. Returns: 0; -ENOMEM. */
static int show_threads(struct scene *scene, uint32_t leader,
                        struct seep_finding *finding)
{
    struct seep_analysis *analysis = scene->analysis;
    const struct seep_recording *recording = analysis->recording;
    const struct seep_rec_thread **mine =
        calloc(scene->n + 1, sizeof(const struct seep_rec_thread *));
    size_t n = 0;
    int err = -ENOMEM;

    if (analysis->told == NULL) {
        analysis->told = calloc(recording->thread_count + 1, 1);
    }
    if (mine != NULL && analysis->told != NULL) {
        for (size_t i = 0; i < scene->n; i++) {
            const struct seep_rec_thread *thread = scene->subjects[i].thread;

            if (counts(scene, i) && scene->leaders[i] == leader && thread != NULL) {
                mine[n++] = thread;
                analysis->told[thread - recording->threads] = 1;
            }
        }
        err = seep_thread_samples_set(analysis, mine, n, finding);
    }
    free(mine);
    return err;
}

static int add_finding(struct scene *scene, uint32_t leader)
{
    struct seep_analysis *analysis = scene->analysis;
    const struct seep_stuck_fate *fate = &scene->fates[leader];
    uint32_t site = site_of(scene, leader);
    struct seep_finding *finding =
        site != 0 ? seep_finding_of_site(analysis, site) : NULL;
    struct seep_buf text = {0};
    int err = 0;

    if (finding != NULL && finding->cause != SEEP_CAUSE_GROWTH) {
        finding = NULL; /* of other threads that stand elsewhere */
    }
    if (finding == NULL) {
        err = seep_finding_add(analysis, site, cause_of(fate->why), fate->verdict,
                               &finding);
        if (err == 0 && site == 0) {
            err = show_own_stack(scene, leader, finding);
        }
    } else if (fate->verdict >= finding->verdict) {
        finding->cause = cause_of(fate->why);
        finding->verdict = fate->verdict;
    }
    if (err == 0) {
        err = show_threads(scene, leader, finding);
    }
    if (err == 0) {
        put_summary(scene, leader, finding, &text);
        finding->summary =
            text.failed ? ""
                        : seep_findings_text(analysis->findings, (const char *)text.data);
        err = text.failed ? -ENOMEM : 0;
    }
    seep_buf_fini(&text);
    return err;
}

static int judge(struct scene *scene)
{
    int err = take_threads(scene);

    if (err == 0) {
        find_probes(scene);
    }
    for (size_t i = 0; err == 0 && i < scene->n; i++) {
        err = describe(scene, i);
    }
    if (err == 0) {
        err = seep_stuck_judge(scene->threads, scene->n, scene->chains, scene->fates);
    }
    for (uint32_t i = 0; err == 0 && i < scene->n; i++) {
        scene->leaders[i] = counts(scene, i) ? leader_of(scene, i) : i;
    }
    for (uint32_t i = 0; err == 0 && i < scene->n; i++) {
        if (counts(scene, i) && scene->leaders[i] == i) {
            err = add_finding(scene, i);
        }
    }
    return err;
}

int seep_stuck_findings_add(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    size_t most = recording->thread_count + recording->waits.count + 1;
    struct scene scene = {.analysis = analysis};
    int err = -ENOMEM;

    if (recording->probe_count == 0) {
        return 0;
    }
    scene.subjects = calloc(most, sizeof(*scene.subjects));
    scene.threads = calloc(most, sizeof(*scene.threads));
    scene.chains = calloc(most, sizeof(*scene.chains));
    scene.fates = calloc(most, sizeof(*scene.fates));
    scene.leaders = calloc(most, sizeof(*scene.leaders));
    if (scene.subjects != NULL && scene.threads != NULL && scene.chains != NULL &&
        scene.fates != NULL && scene.leaders != NULL) {
        err = judge(&scene);
    }
    free(scene.leaders);
    free(scene.fates);
    free(scene.chains);
    free(scene.threads);
    free(scene.subjects);
    return err;
}
