/* Handlers that wait: for a language model, a tool, another machine. They run on workers
 * of their own, a few at a time, so that those who wait do not hold up everybody else.
 *
 *     static void run_chat(struct pma_request *request, struct pma_reply *reply) { ... }
 *
 *     void pma_handle_ai_chat(struct pma_request *request, struct pma_reply *reply)
 *     {
 *         reply->later = run_chat;
 *     }
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LATER_H
#define PMA_LATER_H

#include "server/rest/exchange.h"

#include <stdint.h>

struct pma_later;

/* A request that is put off, and then its reply. */
struct pma_later_job {
    struct pma_later_job *next; /* the pool's */
    struct pma_later *pool;     /* the pool's */
    struct pma_request request; /* a copy; what it points to lives until done is called */
    char client[64];            /* request.client points here */
    struct pma_reply reply;     /* owned by whoever has the job */
    void (*run)(struct pma_request *request, struct pma_reply *reply);
    void (*done)(struct pma_later_job *job); /* takes the job; on any thread */
    void *arg;                               /* for done */
};

struct pma_later_info {
    uint32_t queued, running;
    uint64_t taken, refused;
};

/* Starts `threads` workers. queue_max: jobs that may wait while all of them are busy.
 * Returns: 0; -ENOMEM; as pma_worker_start.
 * Thread-safety: owner thread. Allocates. */
int pma_later_start(uint32_t threads, uint32_t queue_max, struct pma_later **later);

/* Takes the job and calls job->done when its handler has returned. Returns: 0; -EBUSY:
 * the queue is full; -ECANCELED: stopping; the job stays the caller's then.
 * Thread-safety: any thread. */
int pma_later_put(struct pma_later *later, struct pma_later_job *job);

/* Answers 503 to what is queued, tells what runs that it was given up, and joins; NULL is
 * allowed. Returns: 0; -ETIMEDOUT: a handler does not return; it lives on, and stop may
 * be called again. Thread-safety: owner thread. */
int pma_later_stop(struct pma_later *later, uint64_t timeout_ns);

/* Whether nobody waits for the reply any more: the client has closed the connection, or
 * the server stops. For handlers that wait, several times a second; request: as the
 * handler got it. Thread-safety: the thread of the handler. Cost: one poll(2). */
bool pma_later_is_given_up(void *request);

/* Fills *info. Thread-safety: any thread. */
void pma_later_info_read(struct pma_later *later, struct pma_later_info *info);

#endif
