/* One finding in the HTML report: a row, and what backs it.
 *
 * The details are <details> of HTML, so that they open without a script, by keyboard, and
 * for a link to their id. Ids are numbers of the page: a finding's own id may come twice
 * (two sites of the same functions).
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_html_finding.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/fmt.h"
#include "report/finding_lines.h"
#include "report/html_chart.h"
#include "report/html_text.h"
#include "verdict/summary_text.h"

void seep_html_finding_put_verdict(struct seep_buf *out, enum seep_verdict verdict)
{
    const char *name = seep_verdict_name(verdict);

    seep_buf_printf(out, "<span class=\"verdict %s\">%s</span>", name, name);
}

/* Growth in an hour: of bytes where they say something, else of the count. */
static void growth_cell(struct seep_buf *out, const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char text[SEEP_FMT_MAX];

    if (!evidence->measured) {
        seep_buf_printf(out, "<td class=\"n\"></td>");
    } else if (seep_finding_lines_has_bytes(finding) &&
               evidence->growth_bytes_per_s != 0) {
        seep_buf_printf(
            out, "<td class=\"n\" data-sort=\"%.6g\">%s/h</td>",
            evidence->growth_bytes_per_s,
            seep_fmt_bytes(text, sizeof(text), evidence->growth_bytes_per_s * 3600));
    } else {
        seep_buf_printf(
            out, "<td class=\"n\" data-sort=\"%.6g\">%s/h</td>", evidence->growth_per_s,
            seep_summary_number(text, sizeof(text), evidence->growth_per_s * 3600));
    }
}

static void live_cell(struct seep_buf *out, const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    char text[SEEP_FMT_MAX];

    seep_buf_printf(out, "<td class=\"n\" data-sort=\"%" PRIu64 "\">%s", evidence->live,
                    seep_fmt_count(text, sizeof(text), evidence->live));
    if (seep_finding_lines_has_bytes(finding)) {
        seep_buf_printf(out, "<br><small>%s</small>",
                        seep_fmt_bytes(text, sizeof(text), (double)evidence->live_bytes));
    }
    seep_buf_printf(out, "</td>");
}

static void row(struct seep_buf *out, const struct seep_finding *finding, size_t number)
{
    seep_buf_printf(out, "<tr><td class=\"n\">%zu</td><td data-sort=\"%d\">", number,
                    -(int)finding->verdict);
    seep_html_finding_put_verdict(out, finding->verdict);
    seep_buf_printf(out,
                    "</td><td>%s<br><small>%s</small></td><th scope=\"row\"><a "
                    "href=\"#f%zu\"><code>",
                    seep_kind_name(finding->kind),
                    seep_finding_lines_cause(finding->cause), number);
    seep_html_text_put(out, finding->headline);
    seep_buf_printf(out, "</code></a></th><td>");
    seep_html_text_put(out, finding->subsystem);
    seep_buf_printf(out, "</td>");
    live_cell(out, finding);
    growth_cell(out, finding);
    seep_buf_printf(out, "<td class=\"s\">");
    seep_html_chart_put_sparkline(out, finding->series, finding->series_count);
    seep_buf_printf(out, "</td></tr>\n");
}

void seep_html_finding_put_table(struct seep_buf *out,
                                 const struct seep_findings *findings, size_t shown)
{
    seep_buf_printf(
        out, "<div class=\"wide\"><table class=\"sortable findings\"><thead><tr>"
             "<th scope=\"col\" class=\"n\">#</th><th scope=\"col\">verdict</th>"
             "<th scope=\"col\">kind</th><th scope=\"col\">where</th>"
             "<th scope=\"col\">subsystem</th><th scope=\"col\" class=\"n\">live</th>"
             "<th scope=\"col\" class=\"n\">growth</th>"
             "<th scope=\"col\" data-fixed>over time</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++) {
        row(out, &findings->findings[i], i + 1);
    }
    seep_buf_printf(out, "</tbody></table></div>\n");
}

static void chart(struct seep_buf *out, const struct seep_findings *findings,
                  const struct seep_finding *finding)
{
    const struct seep_html_chart drawn = {
        .title = finding->series_of_bytes ? "Live bytes" : "Live",
        .bytes = finding->series_of_bytes,
        .count = finding->series_count,
        .from_s = finding->series_from_s,
        .to_s = finding->series_to_s,
        .judged_from_s = findings->judged_from_s,
        .judged_to_s = findings->judged_to_s,
        .values = finding->series,
    };

    seep_html_chart_put(out, &drawn);
}

static void facts(struct seep_buf *out, const struct seep_finding *finding)
{
    struct seep_finding_line lines[SEEP_FINDING_LINES_MAX];
    size_t n = seep_finding_lines(finding, true, lines);

    seep_buf_printf(out, "<dl>");
    for (size_t i = 0; i < n; i++) {
        seep_buf_printf(out, "<dt>%s</dt><dd>", lines[i].label);
        seep_html_text_put(out, lines[i].text);
        seep_buf_printf(out, "</dd>\n");
    }
    if (finding->subsystem[0] != '\0') {
        seep_buf_printf(out, "<dt>subsystem</dt><dd>");
        seep_html_text_put(out, finding->subsystem);
        seep_buf_printf(out, "</dd>\n");
    }
    if (finding->through[0] != '\0') {
        seep_buf_printf(out, "<dt>through</dt><dd><code>");
        seep_html_text_put(out, finding->through);
        seep_buf_printf(out, "</code></dd>\n");
    }
    seep_buf_printf(out, "<dt>id</dt><dd><code>%s</code></dd></dl>\n", finding->id);
}

