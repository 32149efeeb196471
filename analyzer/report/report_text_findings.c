/* One finding, as text.
 *
 * The sentence first; then the numbers behind it, for whoever doubts it; then the stack,
 * where the program's own frames stand out and the rest steps back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_text_findings.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "report/report_text_heap.h"
#include "report/report_text_holding.h"
#include "verdict/summary_holding.h"
#include "verdict/summary_text.h"

enum {
    INDENT = 3,
    LINE_MAX_BYTES = 512,
    STACK_SHOWN_MAX = 40,
    STACK_TAIL = 4,
    SPARK_MAX = 48,
    CALLERS_SHOWN = 5,
    NAMELESS_FOLDED = 5 /* and more in a row */
};

enum seep_ink seep_report_text_ink(enum seep_verdict verdict)
{
    switch (verdict) {
    case SEEP_VERDICT_DEFINITE:
    case SEEP_VERDICT_PROBABLE:
        return SEEP_INK_RED;
    case SEEP_VERDICT_SUSPECT:
        return SEEP_INK_YELLOW;
    default:
        return SEEP_INK_DIM;
    }
}

static void line(const struct seep_layout *layout, const char *label, const char *text)
{
    seep_buf_printf(layout->out, "%*s", INDENT, "");
    seep_layout_cell(layout, SEEP_INK_DIM, label, 10);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, text, INDENT + 10, INDENT + 10);
}

static const char *cause_text(enum seep_cause cause)
{
    static const char *const texts[] = {"", "growth", "unjoined", "left at exit"};

    return texts[cause];
}

static void title(const struct seep_layout *layout, const struct seep_finding *finding,
                  size_t number)
{
    char text[LINE_MAX_BYTES];

    (void)snprintf(text, sizeof(text), "%zu. ", number);
    seep_layout_put(layout, SEEP_INK_BOLD, text);
    seep_layout_put(layout, seep_report_text_ink(finding->verdict),
                    seep_verdict_name(finding->verdict));
    (void)snprintf(text, sizeof(text), "  %s %s%s%s  ", seep_kind_name(finding->kind),
                   cause_text(finding->cause),
                   finding->subsystem[0] != '\0' ? "  in " : "", finding->subsystem);
    seep_layout_put(layout, SEEP_INK_BOLD, text);
    (void)snprintf(text, sizeof(text), "[%s]\n", finding->id);
    seep_layout_put(layout, SEEP_INK_DIM, text);
}

/* Appends to a line of text; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + used, LINE_MAX_BYTES - used, format, args);
    va_end(args);
}

static bool has_bytes(const struct seep_finding *finding)
{
    return finding->kind != SEEP_KIND_FD && finding->kind != SEEP_KIND_TIMER;
}

static void live(const struct seep_layout *layout, const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char text[LINE_MAX_BYTES] = "";
    char error[48];
    char number[SEEP_FMT_MAX];

    add(text, "%s", seep_fmt_count(number, sizeof(number), evidence->live));
    if (has_bytes(finding)) {
        add(text, " (%s%s)",
            seep_fmt_bytes(number, sizeof(number), (double)evidence->live_bytes),
            seep_report_text_error(layout, error, sizeof(error),
                                   evidence->live_bytes_error));
    }
    if (evidence->acquired > 0) {
        add(text, " of %s acquired",
            seep_fmt_count(number, sizeof(number), evidence->acquired));
        add(text, ", %s released",
            seep_fmt_count(number, sizeof(number), evidence->released));
    }
    line(layout, "live", text);
}

/* All rates in the unit of the sentence, bytes per hour as well: that is what a forecast
 * is made of. */
