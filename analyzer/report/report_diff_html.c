/* Two runs compared, as one page that needs nothing else.
 *
 * The page is the report's own (html_page, html_chart, html_flame and their script), so
 * that who can read one can read the other. What both runs have is drawn in one picture
 * and on one scale: two charts side by side make the eye compare axes instead of curves.
 * The differential flame graphs are two, as wide as NEW's growth and as wide as BASE's:
 * what has gone would have no width in the first alone.
 *
 * Source: B. Gregg, "Differential Flame Graphs", 2014 (there red and blue; here red and
 * green, with words, because blue is the libraries' colour in the report).
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "report/diff_view.h"
#include "report/html_chart.h"
#include "report/html_flame.h"
#include "report/html_page.h"
#include "report/html_text.h"
#include "report/report_html_finding.h"

enum { SENTENCES = 3, SHOWN_MAX = 200 };
static const char *const SIDES[] = {"BASE", "NEW"};

static bool got_worse(const struct seep_diff *diff)
{
    return diff->of_change[SEEP_CHANGE_NEW] + diff->of_change[SEEP_CHANGE_WORSE] > 0;
}

static size_t shown_of(const struct seep_diff *diff)
{
    return diff->count < SHOWN_MAX ? diff->count : SHOWN_MAX;
}

/* "2 new, 1 gone": what there is none of is not said. */
static void heading(struct seep_buf *out, const struct seep_diff_view *view)
{
    const char *comma = "";

    if (seep_change_count(view->diff) == 0) {
        seep_buf_printf(out, "%s",
                        !seep_diff_view_is_conclusive(view)
                            ? "Inconclusive: a run is too short to tell"
                        : view->diff->of_change[SEEP_CHANGE_UNSURE] > 0
                            ? "No change is proven"
                            : "Nothing has changed");
    }
    for (unsigned i = SEEP_CHANGE_NEW; i <= SEEP_CHANGE_GONE; i++) {
        if (view->diff->of_change[i] > 0) {
            seep_buf_printf(out, "%s%zu %s", comma, view->diff->of_change[i],
                            seep_change_name((enum seep_change)i));
            comma = ", ";
        }
    }
}

static void header(struct seep_buf *out, const struct seep_diff_view *view)
{
    const struct seep_diff *diff = view->diff;
    const char *class = got_worse(diff)                      ? "worse"
                        : seep_change_count(diff) > 0        ? "better"
                        : seep_diff_view_is_conclusive(view) ? "clean"
                                                             : "inconclusive";

    seep_buf_printf(out, "<header class=\"%s\">\n<p class=\"brand\">Seep diff</p>\n<h1>",
                    class);
    heading(out, view);
    seep_buf_printf(out, "</h1>\n%s",
                    seep_change_count(diff) > 0 ? "<ol class=\"says\">\n" : "");
    for (size_t i = 0; i < diff->count && i < SENTENCES; i++) {
        const struct seep_diff_entry *entry = &diff->entries[i];

        if (seep_change_is_told(entry)) {
            seep_buf_printf(out, "<li><a href=\"#f%zu\">%s: ", i + 1,
                            seep_change_name(entry->change));
            seep_html_text_put(out, seep_change_finding(entry)->summary);
            seep_buf_printf(out, "</a></li>\n");
        }
    }
    seep_buf_printf(out, "%s<p class=\"dim\">%zu as before, %zu not told apart</p>\n",
                    seep_change_count(diff) > 0 ? "</ol>\n" : "",
                    diff->of_change[SEEP_CHANGE_SAME],
                    diff->of_change[SEEP_CHANGE_UNSURE]);
    seep_buf_printf(out, "</header>\n");
}

static void run(struct seep_buf *out, const struct seep_diff_view *view, unsigned side)
{
    const struct seep_findings *findings = view->findings[side];
    char when[40] = "";
    char ran[SEEP_FMT_MAX];
    time_t seconds = (time_t)(findings->started_realtime_ns / 1000000000);
    struct tm utc;

    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &utc);
    }
    seep_buf_printf(out, "<div><h3 class=\"key%s\">%s</h3><dl><dt>file</dt><dd><code>",
                    side == 0 ? " base" : "", SIDES[side]);
    seep_html_text_put(out, view->paths[side]);
    seep_buf_printf(out, "</code></dd>\n<dt>program</dt><dd><code>");
    seep_html_page_put_command(out, findings);
    seep_buf_printf(out, "</code></dd>\n<dt>ran</dt><dd>%s from %s, ",
                    seep_fmt_seconds(ran, sizeof(ran), findings->duration_s), when);
    seep_html_text_put(out, findings->ending);
    seep_buf_printf(out, "; %zu snapshots</dd>\n<dt>verdict</dt><dd>%s</dd>\n",
                    findings->snapshots, seep_outcome_name(findings->outcome));
    if (findings->inconclusive[0] != '\0') {
        seep_buf_printf(out, "<dd class=\"warn\">");
        seep_html_text_put(out, findings->inconclusive);
        seep_buf_printf(out, "</dd>\n");
    }
    seep_buf_printf(out, "</dl></div>\n");
}

