/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_SATURATION_H
#define SEEP_ANALYZER_TREND_SATURATION_H

#include <stddef.h>

/* A series as an approach to a level, level - a exp(-t/tau), against a straight line. */
struct seep_saturation {
    double
        gain_aicc;   /* criterion of the line minus that of the approach; > 0: approach */
    double tau;      /* in values; the best of 24 from a 20th to 4 times the series */
    double end_pace; /* slope at the end over the mean slope; a line has 1 */
};

/* y:   borrowed; n finite values, evenly spaced: block means, so that they depend little
 *      on each other.
 * n < 8, or nothing moves: gain 0, end pace 1. Thread-safety: pure. Allocates: no.
 * Cost: O(n).
 * Source: least squares for each tau; criterion: Akaike 1974, corrected for few values by
 * Hurvich and Tsai 1989, Biometrika 76(2), 297-307.
 */
struct seep_saturation seep_saturation_fit(const double *y, size_t n);

#endif
