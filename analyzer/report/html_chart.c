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

/* Units of the viewBox. */
enum { WIDTH = 1000, HEIGHT = 100, TICKS = 4 };

struct scale {
    double from_s, to_s;
    double top, step; /* of the values; top is `steps` steps */
    size_t steps;
};

static double time_of(const struct seep_html_chart *chart, size_t i)
{
    return chart->t_s != NULL
               ? chart->t_s[i]
               : chart->from_s + (chart->to_s - chart->from_s) * (double)i /
                                     (double)(chart->count - 1);
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
    struct scale scale = {.from_s = time_of(chart, 0),
                          .to_s = time_of(chart, chart->count - 1)};
    double top = most(chart->values, chart->count);

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
                        : seep_fmt_count(out, SEEP_FMT_MAX, (uint64_t)(value + 0.5));
}

static void caption(struct seep_buf *out, const struct seep_html_chart *chart)
{
    char end[SEEP_FMT_MAX];
    char top[SEEP_FMT_MAX];

    seep_buf_printf(out,
                    "<figcaption><b class=\"key\">%s</b><span>%s at the end, at most %s"
                    "</span><output></output></figcaption>\n",
                    chart->title, value_text(chart, chart->values[chart->count - 1], end),
                    value_text(chart, most(chart->values, chart->count), top));
}

static void sentence(struct seep_buf *out, const struct seep_html_chart *chart,
                     const struct scale *scale)
{
    char span[SEEP_FMT_MAX];
    char from[SEEP_FMT_MAX];
    char to[SEEP_FMT_MAX];
    char top[SEEP_FMT_MAX];

    seep_buf_printf(out, "%s over %s: from %s to %s, at most %s", chart->title,
                    seep_fmt_seconds(span, sizeof(span), scale->to_s - scale->from_s),
                    value_text(chart, chart->values[0], from),
                    value_text(chart, chart->values[chart->count - 1], to),
                    value_text(chart, most(chart->values, chart->count), top));
}

static void curve(struct seep_buf *out, const struct seep_html_chart *chart,
                  const struct scale *scale)
{
    seep_buf_printf(out, "<polyline data-v=\"");
    for (size_t i = 0; i < chart->count; i++) {
        seep_buf_printf(out, "%s%.0f", i > 0 ? " " : "", chart->values[i]);
    }
    seep_buf_printf(out, "\" points=\"");
    for (size_t i = 0; i < chart->count; i++) {
        seep_buf_printf(out, "%s%.1f,%.2f", i > 0 ? " " : "",
                        x_of(scale, time_of(chart, i)), y_of(scale, chart->values[i]));
    }
    seep_buf_printf(out, "\"/>\n");
}

static void picture(struct seep_buf *out, const struct seep_html_chart *chart,
                    const struct scale *scale)
{
    double from = x_of(scale, chart->judged_from_s);
    double to = x_of(scale, chart->judged_to_s);

    seep_buf_printf(out,
                    "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
                    "role=\"img\" data-unit=\"%s\" data-t=\"",
                    WIDTH, HEIGHT, chart->bytes ? "bytes" : "count");
    for (size_t i = 0; i < chart->count; i++) {
        seep_buf_printf(out, "%s%.6g", i > 0 ? " " : "", time_of(chart, i));
    }
    seep_buf_printf(out, "\" aria-label=\"");
    sentence(out, chart, scale);
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
    curve(out, chart, scale);
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
