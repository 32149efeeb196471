/* Theil-Sen slope by full enumeration.
 *
 * Design: callers thin a series to a few hundred points first, so all n(n-1)/2 slopes fit
 * in a scratch array; the median and both ends of the interval are selected, which takes
 * a tenth of sorting it all. The O(n log n) randomised enumeration was rejected: it would
 * make reports differ between runs.
 *
 * I1: every pair has dt > 0, because t_s rises strictly (checked on entry).
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/theil_sen.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "trend/mann_kendall.h"

static const double Z_95 = 1.959964; /* two-sided 95 % point of the normal distribution */

static bool rises(const double *t, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!(t[i] > t[i - 1])) {
            return false;
        }
    }
    return true;
}

static double median_of_3(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* Reorders values[low .. high] so that values[k] is what sorting would put there, with
 * none greater before it and none smaller behind. Returns: values[k].
 * Source: Hoare 1961, Algorithm 65: Find, Comm. ACM 4(7); his partition splits runs of
 * equal values evenly, which slopes of steady series are full of. */
static double put_in_place(double *values, size_t low, size_t high, size_t k)
{
    while (low < high) {
        double pivot =
            median_of_3(values[low], values[low + (high - low) / 2], values[high]);
        size_t i = low;
        size_t j = high;

        while (true) {
            while (values[i] < pivot) {
                i++;
            }
            while (values[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            double swapped = values[i];

            values[i++] = values[j];
            values[j--] = swapped;
        }
        /* all up to j are <= pivot, all from j + 1 on are >= it */
        if (k <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
    return values[k];
}

/* The index of a 1-based rank among n, ranks outside held to its ends. */
static size_t index_of(double rank, size_t n)
{
    return (size_t)fmin(fmax(rank - 1, 0), (double)(n - 1));
}

int seep_theil_sen(const double *t_s, const double *y, size_t n, double *scratch,
                   struct seep_slope *out)
{
    size_t pairs = 0;

    if (n < 2 || n > SEEP_THEIL_SEN_POINTS_MAX || !rises(t_s, n)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            scratch[pairs++] = (y[j] - y[i]) / (t_s[j] - t_s[i]); /* I1 */
        }
    }

    size_t mid = pairs / 2;
    double half_width = Z_95 * sqrt(seep_kendall_variance(y, n));
    size_t low = index_of(floor(((double)pairs - half_width) / 2), pairs);
    size_t high = index_of(ceil(((double)pairs + half_width) / 2) + 1, pairs);
    double median = put_in_place(scratch, 0, pairs - 1, mid);

    if (pairs % 2 == 0) {
        median = (put_in_place(scratch, 0, mid - 1, mid - 1) + median) / 2.0;
    }
    out->u_per_s = median;
    out->low_u_per_s = put_in_place(scratch, 0, mid, low);
    out->high_u_per_s = put_in_place(scratch, mid, pairs - 1, high);
    return 0;
}
