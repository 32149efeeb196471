/* What the micro-programs share: arguments, clocks, and the one line that they print.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_BENCH_MICRO_H
#define SEEP_BENCH_MICRO_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock. Thread-safety: any thread. */
uint64_t bench_clock_ns(clockid_t clock);

/* The number in argv[at]; exits with a message when it is missing or none. */
unsigned long bench_argument(int argc, char **argv, int at, const char *name);

/* The next of a fixed sequence of random numbers. state: the caller's, not 0. */
uint32_t bench_random(uint32_t *state);

/* Exits with a message when a call of ours failed. */
void bench_need(int is_right, const char *what);

/* Prints {"name":value} as one line, and flushes. */
void bench_print(const char *name, double value);

/* Prints {"ready":1}: whoever measures may look now. Then waits until standard input
 * ends; meanwhile, every 100 ms, calls `meanwhile` unless NULL. */
void bench_wait_for_end(void (*meanwhile)(void));

#endif
