/* The queue of the backplane. A batch is moved out of it while it is being sent, because
 * the queue drops its oldest when it is full, and a message that is on the wire must not
 * be freed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/backplane_queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void pma_backplane_queue_init(struct pma_backplane_queue *queue, uint32_t max)
{
    STAILQ_INIT(&queue->list);
    queue->count = 0;
    queue->max = max;
    queue->dropped = 0;
}

void pma_backplane_queue_drop_first(struct pma_waiting_list *list)
{
    struct pma_waiting *first = STAILQ_FIRST(list);
    STAILQ_REMOVE_HEAD(list, next);
    free(first->text);
    free(first);
}

void pma_backplane_queue_fini(struct pma_backplane_queue *queue)
{
    while (!STAILQ_EMPTY(&queue->list)) {
        pma_backplane_queue_drop_first(&queue->list);
    }
    queue->count = 0;
}

static void drop_what_is_too_much(struct pma_backplane_queue *queue)
{
    while (queue->count > queue->max) {
        pma_backplane_queue_drop_first(&queue->list);
        queue->count--;
        queue->dropped++;
    }
}

int pma_backplane_queue_add(struct pma_backplane_queue *queue, const char *channel,
                            char *text)
{
    struct pma_waiting *waiting = malloc(sizeof *waiting);
    if (waiting == NULL) {
        free(text);
        return -ENOMEM;
    }
    snprintf(waiting->channel, sizeof waiting->channel, "%s", channel);
    waiting->text = text;
    STAILQ_INSERT_TAIL(&queue->list, waiting, next);
    queue->count++;
    drop_what_is_too_much(queue);
    return 0;
}

uint32_t pma_backplane_queue_take(struct pma_backplane_queue *queue,
                                  struct pma_waiting_list *list, uint32_t most)
{
    uint32_t count = 0;
    STAILQ_INIT(list);
    while (count < most && !STAILQ_EMPTY(&queue->list)) {
        struct pma_waiting *first = STAILQ_FIRST(&queue->list);
        STAILQ_REMOVE_HEAD(&queue->list, next);
        STAILQ_INSERT_TAIL(list, first, next);
        count++;
    }
    queue->count -= count;
    return count;
}

void pma_backplane_queue_give_back(struct pma_backplane_queue *queue,
                                   struct pma_waiting_list *list)
{
    struct pma_waiting *waiting = NULL;
    STAILQ_FOREACH(waiting, list, next)
    {
        queue->count++;
    }
    STAILQ_CONCAT(list, &queue->list); /* empties the second */
    STAILQ_CONCAT(&queue->list, list);
    drop_what_is_too_much(queue);
}
