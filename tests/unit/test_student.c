/* Student's t: the points of the published tables.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/student.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Fisher and Yates' table of t: the upper 5 %, 2.5 %, 1 % and 0.5 % points. */
static void the_points_of_the_table_have_their_chances(void **state)
{
    static const struct {
        size_t freedom;
        double points[4];
    } TABLE[] = {
        {1, {6.313752, 12.706205, 31.820516, 63.656741}},
        {2, {2.919986, 4.302653, 6.964557, 9.924843}},
        {3, {2.353363, 3.182446, 4.540703, 5.840909}},
        {10, {1.812461, 2.228139, 2.763769, 3.169273}},
        {11, {1.795885, 2.200985, 2.718079, 3.105807}},
        {30, {1.697261, 2.042272, 2.457262, 2.749996}},
    };
    static const double CHANCES[4] = {0.05, 0.025, 0.01, 0.005};

    (void)state;
    for (size_t row = 0; row < sizeof(TABLE) / sizeof(TABLE[0]); row++) {
        for (size_t i = 0; i < 4; i++) {
            assert_float_equal(
                seep_student_upper_tail(TABLE[row].points[i], TABLE[row].freedom),
                CHANCES[i], 1e-7);
            assert_float_equal(seep_student_point(CHANCES[i], TABLE[row].freedom),
                               TABLE[row].points[i], 1e-5 * TABLE[row].points[i]);
        }
    }
}

static void both_tails_are_mirrors_and_the_middle_is_a_half(void **state)
{
    (void)state;
    assert_float_equal(seep_student_upper_tail(0, 10), 0.5, 1e-15);
    assert_float_equal(seep_student_upper_tail(-1.3, 7) + seep_student_upper_tail(1.3, 7),
                       1, 1e-12);
    assert_true(seep_student_upper_tail(INFINITY, 10) < 1e-15);
    assert_true(seep_student_upper_tail(3, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_points_of_the_table_have_their_chances),
        cmocka_unit_test(both_tails_are_mirrors_and_the_middle_is_a_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
