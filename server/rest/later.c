/* A queue and some workers.
 *
 * libmicrohttpd binds each connection to one of its threads; a handler that waits 30 s
 * for a model would hold up a quarter of all clients. Rejected: a thread per waiting
 * request, which has no bound. A request that is put off keeps its connection suspended;
 * libmicrohttpd does not see then that the client leaves, so the handler asks the socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/later.h"

#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WORKERS_MAX 64

struct pma_later {
    uint32_t queue_max;
    struct pma_worker *workers[WORKERS_MAX];
    uint32_t workers_count;
    _Atomic bool shut;    /* stored under lock; read by handlers, orders nothing */
    pthread_mutex_t lock; /* PMA_LOCK_LATER: all below */
    pthread_cond_t changed;
    struct pma_later_job *first, *last;
    struct pma_later_info info;
};

/* Waits for a job. Returns: NULL when the pool is shut. */
static struct pma_later_job *take(struct pma_later *later)
{
    pthread_mutex_lock(&later->lock);
    while (later->first == NULL &&
           !atomic_load_explicit(&later->shut, memory_order_relaxed)) {
        pthread_cond_wait(&later->changed, &later->lock);
    }
    struct pma_later_job *job = later->first;
    if (job != NULL) {
        later->first = job->next;
        later->last = later->first != NULL ? later->last : NULL;
        job->next = NULL;
        later->info.queued--;
        later->info.running++;
    }
    pthread_mutex_unlock(&later->lock);
    return job;
}

static void run_jobs(void *arg, struct pma_cancel *cancel)
{
    struct pma_later *later = arg;
    struct pma_later_job *job = NULL;
    (void)cancel;
    while ((job = take(later)) != NULL) {
        if (atomic_load_explicit(&later->shut, memory_order_relaxed)) {
            pma_reply_error(&job->reply, &job->request, 503, "The server is stopping");
        } else {
            job->run(&job->request, &job->reply);
        }
        job->done(job);
        pthread_mutex_lock(&later->lock);
        later->info.running--;
        const bool idle = later->first == NULL;
        pthread_mutex_unlock(&later->lock);
        if (idle) {
            pma_heap_flush_thread(); /* chats are rare: others may use it meanwhile */
        }
    }
}

int pma_later_start(uint32_t threads, uint32_t queue_max, struct pma_later **later)
{
    struct pma_later *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->queue_max = queue_max;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    for (uint32_t i = 0; i < threads && i < WORKERS_MAX; i++) {
        const struct pma_worker_spec spec = {
            .name = "http-later", .subsystem = "http", .run = run_jobs, .arg = fresh};
        const int err = pma_worker_start(&spec, &fresh->workers[i]);
        if (err != 0) {
            pma_later_stop(fresh, UINT64_MAX);
            return err;
        }
        fresh->workers_count++;
    }
    *later = fresh;
    return 0;
}

int pma_later_put(struct pma_later *later, struct pma_later_job *job)
{
    int err = 0;
    job->next = NULL;
    job->pool = later;
    pthread_mutex_lock(&later->lock);
    if (atomic_load_explicit(&later->shut, memory_order_relaxed)) {
        err = -ECANCELED;
    } else if (later->info.queued + later->info.running >=
               later->queue_max + later->workers_count) {
        later->info.refused++;
        err = -EBUSY;
    } else {
        if (later->last != NULL) {
            later->last->next = job;
        } else {
            later->first = job;
        }
        later->last = job;
        later->info.queued++;
        later->info.taken++;
        pthread_cond_signal(&later->changed);
    }
    pthread_mutex_unlock(&later->lock);
    return err;
}

int pma_later_stop(struct pma_later *later, uint64_t timeout_ns)
{
    if (later == NULL) {
        return 0;
    }
    const uint64_t now_ns = pma_now_ns();
    const uint64_t until_ns =
        timeout_ns < UINT64_MAX - now_ns ? now_ns + timeout_ns : UINT64_MAX;
    pthread_mutex_lock(&later->lock);
    atomic_store_explicit(&later->shut, true, memory_order_relaxed);
    pthread_cond_broadcast(&later->changed);
    pthread_mutex_unlock(&later->lock);
    for (uint32_t i = 0; i < later->workers_count; i++) {
        const uint64_t at_ns = pma_now_ns();
        const int err =
            pma_worker_stop(later->workers[i], until_ns > at_ns ? until_ns - at_ns : 0);
        if (err != 0) {
            return err;
        }
        later->workers[i] = NULL;
    }
    pthread_cond_destroy(&later->changed);
    pthread_mutex_destroy(&later->lock);
    free(later);
    return 0;
}

bool pma_later_is_given_up(void *request)
{
    const struct pma_later_job *job =
        (const struct pma_later_job *)((const char *)request -
                                       offsetof(struct pma_later_job, request));
    if (atomic_load_explicit(&job->pool->shut, memory_order_relaxed)) {
        return true;
    }
    if (job->request.connection == NULL) {
        return false;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        job->request.connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL) {
        return false;
    }
    struct pollfd socket = {.fd = info->connect_fd, .events = POLLRDHUP};
    return poll(&socket, 1, 0) > 0 &&
           (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void pma_later_info_read(struct pma_later *later, struct pma_later_info *info)
{
    pthread_mutex_lock(&later->lock);
    *info = later->info;
    pthread_mutex_unlock(&later->lock);
}
