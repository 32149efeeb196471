/* The pool.
 *
 * The usual pool connects on the thread of whoever finds it empty. Then the request that
 * comes first after Redis went away waits for the connect timeout, and so does each one
 * after it. Here one thread connects; requests take what is idle, wait a short while for
 * a connection when Redis is up, and get "away" at once when it is not. That state is the
 * circuit breaker: it opens with the first broken connection and closes when the thread
 * has a connection that answered PING. Attempts follow each other at doubled intervals
 * with jitter, so that many backends do not meet a restarted Redis in step; the first
 * one comes at once, because a single broken connection is no outage.
 *
 * I1: only the pool's thread connects, and never under the lock.
 * I2: open = idle + lent + checked, and open <= max_connections.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/redis_pool.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM       "store"
#define CONNECTIONS_MAX 256
#define WHY_BYTES       160
#define NEVER_NS        (3600 * PMA_S_NS)

struct idle_link {
    redisContext *link;
    uint64_t checked_at_ns; /* when it last answered */
};

struct pma_redis_pool {
    struct pma_redis_pool_config config;
    struct pma_worker *worker; /* of the owner thread */
    pthread_mutex_t lock;      /* PMA_LOCK_REDIS; guards all below */
    pthread_cond_t changed;    /* a connection became idle, or the state changed */
    struct idle_link *idle;    /* oldest check first; room for max_connections */
    uint32_t idle_count;
    uint32_t open;    /* I2 */
    uint32_t waiting; /* callers */
    bool is_up, is_stopped;
    bool is_said;         /* that it is away, in the log */
    uint32_t attempts;    /* failed ones since Redis was last up */
    uint64_t next_try_ns; /* while away */
    uint64_t away_since_ns;
    char why[WHY_BYTES]; /* the last failure; "" before the first */
    uint64_t takes, waits, refused_away, refused_busy, connects, connect_failures, broken,
        checks, outages, returns;
};

static bool is_config_valid(const struct pma_redis_pool_config *config)
{
    return config->max_connections >= 1 && config->max_connections <= CONNECTIONS_MAX &&
           config->min_idle <= config->max_connections &&
           config->health_interval_ns >= 1 && config->backoff_min_ns >= 1 &&
           config->backoff_max_ns >= config->backoff_min_ns;
}

int pma_redis_pool_new(const struct pma_redis_pool_config *config,
                       struct pma_redis_pool **pool)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    pthread_condattr_t monotonic;
    if (!is_config_valid(config)) {
        return -EINVAL;
    }
    struct pma_redis_pool *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->away_since_ns = pma_now_ns();
    fresh->idle = calloc(config->max_connections, sizeof *fresh->idle);
    if (fresh->idle == NULL) {
        goto fail_idle;
    }
    if (pthread_mutex_init(&fresh->lock, NULL) != 0) {
        goto fail_lock;
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    const int err = pthread_cond_init(&fresh->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (err != 0) {
        goto fail_changed;
    }
    *pool = fresh;
    return 0;

fail_changed:
    pthread_mutex_destroy(&fresh->lock);
fail_lock:
    free(fresh->idle);
fail_idle:
    free(fresh);
    return -ENOMEM;
}

/* Redis is away from now on. Moves the idle connections to `doomed`, which the caller
 * closes without the lock. Under the lock. Returns: how many. */
static uint32_t go_away(struct pma_redis_pool *pool, const char *why,
                        struct idle_link *doomed)
{
    const uint32_t count = pool->idle_count;
    memcpy(doomed, pool->idle, count * sizeof *doomed);
    pool->idle_count = 0;
    pool->open -= count;
    if (pool->is_up) {
        pool->is_up = false;
        pool->outages++;
        pool->attempts = 0;
        pool->away_since_ns = pma_now_ns();
        pool->next_try_ns = pool->away_since_ns;
    }
    snprintf(pool->why, sizeof pool->why, "%s", why);
    pthread_cond_broadcast(&pool->changed);
    return count;
}

static void close_all(const struct idle_link *doomed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        redisFree(doomed[i].link);
    }
}

