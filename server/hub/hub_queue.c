/* Ring buffer of fixed capacity. All slots exist from the start: a queue that grew on
 * demand would reach its full size exactly when the process is short of memory because
 * nobody reads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_queue.h"

#include <errno.h>

int pma_queue_push(struct pma_queue *queue, struct pma_message *message,
                   uint64_t queued_ns)
{
    uint32_t at;

    if (queue->count == queue->capacity) {
        return -ENOSPC;
    }
    at = (queue->head + queue->count) % queue->capacity;
    queue->slots[at] = (struct pma_queue_slot){pma_message_retain(message), queued_ns};
    queue->count++;
    return 0;
}

bool pma_queue_take(struct pma_queue *queue, struct pma_queue_slot *slot)
{
    if (queue->count == 0) {
        return false;
    }
    *slot = queue->slots[queue->head];
    queue->slots[queue->head].message = NULL;
    queue->head = (queue->head + 1) % queue->capacity;
    queue->count--;
    return true;
}
