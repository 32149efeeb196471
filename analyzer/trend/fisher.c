/* Tails of the hypergeometric and of the binomial distribution.
 *
 * Sums of single terms, each by lgamma: with up to some ten thousand things that is as
 * exact as doubles are, and quick. The chi-square approximation was rejected: a version
 * that runs on three hosts is just where it is wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/fisher.h"

#include <math.h>

/* lgamma() writes a global; this one is for threads. */
static double log_factorial(size_t n)
{
    int sign = 0;

    return lgamma_r((double)n + 1, &sign);
}

static double log_choose(size_t n, size_t k)
{
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

double seep_fisher_greater(const struct seep_two_groups *groups)
{
    size_t marked = groups->in_marked + groups->out_marked;
    size_t all = groups->in_all + groups->out_all;
    size_t most = marked < groups->in_all ? marked : groups->in_all;
    double ways = log_choose(all, marked);
    double sum = 0;

    if (groups->in_marked == 0) {
        return 1;
    }
    for (size_t k = groups->in_marked; k <= most; k++) {
        if (marked - k <= groups->out_all) {
            sum += exp(log_choose(groups->in_all, k) +
                       log_choose(groups->out_all, marked - k) - ways);
        }
    }
    return sum < 1 ? sum : 1;
}

double seep_binomial_tail(size_t hits, size_t n, double p)
{
    double sum = 0;

    if (hits == 0) {
        return 1;
    }
    if (hits > n || p <= 0) {
        return 0;
    }
    if (p >= 1) {
        return 1;
    }
    for (size_t k = hits; k <= n; k++) {
        sum += exp(log_choose(n, k) + (double)k * log(p) + (double)(n - k) * log1p(-p));
    }
    return sum < 1 ? sum : 1;
}
