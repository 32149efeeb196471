/* Time for the server: one monotonic clock for intervals, RFC 3339 text for people.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CLOCK_H
#define PMA_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define PMA_MS_NS ((uint64_t)1000000)
#define PMA_S_NS  ((uint64_t)1000000000)

/* Room for "2026-11-23T21:19:03.123456Z" and the final NUL. */
#define PMA_TIMESTAMP_BYTES 32

/* Nanoseconds of CLOCK_MONOTONIC. Thread-safety: any thread; async-signal-safe. */
static inline uint64_t pma_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * PMA_S_NS + (uint64_t)now.tv_nsec;
}

/* The instant `ns` after now as pthread_cond_timedwait and pthread_clockjoin_np want it.
 * A wait of more than a century is shortened to one. Thread-safety: any thread. */
struct timespec pma_monotonic_after(uint64_t ns);

/* Writes the present UTC time as RFC 3339 with microseconds. Thread-safety: any thread.
 */
void pma_timestamp_now(char text[PMA_TIMESTAMP_BYTES]);

/* Writes the UTC instant at which CLOCK_MONOTONIC showed `monotonic_ns`, to the second
 * adjustments of the wall clock since then; 0 gives an empty string.
 * Thread-safety: any thread. */
void pma_timestamp_at(uint64_t monotonic_ns, char text[PMA_TIMESTAMP_BYTES]);

/* Writes a duration as the REST API speaks it: "250ms", "30s", "5m0s", "1h0m0s".
 * Thread-safety: pure. */
void pma_duration_text(uint64_t ns, char *text, size_t text_bytes);

#endif
