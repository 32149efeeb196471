/* Two bounded lists under a leaf lock, emptied in strokes by the service thread.
 *
 * Messages and orders are apart, because they are bounded in different ways: an old
 * message may be dropped for a newer one, a socket or an order may not. A lock-free queue
 * was not worth it: the lock is held for a few instructions, and dropping the oldest is
 * what such queues cannot do.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void list_reset(struct pma_task_list *list)
{
    *list = (struct pma_task_list){.last = &list->first};
}

static void list_append(struct pma_task_list *list, struct pma_task *task)
{
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
    list->count++;
}

static struct pma_task *list_take_first(struct pma_task_list *list)
{
    struct pma_task *first = list->first;

    list->first = first->next;
    list->count--;
    if (list->first == NULL) {
        list->last = &list->first;
    }
    return first;
}

int pma_inbox_init(struct pma_inbox *inbox, uint32_t sends_max, uint32_t orders_max)
{
    *inbox = (struct pma_inbox){.sends_max = sends_max, .orders_max = orders_max};
    list_reset(&inbox->sends);
    list_reset(&inbox->orders);
    return -pthread_mutex_init(&inbox->mutex, NULL);
}

void pma_inbox_fini(struct pma_inbox *inbox)
{
    bool is_more;
    struct pma_task *task = pma_inbox_take(inbox, UINT32_MAX, UINT32_MAX, &is_more);

    while (task != NULL) {
        struct pma_task *next = task->next;

        pma_task_free(task);
        task = next;
    }
    pthread_mutex_destroy(&inbox->mutex);
}

int pma_inbox_put(struct pma_inbox *inbox, struct pma_task *task)
{
    struct pma_task *oldest = NULL;
    int status = 0;

    pthread_mutex_lock(&inbox->mutex);
    if (inbox->is_closed) {
        status = -ESHUTDOWN;
    } else if (task->kind == PMA_TASK_SEND || task->kind == PMA_TASK_SEND_TO) {
        if (inbox->sends.count >= inbox->sends_max) {
            oldest = list_take_first(&inbox->sends);
            inbox->dropped++;
        }
        list_append(&inbox->sends, task);
    } else if (inbox->orders.count >= inbox->orders_max) {
        status = -EAGAIN;
    } else {
        list_append(&inbox->orders, task);
    }
    pthread_mutex_unlock(&inbox->mutex);
    pma_task_free(oldest);
    return status;
}

/* Moves up to `most` tasks to the end of `to`. */
static void list_move(struct pma_task_list *from, struct pma_task_list *to, uint32_t most)
{
    while (most > 0 && from->first != NULL) {
        list_append(to, list_take_first(from));
        most--;
    }
}

struct pma_task *pma_inbox_take(struct pma_inbox *inbox, uint32_t orders_max,
                                uint32_t sends_max, bool *is_more)
{
    struct pma_task_list taken;

    list_reset(&taken);
    pthread_mutex_lock(&inbox->mutex);
    list_move(&inbox->orders, &taken, orders_max);
    list_move(&inbox->sends, &taken, sends_max);
    *is_more = inbox->orders.first != NULL || inbox->sends.first != NULL;
    pthread_mutex_unlock(&inbox->mutex);
    return taken.first;
}

void pma_inbox_close(struct pma_inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    inbox->is_closed = true;
    pthread_mutex_unlock(&inbox->mutex);
}

void pma_inbox_figures(struct pma_inbox *inbox, uint64_t *dropped, uint32_t *waiting)
{
    pthread_mutex_lock(&inbox->mutex);
    *dropped = inbox->dropped;
    *waiting = inbox->sends.count;
    pthread_mutex_unlock(&inbox->mutex);
}

void pma_task_free(struct pma_task *task)
{
    if (task == NULL) {
        return;
    }
    if (task->kind == PMA_TASK_ADOPT && task->fd >= 0) {
        close(task->fd);
    }
    pma_message_release(task->message);
    free(task->text);
    free(task->reason);
    free(task);
}
