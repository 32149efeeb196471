/* A rate limiter with a sliding window: at most so many requests and tokens within any
 * window of the configured length.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_RATE_WINDOW_H
#define PMA_RATE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define PMA_RATE_SLOTS 31

struct pma_rate_window {
    uint64_t window_ns;
    uint64_t max_requests; /* 0: no limit */
    uint64_t max_tokens;   /* 0: no limit */
    struct {
        uint64_t number; /* of the slot since time 0, plus 1; 0: never used */
        uint64_t requests, tokens;
    } slots[PMA_RATE_SLOTS];
    uint64_t refused; /* since the start */
};

/* All functions: thread-safety: the caller's lock. Cost: O(PMA_RATE_SLOTS). */

void pma_rate_window_init(struct pma_rate_window *window, uint64_t window_ns,
                          uint64_t max_requests, uint64_t max_tokens);

/* Counts a request of `tokens` (an estimate) when both limits allow it.
 * Returns: whether; if not, *retry_after_ns is when the oldest slot leaves the window. A
 * request larger than max_tokens passes when the window has no tokens in it: it could
 * never be made otherwise. */
bool pma_rate_window_admit(struct pma_rate_window *window, uint64_t now_ns,
                           uint64_t tokens, uint64_t *retry_after_ns);

/* Corrects the estimate after the answer: `tokens` more were used. */
void pma_rate_window_charge(struct pma_rate_window *window, uint64_t now_ns,
                            uint64_t tokens);

/* What is in the window now. */
void pma_rate_window_read(const struct pma_rate_window *window, uint64_t now_ns,
                          uint64_t *requests, uint64_t *tokens);

/* Empties slots that left the window. Returns: how many. */
uint32_t pma_rate_window_sweep(struct pma_rate_window *window, uint64_t now_ns);

#endif
