/* Rules of thumb over the last hundred snapshots.
 *
 * They see totals alone and cannot tell a cache that fills from a leak: that takes ages
 * of blocks per call site, which is what Seep's analyzer looks at. What they are good for
 * is to say early that somebody should look; the call sites that grew are put beside them
 * by whoever reports.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/leak_detect.h"

#include <math.h>
#include <stdbool.h>

#define WINDOW          10
#define UP_PERCENT      70
#define LINE_LEAST      20
#define LINE_EXPLAINED  0.95
#define SPIKE_RATIO     2.0
#define SPIKE_FLOOR     (1024.0 * 1024.0)
#define GROWTH_LEAST    5
#define EXPLOSION_LEAST 100

static const struct {
    const char *type, *resource;
} names[PMA_LEAK_END] = {[PMA_LEAK_NONE] = {"none", "none"},
#define PMA_LEAK_NAME(id, value, type, resource) [PMA_LEAK_##id] = {type, resource},
                         PMA_LEAKS(PMA_LEAK_NAME)
#undef PMA_LEAK_NAME
};

static const char *const severities[] = {"none", "low", "medium", "high", "critical"};

const char *pma_leak_type_name(enum pma_leak_type type)
{
    return names[type < PMA_LEAK_END ? type : PMA_LEAK_NONE].type;
}

const char *pma_leak_resource_name(enum pma_leak_type type)
{
    return names[type < PMA_LEAK_END ? type : PMA_LEAK_NONE].resource;
}

const char *pma_severity_name(enum pma_severity severity)
{
    return severities[severity <= PMA_SEVERITY_CRITICAL ? severity : PMA_SEVERITY_NONE];
}

/* Where findings go. */
struct findings {
    struct pma_leak *leaks;
    size_t count;
};

typedef double value_of(const struct pma_memory_snapshot *snapshot);

static double heap_of(const struct pma_memory_snapshot *snapshot)
{
    return (double)snapshot->heap_alloc;
}

static double threads_of(const struct pma_memory_snapshot *snapshot)
{
    return snapshot->goroutines;
}

static double fds_of(const struct pma_memory_snapshot *snapshot)
{
    return snapshot->fds;
}

static double timers_of(const struct pma_memory_snapshot *snapshot)
{
    return snapshot->timers;
}

static double queue_of(const struct pma_memory_snapshot *snapshot)
{
    return (double)snapshot->queue_items;
}

static void add(struct findings *findings, enum pma_leak_type type,
                enum pma_severity severity, double from, double to, uint64_t since_ns)
{
    findings->leaks[findings->count++] = (struct pma_leak){
        .type = type,
        .severity = severity,
        .size = to > from ? (uint64_t)(to - from) : 0,
        .from = from,
        .to = to,
        .since_ns = since_ns,
    };
}

/* medium, high, critical above the three bounds. */
static enum pma_severity grade(double value, double medium, double high, double critical)
{
    if (value > critical) {
        return PMA_SEVERITY_CRITICAL;
    }
    if (value > high) {
        return PMA_SEVERITY_HIGH;
    }
    return value > medium ? PMA_SEVERITY_MEDIUM : PMA_SEVERITY_LOW;
}

static void find_explosion(const struct pma_leak_evidence *evidence,
                           struct findings *findings)
{
    const struct pma_memory_snapshot *last =
        &evidence->history[evidence->history_count - 1];
    const double above = (double)last->goroutines - (double)evidence->baseline_goroutines;
    if (above > EXPLOSION_LEAST) {
        add(findings, PMA_LEAK_GOROUTINE_EXPLOSION,
            grade(above, EXPLOSION_LEAST, 2.0 * EXPLOSION_LEAST, 3.0 * EXPLOSION_LEAST),
            evidence->baseline_goroutines, last->goroutines, evidence->history->at_ns);
    }
}

/* Steps up and down among the last WINDOW snapshots. */
static const struct pma_memory_snapshot *window(const struct pma_leak_evidence *evidence,
                                                value_of *value, unsigned *up,
                                                unsigned *down)
{
    const struct pma_memory_snapshot *first =
        &evidence->history[evidence->history_count - WINDOW];
    *up = *down = 0;
    for (size_t i = 1; i < WINDOW; i++) {
        *up += value(&first[i]) > value(&first[i - 1]);
        *down += value(&first[i]) < value(&first[i - 1]);
    }
    return first;
}

static void find_heap_growth(const struct pma_leak_evidence *evidence,
                             struct findings *findings)
{
    unsigned up = 0;
    unsigned down = 0;
    const struct pma_memory_snapshot *first = window(evidence, heap_of, &up, &down);
    const double from = heap_of(&first[0]);
    const double to = heap_of(&first[WINDOW - 1]);
    const double growth = from > 0 ? to / from - 1 : 0;
    if (growth > 0.5 && up * 100 >= UP_PERCENT * (WINDOW - 1)) {
        add(findings, PMA_LEAK_HEAP_GROWTH, grade(growth, 0.5, 1, 2), from, to,
            first->at_ns);
    }
}

