/* One run against a history.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/leak_gate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "history/gate_text.h"

enum { RUNS = 4 };

static struct seep_history_finding finding(const char *id, double bytes_per_s)
{
    return (struct seep_history_finding){.id = id,
                                         .kind = SEEP_KIND_HEAP,
                                         .verdict = SEEP_VERDICT_DEFINITE,
                                         .cause = "growth",
                                         .subsystem = "websocket",
                                         .headline = "hub_register",
                                         .summary = "it grows",
                                         .place = "",
                                         .pattern = "",
                                         .unit = "",
                                         .limit = "",
                                         .live = 10,
                                         .live_bytes = 1000,
                                         .growth_per_s = bytes_per_s / 100,
                                         .growth_bytes_per_s = bytes_per_s,
                                         .growth_per_unit = NAN,
                                         .growth_bytes_per_unit = NAN};
}

struct fixture {
    struct seep_history_finding past[RUNS], now;
    struct seep_history_run runs[RUNS], run;
    struct seep_history_runs history;
    struct seep_gate gate;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->now = finding("00000000000a", 100);
    f->run = (struct seep_history_run){.id = "ff",
                                       .program = "server",
                                       .commit = "c9",
                                       .inconclusive = "",
                                       .duration_s = 60,
                                       .findings = &f->now,
                                       .finding_count = 1};
    for (size_t i = 0; i < RUNS; i++) {
        f->past[i] = finding("00000000000a", 99 + (double)(i % 3));
        f->runs[i] = f->run;
        f->runs[i].id = "0123456789abcdef";
        f->runs[i].commit = "c0";
        f->runs[i].findings = &f->past[i];
    }
    f->history = (struct seep_history_runs){.runs = f->runs, .count = RUNS};
}

static void judge(struct fixture *f)
{
    seep_gate_fini(&f->gate);
    assert_int_equal(seep_gate_judge(&f->run, &f->history, false, &f->gate), 0);
    f->gate.file = "x.seep";
    f->gate.against = "main";
}

static void what_was_there_is_known_and_passes(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    judge(&f);
    assert_false(f.gate.fails);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_KNOWN);
    assert_int_equal(f.gate.items[0].seen, RUNS);
    assert_int_equal(f.gate.items[0].basis, SEEP_MEASURE_PER_HOUR);
    seep_gate_fini(&f.gate);
}

static void what_no_run_has_is_new_and_fails(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.now.id = "00000000000b";
    f.now.headline = "auth_handle";
    judge(&f);
    assert_true(f.gate.fails);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_NEW);
    assert_int_equal(f.gate.gone_count, 1);
    seep_gate_fini(&f.gate);
}

static void what_grows_faster_than_expected_is_worse(void **state)
{
    struct fixture f;
    char text[SEEP_GATE_SENTENCE_MAX];

    (void)state;
    begin(&f);
    f.now.growth_bytes_per_s = 200;
    judge(&f);
    assert_true(f.gate.fails);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_WORSE);
    assert_non_null(strstr(seep_gate_reason(&f.gate, &f.gate.items[0], text),
                           "there in 4 of 4 runs, since commit c0"));
    seep_gate_fini(&f.gate);
}

static void per_unit_of_work_more_load_is_no_worse(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < RUNS; i++) {
        f.past[i].unit = "http requests";
        f.past[i].growth_bytes_per_unit = 48;
    }
    f.now.growth_bytes_per_s = 1000;
    f.now.unit = "http requests";
    f.now.growth_bytes_per_unit = 49;
    judge(&f);
    assert_int_equal(f.gate.items[0].basis, SEEP_MEASURE_PER_UNIT);
    assert_false(f.gate.fails);
    f.now.unit = "frames"; /* another unit: per hour */
    judge(&f);
    assert_int_equal(f.gate.items[0].basis, SEEP_MEASURE_PER_HOUR);
    assert_true(f.gate.fails);
    seep_gate_fini(&f.gate);
}

static void a_renamed_caller_is_matched_by_name_and_told(void **state)
{
    struct fixture f;
    char text[SEEP_GATE_SENTENCE_MAX];

    (void)state;
    begin(&f);
    f.now.id = "00000000000b";
    judge(&f);
    assert_false(f.gate.fails);
    assert_true(f.gate.items[0].by_name);
    assert_int_equal(f.gate.gone_count, 0);
    assert_non_null(strstr(seep_gate_reason(&f.gate, &f.gate.items[0], text),
                           "matched by kind, function and subsystem: 00000000000a"));
    seep_gate_fini(&f.gate);
}

