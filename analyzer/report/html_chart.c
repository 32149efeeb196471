/* Charts as SVG.
 *
 * Drawn here and not by a script, so that they are there without JavaScript, in print and
 * in a mail's preview; the script only adds reading of values. A chart library from
 * Debian was rejected: docs/reports.md says why. The curves stretch with the page
 * (preserveAspectRatio none, strokes that do not scale); labels stand outside the SVG as
 * text of the page, so that they keep their size on a telephone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/html_chart.h"

#include <math.h>

#include "base/fmt.h"
#include "base/whole.h"

/* Units of the viewBox. */
enum { WIDTH = 1000, HEIGHT = 100, TICKS = 4 };

struct scale {
    double from_s, to_s;
    double top, step; /* of the values; top is `steps` steps */
    size_t steps;
};

static struct seep_html_line line_of(const struct seep_html_chart *chart)
{
    return (struct seep_html_line){chart->count, chart->t_s, chart->from_s, chart->to_s,
                                   chart->values};
}

static double time_of(const struct seep_html_line *line, size_t i)
{
    return line->t_s != NULL ? line->t_s[i]
                             : line->from_s + (line->to_s - line->from_s) * (double)i /
                                                  (double)(line->count - 1);
}

static bool is_drawn(const struct seep_html_line *line)
{
    return line != NULL && line->count >= 2;
}

static double most(const double *values, size_t n)
{
    double top = 0;

    for (size_t i = 0; i < n; i++) {
        top = fmax(top, values[i]);
    }
    return top;
}

/* The smallest round number from `least` on: a power of two of bytes, else 1, 2 or 5
 * times a power of ten. */
static double round_step(double least, bool bytes)
{
    static const double factors[] = {1, 2, 5};
    double power = pow(10, floor(log10(fmax(least, 1))));

    if (bytes) {
        return exp2(ceil(log2(fmax(least, 1))));
    }
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        if (factors[i] * power >= least) {
            return factors[i] * power;
        }
    }
    return 10 * power;
}

static struct scale scale_of(const struct seep_html_chart *chart)
{
    const struct seep_html_line *before = chart->before;
    struct seep_html_line now = line_of(chart);
    struct scale scale = {.from_s = time_of(&now, 0),
                          .to_s = time_of(&now, now.count - 1)};
    double top = most(now.values, now.count);

    if (is_drawn(before)) {
        scale.from_s = fmin(scale.from_s, time_of(before, 0));
        scale.to_s = fmax(scale.to_s, time_of(before, before->count - 1));
        top = fmax(top, most(before->values, before->count));
    }
    scale.step = round_step(top / TICKS, chart->bytes);
    scale.steps = (size_t)fmax(1, ceil(top / scale.step));
    scale.top = (double)scale.steps * scale.step;
    if (scale.to_s <= scale.from_s) {
        scale.to_s = scale.from_s + 1;
    }
    return scale;
}

static double x_of(const struct scale *scale, double t_s)
{
    double share = (t_s - scale->from_s) / (scale->to_s - scale->from_s);

    return WIDTH * fmin(fmax(share, 0), 1);
}

static double y_of(const struct scale *scale, double value)
{
    return HEIGHT * (1 - fmin(fmax(value / scale->top, 0), 1));
}

static const char *value_text(const struct seep_html_chart *chart, double value,
                              char *out)
{
    return chart->bytes ? seep_fmt_bytes(out, SEEP_FMT_MAX, value)
                        : seep_fmt_count(out, SEEP_FMT_MAX, seep_whole(value + 0.5));
}

/* "3 MiB at the end, at most 4 MiB". */
static void says(struct seep_buf *out, const struct seep_html_chart *chart,
                 const struct seep_html_line *line)
{
    char end[SEEP_FMT_MAX];
    char top[SEEP_FMT_MAX];

    seep_buf_printf(out, "%s at the end, at most %s",
                    value_text(chart, line->values[line->count - 1], end),
                    value_text(chart, most(line->values, line->count), top));
}