/* Says in the log that Redis is away, once per outage. Not under the lock. */
static void say_away(struct pma_redis_pool *pool, const char *why)
{
    pthread_mutex_lock(&pool->lock);
    const bool is_said = pool->is_said || pool->is_stopped;
    pool->is_said = true;
    pthread_mutex_unlock(&pool->lock);
    if (!is_said) {
        pma_log(PMA_LOG_WARN, "Redis is away; the server goes on without its cache",
                pma_str("host", pool->config.address.host),
                pma_u64("port", pool->config.address.port), pma_str("error", why));
    }
}

/* Closes a broken connection that was lent or checked. */
static void bury(struct pma_redis_pool *pool, redisContext *link)
{
    struct idle_link doomed[CONNECTIONS_MAX];
    char why[WHY_BYTES] = "";
    snprintf(why, sizeof why, "%s", pma_redis_link_why(link));
    pthread_mutex_lock(&pool->lock);
    pool->broken++;
    pool->open--;
    const uint32_t count = go_away(pool, why, doomed);
    pthread_mutex_unlock(&pool->lock);
    close_all(doomed, count);
    redisFree(link);
    say_away(pool, why);
}

/* Makes a connection idle. Under the lock. */
static void put_idle(struct pma_redis_pool *pool, redisContext *link)
{
    pool->idle[pool->idle_count++] = (struct idle_link){link, pma_now_ns()};
    pthread_cond_signal(&pool->changed);
}

/* Opens one connection. Returns: whether Redis answered. */
static bool open_one(struct pma_redis_pool *pool)
{
    char why[WHY_BYTES] = "";
    redisContext *link = NULL;
    const int err = pma_redis_link_open(&pool->config.address, &link, why, sizeof why);
    pthread_mutex_lock(&pool->lock);
    const bool is_return = !pool->is_up && !pool->is_stopped;
    const uint64_t away_ns = pma_now_ns() - pool->away_since_ns;
    if (err == 0) {
        pool->connects++;
        pool->open++;
        pool->returns += !pool->is_up;
        pool->is_up = true;
        pool->is_said = false;
        pool->attempts = 0;
        put_idle(pool, link);
        pthread_cond_broadcast(&pool->changed);
    } else {
        pool->connect_failures++;
        pool->attempts++;
        pool->next_try_ns = pma_redis_retry_at_ns(
            pool->config.backoff_min_ns, pool->config.backoff_max_ns, pool->attempts);
        snprintf(pool->why, sizeof pool->why, "%s", why);
    }
    pthread_mutex_unlock(&pool->lock);
    if (err == 0 && is_return) {
        pma_log(PMA_LOG_INFO, "Redis is there",
                pma_str("host", pool->config.address.host),
                pma_u64("port", pool->config.address.port),
                pma_u64("away_ms", away_ns / PMA_MS_NS));
    } else if (err != 0) {
        say_away(pool, why);
    }
    return err == 0;
}

/* Takes the idle connection that is due for a check out of the pool. Returns: NULL when
 * none is due; *due_in_ns is when the next will be. */
