/* Where other threads leave work for the hub's service thread. Bounded; putting never
 * waits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_INBOX_H
#define PMA_HUB_INBOX_H

#include "server/hub/hub_message.h"

#include <netinet/in.h>
#include <pthread.h>

enum pma_task_kind {
    PMA_TASK_ADOPT = 1,      /* a socket to serve */
    PMA_TASK_SEND = 2,       /* a message to fan out */
    PMA_TASK_DISCONNECT = 3, /* a client to close */
    PMA_TASK_SEND_TO = 4,    /* a message for one client; bounded as SEND */
    PMA_TASK_PING = 5,       /* a client to ping now */
};

struct pma_task {
    struct pma_task *next;
    enum pma_task_kind kind;
    int fd;                         /* ADOPT: owned, -1 once taken */
    char address[INET6_ADDRSTRLEN]; /* ADOPT: of the peer, numeric */
    struct pma_message *message;    /* SEND, SEND_TO: one reference, NULL once taken */
    char *text;   /* SEND: packed topics (pma_topic_pack) or NULL for all; others: client
                     id; owned */
    char *reason; /* DISCONNECT: or NULL; owned */
};

struct pma_task_list {
    struct pma_task *first, **last;
    uint32_t count;
};

struct pma_inbox {
    pthread_mutex_t mutex; /* leaf lock: nothing is locked and nothing called under it */
    struct pma_task_list sends;
    struct pma_task_list orders; /* ADOPT, DISCONNECT and PING */
    uint32_t sends_max;
    uint32_t orders_max;
    bool is_closed;
    uint64_t dropped; /* SEND tasks thrown away because newer ones came */
};

/* Returns: 0, or the error of the mutex. Limits from 1. */
int pma_inbox_init(struct pma_inbox *inbox, uint32_t sends_max, uint32_t orders_max);
/* Frees what still waits: closes sockets, releases messages. Thread-safety: owner thread.
 */
void pma_inbox_fini(struct pma_inbox *inbox);

/* Takes `task` in. Returns: 0; -EAGAIN when too many orders wait; -ESHUTDOWN once closed
 * (the task stays the caller's). Too many SEND tasks: the oldest goes, counted.
 * Thread-safety: any thread. */
int pma_inbox_put(struct pma_inbox *inbox, struct pma_task *task);

/* Takes out up to `orders_max` orders, then up to `sends_max` messages, each in the order
 * of arrival; NULL for none. is_more (out): whether something was left.
 * Thread-safety: any thread. */
struct pma_task *pma_inbox_take(struct pma_inbox *inbox, uint32_t orders_max,
                                uint32_t sends_max, bool *is_more);

/* From now on pma_inbox_put refuses. Thread-safety: any thread. */
void pma_inbox_close(struct pma_inbox *inbox);

/* How many messages were dropped, and how many wait. Thread-safety: any thread. */
void pma_inbox_figures(struct pma_inbox *inbox, uint64_t *dropped, uint32_t *waiting);

/* Frees a task with whatever it still owns. NULL is allowed. */
void pma_task_free(struct pma_task *task);

#endif
