/* The access log: successes in summary, everything else at once.
 *
 * A reply with status 200 is counted under its method and route; each 100 of them, and
 * each minute, one line per method and route says how many there were and how long they
 * took. Every other reply has its own line. No line has a query, a header or a body:
 * there may be secrets in them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ACCESS_LOG_H
#define PMA_ACCESS_LOG_H

#include "server/rest/exchange.h"

#include <stdint.h>

struct pma_access_log;

struct pma_access_log_config {
    uint32_t
        batch_requests; /* successes in one summary; 1: each at once; 0: none is told */
    uint64_t batch_ns;  /* and the age of the oldest of them */
};

struct pma_access_log_stats {
    uint32_t waiting; /* successes that no line has told yet */
    uint32_t rows;    /* methods and routes among them */
    uint64_t flushes;
    uint64_t raw_paths; /* URLs that fault F33 keeps */
};

/* Returns: 0; -ENOMEM. Thread-safety: any thread. Allocates: all that it ever needs. */
int pma_access_log_new(const struct pma_access_log_config *config,
                       struct pma_access_log **log);

/* Tells what waits and frees it; what F33 keeps stays. NULL is allowed.
 * Thread-safety: owner thread. */
void pma_access_log_free(struct pma_access_log *log);

/* Takes one reply. Thread-safety: any thread. Allocates: nothing, without F33. */
void pma_access_log_add(struct pma_access_log *log, const struct pma_request *request,
                        unsigned status, uint64_t took_ns);

/* Tells what has waited long enough. Thread-safety: any thread. */
void pma_access_log_sweep(struct pma_access_log *log);

/* Fills *stats. Thread-safety: any thread. */
void pma_access_log_stats_read(struct pma_access_log *log,
                               struct pma_access_log_stats *stats);

/* F33 by itself: a reply to a path that was never asked for before. log: struct
 * pma_access_log. Thread-safety: any thread. */
void pma_access_log_simulate(void *log);

#endif