static redisContext *take_due(struct pma_redis_pool *pool, uint64_t *due_in_ns)
{
    redisContext *link = NULL;
    const uint64_t now_ns = pma_now_ns();
    *due_in_ns = NEVER_NS;
    pthread_mutex_lock(&pool->lock);
    if (pool->idle_count > 0) {
        const uint64_t due_ns =
            pool->idle[0].checked_at_ns + pool->config.health_interval_ns;
        if (due_ns <= now_ns) {
            link = pool->idle[0].link;
            pool->idle_count--;
            memmove(&pool->idle[0], &pool->idle[1],
                    pool->idle_count * sizeof pool->idle[0]);
            pool->checks++;
        } else {
            *due_in_ns = due_ns - now_ns;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return link;
}

/* Takes one idle connection out that is more than the pool has to keep. */
static redisContext *take_spare(struct pma_redis_pool *pool)
{
    redisContext *link = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->idle_count > pool->config.min_idle && pool->waiting == 0) {
        link = pool->idle[--pool->idle_count].link;
        pool->open--;
    }
    pthread_mutex_unlock(&pool->lock);
    return link;
}

/* PINGs what has been idle for an interval, and closes what is too much.
 * Returns: when the next check is due. */
static uint64_t check_idle(struct pma_redis_pool *pool)
{
    static const char *const ping[] = {"PING"};
    static const size_t ping_bytes[] = {4};
    uint64_t due_in_ns = 0;
    redisContext *link = NULL;
    bool checked = false;
    while ((link = take_due(pool, &due_in_ns)) != NULL) {
        redisReply *reply = pma_redis_link_call(link, 1, ping, ping_bytes);
        freeReplyObject(reply); /* NULL is allowed */
        if (link->err != 0) {
            bury(pool, link);
            return 0;
        }
        pthread_mutex_lock(&pool->lock);
        put_idle(pool, link);
        pthread_mutex_unlock(&pool->lock);
        checked = true;
    }
    while (checked && (link = take_spare(pool)) != NULL) {
        redisFree(link);
    }
    return due_in_ns;
}

/* Whether one more connection is wanted now; *wait_ns is how long not to ask again. */
static bool wants_more(struct pma_redis_pool *pool, uint64_t *wait_ns)
{
    const uint64_t now_ns = pma_now_ns();
    *wait_ns = NEVER_NS;
    pthread_mutex_lock(&pool->lock);
    bool wanted = pool->open < pool->config.max_connections &&
                  (pool->idle_count < pool->config.min_idle ||
                   pool->waiting > pool->idle_count || !pool->is_up);
    if (wanted && pool->attempts > 0 && pool->next_try_ns > now_ns) {
        *wait_ns = pool->next_try_ns - now_ns;
        wanted = false;
    }
    pthread_mutex_unlock(&pool->lock);
    return wanted;
}

static void run_pool(void *arg, struct pma_cancel *cancel)
{
    struct pma_redis_pool *pool = arg;
    uint64_t wait_ns = 0;
    while (!pma_cancel_wait(cancel, wait_ns)) {
        uint64_t retry_ns = 0;
        while (!pma_cancel_requested(cancel) && wants_more(pool, &retry_ns) &&
               open_one(pool)) {
        }
        const uint64_t check_ns = check_idle(pool);
        wants_more(pool, &retry_ns);
        wait_ns = check_ns < retry_ns ? check_ns : retry_ns;
    }
}

int pma_redis_pool_start(struct pma_redis_pool *pool)
{
    const struct pma_worker_spec spec = {
        .name = "redis-pool", .subsystem = SUBSYSTEM, .run = run_pool, .arg = pool};
    return pool->worker != NULL ? -EALREADY : pma_worker_start(&spec, &pool->worker);
}

/* Waits until there is an idle connection. Under the lock. */
static int await_idle(struct pma_redis_pool *pool)
{
    const struct timespec deadline = pma_monotonic_after(pool->config.wait_limit_ns);
    int err = 0;
    pool->waits++;
    pool->waiting++;
    pma_worker_wake(pool->worker);
    while (err == 0 && pool->idle_count == 0 && pool->is_up && !pool->is_stopped) {
        err = pthread_cond_timedwait(&pool->changed, &pool->lock, &deadline);
    }
    pool->waiting--;
    if (pool->idle_count > 0) {
        return 0;
    }
    if (pool->is_stopped) {
        return -ESHUTDOWN;
    }
    return pool->is_up ? -ETIMEDOUT : -EAGAIN;
}

int pma_redis_pool_take(struct pma_redis_pool *pool, redisContext **link)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    int err = 0;
    pthread_mutex_lock(&pool->lock);
    if (pool->is_stopped) {
        err = -ESHUTDOWN;
    } else if (!pool->is_up) {
        err = -EAGAIN;
    } else if (pool->idle_count == 0) {
        err = await_idle(pool);
    }
    if (err == 0) {
        *link = pool->idle[--pool->idle_count].link; /* the newest: the others age */
        pool->takes++;
        if (pool->idle_count < pool->config.min_idle &&
            pool->open < pool->config.max_connections) {
            pma_worker_wake(pool->worker);
        }
    }
    pool->refused_away += err == -EAGAIN;
    pool->refused_busy += err == -ETIMEDOUT;
    pthread_mutex_unlock(&pool->lock);
    return err;
}

