/* How long to wait before a request is tried again: exponential, with jitter.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_BACKOFF_H
#define PMA_BACKOFF_H

#include <stdint.h>

/* The wait before retry number `attempt` (from 0): half of min(most, first * 2^attempt)
 * for certain, and a random share of the other half. random: any 32 bits; the same bits
 * give the same wait. first_ns <= most_ns. Thread-safety: pure.
 * Source: "equal jitter", M. Brooker, Exponential Backoff And Jitter, 2015: callers that
 * failed together do not come back together, and none comes back at once. */
uint64_t pma_backoff_ns(uint64_t first_ns, uint64_t most_ns, uint32_t attempt,
                        uint32_t random);

#endif
