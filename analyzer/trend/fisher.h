/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_FISHER_H
#define SEEP_ANALYZER_TREND_FISHER_H

#include <stddef.h>

/* Things of two kinds, some of which bear a mark. */
struct seep_two_groups {
    size_t in_marked, in_all;   /* in the group at hand; in_marked <= in_all */
    size_t out_marked, out_all; /* all others; out_marked <= out_all */
};

/* The chance that as many of the marked, or more, fall into the group when the mark has
 * nothing to do with it. 1 when nothing is marked or the group is empty.
 *
 * Thread-safety: pure. Allocates: no. Cost: O(in_all).
 * Source: Fisher 1935, The Design of Experiments, section 11; the one-sided exact test
 * is the upper tail of the hypergeometric distribution.
 */
double seep_fisher_greater(const struct seep_two_groups *groups);

/* The chance of `hits` or more in n independent tries of probability p each.
 *
 * p: in [0, 1]. Thread-safety: pure. Allocates: no. Cost: O(n).
 */
double seep_binomial_tail(size_t hits, size_t n, double p);

#endif
