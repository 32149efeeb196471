/* Benjamini-Hochberg step-up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/fdr.h"

#include <errno.h>
#include <stdlib.h>

static int by_p(const void *a, const void *b, void *context)
{
    const double *p = context;
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;

    if (p[x] != p[y]) {
        return p[x] < p[y] ? -1 : 1;
    }
    return (x > y) - (x < y);
}

int seep_fdr_q_values(const double *p, size_t n, size_t tested, size_t *scratch,
                      double *q)
{
    double smallest = 1;

    if (tested < n) {
        return -EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        scratch[i] = i;
    }
    qsort_r(scratch, n, sizeof(*scratch), by_p, (void *)p);
    for (size_t rank = n; rank > 0; rank--) {
        double value = p[scratch[rank - 1]] * (double)tested / (double)rank;

        smallest = value < smallest ? value : smallest;
        q[scratch[rank - 1]] = smallest;
    }
    return 0;
}
