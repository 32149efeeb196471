/* The same stretch of two runs, by age and by work.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/alignment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 101 };
static const double RATIO = 1.25;

struct arrays {
    double t_s[POINTS], values[POINTS], work[POINTS];
};

/* A snapshot a second; `pace` operations a second fill a cache of 1,000 entries, and each
 * leaves `leak` behind. */
static struct seep_alignment_run run(struct arrays *in, double pace, double leak)
{
    for (size_t i = 0; i < POINTS; i++) {
        in->t_s[i] = (double)i;
        in->work[i] = pace * (double)i;
        in->values[i] = (in->work[i] < 1000 ? in->work[i] : 1000) + leak * in->work[i];
    }
    return (struct seep_alignment_run){POINTS, in->t_s, in->values, in->work};
}

static const char *grew(const struct seep_alignment_run *base,
                        const struct seep_alignment_run *fresh, size_t from, size_t to)
{
    return seep_alignment_grew_alike(base, fresh, from, to,
                                     fresh->values[to] - fresh->values[from], RATIO);
}

static void a_young_run_is_held_against_the_youth_of_the_other(void **state)
{
    struct arrays in[2];
    struct seep_alignment_run base = run(&in[0], 20, 0);
    struct seep_alignment_run fresh = run(&in[1], 20, 0);

    (void)state;
    assert_string_equal(grew(&base, &fresh, 10, 40),
                        "BASE grew as much when it had run as long");
    base.t_s = NULL; /* compared by operations alone */
    assert_string_equal(grew(&base, &fresh, 10, 40),
                        "BASE grew as much when it had done as much");
}

static void a_slow_run_is_held_against_as_much_work(void **state)
{
    struct arrays in[2];
    struct seep_alignment_run base = run(&in[0], 100, 0); /* full after 10 s */
    struct seep_alignment_run fresh = run(&in[1], 10, 0); /* full after 100 s */

    (void)state;
    assert_string_equal(grew(&base, &fresh, 33, 100),
                        "BASE grew as much when it had done as much");
    base.work = NULL;
    assert_null(grew(&base, &fresh, 33, 100));
}

static void a_leak_has_no_excuse(void **state)
{
    struct arrays in[2];
    struct seep_alignment_run base = run(&in[0], 50, 0);
    struct seep_alignment_run fresh = run(&in[1], 50, 0.05);

    (void)state;
    assert_null(grew(&base, &fresh, 33, 100));
    /* Nor has twice as much of one. */
    base = run(&in[0], 50, 0.02);
    fresh = run(&in[1], 50, 0.04);
    assert_null(grew(&base, &fresh, 33, 100));
    fresh = run(&in[1], 50, 0.02);
    assert_non_null(grew(&base, &fresh, 33, 100));
}

static void a_run_that_was_not_there_says_nothing(void **state)
{
    struct arrays in[2];
    struct seep_alignment_run base = run(&in[0], 10, 0);
    struct seep_alignment_run fresh = run(&in[1], 10, 0);

    (void)state;
    base.n = 50; /* of the stretch from 33 to 100 it has 16 */
    assert_null(grew(&base, &fresh, 33, 100));
    base.n = 90;
    assert_non_null(grew(&base, &fresh, 33, 100));
    base.n = 1;
    assert_null(grew(&base, &fresh, 33, 100));
    base.n = 90;
    assert_null(grew(&base, &fresh, 50, 50));
    assert_null(seep_alignment_grew_alike(&base, &fresh, 10, POINTS, 1, RATIO));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_young_run_is_held_against_the_youth_of_the_other),
        cmocka_unit_test(a_slow_run_is_held_against_as_much_work),
        cmocka_unit_test(a_leak_has_no_excuse),
        cmocka_unit_test(a_run_that_was_not_there_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
