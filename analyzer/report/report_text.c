/* The report for people.
 *
 * Order: the verdict in one line, then the worst in a sentence each (all that is needed
 * at night), then the run, the subsystems, and each finding with its evidence. Bounded
 * findings are short: they are there to be looked up, not read.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "report/finding_lines.h"
#include "report/renderer.h"
#include "report/report_text_causes.h"
#include "report/report_text_children.h"
#include "report/report_text_findings.h"
#include "report/report_text_heap.h"
#include "report/report_text_holding.h"
#include "report/report_thread.h"
#include "report/text_layout.h"

enum {
    TOP_DEFAULT = 10,
    LINE_MAX_BYTES = 1024,
    LABEL = 11,
    NAME_MIN = 12,
    NAME_MOST = 24,
    COMMAND_COLUMNS_MAX = 400
};

static size_t count_from(const struct seep_findings *findings, enum seep_verdict least)
{
    size_t n = 0;

    for (size_t i = 0; i < findings->finding_count; i++) {
        n += findings->findings[i].verdict >= least;
    }
    return n;
}

static void headline(const struct seep_layout *layout,
                     const struct seep_findings *findings)
{
    static const enum seep_ink inks[] = {SEEP_INK_PLAIN, SEEP_INK_GREEN, SEEP_INK_YELLOW,
                                         SEEP_INK_YELLOW, SEEP_INK_RED};
    const char *word = seep_report_text_verdict(findings);
    size_t n = count_from(findings, SEEP_VERDICT_SUSPECT);
    char until[SEEP_FINDING_LINE_BYTES];
    char text[LINE_MAX_BYTES];

    seep_layout_put(layout, inks[findings->outcome], word);
    if (findings->outcome == SEEP_OUTCOME_INCONCLUSIVE) {
        (void)snprintf(text, sizeof(text), ": %s. %s.", findings->inconclusive,
                       findings->advice);
    } else if (findings->outcome == SEEP_OUTCOME_CLEAN) {
        (void)snprintf(text, sizeof(text), ": nothing grows that should not");
    } else {
        seep_report_text_count(findings, n, text, sizeof(text));
    }
    seep_layout_wrap(layout, SEEP_INK_BOLD, text, seep_layout_width(word), 2);
    seep_report_text_causes(layout, findings, n);
    seep_finding_lines_until(findings, until);
    if (until[0] != '\0') {
        seep_buf_printf(layout->out, "  ");
        seep_layout_wrap(layout, SEEP_INK_BOLD, until, 2, 2);
    }
    if (seep_report_text_doubt(findings, text, sizeof(text))) {
        seep_buf_printf(layout->out, "  ");
        seep_layout_wrap(layout, SEEP_INK_YELLOW, text, 2, 2);
    }
    if (n > 0 && findings->inconclusive[0] != '\0') {
        (void)snprintf(text, sizeof(text), "growth could not be judged: %s. %s.",
                       findings->inconclusive, findings->advice);
        seep_buf_printf(layout->out, "  ");
        seep_layout_wrap(layout, SEEP_INK_YELLOW, text, 2, 2);
    }
    seep_buf_printf(layout->out, "\n");
}

static void line(const struct seep_layout *layout, const char *label, enum seep_ink ink,
                 const char *text)
{
    seep_layout_cell(layout, SEEP_INK_DIM, label, LABEL);
    seep_layout_wrap(layout, ink, text, LABEL, LABEL);
}

/* The command as it could be typed, cut in its middle to one line. */
static int command(const struct seep_layout *layout, const struct seep_findings *findings)
{
    struct seep_buf whole = {0};
    size_t room = layout->columns - LABEL;
    char text[4 * COMMAND_COLUMNS_MAX + 8];
    int status = 0;

    for (size_t i = 0; i < findings->command_count; i++) {
        const char *word = findings->command[i];
        const char *quote = word[0] == '\0' || strpbrk(word, " \"$&*;<>|") ? "'" : "";

        seep_buf_printf(&whole, "%s%s%s%s", i > 0 ? " " : "", quote, word, quote);
    }
    seep_buf_put(&whole, "", 1);
    if (whole.failed) {
        status = -ENOMEM;
    } else {
        const char *typed = (const char *)whole.data;

        line(layout, "program", SEEP_INK_BOLD,
             seep_layout_cut_middle(typed[0] != '\0' ? typed : findings->exe,
                                    room < COMMAND_COLUMNS_MAX ? room
                                                               : COMMAND_COLUMNS_MAX,
                                    text, sizeof(text)));
    }
    seep_buf_fini(&whole);
    return status;
}

