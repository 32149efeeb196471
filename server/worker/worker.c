/* Named, cancellable, joinable threads and the list of them.
 *
 * The problem: background work that nobody stops (tickers without an end, contexts that
 * are not passed on) is the commonest thread leak. So there is one way to start a thread,
 * it needs a handle to be stopped, and the list of handles is visible over REST.
 * Rejected: a pool with a timer wheel. Fewer threads, but one stuck task delays all
 * others, and a leak report could not name the guilty worker by its thread.
 *
 * I1: a worker is in the list from before its thread runs until after it was joined.
 * I2: the thread never touches the list; whoever joins it removes it.
 * I3: intervals are kept on a grid (start + k * interval): a late run does not shift the
 *     later ones, and missed runs are skipped, not made up for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/worker/worker.h"

#include "seep/seep.h"
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* jansson, libwebsockets and an unwinder within need well below half of it. */
#define STACK_BYTES ((size_t)512 * 1024)
#define NAMES_MAX   64

struct pma_cancel {
    pthread_mutex_t lock; /* PMA_LOCK_CANCEL: woken, ended */
    pthread_cond_t changed;
    bool woken;
    bool ended;             /* the thread's last word: its join will not wait */
    _Atomic bool requested; /* stored under lock by the canceller, loaded by the worker */
    uint64_t due_ns; /* end of the present run's time, CLOCK_MONOTONIC; 0: no deadline.
                        The worker's thread alone */
};

