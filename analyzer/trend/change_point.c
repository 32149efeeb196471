/* Two-phase regression.
 *
 * Each place of the knee is a least-squares problem in three unknowns (level, slope,
 * bend), solved in a step from sums that are carried along. Pettitt's test was rejected:
 * it looks for a jump between two levels, and warm-up is a bend: a rise that ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/change_point.h"

#include <math.h>

enum { POINTS_MIN = 8, EDGE = 3 };

/* Sums over the whole series, of t measured from its middle and y from its mean. */
struct line {
    double middle, mean;
    double tt, ty, yy;
};

static struct line fit_line(const double *y, size_t n)
{
    struct line line = {.middle = (double)(n - 1) / 2};

    for (size_t i = 0; i < n; i++) {
        line.mean += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double t = (double)i - line.middle;
        double v = y[i] - line.mean;

        line.tt += t * t;
        line.ty += t * v;
        line.yy += v * v;
    }
    return line;
}

/* Sums of the bend max(i - knee, 0), of which there are `m` values 1 .. m. */
struct bend {
    double slope; /* of the bend */
    double gain;  /* what it takes off the sum of squares that the line leaves */
};

/* sy, sty: sum of y - mean, and of (i - knee)(y - mean), over the values after the knee.
 */
static struct bend fit_bend(const struct line *line, size_t n, size_t knee, double sty)
{
    double m = (double)(n - 1 - knee);
    double sum = m * (m + 1) / 2;
    double squares = m * (m + 1) * (2 * m + 1) / 6;
    /* sum of (i - knee)(i - middle) over i > knee */
    double with_t = squares + ((double)knee - line->middle) * sum;
    double own = squares - sum * sum / (double)n - with_t * with_t / line->tt;
    double cross = sty - with_t * line->ty / line->tt;

    if (!(own > 0)) {
        return (struct bend){0};
    }
    return (struct bend){.slope = cross / own, .gain = cross * cross / own};
}

struct seep_change_point seep_change_point(const double *y, size_t n)
{
    struct seep_change_point best = {0};
    double sy = 0;
    double sty = 0;
    double best_gain = 0;
    double bend_slope = 0;

    if (n < POINTS_MIN) {
        return best;
    }
    struct line line = fit_line(y, n);
    double slope = line.ty / line.tt;
    double left = fmax(line.yy - slope * line.ty, 0);

    for (size_t knee = n - 2; knee >= EDGE; knee--) {
        sy += y[knee + 1] - line.mean;
        sty += sy; /* each value after the knee lies one further from it */
        struct bend bend = fit_bend(&line, n, knee, sty);

        if (knee + EDGE < n && bend.gain > best_gain) {
            double m = (double)(n - 1 - knee);
            double with_t = m * (m + 1) * (2 * m + 1) / 6 +
                            ((double)knee - line.middle) * m * (m + 1) / 2;

            best_gain = bend.gain;
            bend_slope = bend.slope;
            best.at = knee;
            best.before = slope - bend.slope * with_t / line.tt;
        }
    }
    double scale = 1e-12 * line.yy; /* what rounding leaves of a perfect fit */

    if (left > scale) {
        best.gain_bic =
            (double)n * log((left + scale) / (fmax(left - best_gain, 0) + scale)) -
            2 * log((double)n);
    }
    best.found = best.gain_bic > 0;
    best.after = best.before + bend_slope;
    if (!best.found) {
        best.at = 0;
        best.before = best.after = slope;
    }
    return best;
}
