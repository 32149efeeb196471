/* The report as one page that needs nothing else.
 *
 * Everything is in the page when it is written: text, tables, charts. The script adds
 * what a reader may want to do (read a value, sort, zoom, choose light or dark) and
 * nothing that one must; so the page is whole without it. A page made by a script from
 * JSON was rejected: it is empty in print previews, mail filters, screen readers' first
 * pass and archives.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "report/finding_lines.h"
#include "report/html_chart.h"
#include "report/html_flame.h"
#include "report/html_page.h"
#include "report/html_text.h"
#include "report/renderer.h"
#include "report/report_html_finding.h"

enum { TOP_DEFAULT = 100, SENTENCES = 3 };

static const char *const OUTCOME_WORDS[] = {"", "clean", "inconclusive", "SUSPECT",
                                            "LEAK"};

static void head(struct seep_buf *out, const struct seep_findings *findings)
{
    seep_html_page_begin(out);
    seep_buf_printf(out, "Seep: %s, ", OUTCOME_WORDS[findings->outcome]);
    seep_html_page_put_command(out, findings);
    seep_html_page_body(out);
}

static size_t count_bad(const struct seep_findings *findings)
{
    size_t n = 0;

    while (n < findings->finding_count &&
           findings->findings[n].verdict > SEEP_VERDICT_BOUNDED) {
        n++;
    }
    return n;
}

static void until(struct seep_buf *out, const struct seep_findings *findings)
{
    char text[SEEP_FINDING_LINE_BYTES];

    seep_finding_lines_until(findings, text);
    if (text[0] != '\0') {
        seep_buf_printf(out, "<p class=\"warn\">");
        seep_html_text_put(out, text);
        seep_buf_printf(out, "</p>\n");
    }
}

static void headline(struct seep_buf *out, const struct seep_findings *findings,
                     size_t shown)
{
    size_t n = count_bad(findings);

    seep_buf_printf(out, "<header class=\"%s\">\n<p class=\"brand\">Seep report</p>\n",
                    seep_outcome_name(findings->outcome));
    if (n > 0) {
        seep_buf_printf(out, "<h1>%s: %zu finding%s</h1>\n<ol class=\"says\">\n",
                        OUTCOME_WORDS[findings->outcome], n, n == 1 ? "" : "s");
    } else if (findings->outcome == SEEP_OUTCOME_CLEAN) {
        seep_buf_printf(out, "<h1>Clean</h1>\n<p class=\"says\">Nothing grows that "
                             "should not.</p>\n");
    } else {
        seep_buf_printf(out, "<h1>Inconclusive</h1>\n");
    }
    for (size_t i = 0; i < n && i < SENTENCES && i < shown; i++) {
        seep_buf_printf(out, "<li><a href=\"#f%zu\">", i + 1);
        seep_html_text_put(out, findings->findings[i].summary);
        seep_buf_printf(out, "</a></li>\n");
    }
    seep_buf_printf(out, n > 0 ? "</ol>\n" : "");
    if (n > SENTENCES) {
        seep_buf_printf(out, "<p>... and %zu more in the table below</p>\n",
                        n - SENTENCES);
    }
    until(out, findings);
    if (findings->inconclusive[0] != '\0') {
        seep_buf_printf(out, "<p>Growth could not be judged: ");
        seep_html_text_put(out, findings->inconclusive);
        seep_buf_printf(out, ". ");
        seep_html_text_put(out, findings->advice);
        seep_buf_printf(out, ".</p>\n");
    }
    seep_buf_printf(out, "</header>\n");
}

static void program(struct seep_buf *out, const struct seep_findings *findings)
{
    char when[40] = "";
    char text[SEEP_FMT_MAX];
    time_t seconds = (time_t)(findings->started_realtime_ns / 1000000000);
    struct tm utc;

    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &utc);
    }
    seep_buf_printf(out, "<section><dl class=\"facts\"><dt>program</dt><dd><code>");
    seep_html_page_put_command(out, findings);
    seep_buf_printf(out, "</code></dd>\n<dt>process</dt><dd>pid %" PRIu32 " on ",
                    findings->pid);
    seep_html_text_put(out, findings->host);
    seep_buf_printf(out, ", started %s, ran %s, ", when,
                    seep_fmt_seconds(text, sizeof(text), findings->duration_s));
    seep_html_text_put(out, findings->ending);
    seep_buf_printf(out, "</dd>\n");
}

static void lost(struct seep_buf *out, const struct seep_findings *findings)
{
    static const char *const texts[SEEP_LOSS_MAX] = {
#define SEEP_X(name, value, key, text) [(value)] = (text),
        SEEP_LOSSES(SEEP_X)
#undef SEEP_X
    };
    char n[SEEP_FMT_MAX];
    bool any = false;

    seep_buf_printf(out, "<dt>lost</dt>");
    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        if (findings->lost[i] > 0) {
            seep_buf_printf(out, "<dd class=\"warn\">%s ",
                            seep_fmt_count(n, sizeof(n), findings->lost[i]));
            seep_html_text_put(out, texts[i] != NULL ? texts[i]
                                                     : "losses of a kind that this "
                                                       "version does not know");
            seep_buf_printf(out, "</dd>\n");
            any = true;
        }
    }
    seep_buf_printf(out, any ? "" : "<dd>nothing</dd>\n");
}

static void suppressed(struct seep_buf *out, const struct seep_view_suppressed *from)
{
    if (!from->asked) {
        return;
    }
    seep_buf_printf(out,
                    "<dt>suppressed</dt><dd>%zu finding%s (%zu of them leak%s) by %zu of "
                    "%zu rule%s%s%s</dd>\n",
                    from->findings, from->findings == 1 ? "" : "s", from->leaks,
                    from->leaks == 1 ? "" : "s", from->rules_used, from->rules,
                    from->rules == 1 ? "" : "s",
                    from->unused[0] != '\0' ? "; nothing by " : "", from->unused);
    for (size_t i = 0; i < from->expired_count; i++) {
        seep_buf_printf(out, "<dd class=\"warn\">");
        seep_html_text_put(out, from->expired[i]);
        seep_buf_printf(out, "</dd>\n");
    }
}

/* Who held the heap when it was largest. */
static void holders(struct seep_buf *out, const struct seep_view_peak *peak)
{
    char text[SEEP_FMT_MAX];

    if (peak->at_s <= 0 || peak->holder_count == 0) {
        return;
    }
    seep_buf_printf(out, "<dd>largest after %s; its largest holders:",
                    seep_fmt_seconds(text, sizeof(text), peak->at_s));
    for (size_t i = 0; i < peak->holder_count; i++) {
        const struct seep_view_holder *holder = &peak->holders[i];

        seep_buf_printf(out, "%s <code>", i > 0 ? "," : "");
        seep_html_text_put(out, holder->headline);
        seep_buf_printf(out, "</code> (%s)",
                        seep_fmt_bytes(text, sizeof(text), (double)holder->live_bytes));
    }
    seep_buf_printf(out, "</dd>\n");
}

