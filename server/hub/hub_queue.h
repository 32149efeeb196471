/* What waits to be sent to one client: a ring of references, in the memory of its record.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_QUEUE_H
#define PMA_HUB_QUEUE_H

#include "server/hub/hub_message.h"

struct pma_queue_slot {
    struct pma_message *message; /* one reference */
    uint64_t queued_ns;          /* monotonic */
};

/* Invariant: head < capacity, count <= capacity. Thread-safety: all functions: under
 * LOCK. */
struct pma_queue {
    uint32_t capacity; /* slots; from 1, fixed */
    uint32_t head;     /* slot of the oldest */
    uint32_t count;
    struct pma_queue_slot *slots; /* borrowed from the record around */
};

/* Appends, with one more reference. Returns: 0; -ENOSPC when full (nothing taken). */
int pma_queue_push(struct pma_queue *queue, struct pma_message *message,
                   uint64_t queued_ns);

/* Takes out the oldest, with its reference. Returns: whether there was one (slot
 * untouched if not). */
bool pma_queue_take(struct pma_queue *queue, struct pma_queue_slot *slot);

#endif