static void frame(struct seep_buf *out, const struct seep_view_frame *from)
{
    static const char *const roles[] = {"", "runtime", "library", "program"};

    seep_buf_printf(out, "<li class=\"%s\"><code>", roles[from->role]);
    seep_html_text_put(out, from->function);
    seep_buf_printf(out, "</code> <span class=\"at\">");
    if (from->file[0] != '\0') {
        seep_html_text_put(out, from->file);
        if (from->line != 0) {
            seep_buf_printf(out, ":%" PRIu32, from->line);
        }
    } else {
        seep_html_text_put(out, from->module);
        seep_buf_printf(out, "+0x%" PRIx64, from->offset);
    }
    seep_buf_printf(out, "%s</span></li>\n", from->inlined ? " (inlined)" : "");
}

void seep_html_finding_put_stack(struct seep_buf *out, const struct seep_finding *finding,
                                 const char *title)
{
    if (finding->stack_count == 0) {
        return;
    }
    seep_buf_printf(out,
                    "<h4>%s <small>innermost first; the program's own code is "
                    "marked</small></h4>\n<ol class=\"stack\">\n",
                    title);
    for (size_t i = 0; i < finding->stack_count; i++) {
        frame(out, &finding->stack[i]);
    }
    seep_buf_printf(out, "</ol>\n");
    if (finding->stack_end[0] != '\0') {
        seep_buf_printf(out, "<p class=\"dim\">");
        seep_html_text_put(out, finding->stack_end);
        seep_buf_printf(out, "</p>\n");
    }
}

static void threads(struct seep_buf *out, const struct seep_finding *finding)
{
    char text[SEEP_FMT_MAX];
    char stop[64] = "";

    if (finding->thread_count == 0) {
        return;
    }
    if (finding->longest_stop_s > 0) {
        (void)snprintf(stop, sizeof(stop),
                       "; to look, stopped for %.2f ms at the longest",
                       finding->longest_stop_s * 1e3);
    }
    seep_buf_printf(out,
                    "<h4>Threads <small>%zu of %zu, oldest first%s</small></h4>\n"
                    "<div class=\"wide\"><table><thead><tr><th scope=\"col\">tid</th>"
                    "<th scope=\"col\">name</th><th scope=\"col\">starts at</th>"
                    "<th scope=\"col\">state</th><th scope=\"col\">waits in</th>"
                    "<th scope=\"col\" class=\"n\">idle for</th></tr></thead><tbody>\n",
                    finding->thread_count, finding->thread_total, stop);
    for (size_t i = 0; i < finding->thread_count; i++) {
        const struct seep_view_thread *from = &finding->threads[i];
        double idle_s = fmax(from->idle_s, from->blocked_s);

        seep_buf_printf(out, "<tr><td>%" PRIu32 "</td><td>", from->tid);
        seep_html_text_put(out, from->name);
        seep_buf_printf(out, "</td><td><code>");
        seep_html_text_put(out, from->start);
        seep_buf_printf(out, "</code></td><td>%s</td><td>", from->state);
        seep_html_text_put(out, from->wait);
        if (from->place[0] != '\0') {
            seep_buf_printf(out, " in <code>");
            seep_html_text_put(out, from->place);
            seep_buf_printf(out, "</code>");
        }
        seep_buf_printf(out, "</td><td class=\"n\">%s</td></tr>\n",
                        idle_s > 0 ? seep_fmt_seconds(text, sizeof(text), idle_s) : "");
    }
    seep_buf_printf(out, "</tbody></table></div>\n");
}

static void targets(struct seep_buf *out, const struct seep_view_targets *from)
{
    if (from->group_count == 0) {
        return;
    }
    seep_buf_printf(out, "<h4>Open on</h4>\n<ul>\n");
    for (size_t i = 0; i < from->group_count; i++) {
        const struct seep_view_group *group = &from->groups[i];

        seep_buf_printf(out, "<li>%zu of %zu: ", group->count, from->total);
        seep_html_text_put(out, group->what);
        for (size_t j = 0; j < group->example_count; j++) {
            seep_buf_printf(out, "<br><code class=\"dim\">");
            seep_html_text_put(out, group->examples[j]);
            seep_buf_printf(out, "</code>");
        }
        seep_buf_printf(out, "</li>\n");
    }
    seep_buf_printf(out, "</ul>\n");
}

void seep_html_finding_put_details(struct seep_buf *out,
                                   const struct seep_findings *findings, size_t i,
                                   bool open)
{
    const struct seep_finding *finding = &findings->findings[i];

    seep_buf_printf(out, "<details class=\"finding\" id=\"f%zu\"%s><summary>%zu. ", i + 1,
                    open ? " open" : "", i + 1);
    seep_html_finding_put_verdict(out, finding->verdict);
    seep_buf_printf(out, " %s <code>", seep_kind_name(finding->kind));
    seep_html_text_put(out, finding->headline);
    seep_buf_printf(out, "</code></summary>\n<p class=\"says\">");
    seep_html_text_put(out, finding->summary);
    seep_buf_printf(out, "</p>\n");
    chart(out, findings, finding);
    facts(out, finding);
    seep_html_finding_put_stack(out, finding, "Stack");
    threads(out, finding);
    targets(out, &finding->targets);
    seep_buf_printf(out, "</details>\n");
}
