/* Mann-Kendall with the correction of Hamed and Rao for autocorrelation.
 *
 * The line that is taken off is Theil's incomplete method (the median slope of the pairs
 * half the series apart): all pairs would cost a sort of n^2 slopes for each site of a
 * recording.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/hamed_rao.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "trend/pair_count.h"

static const double Z_95 = 1.959964; /* two-sided 95 % point of the normal distribution */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Theil 1950: median over i of (y[i + h] - y[i]) / h, h half of n. */
static double half_way_slope(const double *y, size_t n)
{
    double slopes[SEEP_HAMED_RAO_POINTS_MAX];
    size_t half = n / 2;
    size_t pairs = n - half;

    for (size_t i = 0; i < pairs; i++) {
        slopes[i] = (y[i + half] - y[i]) / (double)half;
    }
    qsort(slopes, pairs, sizeof(*slopes), by_value);
    return (slopes[(pairs - 1) / 2] + slopes[pairs / 2]) / 2;
}

double seep_hamed_rao_inflation(const double *rho, size_t lags, size_t n)
{
    double count = (double)n;
    double sum = 0;

    for (size_t lag = 1; lag <= lags; lag++) {
        double left = count - (double)lag;

        sum += left * (left - 1) * (left - 2) * rho[lag - 1];
    }
    return fmax(1 + 2 / (count * (count - 1) * (count - 2)) * sum, 1);
}

/* Ranks less their mean. Returns: the sum of their squares. */
static double rank(const double *y, size_t n, double *ranks)
{
    double squares = 0;

    for (size_t i = 0; i < n; i++) {
        ranks[i] = 0.5 * -(double)seep_count_above_less_below(y, n, y[i]);
        squares += ranks[i] * ranks[i];
    }
    return squares;
}

static double correlation(const double *ranks, size_t n, size_t lag, double squares)
{
    double products = 0;

    for (size_t i = lag; i < n; i++) {
        products += ranks[i] * ranks[i - lag];
    }
    return squares > 0 ? products / squares : 0;
}

void seep_rank_autocorrelation(const double *y, size_t n, size_t lags, double *rho)
{
    double ranks[SEEP_HAMED_RAO_POINTS_MAX];
    double squares = rank(y, n, ranks);

    for (size_t lag = 1; lag <= lags; lag++) {
        rho[lag - 1] = correlation(ranks, n, lag, squares);
    }
}

int seep_hamed_rao(const double *y, size_t n, struct seep_mann_kendall *out)
{
    double left[SEEP_HAMED_RAO_POINTS_MAX];
    double ranks[SEEP_HAMED_RAO_POINTS_MAX];
    double rho[SEEP_HAMED_RAO_POINTS_MAX];
    struct seep_mann_kendall plain;
    size_t lags = 0;

    if (n < 3 || n > SEEP_HAMED_RAO_POINTS_MAX) {
        return -EINVAL;
    }
    (void)seep_mann_kendall(y, n, &plain); /* n >= 3 */
    double slope = half_way_slope(y, n);

    for (size_t i = 0; i < n; i++) {
        left[i] = y[i] - slope * (double)i;
    }
    double squares = rank(left, n, ranks);
    double significant = Z_95 / sqrt((double)n);

    /* most series are done at the first lag: the others are not asked for */
    for (; lags < n - 3; lags++) {
        rho[lags] = correlation(ranks, n, lags + 1, squares);
        if (!(rho[lags] > significant)) {
            break;
        }
    }
    if (plain.z != 0) {
        plain.z /= sqrt(seep_hamed_rao_inflation(rho, lags, n));
        plain.p_rising = 0.5 * erfc(plain.z * M_SQRT1_2);
        plain.p_falling = 0.5 * erfc(-plain.z * M_SQRT1_2);
    }
    *out = plain;
    return 0;
}
