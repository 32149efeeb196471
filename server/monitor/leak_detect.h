/* Leaks, as the history of snapshots shows them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LEAK_DETECT_H
#define PMA_LEAK_DETECT_H

#include "server/monitor/memory_sample.h"

#include <stddef.h>
#include <stdint.h>

/* X(ID, value, "type", "resource") */
#define PMA_LEAKS(X)                                                                     \
    X(GOROUTINE_LEAK, 1, "goroutine_leak", "thread")                                     \
    X(GOROUTINE_EXPLOSION, 2, "goroutine_explosion", "thread")                           \
    X(HEAP_GROWTH, 3, "heap_growth_leak", "heap")                                        \
    X(HEAP_LINEAR, 4, "heap_linear_growth", "heap")                                      \
    X(HEAP_EXPONENTIAL, 5, "heap_exponential_growth", "heap")                            \
    X(RATE_SPIKE, 6, "allocation_rate_spike", "heap")                                    \
    X(GC_INEFFICIENCY, 7, "gc_inefficiency", "heap")                                     \
    X(FD_LEAK, 8, "fd_leak", "fd")                                                       \
    X(TIMER_LEAK, 9, "timer_leak", "timer")                                              \
    X(QUEUE_GROWTH, 10, "queue_growth", "queue")

enum pma_leak_type {
    PMA_LEAK_NONE = 0,
#define PMA_LEAK_VALUE(id, value, type, resource) PMA_LEAK_##id = (value),
    PMA_LEAKS(PMA_LEAK_VALUE)
#undef PMA_LEAK_VALUE
        PMA_LEAK_END
};

enum pma_severity {
    PMA_SEVERITY_NONE = 0,
    PMA_SEVERITY_LOW = 1,
    PMA_SEVERITY_MEDIUM = 2,
    PMA_SEVERITY_HIGH = 3,
    PMA_SEVERITY_CRITICAL = 4,
};

struct pma_leak {
    enum pma_leak_type type;
    enum pma_severity severity;
    uint64_t size;     /* what has grown: bytes of heap (or bytes per s), else a number */
    double from, to;   /* the values between which it grew */
    uint64_t since_ns; /* CLOCK_MONOTONIC: of the first snapshot that shows it */
};

/* What the rules look at. */
struct pma_leak_evidence {
    const struct pma_memory_snapshot *history; /* oldest first; borrowed */
    size_t history_count;
    uint32_t baseline_goroutines; /* threads when the server was warm */
    uint64_t collections;         /* so far */
    uint64_t last_released_bytes; /* by the last collection */
};

/* Applies every rule. leaks: room for PMA_LEAK_END, out; each type at most once.
 * Returns: how many. Thread-safety: pure. Cost: O(history).
 *
 * goroutine_explosion: more than 100 (medium), 200 (high), 300 (critical) threads above
 * the baseline. heap_growth_leak: the last 10 snapshots grew by more than 50 % (medium),
 * 100 % (high), 200 % (critical), and at least 70 % of the steps were up.
 * heap_linear_growth, heap_exponential_growth: of 20 snapshots or more, a line through
 * the values, or their logarithms, explains 95 % of their variance, over a growth by 10 %
 * (low) or doubling (medium; exponential: high). allocation_rate_spike: the last rate is
 * above twice the mean of those before, and above 1 MiB/s. gc_inefficiency: at 80 % of
 * the allowed memory the last collection gave back less than 1 %. goroutine_leak,
 * fd_leak, timer_leak, queue_growth: the last 10 snapshots grew by 5 or more, never by
 * falling, at least half of the steps up. Source: the rules of the first implementation;
 * the last line and the floors are ours. */
size_t pma_leaks_detect(const struct pma_leak_evidence *evidence,
                        struct pma_leak leaks[PMA_LEAK_END]);

/* "heap_growth_leak", "heap"; "low" ... "critical". Thread-safety: pure. */
const char *pma_leak_type_name(enum pma_leak_type type);
const char *pma_leak_resource_name(enum pma_leak_type type);
const char *pma_severity_name(enum pma_severity severity);

#endif
