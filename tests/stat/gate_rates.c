/* gate_rates [GATES]: how often the gate's rule cries wolf, and how often it sees that a
 * growth became 1.2, 1.5 or 2 times what it was. Prints the table of docs/history.md;
 * fails when a rate of false alarms is above what is promised there.
 *
 * Noise is of the logarithm of the growth, with a deviation of 10 %: normal; with heavy
 * tails (Student's t of 3 degrees, scaled); with one run in ten three times as noisy; and
 * normal with neighbours that resemble each other (correlation 0.5).
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "history/gate_rule.h"
#include "simulated_random.h"

enum { RUNS_MAX = 20, GATES_LEAST = 100 };
static const double NOISE = 0.10, CORRELATION = 0.5;

enum shape { NORMAL, HEAVY, MIXED, ALIKE, SHAPES };
static const char *const names[SHAPES] = {"normal", "heavy tails", "1 in 10 is 3x",
                                          "neighbours alike"};
static const double promised[SHAPES] = {0.015, 0.03, 0.03, 0.025};

static double noise(struct simulated_random *random, enum shape shape, double before)
{
    double z = simulated_normal(random);

    if (shape == HEAVY) { /* t of 3 degrees: variance 3 */
        double a = simulated_normal(random);
        double b = simulated_normal(random);
        double c = simulated_normal(random);

        return z / sqrt((a * a + b * b + c * c) / 3) / sqrt(3);
    }
    if (shape == MIXED) {
        return simulated_uniform(random) < 0.1 ? 3 * z : z;
    }
    return shape == ALIKE ? CORRELATION * before + sqrt(1 - CORRELATION * CORRELATION) * z
                          : z;
}

/* Share of gates that call the last of n + 1 runs worse. */
static double rate(enum shape shape, size_t n, double factor, size_t gates)
{
    struct simulated_random random = {.state = 7 + n * 131 + (uint64_t)shape};
    size_t worse = 0;

    for (size_t i = 0; i < gates; i++) {
        double values[RUNS_MAX + 1];
        double z = simulated_normal(&random);

        for (size_t k = 0; k <= n; k++) {
            z = noise(&random, shape, z);
            values[k] = 1000 * exp(NOISE * z);
        }
        worse += factor * values[n] > seep_gate_rule(values, n).bound;
    }
    return (double)worse / (double)gates;
}

int main(int argc, char **argv)
{
    static const size_t runs[] = {1, 2, 3, 5, 10, 20};
    size_t gates = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    bool kept = true;

    if (gates < GATES_LEAST) {
        fprintf(stderr, "usage: gate_rates [GATES, %d at least]\n", GATES_LEAST);
        return 2;
    }
    printf("| noise of 10 %% | runs | false alarms | sees 1.2x | sees 1.5x | sees 2x |\n"
           "|---|---|---|---|---|---|\n");
    for (int shape = 0; shape < SHAPES; shape++) {
        for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
            double wrong = rate((enum shape)shape, runs[i], 1, gates);

            printf("| %s | %zu | %.1f %% | %.0f %% | %.0f %% | %.0f %% |\n", names[shape],
                   runs[i], 100 * wrong,
                   100 * rate((enum shape)shape, runs[i], 1.2, gates),
                   100 * rate((enum shape)shape, runs[i], 1.5, gates),
                   100 * rate((enum shape)shape, runs[i], 2, gates));
            if (wrong > promised[shape]) {
                fprintf(stderr, "%s, %zu runs: %.3f false alarms, promised %.3f\n",
                        names[shape], runs[i], wrong, promised[shape]);
                kept = false;
            }
        }
    }
    return kept ? 0 : 1;
}
