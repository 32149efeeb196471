/* Threads that wait for ever, for the faults that leave some behind.
 *
 *     static struct pma_fault_queue queue = PMA_FAULT_QUEUE_INITIALIZER;
 *     ...
 *     if (pma_fault_take(PMA_FAULT_F02)) {
 *         pma_fault_block(&queue, "ws-broadcast", "websocket");
 *     }
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FAULT_BLOCK_H
#define PMA_FAULT_BLOCK_H

#include <pthread.h>

/* A queue without room whose reader is gone: whoever puts something in waits for ever,
 * and all who do are parked on one address. Must live as long as the process. */
struct pma_fault_queue {
    pthread_mutex_t lock; /* leaf lock */
    pthread_cond_t never; /* signalled by nobody */
};

#define PMA_FAULT_QUEUE_INITIALIZER                                                      \
    {                                                                                    \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER                              \
    }

/* Starts a worker that waits at the queue until the process ends; nobody holds it.
 * Returns: 0; as pma_worker_start when the system refuses, which is logged.
 * Thread-safety: any thread. Allocates. */
int pma_fault_block(struct pma_fault_queue *queue, const char *name,
                    const char *subsystem);

#endif