static void runs(struct seep_buf *out, const struct seep_diff_view *view)
{
    static const char *const per[] = {
        "per second and per operation: a change counts when both show it", "per second",
        "per operation"};
    const struct seep_diff_work *work = &view->diff->work;

    seep_buf_printf(out, "<section><div class=\"runs\">\n");
    run(out, view, 0);
    run(out, view, 1);
    seep_buf_printf(out, "</div>\n<dl><dt>compared</dt><dd>growth %s</dd>\n",
                    per[view->diff->per]);
    if (work->known) {
        seep_buf_printf(out, "<dt>operations</dt><dd>%s <code>",
                        work->by_mark ? "marks" : "allocations of");
        seep_html_text_put(out, work->what);
        seep_buf_printf(out, "</code>: %.3g/s in BASE, %.3g/s in NEW</dd>\n",
                        work->base_per_s, work->fresh_per_s);
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

static void overview(struct seep_buf *out, const struct seep_diff_view *view)
{
    static const char *const titles[] = {"Live heap", "Resident memory", "Threads",
                                         "Open descriptors"};
    const struct seep_view_timeline *base = &view->findings[0]->timeline;
    const struct seep_view_timeline *fresh = &view->findings[1]->timeline;
    const double *const befores[] = {base->heap_live_bytes, base->rss_bytes,
                                     base->threads, base->fds};
    const double *const nows[] = {fresh->heap_live_bytes, fresh->rss_bytes,
                                  fresh->threads, fresh->fds};

    if (fresh->count < 2) {
        return;
    }
    seep_buf_printf(out, "<section id=\"overview\"><h2>Over time</h2>\n"
                         "<p class=\"dim\">after the start of each run</p>\n"
                         "<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        const struct seep_html_line before = {
            .count = base->count, .t_s = base->t_s, .values = befores[i]};
        const struct seep_html_chart chart = {.title = titles[i],
                                              .bytes = i < 2,
                                              .count = fresh->count,
                                              .t_s = fresh->t_s,
                                              .values = nows[i],
                                              .before = &before};

        if (is_known(nows[i], fresh->count)) {
            seep_html_chart_put(out, &chart);
        }
    }
    seep_buf_printf(out, "</div></section>\n");
}

static void change_word(struct seep_buf *out, const struct seep_diff_entry *entry)
{
    const char *name = seep_change_name(entry->change);

    seep_buf_printf(out, "<span class=\"verdict change %s\">%s</span>", name, name);
}

static void rate_cell(struct seep_buf *out, const struct seep_diff_entry *entry,
                      const struct seep_diff_rate *rate)
{
    char text[SEEP_DIFF_RATE_BYTES];

    seep_buf_printf(out, "<td class=\"n\" data-sort=\"%.6g\">%s</td>", rate->per_s,
                    seep_diff_view_rate(text, entry, rate->per_s));
}

static struct seep_html_line line_of(const struct seep_diff_curve *curve)
{
    return (struct seep_html_line){.count = curve->count,
                                   .from_s = curve->from_s,
                                   .to_s = curve->to_s,
                                   .values = curve->values};
}

static void row(struct seep_buf *out, const struct seep_diff_entry *entry, size_t number)
{
    const struct seep_finding *finding = seep_change_finding(entry);
    struct seep_html_line before = line_of(&entry->curves[0]);
    struct seep_html_line now = line_of(&entry->curves[1]);

    seep_buf_printf(out, "<tr><td class=\"n\">%zu</td><td data-sort=\"%d\">", number,
                    (int)entry->change);
    change_word(out, entry);
    seep_buf_printf(out, "</td><td class=\"n\" data-sort=\"%.6f\">%.1f %%</td><td>",
                    entry->confidence, seep_diff_view_percent(entry->confidence));
    seep_buf_printf(out,
                    "%s<br><small>%s</small></td><th scope=\"row\"><a href=\"#f%zu\">"
                    "<code>",
                    seep_kind_name(finding->kind), seep_verdict_name(finding->verdict),
                    number);
    seep_html_text_put(out, finding->headline);
    seep_buf_printf(out, "</code></a>");
    if (finding->subsystem[0] != '\0') {
        seep_buf_printf(out, "<br><small>");
        seep_html_text_put(out, finding->subsystem);
        seep_buf_printf(out, "</small>");
    }
    seep_buf_printf(out, "</th>");
    rate_cell(out, entry, &entry->base_rate);
    rate_cell(out, entry, &entry->fresh_rate);
    seep_buf_printf(out, "<td class=\"s\">");
    seep_html_chart_put_sparklines(out, &before, &now);
    seep_buf_printf(out, "</td></tr>\n");
}

static void table(struct seep_buf *out, const struct seep_diff *diff)
{
    seep_buf_printf(
        out, "<div class=\"wide\"><table class=\"sortable findings changes\"><thead><tr>"
             "<th scope=\"col\" class=\"n\">#</th><th scope=\"col\">change</th>"
             "<th scope=\"col\" class=\"n\">sure</th><th scope=\"col\">kind</th>"
             "<th scope=\"col\">where</th>"
             "<th scope=\"col\" class=\"n\">growth in BASE</th>"
             "<th scope=\"col\" class=\"n\">in NEW</th>"
             "<th scope=\"col\" data-fixed>over time</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown_of(diff); i++) {
        row(out, &diff->entries[i], i + 1);
    }
    seep_buf_printf(out, "</tbody></table></div>\n");
}

/* One picture of both; what one run never reached is not drawn. */
static void chart(struct seep_buf *out, const struct seep_diff_entry *entry)
{
    struct seep_html_line before = line_of(&entry->curves[0]);
    bool has_fresh = entry->curves[1].count >= 2;
    const struct seep_diff_curve *drawn = &entry->curves[has_fresh];
    const struct seep_html_chart chart = {
        .title = !has_fresh        ? "BASE alone"
                 : entry->of_bytes ? "Live bytes"
                                   : "Live",
        .bytes = entry->of_bytes,
        .count = drawn->count,
        .from_s = drawn->from_s,
        .to_s = drawn->to_s,
        .values = drawn->values,
        .before = has_fresh ? &before : NULL,
    };

    seep_html_chart_put(out, &chart);
}

static void rates(struct seep_buf *out, const struct seep_diff_entry *entry)
{
    const struct seep_diff_rate *const of[] = {&entry->base_rate, &entry->fresh_rate};
    const struct seep_finding *const findings[] = {entry->base, entry->fresh};

    seep_buf_printf(out, "<dl>");
    for (unsigned i = 0; i < 2; i++) {
        char at[SEEP_DIFF_RATE_BYTES];
        char low[SEEP_DIFF_RATE_BYTES];
        char high[SEEP_DIFF_RATE_BYTES];

        seep_buf_printf(out, "<dt>growth in %s</dt><dd><span class=\"rate\">%s</span>",
                        SIDES[i], seep_diff_view_rate(at, entry, of[i]->per_s));
        seep_buf_printf(out, " (95 %%: %s to %s)",
                        seep_diff_view_rate(low, entry, of[i]->low_per_s),
                        seep_diff_view_rate(high, entry, of[i]->high_per_s));
        seep_buf_printf(out, "%s%s</dd>\n", findings[i] != NULL ? ", " : "",
                        findings[i] != NULL ? seep_verdict_name(findings[i]->verdict)
                        : entry->curves[i].count > 0 ? ", not a finding there"
                                                     : ", never reached there");
    }
    if (entry->why[0] != '\0') {
        seep_buf_printf(out, "<dt>not told apart</dt><dd>%s</dd>\n", entry->why);
    }
    seep_buf_printf(out, "<dt>id</dt><dd><code>%s</code></dd></dl>\n",
                    seep_change_finding(entry)->id);
}

/* Whether the stacks of both runs read alike: the same functions, inlined or not. */
static bool reads_alike(const struct seep_finding *a, const struct seep_finding *b)
{
    bool alike = a->stack_count == b->stack_count;

    for (size_t i = 0; alike && i < a->stack_count; i++) {
        alike = strcmp(a->stack[i].function, b->stack[i].function) == 0;
    }
    return alike;
}

static void details(struct seep_buf *out, const struct seep_diff_entry *entry,
                    size_t number)
{
    const struct seep_finding *finding = seep_change_finding(entry);

    seep_buf_printf(out, "<details class=\"finding\" id=\"f%zu\"%s><summary>%zu. ",
                    number, number == 1 && seep_change_is_told(entry) ? " open" : "",
                    number);
    change_word(out, entry);
    seep_buf_printf(out, " ");
    seep_html_finding_put_verdict(out, finding->verdict);
    seep_buf_printf(out, " %s <code>", seep_kind_name(finding->kind));
    seep_html_text_put(out, finding->headline);
    seep_buf_printf(out, "</code></summary>\n<p class=\"says\">");
    seep_html_text_put(out, finding->summary);
    seep_buf_printf(out, "</p>\n");
    chart(out, entry);
    rates(out, entry);
    if (entry->base != NULL && entry->fresh != NULL) {
        bool alike = reads_alike(entry->base, entry->fresh);

        seep_html_finding_put_stack(out, entry->fresh,
                                    alike ? "Stack in both" : "Stack in NEW");
        if (!alike) {
            seep_html_finding_put_stack(out, entry->base, "Stack in BASE");
        }
    } else {
        seep_html_finding_put_stack(
            out, finding, entry->fresh != NULL ? "Stack in NEW" : "Stack in BASE");
    }
    seep_buf_printf(out, "</details>\n");
}

static void list(struct seep_buf *out, const struct seep_diff *diff)
{
    seep_buf_printf(out, "<section id=\"findings\"><h2>What grows in either run</h2>\n");
    if (diff->count == 0) {
        seep_buf_printf(out, "<p>Nothing.</p></section>\n");
        return;
    }
    table(out, diff);
    if (diff->count > SHOWN_MAX) {
        seep_buf_printf(out, "<p>... and %zu more (--format json has all)</p>\n",
                        diff->count - SHOWN_MAX);
    }
    seep_buf_printf(out, "<h3>In detail</h3>\n");
    for (size_t i = 0; i < shown_of(diff); i++) {
        details(out, &diff->entries[i], i + 1);
    }
    seep_buf_printf(out, "</section>\n");
}

/* What grows of one kind, as wide as in NEW and as wide as in BASE. */
static int flames_of(struct seep_buf *out, const struct seep_diff_view *view,
                     enum seep_kind kind)
{
    static const char *const titles[2][2] = {
        {"Growing in BASE", "Growing in NEW"},
        {"Growing bytes in BASE", "Growing bytes in NEW"}};
    bool bytes = seep_site_value_is_of_bytes(kind);
    size_t before = 0;
    int status = 0;

    seep_buf_printf(out, "<h3>Differential flame graphs: %s</h3>\n",
                    seep_kind_name(kind));
    before = out->len_bytes;
    for (unsigned i = 2; i-- > 0 && status == 0;) {
        const struct seep_html_flame graph = {.title = titles[bytes][i],
                                              .kind = kind,
                                              .value = SEEP_VALUE_GROWTH,
                                              .against = view->findings[1 - i],
                                              .against_name = SIDES[1 - i]};

        status = seep_html_flame_put(out, view->findings[i], &graph);
    }
    seep_buf_printf(out, "%s", out->len_bytes == before ? "<p>Nothing grows.</p>\n" : "");
    return status;
}

/* Of the kind that changed most, and of the heap. */
static int flames(struct seep_buf *out, const struct seep_diff_view *view)
{
    const struct seep_diff *diff = view->diff;
    enum seep_kind first = SEEP_KIND_HEAP;
    int status = 0;

    if (diff->count > 0 && seep_change_is_told(&diff->entries[0])) {
        first = seep_change_finding(&diff->entries[0])->kind;
    }
    seep_buf_printf(
        out,
        "<section id=\"flames\"><h2>Where it grows</h2>\n"
        "<p class=\"dim\">Each box is a function, as wide as what grows under it in "
        "that run; what called it is above. Against the other run it is <span "
        "class=\"swatch more2\"></span> more <span class=\"swatch even\"></span> "
        "alike <span class=\"swatch less2\"></span> less: of all sites and without a "
        "test, so what the table above does not say may be chance.</p>\n"
        "<div class=\"tools\"></div>\n");
    status = flames_of(out, view, first);
    if (status == 0 && first != SEEP_KIND_HEAP) {
        status = flames_of(out, view, SEEP_KIND_HEAP);
    }
    seep_buf_printf(out, "</section>\n");
    return status;
}

int seep_diff_view_html(const struct seep_diff_view *view, struct seep_buf *out)
{
    seep_html_page_begin(out);
    seep_buf_printf(out, "Seep diff: ");
    heading(out, view);
    seep_buf_printf(out, ", ");
    seep_html_page_put_command(out, view->findings[1]);
    seep_html_page_body(out);
    header(out, view);
    seep_buf_printf(out, "<main>\n");
    runs(out, view);
    overview(out, view);
    list(out, view->diff);
    int status = flames(out, view);

    seep_buf_printf(out, "</main>\n");
    seep_html_page_end(out);
    return out->failed ? -ENOMEM : status;
}