struct pma_worker {
    struct pma_worker *previous, *next; /* under list_lock */
    struct pma_cancel cancel;
    struct pma_worker_spec spec; /* spec.name points to `name` */
    char name[32];
    pthread_t thread;
    uint64_t started_at_ns;
    /* Written by the worker's thread alone, read by pma_worker_list: relaxed, they are
     * statistics and order nothing. */
    _Atomic int tid;
    _Atomic uint64_t runs;
    _Atomic uint64_t overruns;
    _Atomic uint64_t last_run_at_ns;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_WORKERS */
static struct pma_worker *list_first, *list_last;
static size_t list_count;

static int cancel_init(struct pma_cancel *cancel)
{
    pthread_condattr_t monotonic;
    int err = pthread_condattr_init(&monotonic);
    if (err != 0) {
        return -err;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    err = pthread_cond_init(&cancel->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (err != 0) {
        return -err;
    }
    pthread_mutex_init(&cancel->lock, NULL);
    cancel->woken = false;
    cancel->ended = false;
    cancel->due_ns = 0;
    atomic_init(&cancel->requested, false);
    return 0;
}

static void cancel_fini(struct pma_cancel *cancel)
{
    pthread_cond_destroy(&cancel->changed);
    pthread_mutex_destroy(&cancel->lock);
}

static void cancel_signal(struct pma_cancel *cancel, bool request)
{
    pthread_mutex_lock(&cancel->lock);
    cancel->woken = true;
    if (request) {
        /* Release: pairs with the acquire of pma_cancel_requested. */
        atomic_store_explicit(&cancel->requested, true, memory_order_release);
    }
    pthread_cond_broadcast(&cancel->changed);
    pthread_mutex_unlock(&cancel->lock);
}

bool pma_cancel_requested(struct pma_cancel *cancel)
{
    return atomic_load_explicit(&cancel->requested, memory_order_acquire);
}

uint64_t pma_cancel_left_ns(struct pma_cancel *cancel)
{
    if (pma_cancel_requested(cancel)) {
        return 0;
    }
    if (cancel->due_ns == 0) {
        return UINT64_MAX;
    }
    const uint64_t now_ns = pma_now_ns();
    return cancel->due_ns > now_ns ? cancel->due_ns - now_ns : 0;
}

bool pma_cancel_wait(struct pma_cancel *cancel, uint64_t ns)
{
    const struct timespec until = pma_monotonic_after(ns);
    pthread_mutex_lock(&cancel->lock);
    int err = 0;
    while (err == 0 && !cancel->woken && !pma_cancel_requested(cancel)) {
        err = pthread_cond_timedwait(&cancel->changed, &cancel->lock, &until);
    }
    cancel->woken = false;
    pthread_mutex_unlock(&cancel->lock);
    return pma_cancel_requested(cancel);
}

static void list_add(struct pma_worker *worker)
{
    pthread_mutex_lock(&list_lock);
    worker->previous = list_last;
    worker->next = NULL;
    if (list_last != NULL) {
        list_last->next = worker;
    } else {
        list_first = worker;
    }
    list_last = worker;
    list_count++;
    pthread_mutex_unlock(&list_lock);
}

static void list_remove(struct pma_worker *worker)
{
    pthread_mutex_lock(&list_lock);
    if (worker->previous != NULL) {
        worker->previous->next = worker->next;
    } else {
        list_first = worker->next;
    }
    if (worker->next != NULL) {
        worker->next->previous = worker->previous;
    } else {
        list_last = worker->previous;
    }
    list_count--;
    pthread_mutex_unlock(&list_lock);
}

static void run_once(struct pma_worker *worker)
{
    const bool is_strict = worker->spec.deadline_ns > 0;
    const uint64_t deadline_ns =
        is_strict ? worker->spec.deadline_ns : worker->spec.interval_ns;
    const uint64_t begin_ns = pma_now_ns();
    worker->cancel.due_ns = deadline_ns > 0 ? begin_ns + deadline_ns : 0;
    worker->spec.run(worker->spec.arg, &worker->cancel);
    const uint64_t end_ns = pma_now_ns();
    atomic_store_explicit(&worker->last_run_at_ns, end_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&worker->runs, 1, memory_order_relaxed);
    if (deadline_ns == 0 || end_ns - begin_ns <= deadline_ns) {
        return;
    }
    atomic_fetch_add_explicit(&worker->overruns, 1, memory_order_relaxed);
    if (is_strict) {
        pma_log(PMA_LOG_WARN, "Worker's run took longer than its deadline",
                pma_str("worker", worker->name),
                pma_u64("deadline_ms", deadline_ns / PMA_MS_NS),
                pma_u64("took_ms", (end_ns - begin_ns) / PMA_MS_NS));
    }
}

static void run_on_grid(struct pma_worker *worker)
{
    const uint64_t interval_ns = worker->spec.interval_ns;
    uint64_t due_ns = worker->started_at_ns + interval_ns;
    for (;;) {
        const uint64_t now_ns = pma_now_ns();
        if (pma_cancel_wait(&worker->cancel, due_ns > now_ns ? due_ns - now_ns : 0)) {
            return;
        }
        run_once(worker);
        const uint64_t done_ns = pma_now_ns();
        if (done_ns >= due_ns) {
            due_ns += ((done_ns - due_ns) / interval_ns + 1) * interval_ns; /* I3 */
        }
    }
}

static void *worker_main(void *arg)
{
    struct pma_worker *worker = arg;
    SEEP_SUBSYSTEM(worker->spec.subsystem);
    pma_arena_bind(worker->spec.subsystem);
    atomic_store_explicit(&worker->tid, gettid(), memory_order_relaxed);
    if (worker->spec.interval_ns == 0) {
        run_once(worker);
    } else {
        run_on_grid(worker);
    }
    pthread_mutex_lock(&worker->cancel.lock);
    worker->cancel.ended = true;
    pthread_cond_broadcast(&worker->cancel.changed);
    pthread_mutex_unlock(&worker->cancel.lock);
    return NULL;
}

static int create_thread(struct pma_worker *worker)
{
    pthread_attr_t attributes;
    int err = pthread_attr_init(&attributes);
    if (err != 0) {
        return -err;
    }
    err = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (err == 0) {
        err = pthread_create(&worker->thread, &attributes, worker_main, worker);
    }
    pthread_attr_destroy(&attributes);
    if (err == 0) {
        /* By the creator: whoever has a handle can also find the thread by its name. */
        char kernel_name[16];
        snprintf(kernel_name, sizeof kernel_name, "%.15s", worker->name);
        pthread_setname_np(worker->thread, kernel_name);
    }
    return -err;
}

int pma_worker_start(const struct pma_worker_spec *spec, struct pma_worker **worker)
{
    if (spec->name == NULL || spec->name[0] == '\0' || spec->subsystem == NULL ||
        spec->run == NULL) {
        return -EINVAL;
    }
    SEEP_SUBSYSTEM(spec->subsystem);
    struct pma_worker *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = cancel_init(&fresh->cancel);
    if (err != 0) {
        goto fail_cancel;
    }
    snprintf(fresh->name, sizeof fresh->name, "%s", spec->name);
    fresh->spec = *spec;
    fresh->spec.name = fresh->name;
    fresh->started_at_ns = pma_now_ns();
    list_add(fresh);
    err = create_thread(fresh);
    if (err != 0) {
        goto fail_thread;
    }
    *worker = fresh;
    return 0;

fail_thread:
    list_remove(fresh);
    cancel_fini(&fresh->cancel);
fail_cancel:
    free(fresh);
    return err;
}

/* Waits for the thread's last word instead of for the thread: pthread_clockjoin_np is
 * glibc's alone, and sanitizers do not see it. Returns: whether the word came in time. */
static bool await_end(struct pma_cancel *cancel, uint64_t timeout_ns)
{
    const struct timespec until = pma_monotonic_after(timeout_ns);
    int err = 0;
    pthread_mutex_lock(&cancel->lock);
    while (err == 0 && !cancel->ended) {
        err = pthread_cond_timedwait(&cancel->changed, &cancel->lock, &until);
    }
    const bool ended = cancel->ended;
    pthread_mutex_unlock(&cancel->lock);
    return ended;
}

int pma_worker_stop(struct pma_worker *worker, uint64_t timeout_ns)
{
    if (worker == NULL) {
        return 0;
    }
    if (pthread_equal(worker->thread, pthread_self())) {
        return -EDEADLK;
    }
    cancel_signal(&worker->cancel, true);
    if (!await_end(&worker->cancel, timeout_ns)) {
        pma_log(PMA_LOG_ERROR, "Worker did not stop in time",
                pma_str("worker", worker->name),
                pma_str("subsystem", worker->spec.subsystem),
                pma_i64("tid", atomic_load_explicit(&worker->tid, memory_order_relaxed)),
                pma_u64("timeout_ms", timeout_ns / PMA_MS_NS));
        return -ETIMEDOUT;
    }
    pthread_join(worker->thread, NULL);
    list_remove(worker);
    cancel_fini(&worker->cancel);
    free(worker);
    return 0;
}

void pma_worker_cancel(struct pma_worker *worker)
{
    cancel_signal(&worker->cancel, true);
}

void pma_worker_wake(struct pma_worker *worker)
{
    cancel_signal(&worker->cancel, false);
}

size_t pma_worker_count(void)
{
    pthread_mutex_lock(&list_lock);
    const size_t count = list_count;
    pthread_mutex_unlock(&list_lock);
    return count;
}

static void describe(struct pma_worker *worker, struct pma_worker_info *info)
{
    memset(info, 0, sizeof *info);
    snprintf(info->name, sizeof info->name, "%s", worker->name);
    snprintf(info->subsystem, sizeof info->subsystem, "%s", worker->spec.subsystem);
    info->tid = atomic_load_explicit(&worker->tid, memory_order_relaxed);
    info->run = worker->spec.run;
    info->interval_ns = worker->spec.interval_ns;
    info->runs = atomic_load_explicit(&worker->runs, memory_order_relaxed);
    info->started_at_ns = worker->started_at_ns;
    info->last_run_at_ns =
        atomic_load_explicit(&worker->last_run_at_ns, memory_order_relaxed);
    info->overruns = atomic_load_explicit(&worker->overruns, memory_order_relaxed);
    info->stopping = pma_cancel_requested(&worker->cancel);
    pthread_mutex_lock(&worker->cancel.lock);
    info->ended = worker->cancel.ended;
    pthread_mutex_unlock(&worker->cancel.lock);
}

void pma_worker_figures_read(struct pma_worker_figures *figures)
{
    memset(figures, 0, sizeof *figures);
    pthread_mutex_lock(&list_lock);
    for (struct pma_worker *at = list_first; at != NULL; at = at->next) {
        pthread_mutex_lock(&at->cancel.lock);
        const bool ended = at->cancel.ended;
        pthread_mutex_unlock(&at->cancel.lock);
        figures->ended += ended;
        figures->running += !ended;
        figures->with_interval += !ended && at->spec.interval_ns > 0;
        figures->overruns += atomic_load_explicit(&at->overruns, memory_order_relaxed);
    }
    pthread_mutex_unlock(&list_lock);
}

size_t pma_worker_list(struct pma_worker_info *infos, size_t capacity)
{
    size_t count = 0;
    pthread_mutex_lock(&list_lock);
    for (struct pma_worker *at = list_first; at != NULL && count < capacity;
         at = at->next) {
        describe(at, &infos[count++]);
    }
    pthread_mutex_unlock(&list_lock);
    return count;
}

size_t pma_worker_commonest(char name[32])
{
    struct {
        const char *name; /* borrowed from a worker, under list_lock */
        size_t count;
    } tally[NAMES_MAX];
    size_t tally_count = 0;
    size_t best = 0;
    name[0] = '\0';
    pthread_mutex_lock(&list_lock);
    for (const struct pma_worker *at = list_first; at != NULL; at = at->next) {
        size_t i = 0;
        while (i < tally_count && strcmp(tally[i].name, at->name) != 0) {
            i++;
        }
        if (i == NAMES_MAX) {
            continue;
        }
        if (i == tally_count) {
            tally[tally_count].name = at->name;
            tally[tally_count++].count = 0;
        }
        tally[i].count++;
        best = tally[i].count > tally[best].count ? i : best;
    }
    const size_t count = tally_count > 0 ? tally[best].count : 0;
    if (count > 0) {
        snprintf(name, 32, "%s", tally[best].name);
    }
    pthread_mutex_unlock(&list_lock);
    return count;
}
