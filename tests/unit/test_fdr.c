/* False discovery rate.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/fdr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Four of ten tests, worked by hand: p * 10 / rank, then the running minimum from the
 * largest. */
static void q_values_equal_those_worked_by_hand(void **state)
{
    const double p[] = {0.04, 0.001, 0.03, 0.0045};
    const double want[] = {0.1, 0.01, 0.1, 0.0225};
    size_t scratch[4];
    double q[4];

    (void)state;
    assert_int_equal(seep_fdr_q_values(p, 4, 10, scratch, q), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_float_equal(q[i], want[i], 1e-12);
    }
}

static void one_test_keeps_its_p(void **state)
{
    const double p = 0.03;
    size_t scratch;
    double q;

    (void)state;
    assert_int_equal(seep_fdr_q_values(&p, 1, 1, &scratch, &q), 0);
    assert_float_equal(q, 0.03, 1e-12);
}

static void fewer_tests_than_values_are_refused(void **state)
{
    const double p[] = {0.1, 0.2};
    size_t scratch[2];
    double q[2] = {42, 42};

    (void)state;
    assert_int_equal(seep_fdr_q_values(p, 2, 1, scratch, q), -EINVAL);
    assert_true(q[0] == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q_values_equal_those_worked_by_hand),
        cmocka_unit_test(one_test_keeps_its_p),
        cmocka_unit_test(fewer_tests_than_values_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
