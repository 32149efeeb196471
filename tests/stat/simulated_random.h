/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_SIMULATED_RANDOM_H
#define SEEP_TESTS_SIMULATED_RANDOM_H

#include <stdint.h>

/* Random numbers for simulations: seeded, so that a table is the same each time.
 * Thread-safety: owner thread. Source: splitmix64, Steele, Lea, Flood 2014. */
struct simulated_random {
    uint64_t state; /* any seed */
};

uint64_t simulated_next(struct simulated_random *random);
double simulated_uniform(struct simulated_random *random); /* in (0, 1) */
double simulated_normal(struct simulated_random *random);  /* mean 0, deviation 1 */
unsigned simulated_poisson(struct simulated_random *random, double mean);

#endif
