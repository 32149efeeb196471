/* What is known of one finding, in lines that every format for people shows alike.
 *
 * The text report and the Markdown comment differ in layout, not in words; so the words
 * are made here, once, and a renderer only escapes and places them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/finding_lines.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "base/whole.h"
#include "verdict/summary_holding.h"
#include "verdict/summary_text.h"

/* Appends to a line of text; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + used, SEEP_FINDING_LINE_BYTES - used, format, args);
    va_end(args);
}

static const char *error_text(char *out, size_t out_bytes, double error_bytes, bool utf8)
{
    char number[SEEP_FMT_MAX];

    out[0] = '\0';
    if (error_bytes > 0) {
        (void)snprintf(out, out_bytes, " %s %s", utf8 ? "\xc2\xb1" : "+-",
                       seep_fmt_bytes(number, sizeof(number), error_bytes));
    }
    return out;
}

const char *seep_finding_lines_cause(enum seep_cause cause)
{
    static const char *const texts[] = {
        "",        "growth", "unjoined", "left at exit", "stuck", "nobody can wake it",
        "deadlock"};

    return texts[cause];
}

bool seep_finding_lines_has_bytes(const struct seep_finding *finding)
{
    return finding->kind != SEEP_KIND_FD && finding->kind != SEEP_KIND_TIMER;
}

static void live(const struct seep_finding *finding, bool utf8, char *text)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char error[48];
    char number[SEEP_FMT_MAX];

    add(text, "%s", seep_fmt_count(number, sizeof(number), evidence->live));
    if (seep_finding_lines_has_bytes(finding)) {
        add(text, " (%s%s)",
            seep_fmt_bytes(number, sizeof(number), (double)evidence->live_bytes),
            error_text(error, sizeof(error), evidence->live_bytes_error, utf8));
    }
    if (evidence->acquired > 0) {
        add(text, " of %s acquired",
            seep_fmt_count(number, sizeof(number), evidence->acquired));
        add(text, ", %s released",
            seep_fmt_count(number, sizeof(number), evidence->released));
    }
}

/* All rates in the unit of the sentence, bytes per hour as well: that is what a forecast
 * is made of. */
static void growth(const struct seep_finding *finding, char *text)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const struct seep_summary_period *period =
        seep_summary_period(evidence->growth_per_s, evidence->growth_bytes_per_s);
    char a[SEEP_FMT_MAX];

    if (evidence->growth_per_s != 0) {
        add(text, "%.2f/%s (%.2f .. %.2f)%s", evidence->growth_per_s * period->seconds,
            period->unit, evidence->growth_per_s_ci.low * period->seconds,
            evidence->growth_per_s_ci.high * period->seconds,
            seep_finding_lines_has_bytes(finding) ? ", " : "");
    }
    if (seep_finding_lines_has_bytes(finding)) {
        add(text, "%s/%s",
            seep_fmt_bytes(a, sizeof(a), evidence->growth_bytes_per_s * period->seconds),
            period->unit);
    }
    if (seep_finding_lines_has_bytes(finding) && strcmp(period->unit, "h") != 0) {
        add(text, ", %s/h",
            seep_fmt_bytes(a, sizeof(a), evidence->growth_bytes_per_s * 3600));
    }
}

static void evidence(const struct seep_finding *finding, char *text)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char a[SEEP_FMT_MAX];

    if (isnan(evidence->q_value)) {
        add(text, "grew %zu times, never shrank: too few steps for a test",
            evidence->grew);
    } else if (evidence->q_value < 0.0001) {
        add(text, "q < 0.0001");
    } else {
        add(text, "q = %.4f", evidence->q_value);
    }
    add(text, "; %.0f %% of the growth in the last half of %s", 100 * evidence->end_share,
        seep_fmt_seconds(a, sizeof(a), evidence->judged_s));
    if (evidence->ages_known) {
        add(text, "; %zu generation%s alive, the oldest %s", evidence->generations_alive,
            evidence->generations_alive == 1 ? "" : "s",
            seep_fmt_seconds(a, sizeof(a), evidence->oldest_age_s));
    }
}

