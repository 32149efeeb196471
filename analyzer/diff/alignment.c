/* The same stretch of two runs.
 *
 * What is judged of a run is what came after its own warm-up, so a run that was shorter,
 * or had a slower machine, is judged while its caches still fill, and one beside it when
 * they are full: a difference between the runs, not between the builds. So before growth
 * is called new, BASE is looked at where NEW was: at the same age, and after the same
 * amount of work. Fitting curves of saturation to both was rejected: two fits compared
 * are less sure than one run held against the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/alignment.h"

#include <stdbool.h>

static const double COVER_LEAST = 0.5; /* of NEW's stretch */

/* The value where `axis` is at `at`, which is within it. */
static double value_at(const double *axis, const double *values, size_t n, double at)
{
    size_t i = 1;

    while (i + 1 < n && axis[i] < at) {
        i++;
    }
    double step = axis[i] - axis[i - 1];
    double share = step > 0 ? (at - axis[i - 1]) / step : 1;

    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return values[i - 1] + share * (values[i] - values[i - 1]);
}

/* Along one axis, time or work. */
static bool alike_along(const double *const axes[2],
                        const struct seep_alignment_run *base, size_t from, size_t to,
                        double least)
{
    double begin = 0;
    double end = 0;
    double cut = 0;
    double grown = 0;

    if (axes[0] == NULL || axes[1] == NULL) {
        return false;
    }
    begin = axes[1][from];
    end = axes[1][to];
    cut = end < axes[0][base->n - 1] ? end : axes[0][base->n - 1];
    if (end <= begin || begin < axes[0][0] || cut - begin < COVER_LEAST * (end - begin)) {
        return false;
    }
    grown = value_at(axes[0], base->values, base->n, cut) -
            value_at(axes[0], base->values, base->n, begin);
    return grown / (cut - begin) >= least / (end - begin);
}

const char *seep_alignment_grew_alike(const struct seep_alignment_run *base,
                                      const struct seep_alignment_run *fresh, size_t from,
                                      size_t to, double growth, double ratio)
{
    const double *const times[] = {base->t_s, fresh->t_s};
    const double *const work[] = {base->work, fresh->work};

    if (base->n < 2 || from >= to || to >= fresh->n) {
        return NULL;
    }
    if (alike_along(times, base, from, to, growth / ratio)) {
        return "BASE grew as much when it had run as long";
    }
    return alike_along(work, base, from, to, growth / ratio)
               ? "BASE grew as much when it had done as much"
               : NULL;
}
