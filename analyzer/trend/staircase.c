/* Steps that grow with what they add to.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/staircase.h"

static const double OVERDUE_AFTER = 1.1; /* of the time when the next step was due */

struct seep_staircase seep_staircase_measure(const double *t_s, const double *y, size_t n,
                                             size_t warm)
{
    struct seep_staircase stairs = {.window_rise = y[n - 1] - y[warm]};
    size_t last_up = 0;
    double due_s = 0;

    for (size_t i = 1; i < n; i++) {
        if (y[i] > y[i - 1] && y[i - 1] > 0) {
            stairs.ups++;
            stairs.window_ups += i > warm;
            last_up = i;
        }
        stairs.downs += y[i] < y[i - 1];
    }
    if (last_up > 0) {
        due_s = t_s[last_up] * y[last_up] / y[last_up - 1];
    }
    stairs.overdue = t_s[n - 1] > OVERDUE_AFTER * due_s;
    if (y[warm] > 0 && t_s[warm] > 0) {
        stairs.pace = y[n - 1] / y[warm] * t_s[warm] / t_s[n - 1];
    }
    return stairs;
}
