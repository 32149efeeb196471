/* The report as a comment on a merge request.
 *
 * The verdict and the findings' sentences are seen at once; what backs them is folded
 * away in <details>. The whole is bounded: GitHub refuses a comment of more than 65,536
 * characters, so what does not fit any more is counted instead of shown. No chart and no
 * image: a comment must stand by itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "report/finding_lines.h"
#include "report/markup.h"
#include "report/renderer.h"
#include "report/text_layout.h"
#include "verdict/summary_text.h"

/* Bytes; the rest of GitHub's 65,536 is for what always comes. */
enum { ROWS_MAX_BYTES = 24000, WHOLE_MAX_BYTES = 56000, SUBSYSTEMS_MAX = 20 };
enum { TOP_DEFAULT = 10, SENTENCES = 3, NAME_COLUMNS = 60, COMMAND_COLUMNS = 200 };
enum { SENTENCE_COLUMNS = 400, FRAMES_HEAD = 24, FRAMES_TAIL = 4 };

/* `columns` characters of up to 4 bytes. */
enum { CUT_MAX = 4 * SENTENCE_COLUMNS + 8 };

static void put_cut(struct seep_buf *out, const char *text, size_t columns, bool code)
{
    char cut[CUT_MAX];
    const char *fitting = seep_layout_cut_middle(text, columns, cut, sizeof(cut));

    if (code) {
        seep_buf_printf(out, "<code>");
        seep_markup_put_code(out, fitting);
        seep_buf_printf(out, "</code>");
    } else {
        seep_markup_put_text(out, fitting);
    }
}

static size_t count_from(const struct seep_findings *findings, enum seep_verdict least)
{
    size_t n = 0;

    for (size_t i = 0; i < findings->finding_count; i++) {
        n += findings->findings[i].verdict >= least;
    }
    return n;
}

static void headline(struct seep_buf *out, const struct seep_findings *findings)
{
    size_t n = count_from(findings, SEEP_VERDICT_SUSPECT);
    char until[SEEP_FINDING_LINE_BYTES];

    if (findings->outcome == SEEP_OUTCOME_INCONCLUSIVE) {
        seep_buf_printf(out, "### Seep: inconclusive\n\n");
    } else if (findings->outcome == SEEP_OUTCOME_CLEAN) {
        seep_buf_printf(out, "### Seep: clean\n\nNothing grows that should not.\n\n");
    } else {
        seep_buf_printf(out, "### Seep: %s, %zu finding%s\n\n",
                        findings->outcome == SEEP_OUTCOME_LEAK ? "LEAK" : "SUSPECT", n,
                        n == 1 ? "" : "s");
    }
    for (size_t i = 0; i < n && i < SENTENCES; i++) {
        seep_buf_printf(out, "%zu. ", i + 1);
        put_cut(out, findings->findings[i].summary, SENTENCE_COLUMNS, false);
        seep_buf_printf(out, "\n");
    }
    seep_buf_printf(out, n > 0 ? "\n" : "");
    seep_finding_lines_until(findings, until);
    if (until[0] != '\0') {
        put_cut(out, until, SENTENCE_COLUMNS, false);
        seep_buf_printf(out, "\n\n");
    }
    if (findings->inconclusive[0] != '\0') {
        seep_buf_printf(out, "Growth could not be judged: ");
        put_cut(out, findings->inconclusive, SENTENCE_COLUMNS, false);
        seep_buf_printf(out, ". ");
        put_cut(out, findings->advice, SENTENCE_COLUMNS, false);
        seep_buf_printf(out, ".\n\n");
    }
}

/* "`pma-backend --config x`, ran 60 s, exited 0; full recording, 60 snapshots." */
static int program(struct seep_buf *out, const struct seep_findings *findings)
{
    struct seep_buf whole = {0};
    char ran[SEEP_FMT_MAX];
    char lost[SEEP_FMT_MAX];
    int status = 0;

    for (size_t i = 0; i < findings->command_count; i++) {
        seep_buf_printf(&whole, "%s%s", i > 0 ? " " : "", findings->command[i]);
    }
    seep_buf_put(&whole, "", 1);
    if (whole.failed) {
        status = -ENOMEM;
        goto done;
    }
    const char *typed = (const char *)whole.data;

    put_cut(out, typed[0] != '\0' ? typed : findings->exe, COMMAND_COLUMNS, true);
    seep_buf_printf(out, ", ran %s, ",
                    seep_fmt_seconds(ran, sizeof(ran), findings->duration_s));
    put_cut(out, findings->ending, NAME_COLUMNS, false);
    seep_buf_printf(out, "; %s recording, %zu snapshot%s", findings->mode,
                    findings->snapshots, findings->snapshots == 1 ? "" : "s");
    if (findings->lost_events > 0) {
        seep_buf_printf(out, "; **%s events lost**",
                        seep_fmt_count(lost, sizeof(lost), findings->lost_events));
    }
    seep_buf_printf(out,
                    findings->truncated ? "; **the file is cut short**.\n\n" : ".\n\n");
done:
    seep_buf_fini(&whole);
    return status;
}

