/* The sentences of the report.
 *
 * They are part of the findings, not of a renderer, so that text, JSON and a chat message
 * say the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/summary_text.h"

#include <math.h>
#include <stdbool.h>
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

/* Per 1, 1,000 or 1,000,000 operations: the first in which there is one whole. */
static struct seep_summary_rate rate_of_work(struct seep_findings *findings,
                                             const struct seep_view_pattern *pattern)
{
    static const char *const numbers[] = {"", "1,000 ", "1,000,000 "};
    bool counts = pattern->growth_per_unit > 0;
    double each = counts ? pattern->growth_per_unit : pattern->growth_bytes_per_unit;
    double factor = 1;
    size_t i = 0;

    while (i < 2 && each * factor < 0.95) {
        factor *= 1000;
        i++;
    }
    return (struct seep_summary_rate){
        .count = pattern->growth_per_unit * factor,
        .bytes = pattern->growth_bytes_per_unit * factor,
        .per = seep_findings_printf(findings, "%s%s", numbers[i],
                                    i > 0 ? pattern->unit : pattern->unit_one)};
}

struct seep_summary_rate seep_summary_rate(struct seep_findings *findings,
                                           const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const struct seep_summary_period *period =
        seep_summary_period(evidence->growth_per_s, evidence->growth_bytes_per_s);

    if (finding->pattern.pace != NULL &&
        strcmp(finding->pattern.pace, "operations") == 0) {
        return rate_of_work(findings, &finding->pattern);
    }
    return (struct seep_summary_rate){.count = evidence->growth_per_s * period->seconds,
                                      .bytes =
                                          evidence->growth_bytes_per_s * period->seconds,
                                      .per = period->name};
}

void seep_summary_place_put(const struct seep_finding *finding, char *out,
                            size_t out_bytes)
{
    out[0] = '\0';
    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];
        size_t named = strlen(frame->function);

        if (strncmp(finding->headline, frame->function, named) == 0 &&
            (finding->headline[named] == '\0' || finding->headline[named] == ' ') &&
            frame->file[0] != '\0' && frame->line != 0) {
            const char *slash = strrchr(frame->file, '/');

            (void)snprintf(out, out_bytes, "%s:%u",
                           slash != NULL ? slash + 1 : frame->file, frame->line);
            return;
        }
    }
}

const char *seep_summary_place(struct seep_findings *findings,
                               const struct seep_finding *finding)
{
    char place[SEEP_SUMMARY_PLACE_BYTES];

    seep_summary_place_put(finding, place, sizeof(place));
    return place[0] != '\0' ? seep_findings_text(findings, place) : "";
}

/* "hub_register through spawn (hub.c:120, websocket)", or what of it is known. */
static const char *named(struct seep_findings *findings,
                         const struct seep_finding *finding, const char *function)
{
    const char *place = seep_summary_place(findings, finding);
    const char *both = place[0] != '\0' && finding->subsystem[0] != '\0' ? ", " : "";

    if (place[0] == '\0' && finding->subsystem[0] == '\0') {
        return function;
    }
    return seep_findings_printf(findings, "%s (%s%s%s)", function, place, both,
                                finding->subsystem);
}

static const char *who(struct seep_findings *findings, const struct seep_finding *finding)
{
    return named(findings, finding, finding->headline);
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

/* `pma_auth_start through pma_worker_start (auth.c:80, auth)` */
static const char *starter(struct seep_findings *findings,
                           const struct seep_finding *finding)
{
    if (finding->through[0] == '\0') {
        return who(findings, finding);
    }
    return named(findings, finding,
                 seep_findings_printf(findings, "%s through %s", finding->headline,
                                      finding->through));
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
    struct seep_summary_rate speed = seep_summary_rate(findings, finding);
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
        seep_summary_number(rate, sizeof(rate), speed.count), speed.per, ended,
        seep_fmt_bytes(stack, sizeof(stack),
                       evidence->live > 0
                           ? (double)evidence->live_bytes / (double)evidence->live
                           : 0));
}

/* "1.2 blocks (433 B) per second", "153 MiB per hour", "12 blocks (1.1 KiB) per 1,000
 * http requests" */