static void growth(const struct seep_layout *layout, const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const struct seep_summary_period *period =
        seep_summary_period(evidence->growth_per_s, evidence->growth_bytes_per_s);
    char text[LINE_MAX_BYTES] = "";
    char a[SEEP_FMT_MAX];

    if (evidence->growth_per_s != 0) {
        add(text, "%.2f/%s (%.2f .. %.2f)%s", evidence->growth_per_s * period->seconds,
            period->unit, evidence->growth_per_s_ci.low * period->seconds,
            evidence->growth_per_s_ci.high * period->seconds,
            has_bytes(finding) ? ", " : "");
    }
    if (has_bytes(finding)) {
        add(text, "%s/%s",
            seep_fmt_bytes(a, sizeof(a), evidence->growth_bytes_per_s * period->seconds),
            period->unit);
    }
    if (has_bytes(finding) && strcmp(period->unit, "h") != 0) {
        add(text, ", %s/h",
            seep_fmt_bytes(a, sizeof(a), evidence->growth_bytes_per_s * 3600));
    }
    line(layout, "growth", text);

    text[0] = '\0';
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
    line(layout, "evidence", text);
}

/* What pthread_create itself keeps for each of the threads, or fopen for the stream. */
static void companions(const struct seep_layout *layout,
                       const struct seep_finding *finding)
{
    char text[LINE_MAX_BYTES] = "";
    char a[SEEP_FMT_MAX];

    add(text, "%s of heap per %s at %zu site%s, held by %s itself",
        seep_fmt_bytes(a, sizeof(a), finding->companion_bytes),
        seep_summary_noun(finding->kind, 1), finding->companion_sites,
        finding->companion_sites == 1 ? "" : "s",
        finding->kind == SEEP_KIND_THREAD ? "pthread_create" : "the C library");
    line(layout, "plus", text);
}

static void forecast(const struct seep_layout *layout,
                     const struct seep_view_forecast *from)
{
    char text[LINE_MAX_BYTES] = "";
    char a[SEEP_FMT_MAX];
    bool threads = from->limit[0] == 't';

    if (threads || from->limit[0] == 'n') {
        add(text, "the limit of %s %s",
            seep_fmt_count(a, sizeof(a), (uint64_t)from->limit_value),
            threads ? "threads" : "open files");
    } else {
        add(text, "the %s limit of %s",
            from->limit[0] == 'r' ? "memory" : "address space",
            seep_fmt_bytes(a, sizeof(a), from->limit_value));
    }
    add(text, " is reached in %s", seep_fmt_seconds(a, sizeof(a), from->time_to_limit_s));
    add(text, " (%s", seep_fmt_seconds(a, sizeof(a), from->ci_s.low));
    if (isfinite(from->ci_s.high)) {
        add(text, " .. %s)", seep_fmt_seconds(a, sizeof(a), from->ci_s.high));
    } else {
        add(text, " or more)");
    }
    line(layout, "forecast", text);
}

static void curve(const struct seep_layout *layout, const struct seep_finding *finding)
{
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    char text[LINE_MAX_BYTES] = "";
    double high = 0;
    size_t room =
        layout->columns > INDENT + 10 + 24 ? layout->columns - INDENT - 10 - 24 : 8;

    for (size_t i = 0; i < finding->series_count; i++) {
        high = fmax(high, finding->series[i]);
    }
    seep_buf_printf(layout->out, "%*s", INDENT, "");
    seep_layout_cell(layout, SEEP_INK_DIM, "over time", 10);
    seep_layout_sparkline(layout, finding->series, finding->series_count,
                          room < SPARK_MAX ? room : SPARK_MAX);
    add(text, " 0..%s in %s\n",
        finding->series_of_bytes ? seep_fmt_bytes(a, sizeof(a), high)
                                 : seep_fmt_count(a, sizeof(a), (uint64_t)high),
        seep_fmt_seconds(b, sizeof(b), finding->series_to_s - finding->series_from_s));
    seep_layout_put(layout, SEEP_INK_DIM, text);
}

