/* A circuit breaker: after some failures in a row a provider is left alone for a while,
 * then one request at a time may find out whether it is back.
 *
 * Time is passed in, so that the states can be tested without waiting.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CIRCUIT_BREAKER_H
#define PMA_CIRCUIT_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

/* The values are those of the REST API. */
enum pma_circuit {
    PMA_CIRCUIT_CLOSED = 0,    /* requests pass */
    PMA_CIRCUIT_OPEN = 1,      /* none passes */
    PMA_CIRCUIT_HALF_OPEN = 2, /* one passes: the probe */
};

struct pma_breaker {
    uint32_t threshold; /* failures in a row that open it, from 1 */
    uint64_t open_ns;   /* from opening to the first probe */
    uint32_t failures;  /* in a row; at most threshold */
    bool open;
    bool probing;            /* only when open: the probe is on its way */
    uint64_t since_ns;       /* of the present or last opening; CLOCK_MONOTONIC */
    uint64_t last_change_ns; /* of the last failure */
    uint64_t openings;       /* since the start */
};

/* All functions: thread-safety: the caller's lock. They allocate nothing. */

void pma_breaker_init(struct pma_breaker *breaker, uint32_t threshold, uint64_t open_ns);

/* Whether a request may be made now. true: the caller owes exactly one of
 * pma_breaker_succeed, pma_breaker_fail and pma_breaker_give_back. *probe: whether this
 * request is the half-open probe. *retry_after_ns: when false, how long to wait; 0 while
 * a probe runs. */
bool pma_breaker_admit(struct pma_breaker *breaker, uint64_t now_ns, bool *probe,
                       uint64_t *retry_after_ns);

/* The request succeeded. A success of a request that began before the circuit opened does
 * not close it: only the probe's does. */
void pma_breaker_succeed(struct pma_breaker *breaker, bool probe);

/* The request failed. A failed probe opens the circuit for another open_ns. */
void pma_breaker_fail(struct pma_breaker *breaker, uint64_t now_ns, bool probe);

/* The request says nothing about the provider (it was given up, or it was wrong itself):
 * a probe's place becomes free again. */
void pma_breaker_give_back(struct pma_breaker *breaker, bool probe);

/* Forgets failures of a closed circuit that are older than `age_ns`: four failures last
 * week and one today are not five in a row. Returns: whether something was forgotten. */
bool pma_breaker_sweep(struct pma_breaker *breaker, uint64_t now_ns, uint64_t age_ns);

/* The state as the API shows it: open becomes half-open when its time is over. */
enum pma_circuit pma_breaker_state(const struct pma_breaker *breaker, uint64_t now_ns);

#endif
