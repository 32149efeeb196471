/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_SIGN_TEST_H
#define SEEP_ANALYZER_TREND_SIGN_TEST_H

#include <stddef.h>

struct seep_sign_test {
    size_t ups;      /* steps that rise */
    size_t downs;    /* steps that fall */
    double p_rising; /* chance of so many ups if ups and downs were equally likely */
};

/* Whether steps up outnumber steps down more than the steps of a driftless walk would.
 * Unlike a trend test it stays honest on a random walk.
 *
 * y:  borrowed; n finite values. Steps between equal values do not count.
 * Thread-safety: pure. Allocates: no. Cost: O(n). n < 2: no steps, p = 1.
 * Source: exact binomial sign test; Conover 1999, Practical Nonparametric Statistics,
 * section 3.4.
 */
struct seep_sign_test seep_sign_test(const double *y, size_t n);

#endif
