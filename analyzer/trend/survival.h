/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_SURVIVAL_H
#define SEEP_ANALYZER_TREND_SURVIVAL_H

#include <stddef.h>

/* Of how many generations something would still be alive if what is acquired were held as
 * long as it is on average, by chance: what more survives outlives the site's traffic.
 *
 * held_s:          mean time that a resource is held; by Little's law live / acquired per
 *                  second. >= 0.
 * per_generation:  acquired in each generation; >= 0.
 * width_s:         of a generation; > 0.
 * generations:     the youngest ends now.
 * Returns: in [0, generations]. Thread-safety: pure. Cost: O(generations).
 * Source: exponential survival exp(-age/held); one of n lives on with 1 - (1 - s)^n;
 * Little 1961, Oper. Res. 9(3), 383-387. The counting of generations alive: GenCount
 * (differential ages of survivors).
 */
double seep_survival_expected(double held_s, double per_generation, double width_s,
                              size_t generations);

#endif
