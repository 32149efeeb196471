/* Student's t distribution for whole degrees of freedom.
 *
 * The incomplete beta function was rejected: the finite series is exact, and short for
 * the dozen blocks that it is used for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/student.h"

#include <math.h>

/* P(|T| <= t), by the angle whose tangent is t / sqrt(freedom). */
static double central_part(double t, size_t freedom)
{
    double angle = atan(t / sqrt((double)freedom));
    double cosine = cos(angle);
    double sum = 0;
    double term = freedom % 2 != 0 ? cosine : 1;

    for (size_t k = freedom % 2 != 0 ? 1 : 0; k + 2 <= freedom; k += 2) {
        sum += term;
        term *= (double)(k + 1) / (double)(k + 2) * cosine * cosine;
    }
    if (freedom % 2 == 0) {
        return sin(angle) * sum;
    }
    return (angle + sin(angle) * sum) * M_2_PI;
}

double seep_student_upper_tail(double t, size_t freedom)
{
    if (freedom == 0) {
        return 1;
    }
    double tail = fmax((1 - central_part(fabs(t), freedom)) / 2, 0);

    return t >= 0 ? tail : 1 - tail;
}

double seep_student_point(double tail, size_t freedom)
{
    enum { FREEDOM_MAX = 200, HALVINGS = 60 };
    size_t known = freedom < FREEDOM_MAX ? freedom : FREEDOM_MAX;
    double low = 0;
    double high = 1;

    while (known > 0 && seep_student_upper_tail(high, known) > tail) {
        high *= 2;
    }
    for (unsigned i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;

        if (seep_student_upper_tail(middle, known) > tail) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}
