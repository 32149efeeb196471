/* The sentences of the report.
 *
 * They are part of the findings, not of a renderer, so that text, JSON and a chat message
 * say the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/summary_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"

enum { RATE_MAX = 64 };

static const struct {
    double seconds;
    const char *name;
} PERIODS[] = {{1, "second"}, {60, "minute"}, {3600, "hour"}, {86400, "day"}};
enum { PERIOD_COUNT = sizeof(PERIODS) / sizeof(PERIODS[0]) };

const char *seep_summary_rate(char *out, size_t out_bytes, double per_s)
{
    size_t period = 0;

    while (period + 1 < PERIOD_COUNT && fabs(per_s) * PERIODS[period].seconds < 0.95) {
        period++;
    }
    double rate = per_s * PERIODS[period].seconds;

    (void)snprintf(out, out_bytes, "%.*f per %s", fabs(rate) < 99.95 ? 1 : 0, rate,
                   PERIODS[period].name);
    return out;
}

const char *seep_summary_rate_bytes(char *out, size_t out_bytes, double bytes_per_s)
{
    char bytes[SEEP_FMT_MAX];
    size_t period = 0;

    while (period + 1 < PERIOD_COUNT &&
           fabs(bytes_per_s) * PERIODS[period].seconds < 1024) {
        period++;
    }
    (void)snprintf(
        out, out_bytes, "%s per %s",
        seep_fmt_bytes(bytes, sizeof(bytes), bytes_per_s * PERIODS[period].seconds),
        PERIODS[period].name);
    return out;
}

/* "hub_register (websocket)", or the function alone. */
static const char *who(struct seep_findings *findings, const struct seep_finding *finding)
{
    if (finding->subsystem[0] == '\0') {
        return finding->headline;
    }
    return seep_findings_printf(findings, "%s (%s)", finding->headline,
                                finding->subsystem);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* What most of the sampled threads do. */
static const char *doing(const struct seep_finding *finding)
{
    size_t blocked = 0;

    for (size_t i = 0; i < finding->thread_count; i++) {
        blocked += strcmp(finding->threads[i].state, "blocked") == 0;
    }
    return finding->thread_count > 0 && blocked * 5 >= finding->thread_count * 4
               ? "block for ever"
               : "do not end";
}

static const char *thread_growth(struct seep_findings *findings,
                                 const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char count[SEEP_FMT_MAX];
    char rate[RATE_MAX];
    char stack[SEEP_FMT_MAX];
    char ended[SEEP_FMT_MAX + 32] = "none ended";

    if (evidence->released > 0) {
        char n[SEEP_FMT_MAX];

        (void)snprintf(ended, sizeof(ended), "%s more ended",
                       seep_fmt_count(n, sizeof(n), evidence->released));
    }
    return seep_findings_printf(
        findings,
        "%s thread%s started by %s %s: %s, %s; each holds %s of stack address space.",
        seep_fmt_count(count, sizeof(count), evidence->live), plural(evidence->live),
        who(findings, finding), doing(finding),
        seep_summary_rate(rate, sizeof(rate), evidence->growth_per_s), ended,
        seep_fmt_bytes(stack, sizeof(stack),
                       evidence->live > 0
                           ? (double)evidence->live_bytes / (double)evidence->live
                           : 0));
}

static const char *heap_growth(struct seep_findings *findings,
                               const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char acquired[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];
    char rate[RATE_MAX];
    char rate_bytes[RATE_MAX];

    (void)seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes);
    (void)seep_summary_rate_bytes(rate_bytes, sizeof(rate_bytes),
                                  evidence->growth_bytes_per_s);
    (void)seep_fmt_count(live, sizeof(live), evidence->live);
    if (evidence->growth_per_s <= 0) {
        return seep_findings_printf(
            findings, "%s keeps making its memory larger: %s, now %s in %s block%s.",
            who(findings, finding), rate_bytes, bytes, live, plural(evidence->live));
    }
    return seep_findings_printf(
        findings,
        "%s %s %s (blocks: %s): %s of the %s block%s it acquired are still live (%s).",
        who(findings, finding),
        finding->verdict == SEEP_VERDICT_SUSPECT ? "may leak" : "leaks", rate_bytes,
        seep_summary_rate(rate, sizeof(rate), evidence->growth_per_s), live,
        seep_fmt_count(acquired, sizeof(acquired), evidence->acquired),
        plural(evidence->acquired), bytes);
}

static const char *bounded(struct seep_findings *findings,
                           const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s grew to %s %s%s (%s) and then slowed or stopped (%.0f %% of the growth in "
        "the last "
        "half): a cache or a pool that fills, not a leak.",
        who(findings, finding), seep_fmt_count(live, sizeof(live), evidence->live),
        finding->kind == SEEP_KIND_THREAD ? "thread" : "block", plural(evidence->live),
        seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes),
        100 * evidence->end_share);
}

const char *seep_summary_growth(struct seep_findings *findings,
                                const struct seep_finding *finding)
{
    if (finding->verdict == SEEP_VERDICT_BOUNDED) {
        return bounded(findings, finding);
    }
    return finding->kind == SEEP_KIND_THREAD ? thread_growth(findings, finding)
                                             : heap_growth(findings, finding);
}

const char *seep_summary_unjoined(struct seep_findings *findings,
                                  const struct seep_finding *finding, size_t count,
                                  uint64_t stack_bytes)
{
    char n[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    return seep_findings_printf(findings,
                                "%s thread%s started by %s ended and %s neither joined "
                                "nor detached: %s of stack address "
                                "space stays held; join or detach %s.",
                                seep_fmt_count(n, sizeof(n), count), plural(count),
                                who(findings, finding), count == 1 ? "was" : "were",
                                seep_fmt_bytes(bytes, sizeof(bytes), (double)stack_bytes),
                                count == 1 ? "it" : "them");
}

const char *seep_summary_thread_at_exit(struct seep_findings *findings,
                                        const struct seep_finding *finding,
                                        size_t running)
{
    char n[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s thread%s started by %s still ran when the program exited; %s did not grow.",
        seep_fmt_count(n, sizeof(n), running), plural(running), who(findings, finding),
        running == 1 ? "its number" : "their number");
}

const char *seep_summary_left_at_exit(struct seep_findings *findings,
                                      const struct seep_finding *finding)
{
    char n[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s left %s block%s (%s) to the kernel at exit; that alone is no leak and never "
        "fails a "
        "run.",
        who(findings, finding), seep_fmt_count(n, sizeof(n), finding->evidence.live),
        plural(finding->evidence.live),
        seep_fmt_bytes(bytes, sizeof(bytes), (double)finding->evidence.live_bytes));
}
