/* A pool of connections to one Redis. Requests borrow a connection for one command; a
 * Redis that is away costs them nothing, because they never connect themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_REDIS_POOL_H
#define PMA_REDIS_POOL_H

#include "server/store/redis_link.h"

#include <jansson.h>
#include <stdbool.h>

struct pma_redis_pool;

struct pma_redis_pool_config {
    struct pma_redis_address address; /* its texts are borrowed until pool_free */
    uint32_t max_connections;         /* 1..256 */
    uint32_t min_idle;                /* kept open for the next caller; up to the max */
    uint64_t wait_limit_ns;           /* a caller's wait for a connection */
    uint64_t health_interval_ns; /* between two PINGs of an idle connection; from 1 */
    uint64_t backoff_min_ns;     /* after the first failed attempt to connect */
    uint64_t backoff_max_ns;     /* doubled each time, up to this */
};

/* Makes a pool; connects nothing. config: copied. pool: out, owned by the caller, given
 * back with pma_redis_pool_free. Returns: 0; -EINVAL: a limit out of range; -ENOMEM.
 * Thread-safety: any thread. Allocates. */
int pma_redis_pool_new(const struct pma_redis_pool_config *config,
                       struct pma_redis_pool **pool);

/* Starts the thread that connects, checks and reconnects. Redis need not be there.
 * Returns: 0; -EALREADY; as pma_worker_start. Thread-safety: owner thread. */
int pma_redis_pool_start(struct pma_redis_pool *pool);

/* Borrows a connection.
 *
 * link: out, given back with pma_redis_pool_give by the same thread.
 * Returns: 0; -EAGAIN: Redis is away, told at once; -ETIMEDOUT: all connections are in
 * use and none came back within wait_limit; -ESHUTDOWN: stopped. Thread-safety: any
 * thread, takes PMA_LOCK_REDIS. */
int pma_redis_pool_take(struct pma_redis_pool *pool, redisContext **link);

/* Gives a connection back. One with link->err set is closed, and Redis counts as away
 * until the pool's thread has reached it again. Thread-safety: any thread. */
void pma_redis_pool_give(struct pma_redis_pool *pool, redisContext *link);

/* Whether Redis answered last. Thread-safety: any thread. */
bool pma_redis_pool_is_up(struct pma_redis_pool *pool);

/* How often Redis was found: 1 for the first time, one more after each outage.
 * Thread-safety: any thread. */
uint64_t pma_redis_pool_returns(struct pma_redis_pool *pool);

/* Connections that exist now, and those of them that callers hold.
 * Thread-safety: any thread. */
void pma_redis_pool_count(struct pma_redis_pool *pool, uint32_t *open, uint32_t *lent);

/* Whether every connection that there may be is lent. Thread-safety: any thread. */
bool pma_redis_pool_is_spent(struct pma_redis_pool *pool);

/* Statistics: state "up"|"away"|"stopped", connections and counters since the start.
 * Owned by the caller, NULL without memory. Thread-safety: any thread. Allocates. */
json_t *pma_redis_pool_stats_json(struct pma_redis_pool *pool);

/* Closes what is idle, refuses callers and joins the thread. Returns: 0; -ETIMEDOUT as
 * pma_worker_stop; stop may be called again then. Thread-safety: owner thread. */
int pma_redis_pool_stop(struct pma_redis_pool *pool, uint64_t timeout_ns);

/* Frees a stopped pool. NULL is allowed. Thread-safety: owner thread, when no other uses
 * it and every connection is given back. */
void pma_redis_pool_free(struct pma_redis_pool *pool);

#endif
