/* What a sampled block stands for, against libm; and the shim's draws.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sample.h"
#include "seep/sampling.h"

static const double ONE = 9223372036854775808.0; /* 2^63 */

static void chances_are_those_of_libm(void **state)
{
    static const uint64_t means[] = {64, 1000, 65536, 524288, 1 << 30};

    (void)state;
    for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
        for (double x = 1e-6; x < 1e3; x *= 1.01) {
            uint64_t bytes = (uint64_t)(x * (double)means[i]);
            double wanted = -expm1(-((double)bytes + 1) / (double)means[i]);
            double found = (double)seep_sample_chance(bytes, means[i]) / ONE;

            assert_true(fabs(found / wanted - 1) < 1e-8);
        }
    }
}

static void large_blocks_stand_for_themselves(void **state)
{
    struct seep_sample_weight weight = seep_sample_weigh(UINT64_C(1) << 46, 64, 7);

    (void)state;
    assert_int_equal(weight.blocks, 1);
    assert_int_equal(weight.bytes, UINT64_C(1) << 46);
    weight = seep_sample_weigh(0, UINT64_C(1) << 30, 7);
    assert_in_range(weight.blocks, UINT64_C(1) << 30, (UINT64_C(1) << 30) + 1);
    assert_int_equal(weight.bytes, 0);
}

/* Over many entries the rounded weight is the exact one on average; for one it is always
 * the same. */
static void rounding_is_fair_and_can_be_repeated(void **state)
{
    const uint64_t mean = 4096;
    double sum = 0;
    unsigned n = 100000;
    double exact = ONE / (double)seep_sample_chance(3000, mean);

    (void)state;
    for (unsigned i = 0; i < n; i++) {
        uint32_t token = seep_sample_token(0x1234560bb80000 + i / 64, i % 64);
        struct seep_sample_weight weight = seep_sample_weigh(3000, mean, token);

        sum += (double)weight.blocks;
        assert_int_equal(weight.blocks, seep_sample_weigh(3000, mean, token).blocks);
        assert_true(fabs((double)weight.blocks - exact) < 1);
    }
    assert_true(fabs(sum / n - exact) < 4 * 0.5 / sqrt(n));
}

static void draws_are_exponential(void **state)
{
    struct seep_self self;
    unsigned n = 200000;
    double sum = 0;
    unsigned below = 0;

    (void)state;
    memset(&self, 0, sizeof(self));
    self.sample_random = 11;
    seep_sample_mean_bytes = 1 << 20;
    for (unsigned i = 0; i < n; i++) {
        seep_sample_draw(&self);
        assert_true(self.sample_left_bytes >= 0);
        sum += (double)self.sample_left_bytes;
        below += self.sample_left_bytes < (1 << 18);
    }
    seep_sample_mean_bytes = 0;
    assert_true(fabs(sum / n / (1 << 20) - 1) < 4 / sqrt(n));
    assert_true(fabs((double)below / n + expm1(-0.25)) < 4 * 0.5 / sqrt(n));
}

static void blocks_are_taken_as_often_as_the_chance_says(void **state)
{
    static const size_t sizes[] = {0, 100, 4096, 20000};
    enum { N = 400000 };
    struct seep_self self;

    (void)state;
    memset(&self, 0, sizeof(self));
    seep_sample_mean_bytes = 4096;
    seep_sample_draw(&self);
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        double p = (double)seep_sample_chance(sizes[k], 4096) / ONE;
        unsigned taken = 0;

        for (unsigned i = 0; i < N; i++) {
            taken += seep_sample_take(&self, sizes[k]);
        }
        assert_true(fabs(taken - p * N) < 4 * sqrt(p * (1 - p) * N) + 1);
    }
    seep_sample_mean_bytes = 0;
}

static void modes_are_read_and_nothing_else(void **state)
{
    static const char *const wrong[] = {"",
                                        "ful",
                                        "fulll",
                                        "sample",
                                        "sampled=",
                                        "sampled=x",
                                        "sampled=63",
                                        "sampled=64kk",
                                        "sampled=2g",
                                        "sampled=-1",
                                        "sampled64",
                                        "sampled=1 k",
                                        "sampled=99999999999999999999"};
    uint64_t mean = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(seep_sample_parse_mode(wrong[i], strlen(wrong[i]), &mean), 0);
        assert_int_equal(mean, 5);
    }
    assert_int_equal(seep_sample_parse_mode("full", 4, &mean), SEEP_MODE_FULL);
    assert_int_equal(mean, 0);
    assert_int_equal(seep_sample_parse_mode("sampled,x", 7, &mean), SEEP_MODE_SAMPLED);
    assert_int_equal(mean, 524288);
    assert_int_equal(seep_sample_parse_mode("sampled=64k", 11, &mean), SEEP_MODE_SAMPLED);
    assert_int_equal(mean, 65536);
    assert_int_equal(seep_sample_parse_mode("sampled=3M", 10, &mean), SEEP_MODE_SAMPLED);
    assert_int_equal(mean, 3 << 20);
    assert_int_equal(seep_sample_parse_mode("sampled=1g", 10, &mean), SEEP_MODE_SAMPLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chances_are_those_of_libm),
        cmocka_unit_test(large_blocks_stand_for_themselves),
        cmocka_unit_test(rounding_is_fair_and_can_be_repeated),
        cmocka_unit_test(draws_are_exponential),
        cmocka_unit_test(blocks_are_taken_as_often_as_the_chance_says),
        cmocka_unit_test(modes_are_read_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