/* Growth in an hour: of bytes where they say something, else of the count. */
static void growth_cell(struct seep_buf *out, const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char text[SEEP_FMT_MAX];

    if (!evidence->measured) {
        seep_buf_printf(out, " |");
    } else if (seep_finding_lines_has_bytes(finding) &&
               evidence->growth_bytes_per_s != 0) {
        seep_buf_printf(
            out, " %s/h |",
            seep_fmt_bytes(text, sizeof(text), evidence->growth_bytes_per_s * 3600));
    } else {
        seep_buf_printf(
            out, " %s/h |",
            seep_summary_number(text, sizeof(text), evidence->growth_per_s * 3600));
    }
}

static void row(struct seep_buf *out, const struct seep_finding *finding, size_t number)
{
    bool bad = finding->verdict > SEEP_VERDICT_BOUNDED;
    char text[SEEP_FMT_MAX];

    seep_buf_printf(out, "| %zu | %s%s%s | %s %s | ", number, bad ? "**" : "",
                    seep_verdict_name(finding->verdict), bad ? "**" : "",
                    seep_kind_name(finding->kind),
                    seep_finding_lines_cause(finding->cause));
    put_cut(out, finding->headline, NAME_COLUMNS, true);
    seep_buf_printf(out, " | ");
    put_cut(out, finding->subsystem, NAME_COLUMNS, false);
    seep_buf_printf(out, " | %s",
                    seep_fmt_count(text, sizeof(text), finding->evidence.live));
    if (seep_finding_lines_has_bytes(finding)) {
        seep_buf_printf(
            out, " (%s)",
            seep_fmt_bytes(text, sizeof(text), (double)finding->evidence.live_bytes));
    }
    seep_buf_printf(out, " |");
    growth_cell(out, finding);
    seep_buf_printf(out, " <code>%s</code> |\n", finding->id);
}

/* Returns: rows written. */
static size_t rows(struct seep_buf *out, const struct seep_findings *findings,
                   size_t shown)
{
    size_t i = 0;

    if (shown == 0) {
        return 0;
    }
    seep_buf_printf(out,
                    "| # | verdict | kind | where | subsystem | live | growth | id |\n"
                    "|--:|---|---|---|---|--:|--:|---|\n");
    for (; i < shown && out->len_bytes < ROWS_MAX_BYTES; i++) {
        row(out, &findings->findings[i], i + 1);
    }
    seep_buf_printf(out, "\n");
    if (i < findings->finding_count) {
        seep_buf_printf(out, "... and %zu more.\n\n", findings->finding_count - i);
    }
    return i;
}

static void frame(struct seep_buf *out, const struct seep_view_frame *from)
{
    seep_buf_printf(out, from->role == SEEP_ROLE_PROGRAM ? "> " : "  ");
    put_cut(out, from->function, NAME_COLUMNS, false);
    seep_buf_printf(out, "  ");
    if (from->file[0] != '\0') {
        seep_markup_put_code(out, from->file);
        if (from->line != 0) {
            seep_buf_printf(out, ":%" PRIu32, from->line);
        }
    } else {
        seep_markup_put_code(out, from->module);
        seep_buf_printf(out, "+0x%" PRIx64, from->offset);
    }
    seep_buf_printf(out, "%s\n", from->inlined ? " (inlined)" : "");
}

