/* One connection to Redis, with a limit on every wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_REDIS_LINK_H
#define PMA_REDIS_LINK_H

#include <hiredis.h>
#include <stddef.h>
#include <stdint.h>

/* Texts are borrowed: whoever keeps the address keeps them alive. */
struct pma_redis_address {
    const char *host;     /* a name or a numeric address */
    const char *password; /* "": none; never written to a log */
    uint32_t port;
    uint32_t db;
    uint64_t connect_timeout_ns;
    uint64_t command_timeout_ns;
};

/* Connects, authenticates and selects the database.
 *
 * link: out, given back with redisFree. why: out on error, a text of up to why_bytes for
 * the log, without the password.
 * Returns: 0; -ENOMEM; -EACCES: Redis refuses the password; -EPROTO: it answers otherwise
 * than Redis does, or has not that database; -ETIMEDOUT; -ECONNREFUSED and what else the
 * system says. Thread-safety: any thread. Allocates. Cost: up to connect_timeout and
 * three times command_timeout; a host name is looked up first, without a limit of ours.
 */
int pma_redis_link_open(const struct pma_redis_address *address, redisContext **link,
                        char *why, size_t why_bytes);

/* Sends one command and reads its reply.
 * Returns: the reply, given back with freeReplyObject, an error reply included; NULL:
 * the link is broken (link->errstr says how) and can only be freed. Thread-safety: one
 * thread at a time per link. */
redisReply *pma_redis_link_call(redisContext *link, int argc, const char *const argv[],
                                const size_t argv_bytes[]);

/* What broke a link, for the log. Borrowed from the link. Thread-safety: as call. */
const char *pma_redis_link_why(const redisContext *link);

/* When to try again after `attempts` failures in a row (from 1): an instant of
 * CLOCK_MONOTONIC, by pma_backoff_ns. Thread-safety: any thread. */
uint64_t pma_redis_retry_at_ns(uint64_t min_ns, uint64_t max_ns, uint32_t attempts);

#endif
