/* What waits to be sent to one client: a ring of references that is as large as it has to
 * be.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_QUEUE_H
#define PMA_HUB_QUEUE_H

#include "server/hub/hub_message.h"

#define PMA_QUEUE_SLOTS_AT_HOME 4

struct pma_queue_slot {
    struct pma_message *message; /* one reference */
    uint64_t queued_ns;          /* monotonic */
};

/* Invariant: head < slots_count <= capacity (or slots_count == PMA_QUEUE_SLOTS_AT_HOME),
 * count <= slots_count, count <= capacity. Must not move once initialised.
 * Thread-safety: all functions: under LOCK. */
struct pma_queue {
    uint32_t capacity; /* messages; from 1, fixed */
    uint32_t slots_count;
    uint32_t head; /* slot of the oldest */
    uint32_t count;
    bool is_preallocated;         /* keeps all its slots from start to end */
    struct pma_queue_slot *slots; /* `at_home`, or a block of its own */
    struct pma_queue_slot at_home[PMA_QUEUE_SLOTS_AT_HOME];
};

/* is_preallocated: have a slot for each message of the capacity from the start, as the
 * first implementation of this backend did. Returns: 0; -ENOMEM (only when
 * preallocated). Allocates when preallocated. */
int pma_queue_init(struct pma_queue *queue, uint32_t capacity, bool is_preallocated);

/* Releases what waits and frees the slots. */
void pma_queue_fini(struct pma_queue *queue);

/* Appends, with one more reference. Returns: 0; -ENOSPC when full; -ENOMEM when it cannot
 * grow (nothing taken in both cases). May allocate. */
int pma_queue_push(struct pma_queue *queue, struct pma_message *message,
                   uint64_t queued_ns);

/* Takes out the oldest, with its reference. Returns: whether there was one (slot
 * untouched if not). */
bool pma_queue_take(struct pma_queue *queue, struct pma_queue_slot *slot);

#endif
