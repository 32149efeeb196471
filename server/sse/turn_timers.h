/* Fault F29: a new timer per turn of a loop, never cancelled.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_TURN_TIMERS_H
#define PMA_TURN_TIMERS_H

#include <stdint.h>

/* Makes a timer of the kernel that ends after `interval_ns`, when F29 is on and below its
 * limit. interval_ns 0: it never ends. Thread-safety: any thread, takes
 * PMA_LOCK_TURN_TIMERS. Allocates. */
void pma_turn_timer_make(uint64_t interval_ns);

/* Frees the timers that have ended: what a garbage collector would do. Returns: when the
 * next one ends, CLOCK_MONOTONIC; UINT64_MAX: none. Thread-safety: any thread. Cost:
 * O(timers that have ended). */
uint64_t pma_turn_timers_reap(void);

/* How many there are. Thread-safety: any thread. */
uint32_t pma_turn_timer_count(void);

#endif
