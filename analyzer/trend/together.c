/* Do two counts move together?
 *
 * Two leaks under one event loop both rise; so do two members of one structure. The
 * difference is in when: the members rise in the same snapshots. So steps are compared,
 * at the full resolution of the recording; on coarser stretches a common load would make
 * strangers look related. A leak so regular that its steps are all the same has no
 * "when": there the amount must be the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/together.h"

#include <math.h>

static const double SAME_RISE = 0.1;
static const double NO_VARIANCE = 1e-9; /* of the squared mean step */

bool seep_together(const double *a, const double *b, size_t n)
{
    double aa = 0;
    double bb = 0;
    double ab = 0;

    if (n < 3) {
        return false;
    }
    double steps = (double)(n - 1);
    double mean_a = (a[n - 1] - a[0]) / steps;
    double mean_b = (b[n - 1] - b[0]) / steps;

    for (size_t i = 1; i < n; i++) {
        double da = a[i] - a[i - 1] - mean_a;
        double db = b[i] - b[i - 1] - mean_b;

        aa += da * da;
        bb += db * db;
        ab += da * db;
    }
    bool a_is_regular = aa <= NO_VARIANCE * steps * mean_a * mean_a;
    bool b_is_regular = bb <= NO_VARIANCE * steps * mean_b * mean_b;

    if (a_is_regular && b_is_regular) {
        return fabs(mean_a - mean_b) <= SAME_RISE * fmax(fabs(mean_a), fabs(mean_b));
    }
    return !a_is_regular && !b_is_regular && ab >= SEEP_TOGETHER_MIN * sqrt(aa * bb);
}