static int program(const struct seep_layout *layout, const struct seep_findings *findings)
{
    char text[LINE_MAX_BYTES] = "";
    char when[40] = "";
    char duration[SEEP_FMT_MAX];
    time_t seconds = (time_t)(findings->started_realtime_ns / 1000000000);
    struct tm utc;

    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &utc);
    }
    (void)snprintf(text, sizeof(text), "pid %" PRIu32 ", started %s, ran %s, %s",
                   findings->pid, when,
                   seep_fmt_seconds(duration, sizeof(duration), findings->duration_s),
                   findings->ending);
    int status = command(layout, findings);

    line(layout, "process", SEEP_INK_PLAIN, text);
    return status;
}

static void lost(const struct seep_layout *layout, const struct seep_findings *findings)
{
    static const char *const texts[SEEP_LOSS_MAX] = {
#define SEEP_X(name, value, key, text) [(value)] = (text),
        SEEP_LOSSES(SEEP_X)
#undef SEEP_X
    };
    bool any = false;

    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        char text[LINE_MAX_BYTES];
        char n[SEEP_FMT_MAX];

        if (findings->lost[i] == 0) {
            continue;
        }
        (void)snprintf(
            text, sizeof(text), "%s %s", seep_fmt_count(n, sizeof(n), findings->lost[i]),
            texts[i] != NULL ? texts[i]
                             : "losses of a kind that this version does not know");
        line(layout, any ? "" : "lost", SEEP_INK_YELLOW, text);
        any = true;
    }
    if (!any) {
        line(layout, "lost", SEEP_INK_PLAIN, "nothing");
    }
}

/* One line, and one for each rule whose day has passed. */
static void suppressed(const struct seep_layout *layout,
                       const struct seep_view_suppressed *from)
{
    char text[LINE_MAX_BYTES];

    if (!from->asked) {
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "%zu finding%s (%zu of them leak%s) by %zu of %zu rule%s%s%s",
                   from->findings, from->findings == 1 ? "" : "s", from->leaks,
                   from->leaks == 1 ? "" : "s", from->rules_used, from->rules,
                   from->rules == 1 ? "" : "s",
                   from->unused[0] != '\0' ? "; nothing by " : "", from->unused);
    line(layout, "suppressed", SEEP_INK_PLAIN, text);
    for (size_t i = 0; i < from->expired_count; i++) {
        line(layout, "", SEEP_INK_YELLOW, from->expired[i]);
    }
}

static void recording(const struct seep_layout *layout,
                      const struct seep_findings *findings)
{
    char text[LINE_MAX_BYTES];
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    char every[SEEP_FMT_MAX];

    (void)snprintf(text, sizeof(text),
                   "%s, %zu snapshot%s every %s; judged from %s to %s", findings->mode,
                   findings->snapshots, findings->snapshots == 1 ? "" : "s",
                   seep_fmt_seconds(every, sizeof(every), findings->interval_s),
                   seep_fmt_seconds(a, sizeof(a), findings->judged_from_s),
                   seep_fmt_seconds(b, sizeof(b), findings->judged_to_s));
    line(layout, "recording", SEEP_INK_PLAIN, text);
    seep_report_text_sampling(layout, findings, LABEL);
    if (findings->truncated) {
        (void)snprintf(text, sizeof(text),
                       "cut at byte %" PRIu64 ": what came later is not in it",
                       findings->truncated_at);
        line(layout, "", SEEP_INK_YELLOW, text);
    }
    lost(layout, findings);
    suppressed(layout, &findings->suppressed);
    for (size_t i = 0; i < findings->note_count; i++) {
        line(layout, i == 0 ? "notes" : "", SEEP_INK_YELLOW, findings->notes[i]);
    }
}

struct row {
    const char *name;
    uint64_t bytes, blocks, threads;
    double growth_bytes_per_s, threads_per_s;
};

/* Widths of the table's columns; a narrow output gets fewer of them. */
struct widths {
    int name, bytes, blocks, growth, threads, threads_growth; /* 0: not shown */
};

static struct widths widths_of(const struct seep_layout *layout)
{
    struct widths wide = {
        .bytes = -11, .blocks = -11, .growth = -13, .threads = -9, .threads_growth = -12};
    int rest = (int)layout->columns - 11 - 11 - 13 - 9 - 12;