static void a_namesake_whose_id_is_here_too_is_not_taken(void **state)
{
    struct seep_history_finding both[2];
    struct fixture f;

    (void)state;
    begin(&f);
    both[0] = f.now;
    both[1] = finding("00000000000b", 100);
    f.run.findings = both;
    f.run.finding_count = 2;
    judge(&f);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_KNOWN);
    assert_int_equal(f.gate.items[1].judgement, SEEP_GATE_NEW);
    seep_gate_fini(&f.gate);
}

static void what_has_no_symbol_is_matched_by_id_alone(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.now.id = "00000000000b";
    f.now.headline = "server+0x1021";
    for (size_t i = 0; i < RUNS; i++) {
        f.past[i].headline = "server+0x1021";
    }
    judge(&f);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_NEW);
    seep_gate_fini(&f.gate);
}

static void what_was_bounded_and_leaks_now_is_worse(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < RUNS; i++) {
        f.past[i].verdict = SEEP_VERDICT_BOUNDED;
    }
    judge(&f);
    assert_true(f.gate.items[0].bounded);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_WORSE);
    seep_gate_fini(&f.gate);
}

static void a_suspect_that_is_proved_now_is_known(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < RUNS; i++) {
        f.past[i].verdict = SEEP_VERDICT_SUSPECT;
    }
    judge(&f);
    assert_int_equal(f.gate.items[0].judgement, SEEP_GATE_KNOWN);
    seep_gate_fini(&f.gate);
}

static void a_suspect_of_this_run_fails_nothing(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.now.id = "00000000000b";
    f.now.headline = "x";
    f.now.verdict = SEEP_VERDICT_SUSPECT;
    judge(&f);
    assert_false(f.gate.fails);
    assert_int_equal(f.gate.item_count, 0);
    assert_int_equal(f.gate.below, 1);
    seep_gate_fini(&f.gate);
}

static void an_empty_history_fails_only_when_asked_to(void **state)
{
    struct fixture f;
    char text[SEEP_GATE_SENTENCE_MAX];

    (void)state;
    begin(&f);
    f.history.count = 0;
    judge(&f);
    assert_true(f.gate.is_empty);
    assert_false(f.gate.fails);
    assert_non_null(strstr(seep_gate_sentence(&f.gate, text), "nothing to compare with"));
    assert_int_equal(seep_gate_judge(&f.run, &f.history, true, &f.gate), 0);
    assert_true(f.gate.fails);
    seep_gate_fini(&f.gate);
}

static void what_was_left_at_exit_is_compared_by_its_amount(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < RUNS; i++) {
        f.past[i].growth_per_s = NAN;
        f.past[i].growth_bytes_per_s = NAN;
    }
    f.now.growth_per_s = NAN;
    f.now.growth_bytes_per_s = NAN;
    f.now.live_bytes = 1050;
    judge(&f);
    assert_int_equal(f.gate.items[0].basis, SEEP_MEASURE_AMOUNT);
    assert_false(f.gate.fails);
    f.now.live_bytes = 1200;
    judge(&f);
    assert_true(f.gate.fails);
    seep_gate_fini(&f.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_is_known_and_passes),
        cmocka_unit_test(what_no_run_has_is_new_and_fails),
        cmocka_unit_test(what_grows_faster_than_expected_is_worse),
        cmocka_unit_test(per_unit_of_work_more_load_is_no_worse),
        cmocka_unit_test(a_renamed_caller_is_matched_by_name_and_told),
        cmocka_unit_test(a_namesake_whose_id_is_here_too_is_not_taken),
        cmocka_unit_test(what_has_no_symbol_is_matched_by_id_alone),
        cmocka_unit_test(what_was_bounded_and_leaks_now_is_worse),
        cmocka_unit_test(a_suspect_that_is_proved_now_is_known),
        cmocka_unit_test(a_suspect_of_this_run_fails_nothing),
        cmocka_unit_test(an_empty_history_fails_only_when_asked_to),
        cmocka_unit_test(what_was_left_at_exit_is_compared_by_its_amount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
