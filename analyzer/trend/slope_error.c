/* Error of a slope.
 *
 * Kendall's interval takes each snapshot as independent and is several times too narrow
 * where they are not. The autoregression is fitted to block means, not to snapshots: what
 * matters to a slope is how stretches of the run differ, and slow swings that single
 * snapshots hide in their noise show in the blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/slope_error.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "trend/envelope.h"
#include "trend/student.h"

enum { POINTS_MIN = 12, STRETCHES = 16, GAPS_FEW = 32, BLOCKS = 24, FAR = 6 };

static const double TAIL = 0.025; /* on each side of the slope's range */
static const double PHI_MAX = 0.95;
static const double LINE_EFFICIENCY =
    1.0472; /* pi/3: Theil and Sen against least squares */
static const double LEVEL_WITH_SLOPE =
    0.2;                                   /* sqrt(3 m/n): correlation of the mean of the
                                              last m = 1 to 10 % of n values with the slope */
static const double WALK_SEEN = 1.5;       /* deviations of the estimate on noise */
static const double WALK_EFFICIENCY = 1.2; /* 6/5: variance of a line through a walk */

static bool never_falls(const double *y, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (y[i] < y[i - 1]) {
            return false;
        }
    }
    return true;
}

/* Variance of what comes, per second, from the increments of 16 stretches: what comes at
 * one time may depend on what came shortly before. */
static double of_stretches(const double *t_s, const double *y, size_t n)
{
    double seconds = t_s[n - 1] - t_s[0];
    double rate = (y[n - 1] - y[0]) / seconds;
    double squares = 0;

    for (size_t k = 0; k < STRETCHES; k++) {
        size_t from = k * (n - 1) / STRETCHES;
        size_t to = (k + 1) * (n - 1) / STRETCHES;
        double off = y[to] - y[from] - rate * (t_s[to] - t_s[from]);

        squares += off * off;
    }
    return squares / (STRETCHES - 1) * STRETCHES / seconds;
}

/* The same from one arrival to the next, where they are few: clockwork is told from
 * chance. gaps: out; how many there are between the first arrival and the last. */
static double of_gaps(const double *t_s, const double *y, size_t n, size_t *gaps)
{
    size_t first = 0;
    size_t last = 0;
    double squares = 0;

    *gaps = 0;
    for (size_t i = 1; i < n; i++) {
        if (y[i] > y[i - 1]) {
            first = first == 0 ? i : first;
            last = i;
        }
    }
    if (last == first) {
        return 0;
    }
    double seconds = t_s[last] - t_s[first];
    double rate = (y[last] - y[first]) / seconds;
    size_t before = first;

    for (size_t i = first + 1; i <= last; i++) {
        if (y[i] > y[i - 1]) {
            double off = y[i] - y[before] - rate * (t_s[i] - t_s[before]);

            squares += off * off;
            before = i;
            ++*gaps;
        }
    }
    return *gaps > 1 ? squares / (double)(*gaps - 1) * (double)*gaps / seconds : 0;
}

static void of_arrivals(const double *t_s, const double *y, size_t n,
                        struct seep_slope *slope)
{
    size_t gaps = 0;
    double per_s = of_gaps(t_s, y, n, &gaps);

    slope->freedom = (double)(gaps > 1 ? gaps - 1 : 1);
    if (gaps < 2 || (gaps >= GAPS_FEW && n > 2 * STRETCHES)) {
        per_s = of_stretches(t_s, y, n);
        slope->freedom = STRETCHES - 1;
    }
    slope->error_u_per_s = sqrt(WALK_EFFICIENCY * per_s / (t_s[n - 1] - t_s[0]));
    slope->walk_u2_per_s = per_s;
    slope->level_u = 0;
}

/* What a line leaves of block means; index in blocks. */
static void residuals_of(double *means, size_t blocks)
{
    double middle = (double)(blocks - 1) / 2;
    double mean = 0;
    double tt = 0;
    double ty = 0;

    for (size_t i = 0; i < blocks; i++) {
        mean += means[i] / (double)blocks;
        tt += ((double)i - middle) * ((double)i - middle);
    }
    for (size_t i = 0; i < blocks; i++) {
        ty += ((double)i - middle) * (means[i] - mean);
    }
    for (size_t i = 0; i < blocks; i++) {
        means[i] -= mean + ty / tt * ((double)i - middle);
    }
}