static void peaks(struct seep_buf *out, const struct seep_findings *findings)
{
    const struct seep_view_totals *totals = &findings->totals;
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    char c[SEEP_FMT_MAX];

    seep_buf_printf(
        out,
        "<dt>peak</dt><dd>heap %s, threads %" PRIu64 ", open files %" PRIu64
        "; allocations %s, released %s</dd>\n",
        seep_fmt_bytes(a, sizeof(a), (double)totals->heap_peak_bytes),
        totals->threads_peak, totals->fds_peak,
        seep_fmt_count(b, sizeof(b), findings->events[SEEP_KIND_HEAP].acquired),
        seep_fmt_count(c, sizeof(c), findings->events[SEEP_KIND_HEAP].released));
    holders(out, &findings->peak);
    if (findings->left_at_exit_sites > 0) {
        seep_buf_printf(
            out, "<dt>at exit</dt><dd>%s at %zu site%s, left to the kernel</dd>\n",
            seep_fmt_bytes(a, sizeof(a), (double)findings->left_at_exit_bytes),
            findings->left_at_exit_sites, findings->left_at_exit_sites == 1 ? "" : "s");
    }
}

static void recording(struct seep_buf *out, const struct seep_findings *findings)
{
    char every[SEEP_FMT_MAX];
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];

    seep_buf_printf(out,
                    "<dt>recording</dt><dd>%s, %zu snapshot%s every %s; judged from %s "
                    "to %s",
                    findings->mode, findings->snapshots,
                    findings->snapshots == 1 ? "" : "s",
                    seep_fmt_seconds(every, sizeof(every), findings->interval_s),
                    seep_fmt_seconds(a, sizeof(a), findings->judged_from_s),
                    seep_fmt_seconds(b, sizeof(b), findings->judged_to_s));
    if (findings->sample_bytes > 0) {
        seep_buf_printf(out, "; one sample in %s of heap on average",
                        seep_fmt_bytes(a, sizeof(a), (double)findings->sample_bytes));
    }
    seep_buf_printf(out, "</dd>\n");
    if (findings->truncated) {
        seep_buf_printf(out,
                        "<dd class=\"warn\">cut at byte %" PRIu64
                        ": what came later is not in it</dd>\n",
                        findings->truncated_at);
    }
    peaks(out, findings);
    lost(out, findings);
    suppressed(out, &findings->suppressed);
    for (size_t i = 0; i < findings->note_count; i++) {
        seep_buf_printf(out, "%s<dd class=\"warn\">", i == 0 ? "<dt>notes</dt>" : "");
        seep_html_text_put(out, findings->notes[i]);
        seep_buf_printf(out, "</dd>\n");
    }
    seep_buf_printf(out, "</dl></section>\n");
}