static void frame(const struct seep_layout *layout, const struct seep_view_frame *from)
{
    bool own = from->role == SEEP_ROLE_PROGRAM;
    char name[LINE_MAX_BYTES] = "";
    char place[LINE_MAX_BYTES] = "";

    if (strcmp(from->function, "??") == 0) {
        add(name, "?? (%s+0x%" PRIx64 ")", from->module, from->offset);
    } else {
        add(name, "%s", from->function);
    }
    if (from->file[0] != '\0') {
        add(place, "%s", from->file);
        if (from->line != 0) {
            add(place, ":%" PRIu32, from->line);
        }
    } else {
        add(place, "%s", from->module);
    }
    if (from->inlined) {
        add(place, " (inlined)");
    }
    seep_buf_printf(layout->out, "%*s", INDENT + 2, "");
    seep_layout_put(layout, own ? SEEP_INK_BOLD : SEEP_INK_DIM, own ? "> " : "  ");
    seep_layout_put(layout, own ? SEEP_INK_BOLD : SEEP_INK_DIM, name);
    /* The place goes to the same line where it fits, else below, further in. */
    if (INDENT + 4 + seep_layout_width(name) + 2 + seep_layout_width(place) <=
        layout->columns) {
        seep_buf_printf(layout->out, "  ");
    } else {
        seep_buf_printf(layout->out, "\n%*s", INDENT + 8, "");
    }
    seep_layout_put(layout, SEEP_INK_DIM, place);
    seep_buf_printf(layout->out, "\n");
}

/* Frames from `at` on without a name, all of one foreign module. */
static size_t nameless(const struct seep_finding *finding, size_t at, size_t end)
{
    size_t n = 0;

    while (at + n < end && strcmp(finding->stack[at + n].function, "??") == 0 &&
           finding->stack[at + n].role != SEEP_ROLE_PROGRAM &&
           strcmp(finding->stack[at + n].module, finding->stack[at].module) == 0) {
        n++;
    }
    return n;
}

static void frames(const struct seep_layout *layout, const struct seep_finding *finding,
                   size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        size_t n = nameless(finding, i, end);
        char text[LINE_MAX_BYTES] = "";

        frame(layout, &finding->stack[i]);
        if (n >= NAMELESS_FOLDED) {
            add(text, "%*s... %zu more of %s, without names\n", INDENT + 4, "", n - 2,
                finding->stack[i].module);
            seep_layout_put(layout, SEEP_INK_DIM, text);
            frame(layout, &finding->stack[i + n - 1]);
            i += n - 1;
        }
    }
}

static void stack(const struct seep_layout *layout, const struct seep_finding *finding)
{
    size_t n = finding->stack_count;
    size_t head = n > STACK_SHOWN_MAX ? STACK_SHOWN_MAX - STACK_TAIL : n;

    line(layout, "stack", "innermost first; > marks the program's own code");
    frames(layout, finding, 0, head);
    if (head < n) {
        seep_buf_printf(layout->out,
                        "%*s... %zu frames more (--format json has all) ...\n",
                        INDENT + 4, "", n - head - STACK_TAIL);
        frames(layout, finding, n - STACK_TAIL, n);
    }
    if (finding->stack_end[0] != '\0') {
        seep_buf_printf(layout->out, "%*s(the stack %s)\n", INDENT + 4, "",
                        finding->stack_end);
    }
}

static void threads(const struct seep_layout *layout, const struct seep_finding *finding)
{
    char text[LINE_MAX_BYTES] = "";
    char a[SEEP_FMT_MAX];

    if (finding->thread_count < finding->thread_total) {
        add(text, "the %zu oldest of %zu", finding->thread_count, finding->thread_total);
    } else {
        add(text, "all %zu", finding->thread_total);
    }
    line(layout, "threads", text);
    for (size_t i = 0; i < finding->thread_count; i++) {
        const struct seep_view_thread *from = &finding->threads[i];

        text[0] = '\0';
        add(text, "tid %" PRIu32, from->tid);
        if (from->name[0] != '\0') {
            add(text, " \"%s\"", from->name);
        }
        add(text, " in %s: %s", from->start, from->state);
        if (from->blocked_s > 0) {
            add(text, " for %s", seep_fmt_seconds(a, sizeof(a), from->blocked_s));
        }
        if (from->wait[0] != '\0') {
            add(text, " (%s", from->wait);
            if (from->blocked_s <= 0 && from->idle_s > 0) {
                add(text, ", woke %s ago", seep_fmt_seconds(a, sizeof(a), from->idle_s));
            }
            add(text, ")");
        }
        seep_buf_printf(layout->out, "%*s", INDENT + 4, "");
        seep_layout_wrap(layout, SEEP_INK_PLAIN, text, INDENT + 4, INDENT + 6);
    }
}