static void caption(struct seep_buf *out, const struct seep_html_chart *chart)
{
    struct seep_html_line now = line_of(chart);

    seep_buf_printf(out, "<figcaption><b%s>%s</b><span%s>%s",
                    chart->before == NULL ? " class=\"key\"" : "", chart->title,
                    chart->before == NULL ? "" : " class=\"key\"",
                    chart->before == NULL ? "" : "NEW ");
    says(out, chart, &now);
    seep_buf_printf(out, "</span>");
    if (is_drawn(chart->before)) {
        seep_buf_printf(out, "<span class=\"key base\">BASE ");
        says(out, chart, chart->before);
        seep_buf_printf(out, "</span>");
    }
    seep_buf_printf(out, "<output></output></figcaption>\n");
}

static void sentence(struct seep_buf *out, const struct seep_html_chart *chart,
                     const struct seep_html_line *line)
{
    char span[SEEP_FMT_MAX];
    char from[SEEP_FMT_MAX];
    char to[SEEP_FMT_MAX];
    char top[SEEP_FMT_MAX];
    double seconds = time_of(line, line->count - 1) - time_of(line, 0);

    seep_buf_printf(out, "%s over %s: from %s to %s, at most %s", chart->title,
                    seep_fmt_seconds(span, sizeof(span), seconds),
                    value_text(chart, line->values[0], from),
                    value_text(chart, line->values[line->count - 1], to),
                    value_text(chart, most(line->values, line->count), top));
}

static void times(struct seep_buf *out, const struct seep_html_line *line)
{
    seep_buf_printf(out, " data-t=\"");
    for (size_t i = 0; i < line->count; i++) {
        seep_buf_printf(out, "%s%.6g", i > 0 ? " " : "", time_of(line, i));
    }
    seep_buf_printf(out, "\"");
}

/* name: of the run, for the script; "" when there is one alone. */
static void curve(struct seep_buf *out, const struct seep_html_line *line,
                  const struct scale *scale, const char *name)
{
    seep_buf_printf(out, "<polyline class=\"%s\" data-name=\"%s\"", name, name);
    times(out, line);
    seep_buf_printf(out, " data-v=\"");
    for (size_t i = 0; i < line->count; i++) {
        seep_buf_printf(out, "%s%.0f", i > 0 ? " " : "", line->values[i]);
    }
    seep_buf_printf(out, "\" points=\"");
    for (size_t i = 0; i < line->count; i++) {
        seep_buf_printf(out, "%s%.1f,%.2f", i > 0 ? " " : "",
                        x_of(scale, time_of(line, i)), y_of(scale, line->values[i]));
    }
    seep_buf_printf(out, "\"/>\n");
}

static void picture(struct seep_buf *out, const struct seep_html_chart *chart,
                    const struct scale *scale)
{
    double from = x_of(scale, chart->judged_from_s);
    double to = x_of(scale, chart->judged_to_s);
    struct seep_html_line now = line_of(chart);

    seep_buf_printf(out,
                    "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
                    "role=\"img\" data-unit=\"%s\" aria-label=\"%s",
                    WIDTH, HEIGHT, chart->bytes ? "bytes" : "count",
                    is_drawn(chart->before) ? "NEW: " : "");
    sentence(out, chart, &now);
    if (is_drawn(chart->before)) {
        seep_buf_printf(out, "; BASE: ");
        sentence(out, chart, chart->before);
    }
    seep_buf_printf(out, "\">\n");
    if (to > from) {
        seep_buf_printf(out,
                        "<rect class=\"judged\" x=\"%.1f\" width=\"%.1f\" y=\"0\" "
                        "height=\"%d\"/>\n",
                        from, to - from, HEIGHT);
    }
    seep_buf_printf(out, "<path class=\"grid\" d=\"");
    for (size_t i = 0; i <= scale->steps; i++) {
        seep_buf_printf(out, "M0 %.2fH%d",
                        HEIGHT - HEIGHT * (double)i / (double)scale->steps, WIDTH);
    }
    seep_buf_printf(out, "\"/>\n");
    if (is_drawn(chart->before)) {
        curve(out, chart->before, scale, "BASE");
    }
    curve(out, &now, scale, chart->before != NULL ? "NEW" : "");
    seep_buf_printf(out, "<path class=\"cursor\" d=\"\"/></svg>\n");
}