/* The shape, and what is known of what it keeps pace with. */
static void pattern(const struct seep_view_pattern *from, char *text)
{
    static const char *const names[] = {"",
                                        "steady growth",
                                        "growth per operation",
                                        "steps",
                                        "saw-tooth with a rising floor",
                                        "growing container",
                                        "slow release"};

    add(text, "%s", names[from->kind]);
    if (from->pace == NULL) {
        add(text, "%s",
            from->kind == SEEP_PATTERN_STEADY
                ? "; with the work or with the clock: cannot be told here"
                : "");
    } else if (from->pace[0] == 't') {
        add(text, "; with the clock, not with the number of %s", from->unit);
    } else {
        add(text, "; with the number of %s%s", from->unit,
            from->unit_by_mark ? " (the program's marks)"
                               : ", which stands for the program's work");
    }
}

/* The sites of a finding on their caller, with what each holds. */
static void members(const struct seep_finding *finding, char *text)
{
    enum { SHOWN = 6 };
    size_t n = finding->member_count < SHOWN ? finding->member_count : SHOWN;
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];

    for (size_t i = 0; i < n; i++) {
        const struct seep_view_member *from = &finding->members[i];
        bool placed = from->place[0] != '\0';

        add(text, "%s%s%s%s%s %s (%s)", i > 0 ? "; " : "", from->headline,
            placed ? " (" : "", from->place, placed ? ")" : "",
            seep_fmt_count(a, sizeof(a), from->live),
            seep_fmt_bytes(b, sizeof(b), (double)from->live_bytes));
    }
    if (n < finding->member_total) {
        add(text, "; and %zu more", finding->member_total - n);
    }
}

/* From microseconds up, as far as powers of two tell. */
static const char *span(char *out, size_t out_bytes, double seconds)
{
    if (seconds < 1e-3) {
        (void)snprintf(out, out_bytes, "%.0f us", seconds * 1e6);
    } else if (seconds < 1) {
        (void)snprintf(out, out_bytes, "%.*f ms", seconds < 1e-2, seconds * 1e3);
    } else {
        return seep_fmt_seconds(out, out_bytes, seconds);
    }
    return out;
}

/* What became of the threads of its site, in all. */
static void lifetimes(const struct seep_view_lifetimes *from, char *text)
{
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    char c[SEEP_FMT_MAX];
    char d[SEEP_FMT_MAX];

    add(text, "%s created, %s ended, %s joined, %s detached",
        seep_fmt_count(a, sizeof(a), from->created),
        seep_fmt_count(b, sizeof(b), from->ended),
        seep_fmt_count(c, sizeof(c), from->joined),
        seep_fmt_count(d, sizeof(d), from->detached));
    if (from->left > 0) {
        add(text, "; %s left by pthread_exit", seep_fmt_count(a, sizeof(a), from->left));
    }
    if (from->cancelled > 0) {
        add(text, "; %s cancelled", seep_fmt_count(a, sizeof(a), from->cancelled));
    }
    if (from->ended > 0) {
        add(text, "; half of the ended lived less than %s, all less than %s",
            span(a, sizeof(a), from->half_below_s),
            span(b, sizeof(b), from->all_below_s));
    }
}

/* What the stacks of those that are there take: what one more costs. */
static void stacks(const struct seep_view_lifetimes *from, char *text)
{
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    double n = from->stacks > 0 ? (double)from->stacks : 1;

    add(text, "%s of address space",
        seep_fmt_bytes(a, sizeof(a), (double)from->stack_mapped_bytes));
    if (from->stack_resident_bytes > 0) {
        add(text, ", %s of it in memory",
            seep_fmt_bytes(b, sizeof(b), (double)from->stack_resident_bytes));
    }
    if (from->stacks > 1) {
        add(text, "; %s",
            seep_fmt_bytes(a, sizeof(a), (double)from->stack_mapped_bytes / n));
        if (from->stack_resident_bytes > 0) {
            add(text, " and %s",
                seep_fmt_bytes(b, sizeof(b), (double)from->stack_resident_bytes / n));
        }
        add(text, " per thread");
    }
}

/* What pthread_create itself keeps for each of the threads, or fopen for the stream. */
static void companions(const struct seep_finding *finding, char *text)
{
    char a[SEEP_FMT_MAX];

    add(text, "%s of heap per %s at %zu site%s, held by %s itself",
        seep_fmt_bytes(a, sizeof(a), finding->companion_bytes),
        seep_summary_noun(finding->kind, 1), finding->companion_sites,
        finding->companion_sites == 1 ? "" : "s",
        finding->kind == SEEP_KIND_THREAD ? "pthread_create" : "the C library");
}

