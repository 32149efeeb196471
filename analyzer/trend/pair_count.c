/* Comparisons of doubles, counted.
 *
 * Rank statistics of all sites of a large recording make a hundred million of them. In
 * vectors they take a third of the time, and compilers do not make vectors of these loops
 * by themselves for a plain x86-64, so they are written out with GCC's and Clang's vector
 * types: a comparison gives -1 in each lane where it holds. Variants for newer processors
 * were rejected: what the report costs would hang on them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/pair_count.h"

#include <string.h>

enum { LANES = 2 }; /* what every x86-64 has */

typedef double lanes_of_values __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t lanes_of_counts __attribute__((vector_size(LANES * sizeof(int64_t))));

static lanes_of_values load(const double *y)
{
    lanes_of_values values;

    memcpy(&values, y, sizeof(values));
    return values;
}

static int64_t sum(lanes_of_counts counts)
{
    return counts[0] + counts[1];
}

int64_t seep_count_equal(const double *y, size_t n, double other)
{
    lanes_of_counts counts = {0};
    int64_t equal = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        counts -= load(y + i) == other;
    }
    for (; i < n; i++) {
        equal += y[i] == other;
    }
    return equal + sum(counts);
}

int64_t seep_count_above_less_below(const double *y, size_t n, double other)
{
    lanes_of_counts counts = {0};
    int64_t more = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        lanes_of_values values = load(y + i);

        counts += (values < other) - (values > other);
    }
    for (; i < n; i++) {
        more += (y[i] > other) - (y[i] < other);
    }
    return more + sum(counts);
}

void seep_count_steps(const double *y, size_t n, size_t *ups, size_t *downs)
{
    lanes_of_counts up = {0};
    lanes_of_counts down = {0};
    size_t i = 1;

    for (; i + LANES <= n; i += LANES) {
        lanes_of_values before = load(y + i - 1);
        lanes_of_values now = load(y + i);

        up -= now > before;
        down -= now < before;
    }
    *ups = (size_t)sum(up);
    *downs = (size_t)sum(down);
    for (; i < n; i++) {
        *ups += y[i] > y[i - 1];
        *downs += y[i] < y[i - 1];
    }
}
