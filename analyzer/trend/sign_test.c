/* Tests on the steps of a series, for nulls that wander: connection counts, queues, free
 * lists.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/sign_test.h"

#include <math.h>

static double log_factorial(size_t n)
{
    int sign = 0;

    return lgamma_r((double)n + 1, &sign);
}

/* P(X >= k) for X binomial(n, 1/2), in logarithms: exact to rounding, no overflow for
 * thousands of steps. */
static double binomial_tail(size_t n, size_t k)
{
    double sum = 0;

    for (size_t i = k; i <= n; i++) {
        sum += exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) -
                   (double)n * M_LN2);
    }
    return fmin(sum, 1);
}

struct seep_sign_test seep_sign_test(const double *y, size_t n)
{
    struct seep_sign_test test = {0};

    for (size_t i = 1; i < n; i++) {
        test.ups += y[i] > y[i - 1];
        test.downs += y[i] < y[i - 1];
    }
    test.p_rising = test.ups == 0 ? 1 : binomial_tail(test.ups + test.downs, test.ups);
    return test;
}
