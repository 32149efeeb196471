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
#include "verdict/headline.h"
#include "verdict/summary_holding.h"

enum { RATE_MAX = 96 };

static const struct seep_summary_period PERIODS[] = {{1, "second", "s"},
                                                     {60, "minute", "min"},
                                                     {3600, "hour", "h"},
                                                     {86400, "day", "day"}};
enum { PERIOD_COUNT = sizeof(PERIODS) / sizeof(PERIODS[0]) };

const struct seep_summary_period *seep_summary_period(double per_s, double bytes_per_s)
{
    double rate = per_s > 0 ? per_s : fabs(bytes_per_s);
    double least = per_s > 0 ? 0.95 : 1024;
    size_t period = 0;

    while (period + 1 < PERIOD_COUNT && rate * PERIODS[period].seconds < least) {
        period++;
    }
    return &PERIODS[period];
}

const char *seep_summary_number(char *out, size_t out_bytes, double number)
{
    (void)snprintf(out, out_bytes, "%.*f", fabs(number) < 99.95 ? 1 : 0, number);
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

/* `"auth-cleanup" `, or `in run_cleanup ` where they have no name of their own. */
static const char *called(struct seep_findings *findings,
                          const struct seep_finding *finding)
{
    const char *name = seep_headline_threads(findings, finding);
    const char *start = finding->thread_count > 0 ? finding->threads[0].start : "??";

    for (size_t i = 1; i < finding->thread_count; i++) {
        if (strcmp(finding->threads[i].start, start) != 0) {
            start = "??";
        }
    }
    if (name[0] != '\0') {
        return seep_findings_printf(findings, "\"%s\" ", name);
    }
    return strcmp(start, "??") != 0 ? seep_findings_printf(findings, "in %s ", start)
                                    : "";
}

/* `pma_auth_start through pma_worker_start (auth)` */
static const char *starter(struct seep_findings *findings,
                           const struct seep_finding *finding)
{
    if (finding->through[0] == '\0') {
        return who(findings, finding);
    }
    return seep_findings_printf(
        findings, "%s through %s%s%s%s", finding->headline, finding->through,
        finding->subsystem[0] != '\0' ? " (" : "", finding->subsystem,
        finding->subsystem[0] != '\0' ? ")" : "");
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
               ? "are blocked and do not end"
               : "do not end";
}

static const char *thread_growth(struct seep_findings *findings,
                                 const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const struct seep_summary_period *period =
        seep_summary_period(evidence->growth_per_s, 0);
    char count[SEEP_FMT_MAX];
    char rate[SEEP_FMT_MAX];
    char stack[SEEP_FMT_MAX];
    char ended[SEEP_FMT_MAX + 32] = "none ended";

    if (evidence->released > 0) {
        char n[SEEP_FMT_MAX];

        (void)snprintf(ended, sizeof(ended), "%s more ended",
                       seep_fmt_count(n, sizeof(n), evidence->released));
    }
    return seep_findings_printf(
        findings,
        "%s thread%s %sstarted by %s %s: %s per %s, %s; each holds %s of stack address "
        "space.",
        seep_fmt_count(count, sizeof(count), evidence->live), plural(evidence->live),
        called(findings, finding), starter(findings, finding), doing(finding),
        seep_summary_number(rate, sizeof(rate), evidence->growth_per_s * period->seconds),
        period->name, ended,
        seep_fmt_bytes(stack, sizeof(stack),
                       evidence->live > 0
                           ? (double)evidence->live_bytes / (double)evidence->live
                           : 0));
}

/* "1.2 blocks (433 B) per second", "153 MiB per hour" */
static const char *heap_rate(char *out, size_t out_bytes,
                             const struct seep_view_evidence *evidence)
{
    const struct seep_summary_period *period =
        seep_summary_period(evidence->growth_per_s, evidence->growth_bytes_per_s);
    char number[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    (void)seep_fmt_bytes(bytes, sizeof(bytes),
                         evidence->growth_bytes_per_s * period->seconds);
    if (evidence->growth_per_s > 0) {
        (void)snprintf(out, out_bytes, "%s blocks (%s) per %s",
                       seep_summary_number(number, sizeof(number),
                                           evidence->growth_per_s * period->seconds),
                       bytes, period->name);
    } else {
        (void)snprintf(out, out_bytes, "%s per %s", bytes, period->name);
    }
    return out;
}

static const char *heap_growth(struct seep_findings *findings,
                               const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char acquired[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];
    char rate[RATE_MAX];
    char grew[RATE_MAX] = "";

    (void)seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes);
    (void)seep_fmt_count(live, sizeof(live), evidence->live);
    (void)heap_rate(rate, sizeof(rate), evidence);
    if (evidence->grew > 0) {
        (void)snprintf(grew, sizeof(grew),
                       ", grown %zu times and never smaller: a table that nobody prunes?",
                       evidence->grew);
    }
    if (evidence->growth_per_s <= 0) {
        return seep_findings_printf(
            findings, "%s keeps making its memory larger: %s, now %s in %s block%s%s%s",
            who(findings, finding), rate, bytes, live, plural(evidence->live), grew,
            grew[0] == '\0' ? "." : "");
    }
    return seep_findings_printf(
        findings, "%s %s %s: %s of %s acquired %s still live (%s).",
        who(findings, finding),
        finding->verdict == SEEP_VERDICT_SUSPECT ? "may leak" : "leaks", rate, live,
        seep_fmt_count(acquired, sizeof(acquired), evidence->acquired),
        evidence->live == 1 ? "is" : "are", bytes);
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
    if (finding->kind != SEEP_KIND_HEAP && finding->kind != SEEP_KIND_THREAD) {
        return finding->verdict == SEEP_VERDICT_BOUNDED
                   ? seep_summary_holding_bounded(findings, finding)
                   : seep_summary_holding_growth(findings, finding);
    }
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
                                "%s thread%s %sstarted by %s ended and %s neither joined "
                                "nor detached: %s of stack address "
                                "space stays held; join or detach %s.",
                                seep_fmt_count(n, sizeof(n), count), plural(count),
                                called(findings, finding), starter(findings, finding),
                                count == 1 ? "was" : "were",
                                seep_fmt_bytes(bytes, sizeof(bytes), (double)stack_bytes),
                                count == 1 ? "it" : "them");
}

