/* The backplane: messages between the backends that share one Redis.
 *
 * It carries what happened (a client's event), never what is: a message is published
 * once, and a backend that is not connected at that moment misses it. Misses are counted,
 * because each sender numbers its messages. While Redis is away, messages wait in a
 * bounded queue and go out when it is back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_BACKPLANE_H
#define PMA_BACKPLANE_H

#include "server/store/redis_link.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_BACKPLANE_CHANNELS_MAX 8

struct pma_backplane;

struct pma_backplane_config {
    struct pma_redis_address address; /* its texts are borrowed until free */
    const char *key_prefix;           /* before the channels' names; borrowed likewise */
    uint32_t max_queue_messages;      /* one more drops the oldest; from 1 */
    uint32_t max_message_bytes;       /* in both directions; from 1 */
    uint64_t health_interval_ns; /* of silence, until Redis is asked whether it is there;
                                    from 1 ms */
    uint64_t backoff_min_ns, backoff_max_ns; /* between attempts to connect */
};

/* Takes one message of another backend. body: borrowed during the call, an object, any
 * content. Called on the backplane's thread. Returns: whether it was what it should be;
 * the others are counted as malformed. */
typedef bool pma_backplane_handler(void *arg, const json_t *body);

/* Makes a backplane; connects nothing. backplane: out. Returns: 0; -EINVAL; -ENOMEM;
 * -EMFILE. Thread-safety: any thread. Allocates. */
int pma_backplane_new(const struct pma_backplane_config *config,
                      struct pma_backplane **backplane);

/* Listens to a channel. channel: a string literal of letters. arg: borrowed until stop.
 * Returns: 0; -ENOSPC. Thread-safety: owner thread, before start. */
int pma_backplane_listen(struct pma_backplane *backplane, const char *channel,
                         pma_backplane_handler *handler, void *arg);

/* Starts the thread. Redis need not be there. Returns: 0; as pma_worker_start.
 * Thread-safety: owner thread. */
int pma_backplane_start(struct pma_backplane *backplane);

/* Queues a message for the listeners of `channel` in all other backends; never for our
 * own. backplane: NULL does nothing (there is no other backend). body: borrowed, an
 * object. What is too large, or the oldest of a full queue, is dropped and counted.
 * Thread-safety: any thread, takes PMA_LOCK_BACKPLANE; never waits for Redis. Allocates.
 */
void pma_backplane_publish(struct pma_backplane *backplane, const char *channel,
                           const json_t *body);

/* How often Redis has confirmed that we listen: 1 for the first time, one more after each
 * outage. From then on nothing is missed until the next. NULL gives 0. Thread-safety: any
 * thread. */
uint64_t pma_backplane_returns(struct pma_backplane *backplane);

/* Messages that wait to be published. NULL gives 0. Thread-safety: any thread. */
uint32_t pma_backplane_waiting(struct pma_backplane *backplane);

/* Statistics; owned by the caller, NULL without memory. Thread-safety: any thread. */
json_t *pma_backplane_stats_json(struct pma_backplane *backplane);

/* Publishes what waits, if Redis is there, and joins the thread. NULL is allowed.
 * Returns: as pma_worker_stop. Thread-safety: owner thread. */
int pma_backplane_stop(struct pma_backplane *backplane, uint64_t timeout_ns);

/* Frees a stopped backplane. NULL is allowed. Thread-safety: owner thread, when no other
 * uses it. */
void pma_backplane_free(struct pma_backplane *backplane);

#endif