static void forecast(const struct seep_view_forecast *from, char *text)
{
    char a[SEEP_FMT_MAX];
    bool threads = from->limit[0] == 't';

    if (threads || from->limit[0] == 'n') {
        add(text, "the limit of %s %s",
            seep_fmt_count(a, sizeof(a), seep_whole(from->limit_value)),
            threads ? "threads" : "open files");
    } else {
        add(text, "the %s limit of %s",
            from->limit[0] == 'r' ? "memory" : "address space",
            seep_fmt_bytes(a, sizeof(a), from->limit_value));
    }
    char low[SEEP_FMT_MAX];
    char high[SEEP_FMT_MAX];

    (void)seep_fmt_seconds(a, sizeof(a), from->time_to_limit_s);
    (void)seep_fmt_seconds(low, sizeof(low), from->ci_s.low);
    (void)seep_fmt_seconds(high, sizeof(high), from->ci_s.high);
    add(text, " is reached in %s", a);
    if (!isfinite(from->ci_s.high)) {
        add(text, " (%s or more)", low);
    } else if (strcmp(low, a) != 0 || strcmp(high, a) != 0) {
        add(text, " (%s .. %s)", low, high);
    }
}

/* The next line, empty. */
static char *next(struct seep_finding_line *lines, size_t *n, const char *label)
{
    struct seep_finding_line *line = &lines[(*n)++];

    line->label = label;
    line->text[0] = '\0';
    return line->text;
}

size_t seep_finding_lines(const struct seep_finding *finding, bool utf8,
                          struct seep_finding_line *lines)
{
    size_t n = 0;

    live(finding, utf8, next(lines, &n, "live"));
    if (finding->evidence.measured) {
        growth(finding, next(lines, &n, "growth"));
        evidence(finding, next(lines, &n, "evidence"));
    }
    if (finding->pattern.kind != SEEP_PATTERN_NONE) {
        pattern(&finding->pattern, next(lines, &n, "pattern"));
    }
    if (finding->member_total > 0) {
        members(finding, next(lines, &n, "sites"));
    }
    if (finding->lifetimes.known) {
        lifetimes(&finding->lifetimes, next(lines, &n, "lives"));
    }
    if (finding->lifetimes.known && finding->lifetimes.stack_mapped_bytes > 0) {
        stacks(&finding->lifetimes, next(lines, &n, "stacks"));
    }
    if (finding->companion_sites > 0) {
        companions(finding, next(lines, &n, "plus"));
    }
    if (finding->forecast.limit != NULL) {
        forecast(&finding->forecast, next(lines, &n, "forecast"));
    }
    return n;
}

/* Adds the paces of two findings that run into the same limit. */
static double both_s(double a_s, double b_s)
{
    return 1 / (1 / a_s + 1 / b_s); /* 1 / INFINITY is 0 */
}

/* All findings that run into the limit of `of`, as one. */
static struct seep_view_forecast together(const struct seep_findings *findings,
                                          const struct seep_view_forecast *of)
{
    struct seep_view_forecast sum = *of;

    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_view_forecast *other = &findings->findings[i].forecast;

        if (other != of && other->limit != NULL && strcmp(other->limit, of->limit) == 0) {
            sum.time_to_limit_s = both_s(sum.time_to_limit_s, other->time_to_limit_s);
            sum.ci_s.low = both_s(sum.ci_s.low, other->ci_s.low);
            sum.ci_s.high = both_s(sum.ci_s.high, other->ci_s.high);
        }
    }
    return sum;
}

void seep_finding_lines_until(const struct seep_findings *findings, char *text)
{
    struct seep_view_forecast first = {0};
    double bytes_per_s = 0;
    char a[SEEP_FMT_MAX];

    text[0] = '\0';
    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (finding->verdict <= SEEP_VERDICT_BOUNDED) {
            continue;
        }
        if (finding->kind == SEEP_KIND_HEAP || finding->kind == SEEP_KIND_MAPPING) {
            bytes_per_s += fmax(finding->evidence.growth_bytes_per_s, 0);
        }
        if (finding->forecast.limit != NULL) {
            struct seep_view_forecast sum = together(findings, &finding->forecast);

            if (first.limit == NULL || sum.time_to_limit_s < first.time_to_limit_s) {
                first = sum;
            }
        }
    }
    if (first.limit != NULL) {
        add(text, "If it goes on: ");
        forecast(&first, text);
        add(text, ".");
    } else if (bytes_per_s > 0) {
        add(text,
            "If it goes on: %s more memory per hour, until the machine's is used up; the "
            "process has no limit of its own.",
            seep_fmt_bytes(a, sizeof(a), bytes_per_s * 3600));
    }
}