void pma_redis_pool_give(struct pma_redis_pool *pool, redisContext *link)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    const bool is_broken = link->err != 0;
    if (is_broken) {
        bury(pool, link);
    }
    pthread_mutex_lock(&pool->lock);
    const bool is_stopped = pool->is_stopped;
    const bool is_late = is_stopped && !is_broken;
    if (is_late) {
        pool->open--;
    } else if (!is_broken) {
        put_idle(pool, link);
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_late) {
        redisFree(link);
    } else if (is_broken && !is_stopped) {
        pma_worker_wake(pool->worker);
    }
}

bool pma_redis_pool_is_up(struct pma_redis_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const bool is_up = pool->is_up;
    pthread_mutex_unlock(&pool->lock);
    return is_up;
}

uint64_t pma_redis_pool_returns(struct pma_redis_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const uint64_t returns = pool->returns;
    pthread_mutex_unlock(&pool->lock);
    return returns;
}

void pma_redis_pool_count(struct pma_redis_pool *pool, uint32_t *open, uint32_t *lent)
{
    pthread_mutex_lock(&pool->lock);
    *open = pool->open;
    *lent = pool->open - pool->idle_count;
    pthread_mutex_unlock(&pool->lock);
}

bool pma_redis_pool_is_spent(struct pma_redis_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const bool is_spent =
        pool->idle_count == 0 && pool->open == pool->config.max_connections;
    pthread_mutex_unlock(&pool->lock);
    return is_spent;
}

json_t *pma_redis_pool_stats_json(struct pma_redis_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const char *state = pool->is_stopped ? "stopped" : pool->is_up ? "up" : "away";
    json_t *stats = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s*}", "state", state, "host",
        pool->config.address.host, "port", (json_int_t)pool->config.address.port,
        "pool_size", (json_int_t)pool->config.max_connections, "min_idle_conns",
        (json_int_t)pool->config.min_idle, "open", (json_int_t)pool->open, "idle",
        (json_int_t)pool->idle_count, "lent", (json_int_t)(pool->open - pool->idle_count),
        "waiting", (json_int_t)pool->waiting, "last_error",
        pool->why[0] != '\0' ? pool->why : NULL);
    json_t *counters = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "takes", (json_int_t)pool->takes,
        "waits", (json_int_t)pool->waits, "refused_away", (json_int_t)pool->refused_away,
        "refused_busy", (json_int_t)pool->refused_busy, "connects",
        (json_int_t)pool->connects, "connect_failures",
        (json_int_t)pool->connect_failures, "broken", (json_int_t)pool->broken, "checks",
        (json_int_t)pool->checks, "outages", (json_int_t)pool->outages);
    pthread_mutex_unlock(&pool->lock);
    json_object_update_missing(stats, counters);
    json_decref(counters);
    return stats;
}

int pma_redis_pool_stop(struct pma_redis_pool *pool, uint64_t timeout_ns)
{
    struct idle_link doomed[CONNECTIONS_MAX];
    pthread_mutex_lock(&pool->lock);
    pool->is_stopped = true;
    pool->is_up = false;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    const int err = pma_worker_stop(pool->worker, timeout_ns);
    if (err != 0) {
        return err;
    }
    pool->worker = NULL;
    pthread_mutex_lock(&pool->lock);
    const uint32_t count = go_away(pool, "", doomed);
    pthread_mutex_unlock(&pool->lock);
    close_all(doomed, count);
    return 0;
}

void pma_redis_pool_free(struct pma_redis_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->idle);
    free(pool);
}