void seep_html_chart_put(struct seep_buf *out, const struct seep_html_chart *chart)
{
    char text[SEEP_FMT_MAX];

    if (chart->count < 2) {
        return;
    }
    const struct scale scale = scale_of(chart);

    seep_buf_printf(out, "<figure class=\"chart\">");
    caption(out, chart);
    seep_buf_printf(out, "<div class=\"plot\"><div class=\"y\" aria-hidden=\"true\">");
    for (size_t i = scale.steps + 1; i-- > 0;) {
        seep_buf_printf(out, "<span>%s</span>",
                        value_text(chart, (double)i * scale.step, text));
    }
    seep_buf_printf(out, "</div>\n");
    picture(out, chart, &scale);
    seep_buf_printf(out, "<div class=\"x\" aria-hidden=\"true\">");
    for (size_t i = 0; i <= TICKS; i++) {
        double t_s = scale.from_s + (scale.to_s - scale.from_s) * (double)i / TICKS;

        seep_buf_printf(out, "<span>%s</span>",
                        seep_fmt_seconds(text, sizeof(text), t_s));
    }
    seep_buf_printf(out, "</div></div></figure>\n");
}

void seep_html_chart_put_sparkline(struct seep_buf *out, const double *values, size_t n)
{
    double top = fmax(most(values, n), 1e-300);

    if (n < 2) {
        return;
    }
    seep_buf_printf(out, "<svg class=\"spark\" viewBox=\"0 0 100 20\" "
                         "preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                         "<polyline points=\"");
    for (size_t i = 0; i < n; i++) {
        seep_buf_printf(out, "%s%.1f,%.1f", i > 0 ? " " : "",
                        100 * (double)i / (double)(n - 1),
                        19 - 18 * fmin(fmax(values[i] / top, 0), 1));
    }
    seep_buf_printf(out, "\"/></svg>");
}

static void spark(struct seep_buf *out, const struct seep_html_line *line,
                  const struct scale *scale, const char *name)
{
    if (!is_drawn(line)) {
        return;
    }
    seep_buf_printf(out, "<polyline class=\"%s\" points=\"", name);
    for (size_t i = 0; i < line->count; i++) {
        seep_buf_printf(out, "%s%.1f,%.1f", i > 0 ? " " : "",
                        x_of(scale, time_of(line, i)) * 100 / WIDTH,
                        1 + y_of(scale, line->values[i]) * 18 / HEIGHT);
    }
    seep_buf_printf(out, "\"/>");
}

void seep_html_chart_put_sparklines(struct seep_buf *out,
                                    const struct seep_html_line *before,
                                    const struct seep_html_line *now)
{
    struct scale scale = {.from_s = INFINITY, .to_s = -INFINITY, .top = 1e-300};
    const struct seep_html_line *const lines[] = {before, now};

    for (size_t i = 0; i < 2; i++) {
        if (is_drawn(lines[i])) {
            scale.from_s = fmin(scale.from_s, time_of(lines[i], 0));
            scale.to_s = fmax(scale.to_s, time_of(lines[i], lines[i]->count - 1));
            scale.top = fmax(scale.top, most(lines[i]->values, lines[i]->count));
        }
    }
    if (scale.to_s <= scale.from_s) {
        return;
    }
    seep_buf_printf(out, "<svg class=\"spark\" viewBox=\"0 0 100 20\" "
                         "preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    spark(out, before, &scale, "BASE");
    spark(out, now, &scale, "NEW");
    seep_buf_printf(out, "</svg>");
}
