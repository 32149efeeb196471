/* Blocked threads: what a send to a queue without a reader leaves behind.
 *
 * They are workers, so the server's own list of threads names them, and leaked ones: the
 * handle is dropped on purpose. A real deadlock of the server's own loop would be more
 * faithful and would take the server, and with it the measurement, down.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/fault_block.h"

#include "seep/seep.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <string.h>

/* The fault itself: nothing in the program ever signals `never`. */
static void block_for_ever(void *arg, struct pma_cancel *cancel)
{
    struct pma_fault_queue *queue = arg;
    (void)cancel;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        pthread_cond_wait(&queue->never, &queue->lock);
    }
}

int pma_fault_block(struct pma_fault_queue *queue, const char *name,
                    const char *subsystem)
{
    SEEP_SUBSYSTEM(subsystem);
    const struct pma_worker_spec spec = {
        .name = name, .subsystem = subsystem, .run = block_for_ever, .arg = queue};
    struct pma_worker *forgotten = NULL;
    const int err = pma_worker_start(&spec, &forgotten);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "A fault could not start its thread",
                pma_str("thread", name), pma_str("error", strerrordesc_np(-err)));
    }
    return err;
}