    if (rest < NAME_MIN) {
        wide.blocks = wide.threads_growth = 0;
        wide.growth = -12;
        rest += 11 + 12 + 1;
    }
    wide.name = rest < 8 ? 8 : rest > NAME_MOST ? NAME_MOST : rest;
    return wide;
}

static void table_row(const struct seep_layout *layout, enum seep_ink ink,
                      const struct row *row)
{
    struct widths widths = widths_of(layout);
    char cell[64];

    seep_layout_cell(layout, ink, row->name, widths.name);
    seep_layout_cell(layout, ink, seep_fmt_bytes(cell, sizeof(cell), (double)row->bytes),
                     widths.bytes);
    seep_layout_cell(layout, ink, seep_fmt_count(cell, sizeof(cell), row->blocks),
                     widths.blocks);
    seep_layout_cell(layout, ink,
                     seep_fmt_bytes(cell, sizeof(cell), row->growth_bytes_per_s * 3600),
                     widths.growth);
    seep_layout_cell(layout, ink, seep_fmt_count(cell, sizeof(cell), row->threads),
                     widths.threads);
    (void)snprintf(cell, sizeof(cell), "%.0f", row->threads_per_s * 3600);
    seep_layout_cell(layout, ink, strcmp(cell, "-0") == 0 ? "0" : cell,
                     widths.threads_growth);
    seep_buf_printf(layout->out, "\n");
}

static void table_head(const struct seep_layout *layout)
{
    struct widths widths = widths_of(layout);

    seep_layout_cell(layout, SEEP_INK_DIM, "subsystem", widths.name);
    seep_layout_cell(layout, SEEP_INK_DIM, "heap", widths.bytes);
    seep_layout_cell(layout, SEEP_INK_DIM, "blocks", widths.blocks);
    seep_layout_cell(layout, SEEP_INK_DIM, "heap/h", widths.growth);
    seep_layout_cell(layout, SEEP_INK_DIM, "threads", widths.threads);
    seep_layout_cell(layout, SEEP_INK_DIM, "threads/h", widths.threads_growth);
    seep_buf_printf(layout->out, "\n");
}

static void table(const struct seep_layout *layout, const struct seep_findings *findings)
{
    const struct seep_view_totals *totals = &findings->totals;
    struct row total = {.name = "total",
                        .bytes = totals->heap_live_bytes,
                        .blocks = totals->heap_live,
                        .threads = totals->threads_live};

    seep_buf_printf(layout->out, "\n");
    table_head(layout);
    for (size_t i = 0; i < findings->subsystem_count; i++) {
        const struct seep_view_subsystem *from = &findings->subsystems[i];
        struct row row = {.name = from->name[0] != '\0' ? from->name : "(none)",
                          .bytes = from->heap_live_bytes,
                          .blocks = from->heap_live,
                          .threads = from->threads_live,
                          .growth_bytes_per_s = from->heap_growth_bytes_per_s,
                          .threads_per_s = from->threads_growth_per_s};

        table_row(layout, SEEP_INK_PLAIN, &row);
        total.growth_bytes_per_s += row.growth_bytes_per_s;
        total.threads_per_s += row.threads_per_s;
    }
    table_row(layout, SEEP_INK_BOLD, &total);
}

/* Timers and mappings, where there were any. */
static void held(const struct seep_layout *layout, const struct seep_findings *findings)
{
    const struct seep_view_held *timers = &findings->held[SEEP_KIND_TIMER];
    const struct seep_view_held *mappings = &findings->held[SEEP_KIND_MAPPING];
    char text[LINE_MAX_BYTES];
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];

    if (timers->peak > 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 ", at most %" PRIu64, timers->live,
                       timers->peak);
        line(layout, "timers", SEEP_INK_PLAIN, text);
    }
    if (mappings->peak > 0) {
        (void)snprintf(
            text, sizeof(text), "%" PRIu64 " (%s), at most %" PRIu64 " and %s",
            mappings->live, seep_fmt_bytes(a, sizeof(a), (double)mappings->live_bytes),
            mappings->peak, seep_fmt_bytes(b, sizeof(b), (double)mappings->peak_bytes));
        line(layout, "mappings", SEEP_INK_PLAIN, text);
    }
}