/* Whether any value is above zero: what /proc never told is all zero. */
static bool is_known(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] > 0) {
            return true;
        }
    }
    return false;
}

static void values_table(struct seep_buf *out, const struct seep_view_timeline *from)
{
    char a[SEEP_FMT_MAX];
    char b[SEEP_FMT_MAX];
    char c[SEEP_FMT_MAX];

    seep_buf_printf(out, "<details class=\"values\"><summary>The values as a table"
                         "</summary><div class=\"wide\"><table><thead><tr>"
                         "<th scope=\"col\" class=\"n\">after</th>"
                         "<th scope=\"col\" class=\"n\">heap live</th>"
                         "<th scope=\"col\" class=\"n\">resident</th>"
                         "<th scope=\"col\" class=\"n\">threads</th>"
                         "<th scope=\"col\" class=\"n\">descriptors</th>"
                         "</tr></thead><tbody>\n");
    for (size_t i = 0; i < from->count; i++) {
        seep_buf_printf(out,
                        "<tr><th scope=\"row\" class=\"n\">%s</th><td class=\"n\">%s</td>"
                        "<td class=\"n\">%s</td><td class=\"n\">%.0f</td>"
                        "<td class=\"n\">%.0f</td></tr>\n",
                        seep_fmt_seconds(a, sizeof(a), from->t_s[i]),
                        seep_fmt_bytes(b, sizeof(b), from->heap_live_bytes[i]),
                        seep_fmt_bytes(c, sizeof(c), from->rss_bytes[i]),
                        from->threads[i], from->fds[i]);
    }
    seep_buf_printf(out, "</tbody></table></div></details>\n");
}

static void overview(struct seep_buf *out, const struct seep_findings *findings)
{
    const struct seep_view_timeline *from = &findings->timeline;
    const struct {
        const char *title;
        bool bytes;
        const double *values;
    } charts[] = {
        {"Live heap", true, from->heap_live_bytes},
        {"Resident memory", true, from->rss_bytes},
        {"Threads", false, from->threads},
        {"Open descriptors", false, from->fds},
    };

    if (from->count < 2) {
        return;
    }
    seep_buf_printf(out, "<section id=\"overview\"><h2>Over time</h2>\n"
                         "<p class=\"dim\"><span class=\"shade\"></span> judged");
    if (findings->snapshots > from->count) {
        seep_buf_printf(out, "; %zu of %zu snapshots are shown", from->count,
                        findings->snapshots);
    }
    seep_buf_printf(out, "</p>\n<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof(charts) / sizeof(charts[0]); i++) {
        const struct seep_html_chart chart = {.title = charts[i].title,
                                              .bytes = charts[i].bytes,
                                              .count = from->count,
                                              .t_s = from->t_s,
                                              .judged_from_s = findings->judged_from_s,
                                              .judged_to_s = findings->judged_to_s,
                                              .values = charts[i].values};

        if (is_known(chart.values, chart.count)) {
            seep_html_chart_put(out, &chart);
        }
    }
    seep_buf_printf(out, "</div>\n");
    values_table(out, from);
    seep_buf_printf(out, "</section>\n");
}