static double mean_square_apart(const double *residuals, size_t n, size_t lag)
{
    double squares = 0;

    for (size_t i = lag; i < n; i++) {
        squares +=
            (residuals[i] - residuals[i - lag]) * (residuals[i] - residuals[i - lag]);
    }
    return squares / (double)(n - lag);
}

/* What the blocks of a walk below the noise add per block: blocks m apart differ by twice
 * the noise's variance and m - 1/3 times this. Half a deviation of the difference of two
 * such means is about a quarter of the nearer one. */
static double walk_below(const double *residuals, size_t n)
{
    double near = mean_square_apart(residuals, n, 1);
    double far = mean_square_apart(residuals, n, FAR);
    double per_block = (far - near) / (FAR - 1);
    double by_chance = 0.5 * near / (FAR - 1);

    return per_block > WALK_SEEN * by_chance ? per_block : 0;
}

static double corrected_phi(const double *residuals, size_t n)
{
    double count = (double)n;
    double products = 0;
    double squares = 0;

    for (size_t i = 0; i < n; i++) {
        products += i > 0 ? residuals[i] * residuals[i - 1] : 0;
        squares += residuals[i] * residuals[i];
    }
    double phi = squares > 0 ? products / squares : 0;

    return fmin(fmax((phi + 2 / count) / (1 - 4 / count), 0), PHI_MAX);
}

static void of_noise(const double *y, size_t n, double seconds, struct seep_slope *slope)
{
    double residuals[BLOCKS];
    size_t blocks = n < BLOCKS ? n : BLOCKS;
    double middle = (double)(blocks - 1) / 2;
    double tt = 0;
    double squares = 0;
    double of_slope = 0; /* in units of the residuals' variance */
    double taken = 0;    /* degrees of freedom that the line takes from it */

    (void)seep_block_means(y, n, blocks, residuals); /* blocks <= n */
    residuals_of(residuals, blocks);
    double phi = corrected_phi(residuals, blocks);

    for (size_t i = 0; i < blocks; i++) {
        tt += ((double)i - middle) * ((double)i - middle);
        squares += residuals[i] * residuals[i];
    }
    for (size_t i = 0; i < blocks; i++) {
        for (size_t j = 0; j < blocks; j++) {
            double both = ((double)i - middle) * ((double)j - middle) / tt;
            double rho = pow(phi, fabs((double)i - (double)j));

            of_slope += both * rho / tt;
            taken += (both + 1 / (double)blocks) * rho;
        }
    }
    double variance = squares / fmax((double)blocks - taken, 1);
    double block_s = seconds / (double)(n - 1) * (double)n / (double)blocks;

    slope->error_u_per_s = sqrt(LINE_EFFICIENCY * variance * of_slope) / block_s;
    slope->level_u = sqrt(variance);
    double walk = walk_below(residuals, blocks) / block_s;

    slope->error_u_per_s = sqrt(slope->error_u_per_s * slope->error_u_per_s +
                                WALK_EFFICIENCY * walk / seconds);
    slope->walk_u2_per_s =
        walk + 2 * LEVEL_WITH_SLOPE * slope->level_u * slope->error_u_per_s;
    slope->freedom = (double)(blocks - 2);
}

int seep_slope_error(const double *t_s, const double *y, size_t n,
                     struct seep_slope *slope)
{
    if (n < POINTS_MIN) {
        return -EINVAL;
    }
    if (never_falls(y, n)) {
        of_arrivals(t_s, y, n, slope);
    } else {
        of_noise(y, n, t_s[n - 1] - t_s[0], slope);
    }
    double half = seep_student_point(TAIL, (size_t)slope->freedom) * slope->error_u_per_s;

    slope->low_u_per_s = slope->u_per_s - half;
    slope->high_u_per_s = slope->u_per_s + half;
    return 0;
}
