/* Ring buffer that grows by doubling to its capacity and goes home when it is empty.
 *
 * Most clients are idle most of the time: 256 slots for each of 50,000 of them would be
 * 200 MiB for nothing. Four slots live in the client's record, where a quiet client's
 * messages fit; a burst gets a block, and gives it back when it is over. Rejected: all
 * slots from the start. It cannot fail later, but growing can fail only for a client that
 * does not read, and that one is closed as if its queue were full.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_queue.h"

#include <errno.h>
#include <stdlib.h>

static void go_home(struct pma_queue *queue)
{
    if (queue->slots != queue->at_home) {
        free(queue->slots);
    }
    queue->slots = queue->at_home;
    queue->slots_count = PMA_QUEUE_SLOTS_AT_HOME;
    queue->head = 0;
}

static int grow(struct pma_queue *queue)
{
    uint32_t slots_count = queue->slots_count * 2;
    struct pma_queue_slot *slots;

    if (slots_count > queue->capacity || slots_count < queue->slots_count) {
        slots_count = queue->capacity;
    }
    slots = malloc(slots_count * sizeof(*slots));
    if (slots == NULL) {
        return -ENOMEM;
    }
    for (uint32_t at = 0; at < queue->count; at++) {
        slots[at] = queue->slots[(queue->head + at) % queue->slots_count];
    }
    go_home(queue);
    queue->slots = slots;
    queue->slots_count = slots_count;
    return 0;
}

int pma_queue_init(struct pma_queue *queue, uint32_t capacity, bool is_preallocated)
{
    *queue = (struct pma_queue){.capacity = capacity,
                                .slots_count = PMA_QUEUE_SLOTS_AT_HOME,
                                .is_preallocated = is_preallocated,
                                .slots = queue->at_home};
    if (is_preallocated && capacity > PMA_QUEUE_SLOTS_AT_HOME) {
        queue->slots = malloc(capacity * sizeof(*queue->slots));
        if (queue->slots == NULL) {
            return -ENOMEM;
        }
        queue->slots_count = capacity;
    }
    return 0;
}

void pma_queue_fini(struct pma_queue *queue)
{
    struct pma_queue_slot slot;

    while (pma_queue_take(queue, &slot)) {
        pma_message_release(slot.message);
    }
    go_home(queue);
}

int pma_queue_push(struct pma_queue *queue, struct pma_message *message,
                   uint64_t queued_ns)
{
    uint32_t at;

    if (queue->count >= queue->capacity) {
        return -ENOSPC;
    }
    if (queue->count == queue->slots_count && grow(queue) != 0) {
        return -ENOMEM;
    }
    at = (queue->head + queue->count) % queue->slots_count;
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
    queue->head = (queue->head + 1) % queue->slots_count;
    queue->count--;
    if (queue->count == 0 && !queue->is_preallocated) {
        go_home(queue);
    }
    return true;
}