static void list(struct seep_buf *out, const struct seep_findings *findings, size_t shown)
{
    seep_buf_printf(out, "<section id=\"findings\"><h2>Findings</h2>\n");
    if (shown == 0) {
        seep_buf_printf(out, "<p>None.</p></section>\n");
        return;
    }
    seep_html_finding_put_table(out, findings, shown);
    if (shown < findings->finding_count) {
        seep_buf_printf(out, "<p>... and %zu more (--top %zu shows all)</p>\n",
                        findings->finding_count - shown, findings->finding_count);
    }
    seep_buf_printf(out, "<h3>In detail</h3>\n");
    for (size_t i = 0; i < shown; i++) {
        seep_html_finding_put_details(out, findings, i,
                                      i == 0 && findings->findings[0].verdict >
                                                    SEEP_VERDICT_BOUNDED);
    }
    seep_buf_printf(out, "</section>\n");
}

static void subsystem(struct seep_buf *out, const struct seep_view_subsystem *from)
{
    char text[SEEP_FMT_MAX];

    seep_buf_printf(out, "<tr><th scope=\"row\">");
    seep_html_text_put(out, from->name[0] != '\0' ? from->name : "(none)");
    seep_buf_printf(out, "</th><td class=\"n\" data-sort=\"%" PRIu64 "\">%s</td>",
                    from->heap_live_bytes,
                    seep_fmt_bytes(text, sizeof(text), (double)from->heap_live_bytes));
    seep_buf_printf(out, "<td class=\"n\" data-sort=\"%" PRIu64 "\">%s</td>",
                    from->heap_live, seep_fmt_count(text, sizeof(text), from->heap_live));
    seep_buf_printf(
        out, "<td class=\"n\" data-sort=\"%.6g\">%s</td>", from->heap_growth_bytes_per_s,
        seep_fmt_bytes(text, sizeof(text), from->heap_growth_bytes_per_s * 3600));
    seep_buf_printf(out, "<td class=\"n\">%" PRIu64 "</td><td class=\"n\">%.0f</td>",
                    from->threads_live, from->threads_growth_per_s * 3600 + 0.0);
    seep_buf_printf(out,
                    "<td class=\"n\">%" PRIu64 "</td><td class=\"n\">%" PRIu64
                    "</td><td class=\"n\">%" PRIu64 "</td></tr>\n",
                    from->held_live[SEEP_KIND_FD], from->held_live[SEEP_KIND_TIMER],
                    from->held_live[SEEP_KIND_MAPPING]);
}

static void subsystems(struct seep_buf *out, const struct seep_findings *findings)
{
    if (findings->subsystem_count == 0) {
        return;
    }
    seep_buf_printf(
        out, "<section id=\"subsystems\"><h2>Subsystems</h2>\n<div class=\"wide\"><table "
             "class=\"sortable\"><thead><tr><th scope=\"col\">subsystem</th>"
             "<th scope=\"col\" class=\"n\">heap</th>"
             "<th scope=\"col\" class=\"n\">blocks</th>"
             "<th scope=\"col\" class=\"n\">heap/h</th>"
             "<th scope=\"col\" class=\"n\">threads</th>"
             "<th scope=\"col\" class=\"n\">threads/h</th>"
             "<th scope=\"col\" class=\"n\">descriptors</th>"
             "<th scope=\"col\" class=\"n\">timers</th>"
             "<th scope=\"col\" class=\"n\">mappings</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < findings->subsystem_count; i++) {
        subsystem(out, &findings->subsystems[i]);
    }
    seep_buf_printf(out, "</tbody></table></div></section>\n");
}

