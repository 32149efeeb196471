/* Findings over runs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/trend_series.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS = 6 };

struct fixture {
    struct seep_history_finding findings[RUNS];
    struct seep_history_label labels[RUNS];
    struct seep_history_run runs[RUNS];
    struct seep_history_runs all;
};

/* Runs 2, 3 and 5 of six have it, with 10, 20 and 30 bytes per second. */
static void begin(struct fixture *f)
{
    static const double rates[RUNS] = {0, 0, 10, 20, 0, 30};

    memset(f, 0, sizeof(*f));
    for (size_t i = 0; i < RUNS; i++) {
        f->findings[i] = (struct seep_history_finding){.id = "00000000000a",
                                                       .kind = SEEP_KIND_HEAP,
                                                       .verdict = SEEP_VERDICT_PROBABLE,
                                                       .cause = "growth",
                                                       .unit = "",
                                                       .growth_per_s = rates[i] / 10,
                                                       .growth_bytes_per_s = rates[i],
                                                       .growth_per_unit = NAN,
                                                       .growth_bytes_per_unit = NAN};
        f->labels[i] = (struct seep_history_label){"release", i < 3 ? "1" : "2"};
        f->runs[i] = (struct seep_history_run){.id = "r",
                                               .program = "server",
                                               .duration_s = 60,
                                               .labels = &f->labels[i],
                                               .label_count = 1,
                                               .findings = &f->findings[i],
                                               .finding_count = rates[i] > 0};
    }
    f->all = (struct seep_history_runs){.runs = f->runs, .count = RUNS};
}

static void since_when_is_the_first_run_that_has_it(void **state)
{
    struct fixture f;
    struct seep_trend trend = {0};

    (void)state;
    begin(&f);
    assert_int_equal(seep_trend_make(&f.all, "00000000000a", &trend), 0);
    assert_int_equal(trend.count, RUNS);
    assert_int_equal(trend.found, 3);
    assert_int_equal(trend.first, 2);
    assert_int_equal(trend.last, 5);
    assert_true(isnan(trend.points[4].growth.value));
    seep_trend_fini(&trend);
}

/* By hand: 36, 72 and 108 kB per hour: mean 72, s 36; t(2, 0.025) = 4.3027; margin
 * 4.3027 * 36 / sqrt(3) = 89.43. */
static void the_mean_has_students_interval(void **state)
{
    struct fixture f;
    struct seep_trend trend = {0};

    (void)state;
    begin(&f);
    assert_int_equal(seep_trend_make(&f.all, "00000000000a", &trend), 0);
    assert_int_equal(trend.basis, SEEP_MEASURE_PER_HOUR);
    assert_float_equal(trend.points[5].growth.value, 108000, 1e-6);
    assert_float_equal(trend.mean, 72000, 1e-6);
    assert_float_equal(trend.mean_high - trend.mean, 89430, 20);
    seep_trend_fini(&trend);
}

static void runs_of_other_programs_say_nothing(void **state)
{
    struct fixture f;
    struct seep_trend trend = {0};

    (void)state;
    begin(&f);
    f.runs[0].program = "client";
    assert_int_equal(seep_trend_make(&f.all, "00000000000a", &trend), 0);
    assert_int_equal(trend.count, RUNS - 1);
    assert_int_equal(trend.first, 1);
    seep_trend_fini(&trend);
}

static void one_run_without_units_takes_all_to_per_hour(void **state)
{
    struct fixture f;
    struct seep_trend trend = {0};

    (void)state;
    begin(&f);
    for (size_t i = 0; i < RUNS; i++) {
        f.findings[i].unit = "requests";
        f.findings[i].growth_bytes_per_unit = 5;
    }
    assert_int_equal(seep_trend_make(&f.all, "00000000000a", &trend), 0);
    assert_int_equal(trend.basis, SEEP_MEASURE_PER_UNIT);
    seep_trend_fini(&trend);
    f.findings[3].unit = "";
    assert_int_equal(seep_trend_make(&f.all, "00000000000a", &trend), 0);
    assert_int_equal(trend.basis, SEEP_MEASURE_PER_HOUR);
    seep_trend_fini(&trend);
}

static void labels_say_in_which_releases(void **state)
{
    struct fixture f;
    struct seep_trend trend = {0};
    struct seep_trend_label *labels = NULL;
    size_t count = 0;

    (void)state;
    begin(&f);
    assert_int_equal(seep_trend_make(&f.all, "00000000000a", &trend), 0);
    assert_int_equal(seep_trend_labels(&trend, &labels, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(labels[0].runs, 3);
    assert_int_equal(labels[0].found, 1);
    assert_int_equal(labels[1].found, 2);
    free(labels);
    seep_trend_fini(&trend);
}

static void an_unknown_id_is_told(void **state)
{
    struct fixture f;
    struct seep_trend trend = {0};

    (void)state;
    begin(&f);
    assert_int_equal(seep_trend_make(&f.all, "no such id", &trend), -ENOENT);
}

static void trends_are_of_a_kind_and_at_most_top(void **state)
{
    struct fixture f;
    struct seep_trend *trends = NULL;
    size_t count = 0;

    (void)state;
    begin(&f);
    f.findings[2].id = "00000000000b";
    assert_int_equal(seep_trends_make(&f.all, SEEP_KIND_NONE, 10, &trends, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(trends[0].id, "00000000000a"); /* of the newest run */
    seep_trends_free(trends, count);
    assert_int_equal(seep_trends_make(&f.all, SEEP_KIND_NONE, 1, &trends, &count), 0);
    assert_int_equal(count, 1);
    seep_trends_free(trends, count);
    assert_int_equal(seep_trends_make(&f.all, SEEP_KIND_FD, 10, &trends, &count), 0);
    assert_int_equal(count, 0);
    seep_trends_free(trends, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(since_when_is_the_first_run_that_has_it),
        cmocka_unit_test(the_mean_has_students_interval),
        cmocka_unit_test(runs_of_other_programs_say_nothing),
        cmocka_unit_test(one_run_without_units_takes_all_to_per_hour),
        cmocka_unit_test(labels_say_in_which_releases),
        cmocka_unit_test(an_unknown_id_is_told),
        cmocka_unit_test(trends_are_of_a_kind_and_at_most_top),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
