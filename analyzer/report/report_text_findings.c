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
#include "base/whole.h"
#include "report/finding_lines.h"
#include "report/report_text_holding.h"
#include "report/text_stack.h"
#include "verdict/summary_holding.h"
#include "verdict/summary_text.h"

enum {
    INDENT = 3,
    LINE_MAX_BYTES = 512,
    STACK_SHOWN_MAX = 40,
    SPARK_MAX = 48,
    CALLERS_SHOWN = 5
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

static void title(const struct seep_layout *layout, const struct seep_finding *finding,
                  size_t number)
{
    char text[LINE_MAX_BYTES];

    (void)snprintf(text, sizeof(text), "%zu. ", number);
    seep_layout_put(layout, SEEP_INK_BOLD, text);
    seep_layout_put(layout, seep_report_text_ink(finding->verdict),
                    seep_verdict_name(finding->verdict));
    (void)snprintf(text, sizeof(text), "  %s %s%s%s  ", seep_kind_name(finding->kind),
                   seep_finding_lines_cause(finding->cause),
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
                                 : seep_fmt_count(a, sizeof(a), seep_whole(high)),
        seep_fmt_seconds(b, sizeof(b), finding->series_to_s - finding->series_from_s));
    seep_layout_put(layout, SEEP_INK_DIM, text);
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
    if (finding->longest_stop_s > 0) {
        add(text, "; to look, one was stopped for %.2f ms at the longest",
            finding->longest_stop_s * 1e3);
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
        if (from->place[0] != '\0') {
            add(text, " in %s", from->place);
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

    if (seep_finding_lines_has_bytes(finding)) {
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
    struct seep_finding_line lines[SEEP_FINDING_LINES_MAX];
    size_t n = seep_finding_lines(finding, layout->utf8, lines);

    title(layout, finding, number);
    seep_buf_printf(layout->out, "%*s", INDENT, "");
    seep_layout_wrap(layout, SEEP_INK_PLAIN, finding->summary, INDENT, INDENT);
    for (size_t i = 0; i < n; i++) {
        line(layout, lines[i].label, lines[i].text);
    }
    seep_report_text_targets(layout, &finding->targets, INDENT);
    if (finding->series_count > 1 && finding->cause != SEEP_CAUSE_LEFT_AT_EXIT) {
        curve(layout, finding);
    }
    if (finding->stack_count > 0 || finding->stack_end[0] != '\0') {
        line(layout, "stack", "innermost first; > marks the program's own code");
        seep_text_stack(layout, &(struct seep_text_stack){.frames = finding->stack,
                                                          .count = finding->stack_count,
                                                          .end = finding->stack_end,
                                                          .indent = INDENT + 2,
                                                          .shown_most = STACK_SHOWN_MAX});
    }
    if (finding->thread_count > 0) {
        threads(layout, finding);
    }
    seep_buf_printf(layout->out, "\n");
}
