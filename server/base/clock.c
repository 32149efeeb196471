/* Time as text.
 *
 * Durations follow Go's time.Duration.String(), because the clients of the API were
 * written against it; timestamps are always UTC, so that two log lines compare as
 * strings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define CENTURY_NS ((uint64_t)100 * 365 * 24 * 3600 * PMA_S_NS)

struct timespec pma_monotonic_after(uint64_t ns)
{
    const uint64_t at_ns = pma_now_ns() + (ns < CENTURY_NS ? ns : CENTURY_NS);
    return (struct timespec){
        .tv_sec = (time_t)(at_ns / PMA_S_NS),
        .tv_nsec = (long)(at_ns % PMA_S_NS),
    };
}

static void write_timestamp(const struct timespec *at, char text[PMA_TIMESTAMP_BYTES])
{
    struct tm utc;
    char seconds[24];
    gmtime_r(&at->tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, PMA_TIMESTAMP_BYTES, "%s.%06uZ", seconds,
             (unsigned)(at->tv_nsec / 1000) % 1000000U);
}

void pma_timestamp_now(char text[PMA_TIMESTAMP_BYTES])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    write_timestamp(&now, text);
}

void pma_timestamp_at(uint64_t monotonic_ns, char text[PMA_TIMESTAMP_BYTES])
{
    if (monotonic_ns == 0) {
        text[0] = '\0';
        return;
    }
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    const int64_t wall_ns = (int64_t)wall.tv_sec * (int64_t)PMA_S_NS + wall.tv_nsec;
    const int64_t at_ns = wall_ns - ((int64_t)pma_now_ns() - (int64_t)monotonic_ns);
    const struct timespec at = {
        .tv_sec = (time_t)(at_ns / (int64_t)PMA_S_NS),
        .tv_nsec = (long)(at_ns % (int64_t)PMA_S_NS),
    };
    write_timestamp(&at, text);
}

void pma_duration_text(uint64_t ns, char *text, size_t text_bytes)
{
    const uint64_t total_s = ns / PMA_S_NS;
    const uint64_t hours = total_s / 3600;
    const uint64_t minutes = total_s / 60 % 60;
    const double seconds = (double)(ns - (hours * 60 + minutes) * 60 * PMA_S_NS) / 1e9;

    if (ns == 0) {
        snprintf(text, text_bytes, "0s");
    } else if (ns < 1000) {
        snprintf(text, text_bytes, "%" PRIu64 "ns", ns);
    } else if (ns < PMA_MS_NS) {
        snprintf(text, text_bytes, "%.10gµs", (double)ns / 1e3);
    } else if (ns < PMA_S_NS) {
        snprintf(text, text_bytes, "%.10gms", (double)ns / 1e6);
    } else if (hours > 0) {
        snprintf(text, text_bytes, "%" PRIu64 "h%" PRIu64 "m%.10gs", hours, minutes,
                 seconds);
    } else if (minutes > 0) {
        snprintf(text, text_bytes, "%" PRIu64 "m%.10gs", minutes, seconds);
    } else {
        snprintf(text, text_bytes, "%.10gs", seconds);
    }
}