static void peaks(const struct seep_layout *layout, const struct seep_findings *findings)
{
    const struct seep_view_totals *totals = &findings->totals;
    char error[48];
    char text[LINE_MAX_BYTES];
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    char c[SEEP_FMT_MAX];

    (void)snprintf(
        text, sizeof(text),
        "heap %s%s, threads %" PRIu64 ", open files %" PRIu64
        "; allocations %s, released %s",
        seep_fmt_bytes(a, sizeof(a), (double)totals->heap_peak_bytes),
        seep_report_text_error(layout, error, sizeof(error),
                               totals->heap_peak_bytes_error),
        totals->threads_peak, totals->fds_peak,
        seep_fmt_count(b, sizeof(b), findings->events[SEEP_KIND_HEAP].acquired),
        seep_fmt_count(c, sizeof(c), findings->events[SEEP_KIND_HEAP].released));
    line(layout, "peak", SEEP_INK_PLAIN, text);
    seep_report_text_peak_holders(layout, findings, LABEL);
    seep_report_text_descriptors(layout, findings, LABEL);
    held(layout, findings);
    seep_report_text_unwrapped(layout, findings, LABEL);
    if (findings->left_at_exit_sites > 0) {
        (void)snprintf(text, sizeof(text), "%s at %zu site%s, left to the kernel",
                       seep_fmt_bytes(a, sizeof(a), (double)findings->left_at_exit_bytes),
                       findings->left_at_exit_sites,
                       findings->left_at_exit_sites == 1 ? "" : "s");
        line(layout, "at exit", SEEP_INK_PLAIN, text);
    }
    seep_buf_printf(layout->out, "\n");
}

/* Bounded findings, one paragraph each. */
static void short_finding(const struct seep_layout *layout,
                          const struct seep_finding *finding, size_t number)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%zu. ", number);
    seep_layout_put(layout, SEEP_INK_BOLD, text);
    seep_layout_put(layout, SEEP_INK_DIM, "bounded  ");
    seep_layout_wrap(layout, SEEP_INK_PLAIN, finding->summary, strlen(text) + 9, 3);
    seep_report_text_callers(layout, finding);
}

/* One line each; they come last. */
static void left_at_exit(const struct seep_layout *layout,
                         const struct seep_findings *findings, size_t first, size_t end)
{
    size_t heap = 0;
    char text[LINE_MAX_BYTES];

    seep_layout_put(layout, SEEP_INK_DIM, "left at exit");
    seep_layout_put(layout, SEEP_INK_PLAIN, ", no leak by itself, never fails a run:\n");
    for (size_t i = first; i < end; i++) {
        seep_report_text_left(layout, &findings->findings[i]);
        heap += findings->findings[i].kind == SEEP_KIND_HEAP;
    }
    if (findings->left_at_exit_sites > heap) {
        size_t more = findings->left_at_exit_sites - heap;

        (void)snprintf(text, sizeof(text), "   and %zu site%s more\n", more,
                       more == 1 ? "" : "s");
        seep_layout_put(layout, SEEP_INK_DIM, text);
    }
}

static void list(const struct seep_layout *layout, const struct seep_findings *findings,
                 size_t top)
{
    size_t end = findings->finding_count < top ? findings->finding_count : top;
    size_t i = 0;

    for (; i < end && findings->findings[i].cause != SEEP_CAUSE_LEFT_AT_EXIT; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (finding->verdict > SEEP_VERDICT_BOUNDED) {
            seep_report_text_finding(layout, finding, i + 1);
        } else {
            short_finding(layout, finding, i + 1);
        }
    }
    if (i < end) {
        left_at_exit(layout, findings, i, end);
    }
    if (findings->finding_count > top) {
        seep_buf_printf(layout->out, "... and %zu finding%s more (--top %zu shows all)\n",
                        findings->finding_count - top,
                        findings->finding_count - top == 1 ? "" : "s",
                        findings->finding_count);
    }
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    const struct seep_layout layout = {
        .out = out,
        .columns = options->columns < SEEP_LAYOUT_COLUMNS_MIN ? SEEP_LAYOUT_COLUMNS_MIN
                                                              : options->columns,
        .color = options->color,
        .utf8 = options->utf8,
    };
    int status = 0;

    headline(&layout, findings);
    status = program(&layout, findings);
    recording(&layout, findings);
    if (status == 0) {
        status = seep_report_text_children(&layout, findings, LABEL);
    }
    table(&layout, findings);
    peaks(&layout, findings);
    list(&layout, findings, options->top != 0 ? options->top : TOP_DEFAULT);
    return out->failed ? -ENOMEM : status;
}

const struct seep_renderer SEEP_RENDERER_TEXT = {.name = "text", .render = render};