const char *seep_summary_unjoined_at_exit(struct seep_findings *findings,
                                          const struct seep_finding *finding,
                                          size_t count)
{
    char n[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings, "%s thread%s %sstarted by %s ended with the program, unjoined.",
        seep_fmt_count(n, sizeof(n), count), plural(count), called(findings, finding),
        starter(findings, finding));
}

const char *seep_summary_thread_at_exit(struct seep_findings *findings,
                                        const struct seep_finding *finding,
                                        size_t running)
{
    char n[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s thread%s %sstarted by %s still ran when the program exited; %s did not grow.",
        seep_fmt_count(n, sizeof(n), running), plural(running), called(findings, finding),
        starter(findings, finding), running == 1 ? "its number" : "their number");
}

const char *seep_summary_left_at_exit(struct seep_findings *findings,
                                      const struct seep_finding *finding)
{
    char n[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    if (finding->kind != SEEP_KIND_HEAP) {
        return seep_summary_holding_at_exit(findings, finding);
    }
    return seep_findings_printf(
        findings,
        "%s left %s block%s (%s) to the kernel at exit; that alone is no leak and never "
        "fails a "
        "run.",
        who(findings, finding), seep_fmt_count(n, sizeof(n), finding->evidence.live),
        plural(finding->evidence.live),
        seep_fmt_bytes(bytes, sizeof(bytes), (double)finding->evidence.live_bytes));
}