static void children(struct seep_buf *out, const struct seep_findings *findings)
{
    char text[SEEP_FMT_MAX];

    if (findings->child_count == 0) {
        return;
    }
    seep_buf_printf(
        out, "<section id=\"children\"><h2>Child processes</h2>\n<div class=\"wide\">"
             "<table class=\"sortable\"><thead><tr><th scope=\"col\" class=\"n\">pid</th>"
             "<th scope=\"col\">command</th><th scope=\"col\" class=\"n\">ran</th>"
             "<th scope=\"col\">ended</th><th scope=\"col\" class=\"n\">heap at its end"
             "</th><th scope=\"col\">verdict</th><th scope=\"col\">recording</th></tr>"
             "</thead><tbody>\n");
    for (size_t i = 0; i < findings->child_count; i++) {
        const struct seep_view_child *from = &findings->children[i];

        seep_buf_printf(out,
                        "<tr><td class=\"n\">%" PRIu32 "</td><th scope=\"row\"><code>",
                        from->pid);
        seep_html_text_put(out, from->command);
        seep_buf_printf(out, "</code></th><td class=\"n\" data-sort=\"%.3f\">%s</td><td>",
                        from->duration_s,
                        seep_fmt_seconds(text, sizeof(text), from->duration_s));
        seep_html_text_put(out, from->ending);
        seep_buf_printf(
            out, "</td><td class=\"n\" data-sort=\"%" PRIu64 "\">%s</td><td>%s</td><td>",
            from->heap_live_bytes,
            seep_fmt_bytes(text, sizeof(text), (double)from->heap_live_bytes),
            from->outcome != 0 ? OUTCOME_WORDS[from->outcome] : "");
        seep_html_text_put(out, from->file);
        seep_buf_printf(out, "</td></tr>\n");
    }
    seep_buf_printf(out, "</tbody></table></div></section>\n");
}

/* Live and growing bytes by stack; and what --value asks for besides. */
static int flames(struct seep_buf *out, const struct seep_findings *findings,
                  const struct seep_render_options *options)
{
    enum seep_kind kind =
        options->kind != SEEP_KIND_NONE ? options->kind : SEEP_KIND_HEAP;
    bool bytes = seep_site_value_is_of_bytes(kind);
    const struct {
        const char *title;
        enum seep_site_value value;
    } graphs[] = {
        {bytes ? "Live bytes" : "Live", SEEP_VALUE_DEFAULT},
        {bytes ? "Growing bytes" : "Growing", SEEP_VALUE_GROWTH},
        {"Live, counted", SEEP_VALUE_LIVE},
        {bytes ? "Bytes acquired in all" : "Acquired in all", SEEP_VALUE_ALLOCATED}};
    size_t before = 0;
    int status = 0;

    seep_buf_printf(out,
                    "<section id=\"flames\"><h2>Flame graphs: %s</h2>\n<p class=\"dim\">"
                    "Each box is a function, as wide as what was acquired under it; what "
                    "called it is above. <span class=\"swatch program\"></span> program "
                    "<span class=\"swatch library\"></span> libraries <span "
                    "class=\"swatch runtime\"></span> runtime</p>\n<div "
                    "class=\"tools\"></div>\n",
                    seep_kind_name(kind));
    before = out->len_bytes;
    for (size_t i = 0; i < sizeof(graphs) / sizeof(graphs[0]) && status == 0; i++) {
        if (i < 2 || graphs[i].value == options->value) {
            const struct seep_html_flame flame = {
                .title = graphs[i].title, .kind = kind, .value = graphs[i].value};

            status = seep_html_flame_put(out, findings, &flame);
        }
    }
    seep_buf_printf(out, "%s</section>\n",
                    out->len_bytes == before ? "<p>Nothing live, nothing growing.</p>"
                                             : "");
    return status;
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    size_t top = options->top != 0 ? options->top : TOP_DEFAULT;
    size_t shown = top < findings->finding_count ? top : findings->finding_count;

    head(out, findings);
    headline(out, findings, shown);
    seep_buf_printf(out, "<main>\n");
    program(out, findings);
    recording(out, findings);
    overview(out, findings);
    list(out, findings, shown);
    int status = flames(out, findings, options);

    subsystems(out, findings);
    children(out, findings);
    seep_buf_printf(out, "</main>\n");
    seep_html_page_end(out);
    return out->failed ? -ENOMEM : status;
}

const struct seep_renderer SEEP_RENDERER_HTML = {
    .name = "html", .render = render, .of_sites = true};
