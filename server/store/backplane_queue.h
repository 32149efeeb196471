/* Messages that wait to be published: bounded, oldest first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_BACKPLANE_QUEUE_H
#define PMA_BACKPLANE_QUEUE_H

#include <stdint.h>
#include <sys/queue.h>

#define PMA_CHANNEL_BYTES 128

struct pma_waiting {
    STAILQ_ENTRY(pma_waiting) next;
    char channel[PMA_CHANNEL_BYTES]; /* as Redis has it */
    char *text;                      /* owned */
};

STAILQ_HEAD(pma_waiting_list, pma_waiting);

/* Thread-safety: of the whole module: under the owner's lock; a list that was taken is
 * the taker's own. */
struct pma_backplane_queue {
    struct pma_waiting_list list;
    uint32_t count; /* in list, at most max */
    uint32_t max;
    uint64_t dropped; /* since the start: the oldest of a full queue */
};

/* max: from 1. */
void pma_backplane_queue_init(struct pma_backplane_queue *queue, uint32_t max);

/* Frees what waits. */
void pma_backplane_queue_fini(struct pma_backplane_queue *queue);

/* Adds a message. text: taken, also on error. Returns: 0; -ENOMEM. */
int pma_backplane_queue_add(struct pma_backplane_queue *queue, const char *channel,
                            char *text);

/* Moves up to `most` of the oldest into a list of the caller's. Returns: how many. */
uint32_t pma_backplane_queue_take(struct pma_backplane_queue *queue,
                                  struct pma_waiting_list *list, uint32_t most);

/* Frees the first message of a list that was taken. */
void pma_backplane_queue_drop_first(struct pma_waiting_list *list);

/* Puts what is left of a taken list back before all others; the oldest give way when that
 * is too much. */
void pma_backplane_queue_give_back(struct pma_backplane_queue *queue,
                                   struct pma_waiting_list *list);

#endif
