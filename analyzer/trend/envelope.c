/* Block minima and means.
 *
 * The running minimum from the right (what the series never fell below again) was
 * rejected as the base of tests: it rises towards the end of any series, also of one
 * without a trend.
 *
 * Longer stretches are spread among the shorter ones: all in front would make a steady
 * rise look as if it slowed down.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/envelope.h"

#include <errno.h>

int seep_envelope_minima(const double *y, size_t n, size_t blocks, double *minima)
{
    if (blocks == 0 || blocks > n) {
        return -EINVAL;
    }
    for (size_t block = 0; block < blocks; block++) {
        size_t at = block * n / blocks;
        double smallest = y[at];

        for (; at < (block + 1) * n / blocks; at++) {
            smallest = y[at] < smallest ? y[at] : smallest;
        }
        minima[block] = smallest;
    }
    return 0;
}

/* Means of blocks beside each other, ABREAST at a time: additions wait for each other
 * within a block, and may not be put in another order. */
enum { ABREAST = 4 };

static void means_abreast(const double *y, size_t n, size_t blocks, size_t first,
                          double *means)
{
    const double *at[ABREAST];
    size_t lengths[ABREAST];
    double sums[ABREAST] = {0};
    size_t shortest = n / blocks;

    for (size_t k = 0; k < ABREAST; k++) {
        size_t from = (first + k) * n / blocks;

        at[k] = y + from;
        lengths[k] = (first + k + 1) * n / blocks - from;
    }
    for (size_t i = 0; i < shortest; i++) {
        for (size_t k = 0; k < ABREAST; k++) {
            sums[k] += at[k][i];
        }
    }
    for (size_t k = 0; k < ABREAST; k++) {
        for (size_t i = shortest; i < lengths[k]; i++) {
            sums[k] += at[k][i];
        }
        means[first + k] = sums[k] / (double)lengths[k];
    }
}

int seep_block_means(const double *y, size_t n, size_t blocks, double *means)
{
    size_t block = 0;

    if (blocks == 0 || blocks > n) {
        return -EINVAL;
    }
    for (; block + ABREAST <= blocks; block += ABREAST) {
        means_abreast(y, n, blocks, block, means);
    }
    for (; block < blocks; block++) {
        size_t from = block * n / blocks;
        size_t to = (block + 1) * n / blocks;
        double sum = 0;

        for (size_t at = from; at < to; at++) {
            sum += y[at];
        }
        means[block] = sum / (double)(to - from);
    }
    return 0;
}