static void details(struct seep_buf *out, const struct seep_finding *finding,
                    size_t number)
{
    struct seep_finding_line lines[SEEP_FINDING_LINES_MAX];
    size_t n = seep_finding_lines(finding, true, lines);
    size_t head = finding->stack_count > FRAMES_HEAD + FRAMES_TAIL ? FRAMES_HEAD
                                                                   : finding->stack_count;

    seep_buf_printf(out, "<details><summary>%zu. %s: ", number,
                    seep_verdict_name(finding->verdict));
    put_cut(out, finding->headline, NAME_COLUMNS, true);
    seep_buf_printf(out, "</summary>\n\n");
    put_cut(out, finding->summary, SENTENCE_COLUMNS, false);
    seep_buf_printf(out, "\n\n");
    for (size_t i = 0; i < n; i++) {
        seep_buf_printf(out, "- %s: ", lines[i].label);
        seep_markup_put_text(out, lines[i].text);
        seep_buf_printf(out, "\n");
    }
    if (finding->stack_count > 0) {
        seep_buf_printf(
            out, "\ninnermost first; &gt; marks the program's own code:\n\n<pre>\n");
        for (size_t i = 0; i < finding->stack_count; i++) {
            if (i == head) {
                i = finding->stack_count - FRAMES_TAIL;
                seep_buf_printf(out, "  ... %zu frames more ...\n", i - head);
            }
            frame(out, &finding->stack[i]);
        }
        seep_buf_printf(out, "</pre>\n");
    }
    seep_buf_printf(out, "\n</details>\n\n");
}

/* The first findings' details, as many as fit. Returns: 0; -ENOMEM. */
static int all_details(struct seep_buf *out, const struct seep_findings *findings,
                       size_t shown)
{
    struct seep_buf one = {0};
    size_t left_out = 0;
    int status = 0;

    for (size_t i = 0; i < shown && status == 0; i++) {
        if (findings->findings[i].verdict <= SEEP_VERDICT_BOUNDED) {
            continue;
        }
        seep_buf_reset(&one);
        details(&one, &findings->findings[i], i + 1);
        if (one.failed) {
            status = -ENOMEM;
        } else if (left_out > 0 || out->len_bytes + one.len_bytes > WHOLE_MAX_BYTES) {
            left_out++;
        } else {
            seep_buf_put(out, one.data, one.len_bytes);
        }
    }
    if (left_out > 0) {
        seep_buf_printf(out,
                        "The details of %zu findings more would not fit into a comment; "
                        "the text report has them.\n\n",
                        left_out);
    }
    seep_buf_fini(&one);
    return status;
}

static void subsystems(struct seep_buf *out, const struct seep_findings *findings)
{
    char bytes[SEEP_FMT_MAX];
    char blocks[SEEP_FMT_MAX];
    char growth[SEEP_FMT_MAX];

    if (findings->subsystem_count == 0) {
        return;
    }
    seep_buf_printf(out, "<details><summary>Subsystems</summary>\n\n"
                         "| subsystem | heap | blocks | heap/h | threads |\n"
                         "|---|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < findings->subsystem_count && i < SUBSYSTEMS_MAX; i++) {
        const struct seep_view_subsystem *from = &findings->subsystems[i];

        seep_buf_printf(out, "| ");
        put_cut(out, from->name[0] != '\0' ? from->name : "(none)", NAME_COLUMNS / 2,
                false);
        seep_buf_printf(
            out, " | %s | %s | %s | %" PRIu64 " |\n",
            seep_fmt_bytes(bytes, sizeof(bytes), (double)from->heap_live_bytes),
            seep_fmt_count(blocks, sizeof(blocks), from->heap_live),
            seep_fmt_bytes(growth, sizeof(growth), from->heap_growth_bytes_per_s * 3600),
            from->threads_live);
    }
    if (findings->subsystem_count > SUBSYSTEMS_MAX) {
        seep_buf_printf(out, "\n... and %zu more.\n",
                        findings->subsystem_count - SUBSYSTEMS_MAX);
    }
    seep_buf_printf(out, "\n</details>\n");
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    size_t top = options->top != 0 ? options->top : TOP_DEFAULT;
    size_t shown = top < findings->finding_count ? top : findings->finding_count;
    int status = 0;

    headline(out, findings);
    status = program(out, findings);
    shown = rows(out, findings, shown);
    if (status == 0) {
        status = all_details(out, findings, shown);
    }
    subsystems(out, findings);
    return out->failed ? -ENOMEM : status;
}

const struct seep_renderer SEEP_RENDERER_MARKDOWN = {.name = "markdown",
                                                     .render = render};