static const char *heap_rate(struct seep_findings *findings,
                             const struct seep_finding *finding)
{
    struct seep_summary_rate rate = seep_summary_rate(findings, finding);
    char number[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    (void)seep_fmt_bytes(bytes, sizeof(bytes), rate.bytes);
    if (finding->evidence.growth_per_s <= 0) {
        return seep_findings_printf(findings, "%s per %s", bytes, rate.per);
    }
    return seep_findings_printf(findings, "%s blocks (%s) per %s",
                                seep_summary_number(number, sizeof(number), rate.count),
                                bytes, rate.per);
}

/* "b (x.c:1), c (x.c:2), d (x.c:3) and 10 more" */
static const char *name_members(struct seep_findings *findings,
                                const struct seep_finding *finding)
{
    enum { NAMED = 3 };
    const char *names = "";
    size_t n = finding->member_count < NAMED ? finding->member_count : NAMED;
    size_t more = finding->member_total - n;

    for (size_t i = 0; i < n; i++) {
        const struct seep_view_member *member = &finding->members[i];
        bool placed = member->place[0] != '\0';

        names = seep_findings_printf(findings, "%s%s%s%s%s%s", names,
                                     i == 0                    ? ""
                                     : i + 1 == n && more == 0 ? " and "
                                                               : ", ",
                                     member->headline, placed ? " (" : "", member->place,
                                     placed ? ")" : "");
    }
    return more == 0 ? names
                     : seep_findings_printf(findings, "%s and %zu more", names, more);
}

/* Several sites below one function. */
static const char *group_growth(struct seep_findings *findings,
                                const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char acquired[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%zu sites under %s %s together, %s: %s of %s acquired are still live (%s), from "
        "%s.",
        finding->member_total, who(findings, finding),
        finding->verdict == SEEP_VERDICT_SUSPECT ? "may leak" : "leak",
        heap_rate(findings, finding), seep_fmt_count(live, sizeof(live), evidence->live),
        seep_fmt_count(acquired, sizeof(acquired), evidence->acquired),
        seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes),
        name_members(findings, finding));
}

static const char *heap_growth(struct seep_findings *findings,
                               const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char acquired[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];
    const char *rate = heap_rate(findings, finding);
    char grew[RATE_MAX] = "";

    (void)seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes);
    (void)seep_fmt_count(live, sizeof(live), evidence->live);
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

/* Of a container that has a declared limit: below it, or above. */
static const char *limited(struct seep_findings *findings,
                           const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char live[SEEP_FMT_MAX];
    char most[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    (void)seep_fmt_count(live, sizeof(live), evidence->live);
    (void)seep_fmt_count(most, sizeof(most), finding->limit.most);
    (void)seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes);
    if (finding->limit.is_broken) {
        return seep_findings_printf(
            findings,
            "%s holds %s entries of '%s' (%s), declared at most %s: the limit is broken.",
            who(findings, finding), live, finding->limit.container, bytes, most);
    }
    return seep_findings_printf(
        findings, "%s fills: %s of at most %s entries declared for '%s' (%s).",
        who(findings, finding), live, most, finding->limit.container, bytes);
}

static const char *growth(struct seep_findings *findings,
                          const struct seep_finding *finding)
{
    if (finding->limit.container != NULL &&
        (finding->limit.is_broken || finding->verdict == SEEP_VERDICT_BOUNDED)) {
        return limited(findings, finding);
    }
    if (finding->kind != SEEP_KIND_HEAP && finding->kind != SEEP_KIND_THREAD) {
        return finding->verdict == SEEP_VERDICT_BOUNDED
                   ? seep_summary_holding_bounded(findings, finding)
                   : seep_summary_holding_growth(findings, finding);
    }
    if (finding->verdict == SEEP_VERDICT_BOUNDED) {
        return bounded(findings, finding);
    }
    if (finding->member_total > 0) {
        return group_growth(findings, finding);
    }
    return finding->kind == SEEP_KIND_THREAD ? thread_growth(findings, finding)
                                             : heap_growth(findings, finding);
}

const char *seep_summary_growth(struct seep_findings *findings,
                                const struct seep_finding *finding)
{
    const char *text = growth(findings, finding);
    const char *pattern = finding->pattern.text;

    return pattern != NULL && pattern[0] != '\0'
               ? seep_findings_printf(findings, "%s %s", text, pattern)
               : text;
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

const char *seep_summary_thread_left(struct seep_findings *findings,
                                     const struct seep_finding *finding, size_t running)
{
    char n[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "%s thread%s %sstarted by %s still ran when the program exited, and none may be "
        "left: have %s end and join %s.",
        seep_fmt_count(n, sizeof(n), running), plural(running), called(findings, finding),
        starter(findings, finding), running == 1 ? "it" : "them",
        running == 1 ? "it" : "them");
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
