/* Tests on the steps of a series, for nulls that wander: connection counts, queues, free
 * lists.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/sign_test.h"

#include <float.h>
#include <math.h>

#include "trend/pair_count.h"

static double log_factorial(size_t n)
{
    int sign = 0;

    return lgamma_r((double)n + 1, &sign);
}

/* P(X >= k) for X binomial(n, 1/2) and k > n/2: the first term by logarithms, so that
 * nothing overflows for thousands of steps, each later one from the one before. They
 * fall, and where they no longer count the sum ends. */
static double upper_tail(size_t n, size_t k)
{
    double term = exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) -
                      (double)n * M_LN2);
    double sum = 0;

    for (size_t i = k; i <= n && term > sum * DBL_EPSILON / 2; i++) {
        sum += term;
        term *= (double)(n - i) / (double)(i + 1);
    }
    return sum;
}

/* P(X >= k) for X binomial(n, 1/2). The lower half mirrors the upper one. */
static double binomial_tail(size_t n, size_t k)
{
    return k > n / 2 ? upper_tail(n, k) : 1 - upper_tail(n, n - k + 1);
}

struct seep_sign_test seep_sign_test(const double *y, size_t n)
{
    struct seep_sign_test test = {0};

    seep_count_steps(y, n, &test.ups, &test.downs);
    test.p_rising = test.ups == 0 ? 1 : binomial_tail(test.ups + test.downs, test.ups);
    return test;
}