/* Things that come in whole numbers: growth without a fall. */
static void find_steps(const struct pma_leak_evidence *evidence, value_of *value,
                       enum pma_leak_type type, struct findings *findings)
{
    unsigned up = 0;
    unsigned down = 0;
    const struct pma_memory_snapshot *first = window(evidence, value, &up, &down);
    const double from = value(&first[0]);
    const double to = value(&first[WINDOW - 1]);
    if (to - from >= GROWTH_LEAST && down == 0 && up * 2 >= WINDOW - 1) {
        add(findings, type, grade(to - from, 20, 100, 500), from, to, first->at_ns);
    }
}

/* How much of the variance of `value` a straight line over time explains, 0..1. */
static double explained(const struct pma_leak_evidence *evidence, bool logarithm,
                        double *slope)
{
    const double n = (double)evidence->history_count;
    const double origin = (double)evidence->history->at_ns;
    double sum_t = 0;
    double sum_y = 0;
    double sum_tt = 0;
    double sum_ty = 0;
    double sum_yy = 0;
    for (size_t i = 0; i < evidence->history_count; i++) {
        const double t = ((double)evidence->history[i].at_ns - origin) / 1e9;
        const double heap = heap_of(&evidence->history[i]);
        const double y = logarithm ? log(heap > 1 ? heap : 1) : heap;
        sum_t += t;
        sum_y += y;
        sum_tt += t * t;
        sum_ty += t * y;
        sum_yy += y * y;
    }
    const double var_t = sum_tt - sum_t * sum_t / n;
    const double var_y = sum_yy - sum_y * sum_y / n;
    const double both = sum_ty - sum_t * sum_y / n;
    *slope = var_t > 0 ? both / var_t : 0;
    return var_t > 0 && var_y > 0 ? both * both / (var_t * var_y) : 0;
}

static void find_lines(const struct pma_leak_evidence *evidence,
                       struct findings *findings)
{
    const struct pma_memory_snapshot *first = &evidence->history[0];
    const struct pma_memory_snapshot *last =
        &evidence->history[evidence->history_count - 1];
    double slope = 0;
    double log_slope = 0;
    const double straight = explained(evidence, false, &slope);
    const double bent = explained(evidence, true, &log_slope);
    const double from = heap_of(first);
    const double to = heap_of(last);
    const bool doubled = to >= 2 * from;
    if (bent >= LINE_EXPLAINED && bent > straight && log_slope > 0 && doubled) {
        add(findings, PMA_LEAK_HEAP_EXPONENTIAL, PMA_SEVERITY_HIGH, from, to,
            first->at_ns);
    } else if (straight >= LINE_EXPLAINED && slope > 0 && to > 1.1 * from) {
        add(findings, PMA_LEAK_HEAP_LINEAR,
            doubled ? PMA_SEVERITY_MEDIUM : PMA_SEVERITY_LOW, from, to, first->at_ns);
    }
}

/* Bytes allocated per second between two snapshots. */
static double rate_between(const struct pma_memory_snapshot *before,
                           const struct pma_memory_snapshot *after)
{
    const double elapsed_s = ((double)after->at_ns - (double)before->at_ns) / 1e9;
    return elapsed_s > 0 && after->heap_total > before->heap_total
               ? (double)(after->heap_total - before->heap_total) / elapsed_s
               : 0;
}

static void find_spike(const struct pma_leak_evidence *evidence,
                       struct findings *findings)
{
    const size_t count = evidence->history_count;
    const struct pma_memory_snapshot *history = evidence->history;
    const double mean = rate_between(&history[0], &history[count - 2]);
    const double last = rate_between(&history[count - 2], &history[count - 1]);
    if (last > SPIKE_FLOOR && last > SPIKE_RATIO * mean) {
        add(findings, PMA_LEAK_RATE_SPIKE, PMA_SEVERITY_MEDIUM, mean, last,
            history[count - 2].at_ns);
    }
}

static void find_inefficiency(const struct pma_leak_evidence *evidence,
                              struct findings *findings)
{
    const struct pma_memory_snapshot *last =
        &evidence->history[evidence->history_count - 1];
    if (evidence->collections > 0 && last->memory_usage_percent >= 80 &&
        evidence->last_released_bytes < last->heap_inuse / 100) {
        add(findings, PMA_LEAK_GC_INEFFICIENCY, PMA_SEVERITY_HIGH, 0,
            (double)last->heap_inuse, last->at_ns);
    }
}

size_t pma_leaks_detect(const struct pma_leak_evidence *evidence,
                        struct pma_leak leaks[PMA_LEAK_END])
{
    struct findings findings = {.leaks = leaks};
    const size_t count = evidence->history_count;
    if (count == 0) {
        return 0;
    }
    find_explosion(evidence, &findings);
    find_inefficiency(evidence, &findings);
    if (count >= 3) {
        find_spike(evidence, &findings);
    }
    if (count >= WINDOW) {
        find_heap_growth(evidence, &findings);
        find_steps(evidence, threads_of, PMA_LEAK_GOROUTINE_LEAK, &findings);
        find_steps(evidence, fds_of, PMA_LEAK_FD_LEAK, &findings);
        find_steps(evidence, timers_of, PMA_LEAK_TIMER_LEAK, &findings);
        find_steps(evidence, queue_of, PMA_LEAK_QUEUE_GROWTH, &findings);
    }
    if (count >= LINE_LEAST) {
        find_lines(evidence, &findings);
    }
    return findings.count;
}