/* The program's own, has a name, and is not a part of the function before. */
static bool is_worth_naming(const struct seep_finding *finding, size_t at)
{
    const struct seep_view_frame *own = &finding->stack[at];

    return own->role == SEEP_ROLE_PROGRAM && strcmp(own->function, "??") != 0 &&
           (at == 0 || strcmp(own->function, finding->stack[at - 1].function) != 0);
}

void seep_report_text_callers(const struct seep_layout *layout,
                              const struct seep_finding *finding)
{
    char text[LINE_MAX_BYTES] = "";
    size_t shown = 0;

    for (size_t i = 0; i < finding->stack_count && shown < CALLERS_SHOWN; i++) {
        const struct seep_view_frame *from = &finding->stack[i];

        if (is_worth_naming(finding, i)) {
            add(text, "%s%s", shown > 0 ? " < " : "", from->function);
            shown++;
        }
    }
    if (shown > 0) {
        seep_buf_printf(layout->out, "%*s", INDENT, "");
        seep_layout_wrap(layout, SEEP_INK_DIM, text, INDENT, INDENT);
    }
}

/* The program's own functions from the one that answers outwards, "a < b < c"; the
 * headline where there are none. */
static void whose(char *text, const struct seep_finding *finding)
{
    size_t from = 0;
    size_t shown = 0;

    for (size_t i = 0; i < finding->stack_count; i++) {
        if (strcmp(finding->stack[i].function, finding->headline) == 0) {
            from = i;
            break;
        }
    }
    for (size_t i = from; i < finding->stack_count && shown < CALLERS_SHOWN; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        if (is_worth_naming(finding, i)) {
            add(text, "%s%s", shown > 0 ? " < " : "", frame->function);
            shown++;
        }
    }
    if (shown == 0) {
        add(text, "%s", finding->headline);
    }
}

void seep_report_text_left(const struct seep_layout *layout,
                           const struct seep_finding *finding)
{
    char n[SEEP_FMT_MAX] = "";
    char text[LINE_MAX_BYTES] = "";
    size_t used = INDENT + 9 + 15 + 2;

    if (has_bytes(finding)) {
        (void)seep_fmt_bytes(n, sizeof(n), (double)finding->evidence.live_bytes);
    }
    seep_buf_printf(layout->out, "%*s", INDENT, "");
    seep_layout_cell(layout, SEEP_INK_PLAIN, n, -9);
    (void)seep_fmt_count(n, sizeof(n), finding->evidence.live);
    add(text, "%s %s%s", n, seep_summary_noun(finding->kind, finding->evidence.live),
        finding->evidence.live == 1 ? " " : "");
    seep_layout_cell(layout, SEEP_INK_PLAIN, text, -15);
    seep_buf_printf(layout->out, "  ");
    text[0] = '\0';
    whose(text, finding);
    if (seep_layout_width(text) > layout->columns - used) {
        seep_layout_cell(layout, SEEP_INK_DIM, text, (int)(layout->columns - used));
    } else {
        seep_layout_put(layout, SEEP_INK_DIM, text);
    }
    seep_buf_printf(layout->out, "\n");
}

void seep_report_text_finding(const struct seep_layout *layout,
                              const struct seep_finding *finding, size_t number)
{
    title(layout, finding, number);
    seep_buf_printf(layout->out, "%*s", INDENT, "");
    seep_layout_wrap(layout, SEEP_INK_PLAIN, finding->summary, INDENT, INDENT);
    live(layout, finding);
    if (finding->evidence.measured) {
        growth(layout, finding);
    }
    if (finding->companion_sites > 0) {
        companions(layout, finding);
    }
    if (finding->forecast.limit != NULL) {
        forecast(layout, &finding->forecast);
    }
    seep_report_text_targets(layout, &finding->targets, INDENT);
    if (finding->series_count > 1 && finding->cause != SEEP_CAUSE_LEFT_AT_EXIT) {
        curve(layout, finding);
    }
    if (finding->stack_count > 0 || finding->stack_end[0] != '\0') {
        stack(layout, finding);
    }
    if (finding->thread_count > 0) {
        threads(layout, finding);
    }
    seep_buf_printf(layout->out, "\n");
}
