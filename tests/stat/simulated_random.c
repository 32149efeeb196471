/* Random numbers for simulations.
 *
 * SPDX-License-Identifier: MIT
 */
#include "simulated_random.h"

#include <math.h>

uint64_t simulated_next(struct simulated_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double simulated_uniform(struct simulated_random *random)
{
    return ((double)(simulated_next(random) >> 11) + 0.5) / 9007199254740992.0;
}

double simulated_normal(struct simulated_random *random)
{
    double radius = sqrt(-2 * log(simulated_uniform(random)));

    return radius * cos(2 * M_PI * simulated_uniform(random));
}

unsigned simulated_poisson(struct simulated_random *random, double mean)
{
    unsigned n = 0;

    for (; mean > 0; mean -= 50) { /* piece by piece: exp(-mean) must not vanish */
        double limit = exp(-fmin(mean, 50));
        double product = simulated_uniform(random);

        while (product > limit) {
            product *= simulated_uniform(random);
            n++;
        }
    }
    return n;
}
