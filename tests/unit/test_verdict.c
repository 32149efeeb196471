/* Recordings in, findings out: each cause once, and what must not be found.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/verdict.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/thread_verdict.h"

enum { RUN_S = 60, STACK_BYTES = 8 << 20 };

struct fixture {
    struct seep_forge forge;
    uint32_t module, subsystem;
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static void begin(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    seep_forge_init(&fixture->forge);
    seep_forge_program(&fixture->forge, "/nowhere/server", SEEP_FORGE_SECOND);
    fixture->module =
        seep_forge_module(&fixture->forge, "/nowhere/server", NULL, 0, 0, 0x100000);
    fixture->subsystem = seep_forge_subsystem(&fixture->forge, "auth");
}

static uint32_t add_site(struct fixture *fixture, enum seep_kind kind, uint64_t offset)
{
    const uint64_t offsets[] = {offset, 0x900};

    return seep_forge_site(&fixture->forge,
                           seep_forge_stack(&fixture->forge, fixture->module, offsets, 2),
                           fixture->subsystem, kind, 0);
}

static void judge(struct fixture *fixture, const struct seep_verdict_options *options)
{
    char path[] = "/tmp/seep-verdict-XXXXXX";
    struct seep_error error = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    seep_forge_write(&fixture->forge, path);
    assert_int_equal(seep_recording_open(path, &fixture->recording, &error), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(seep_symbolizer_new(fixture->recording, &fixture->symbolizer), 0);
    assert_int_equal(seep_verdict_make(fixture->recording, fixture->symbolizer, options,
                                       &fixture->findings, &error),
                     0);
}

static void finish(struct fixture *fixture)
{
    seep_findings_free(fixture->findings);
    seep_symbolizer_free(fixture->symbolizer);
    seep_recording_free(fixture->recording);
    seep_forge_fini(&fixture->forge);
}

static void count(struct fixture *fixture, uint32_t site, uint64_t acquired,
                  uint64_t released, uint64_t each)
{
    seep_forge_count(&fixture->forge, site, acquired, released, acquired * each,
                     released * each);
}

static void tick(struct fixture *fixture, uint64_t second)
{
    seep_forge_snapshot(&fixture->forge, second * SEEP_FORGE_SECOND, NULL);
}

static struct seep_rec_thread thread(uint32_t slot, uint32_t site, uint32_t state,
                                     uint64_t born_s)
{
    return (struct seep_rec_thread){
        .slot = slot,
        .tid = 100 + slot,
        .state = SEEP_THREAD_USED | SEEP_THREAD_STARTED | state,
        .site = site,
        .created_ns = born_s * SEEP_FORGE_SECOND,
        .started_ns = born_s * SEEP_FORGE_SECOND,
        .ended_ns =
            (state & SEEP_THREAD_ENDED) != 0 ? (born_s + 1) * SEEP_FORGE_SECOND : 0,
        .stack_bytes = STACK_BYTES,
    };
}

static void
a_thread_every_five_seconds_is_definite_and_comes_before_its_memory(void **state)
{
    struct fixture f;
    struct seep_rec_thread threads[RUN_S / 5];

    (void)state;
    begin(&f);
    uint32_t heap = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t site = add_site(&f, SEEP_KIND_THREAD, 0x200);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&f, heap, 10 * s, 0, 1500);
        count(&f, site, s / 5, 0, STACK_BYTES);
        tick(&f, s);
    }
    for (uint32_t i = 0; i < RUN_S / 5; i++) {
        threads[i] = thread(i, site, 0, (i + 1) * 5);
    }
    seep_forge_threads(&f.forge, RUN_S * SEEP_FORGE_SECOND, threads, RUN_S / 5);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_LEAK);
    assert_int_equal(f.findings->finding_count, 2);
    const struct seep_finding *first = &f.findings->findings[0];

    assert_int_equal(first->kind, SEEP_KIND_THREAD);
    assert_int_equal(first->verdict, SEEP_VERDICT_DEFINITE);
    assert_int_equal(first->cause, SEEP_CAUSE_GROWTH);
    assert_string_equal(first->subsystem, "auth");
    assert_float_equal(first->evidence.growth_per_s, 0.2, 0.01);
    assert_int_equal(first->thread_total, RUN_S / 5);
    assert_int_equal(strlen(first->id), 12);
    assert_int_equal(f.findings->findings[1].verdict,
                     SEEP_VERDICT_PROBABLE); /* no ages */
    finish(&f);
}

static void churn_a_filled_cache_and_a_saw_tooth_are_clean(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t churn = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t cache = add_site(&f, SEEP_KIND_HEAP, 0x200);
    uint32_t tooth = add_site(&f, SEEP_KIND_HEAP, 0x300);
    uint32_t connections = add_site(&f, SEEP_KIND_THREAD, 0x400);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&f, churn, 1000 * s, 1000 * s - 50 - s * 7 % 13, 512);
        count(&f, cache, s < 36 ? 50 * s : 1800, 0, 256);
        count(&f, tooth, 20 * s, 20 * s - 20 * (s % 6), 64);
        count(&f, connections, 5 * s,
              5 * s - 20 - s * 3 % 5 > 5 * s ? 0 : 5 * s - 20 - s * 3 % 5, STACK_BYTES);
        tick(&f, s);
    }
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_CLEAN);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].verdict, SEEP_VERDICT_BOUNDED);
    finish(&f);
}

static void a_leak_that_is_freed_at_exit_is_still_found(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&f, site, s, s == RUN_S ? s : 0, 9000);
        tick(&f, s);
    }
    seep_forge_end(&f.forge, RUN_S * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_LEAK);
    assert_int_equal(f.findings->findings[0].verdict, SEEP_VERDICT_PROBABLE);
    assert_int_equal(f.findings->left_at_exit_sites, 0);
    finish(&f);
}

static void too_few_snapshots_are_inconclusive_and_say_why(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= 19; s++) {
        count(&f, site, 100 * s, 0, 9000);
        tick(&f, s);
    }
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_INCONCLUSIVE);
    assert_non_null(strstr(f.findings->inconclusive, "fewer than 20 snapshots"));
    assert_non_null(strstr(f.findings->advice, "--interval 0.9"));
    assert_int_equal(f.findings->finding_count, 0);
    finish(&f);
}

static void what_is_left_at_exit_is_bounded_and_largest_first(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    for (uint64_t i = 1; i <= 8; i++) {
        count(&f, add_site(&f, SEEP_KIND_HEAP, 0x100 * i), i, 0, 100);
    }
    tick(&f, 1);
    seep_forge_end(&f.forge, SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->left_at_exit_sites, 8);
    assert_int_equal(f.findings->left_at_exit_bytes, 3600);
    assert_int_equal(f.findings->finding_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(f.findings->findings[i].verdict, SEEP_VERDICT_BOUNDED);
        assert_int_equal(f.findings->findings[i].cause, SEEP_CAUSE_LEFT_AT_EXIT);
        assert_int_equal(f.findings->findings[i].evidence.live_bytes, 100 * (8 - i));
    }
    finish(&f);
}

static void unjoined_threads_are_found_after_their_grace(void **state)
{
    struct fixture f;
    struct seep_rec_thread threads[4];

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_THREAD, 0x100);

    count(&f, site, 4, 0, STACK_BYTES);
    tick(&f, 10);
    threads[0] = thread(1, site, SEEP_THREAD_ENDED, 2);
    threads[1] = thread(2, site, SEEP_THREAD_ENDED | SEEP_THREAD_DETACHED, 2);
    threads[2] = thread(3, site, SEEP_THREAD_ENDED | SEEP_THREAD_JOINED, 2);
    threads[3] =
        thread(4, site, SEEP_THREAD_ENDED, 8); /* ended at 9 s: within the grace */
    seep_forge_threads(&f.forge, 10 * SEEP_FORGE_SECOND, threads, 4);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->totals.threads_unjoined, 1);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].cause, SEEP_CAUSE_UNJOINED);
    assert_int_equal(f.findings->findings[0].verdict, SEEP_VERDICT_SUSPECT);
    assert_non_null(strstr(f.findings->findings[0].summary, "8.0 MiB"));
    finish(&f);
}

/* Five threads that end at once, in a program of a tenth of a second. */
static void a_program_that_exited_gives_no_grace(void **state)
{
    struct fixture f;
    struct seep_rec_thread threads[5];
    const uint64_t end_ns = SEEP_FORGE_SECOND / 10;

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_THREAD, 0x100);

    count(&f, site, 5, 0, STACK_BYTES);
    seep_forge_snapshot(&f.forge, end_ns, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        threads[i] = thread(i, site, SEEP_THREAD_ENDED, 0);
        threads[i].created_ns = 1000000;
        threads[i].ended_ns = 2000000;
    }
    seep_forge_threads(&f.forge, end_ns, threads, 5);
    seep_forge_end(&f.forge, end_ns, SEEP_ENDING_EXITED, 0);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->finding_count, 1);
    const struct seep_finding *finding = &f.findings->findings[0];

    assert_int_equal(finding->cause, SEEP_CAUSE_UNJOINED);
    assert_int_equal(finding->verdict, SEEP_VERDICT_DEFINITE);
    assert_int_equal(finding->evidence.live, 5);
    assert_int_equal(finding->evidence.acquired, 5);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_LEAK);
    finish(&f);
}

static void a_pool_that_ends_with_the_program_is_bounded(void **state)
{
    struct fixture f;
    struct seep_rec_thread threads[4];

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_THREAD, 0x100);

    count(&f, site, 4, 0, STACK_BYTES);
    tick(&f, 10);
    for (uint32_t i = 0; i < 4; i++) {
        threads[i] = thread(i, site, SEEP_THREAD_ENDED, 1);
        threads[i].ended_ns = 9 * SEEP_FORGE_SECOND;
    }
    seep_forge_threads(&f.forge, 10 * SEEP_FORGE_SECOND, threads, 4);
    seep_forge_end(&f.forge, 10 * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].cause, SEEP_CAUSE_UNJOINED);
    assert_int_equal(f.findings->findings[0].verdict, SEEP_VERDICT_BOUNDED);
    assert_non_null(strstr(f.findings->findings[0].summary, "ended with the program"));
    finish(&f);
}

static void
a_thread_that_ran_a_second_ago_waits_and_one_that_did_not_is_blocked(void **state)
{
    struct fixture f;
    struct seep_rec_thread threads[3];

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_THREAD, 0x100);

    count(&f, site, 3, 0, STACK_BYTES);
    tick(&f, 10);
    for (uint32_t i = 0; i < 3; i++) {
        threads[i] = thread(i, site, 0, 1);
        threads[i].os_state = i < 2 ? 'S' : 'R';
        threads[i].wait = (char *)(i < 2 ? "futex" : "");
        threads[i].unchanged_since_ns = (i == 0 ? 9 : 3) * SEEP_FORGE_SECOND;
    }
    seep_forge_threads(&f.forge, 10 * SEEP_FORGE_SECOND, threads, 3);
    seep_forge_end(&f.forge, 10 * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->finding_count, 1);
    const struct seep_view_thread *seen = f.findings->findings[0].threads;

    assert_string_equal(seen[0].state, "waiting");
    assert_float_equal(seen[0].idle_s, 1, 0.001);
    assert_float_equal(seen[0].blocked_s, 0, 0);
    assert_string_equal(seen[1].state, "blocked");
    assert_float_equal(seen[1].blocked_s, 7, 0.001);
    assert_string_equal(seen[2].state, "running");
    finish(&f);
}

/* Threads made at one place, of which pthread_create keeps a block each; and another
 * block each, which the program allocates itself. */
static void what_pthread_create_keeps_is_folded_into_its_threads(void **state)
{
    struct fixture f;
    struct seep_rec_thread threads[RUN_S / 5];
    const uint64_t start[] = {0x200, 0x900};
    const uint64_t in_libc[] = {0x40, 0x80};

    (void)state;
    begin(&f);
    uint32_t libc = seep_forge_module(&f.forge, "/lib/x86_64-linux-gnu/libc.so.6", NULL,
                                      0, 0x100000, 0x100000);
    uint32_t creation = seep_forge_stack(&f.forge, f.module, start, 2);
    uint32_t within = creation;

    for (size_t i = 0; i < 2; i++) {
        within = seep_forge_node(&f.forge, within, libc, in_libc[i]);
    }
    uint32_t site = seep_forge_site(&f.forge, creation, f.subsystem, SEEP_KIND_THREAD, 0);
    uint32_t vector = seep_forge_site(&f.forge, within, f.subsystem, SEEP_KIND_HEAP, 0);
    uint32_t own = add_site(&f, SEEP_KIND_HEAP, 0x300);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&f, site, s / 5, 0, STACK_BYTES);
        count(&f, vector, s / 5, 0, 368);
        count(&f, own, s / 5, 0, 1000);
        tick(&f, s);
    }
    for (uint32_t i = 0; i < RUN_S / 5; i++) {
        threads[i] = thread(i, site, 0, (i + 1) * 5);
    }
    seep_forge_threads(&f.forge, RUN_S * SEEP_FORGE_SECOND, threads, RUN_S / 5);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->finding_count, 2);
    assert_int_equal(f.findings->findings[0].kind, SEEP_KIND_THREAD);
    assert_int_equal(f.findings->findings[0].companion_sites, 1);
    assert_float_equal(f.findings->findings[0].companion_bytes, 368, 0.01);
    assert_int_equal(f.findings->findings[1].kind, SEEP_KIND_HEAP);
    assert_int_equal(f.findings->findings[1].evidence.live_bytes, RUN_S / 5 * 1000);
    finish(&f);
}

/* A table that is enlarged by a quarter when it is full, until it holds what came in
 * `full_s` seconds. */
static enum seep_verdict table_verdict(uint64_t full_s)
{
    struct fixture f;
    uint64_t room = 4096;
    uint64_t acquired = 1;
    uint64_t acquired_bytes = room;
    enum seep_verdict worst = SEEP_VERDICT_NONE;

    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= 2 * RUN_S; s++) {
        while (room < 40000 * (s < full_s ? s : full_s)) {
            room += room / 4;
            acquired_bytes += room;
            acquired++;
        }
        seep_forge_count(&f.forge, site, acquired, acquired - 1, acquired_bytes,
                         acquired_bytes - room);
        tick(&f, s);
    }
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    worst = seep_findings_worst(f.findings);
    if (worst > SEEP_VERDICT_BOUNDED) {
        assert_non_null(strstr(f.findings->findings[0].summary, "larger"));
        assert_true(f.findings->findings[0].series_of_bytes);
    }
    finish(&f);
    return worst;
}

static void a_table_that_nobody_prunes_is_found_and_one_that_filled_is_not(void **state)
{
    (void)state;
    assert_true(table_verdict(2 * RUN_S) >= SEEP_VERDICT_SUSPECT);
    assert_true(table_verdict(RUN_S) <= SEEP_VERDICT_BOUNDED);
    assert_true(table_verdict(RUN_S / 3) <= SEEP_VERDICT_BOUNDED);
}

static void the_number_and_the_ending_decide_how_sure_unjoined_is(void **state)
{
    static const struct {
        struct seep_unjoined unjoined;
        enum seep_verdict verdict;
    } cases[] = {
        {{.count = 0, .exited = true}, SEEP_VERDICT_NONE},
        {{.count = 1, .exited = true}, SEEP_VERDICT_PROBABLE},
        {{.count = 1}, SEEP_VERDICT_SUSPECT},
        {{.count = 4, .leaving = 4, .exited = true}, SEEP_VERDICT_BOUNDED},
        {{.count = 4, .leaving = 3, .exited = true}, SEEP_VERDICT_PROBABLE},
        {{.count = 3, .exited = true}, SEEP_VERDICT_DEFINITE},
        {{.count = 8, .seconds = 1}, SEEP_VERDICT_SUSPECT},
        {{.count = 8, .seconds = 8, .last_created_ns = UINT64_C(40000000000)},
         SEEP_VERDICT_DEFINITE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(seep_unjoined_verdict(&cases[i].unjoined), cases[i].verdict);
    }
}

static void filters_choose_findings_and_unknown_ones_are_errors(void **state)
{
    struct fixture f;
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_error error = {0};

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&f, site, s, 0, 9000);
        tick(&f, s);
    }
    options.kind = SEEP_KIND_THREAD;
    judge(&f, &options);
    assert_int_equal(f.findings->finding_count, 0);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_CLEAN);
    seep_findings_free(f.findings);
    f.findings = NULL;
    options = SEEP_VERDICT_OPTIONS_ALL;
    options.subsystem = "nothing";
    assert_int_equal(
        seep_verdict_make(f.recording, f.symbolizer, &options, &f.findings, &error),
        -EINVAL);
    assert_non_null(strstr(error.message, "nothing"));
    options = (struct seep_verdict_options){.since_s = 5, .until_s = 5};
    assert_int_equal(
        seep_verdict_make(f.recording, f.symbolizer, &options, &f.findings, &error),
        -EINVAL);
    assert_null(f.findings);
    finish(&f);
}

static void two_sites_with_the_same_functions_have_different_ids(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    count(&f, add_site(&f, SEEP_KIND_HEAP, 0x100), 1, 0, 10);
    count(&f, add_site(&f, SEEP_KIND_HEAP, 0x140), 1, 0, 10);
    tick(&f, 1);
    seep_forge_end(&f.forge, SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    judge(&f, &SEEP_VERDICT_OPTIONS_ALL);
    assert_int_equal(f.findings->finding_count, 2);
    assert_string_not_equal(f.findings->findings[0].id, f.findings->findings[1].id);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_thread_every_five_seconds_is_definite_and_comes_before_its_memory),
        cmocka_unit_test(churn_a_filled_cache_and_a_saw_tooth_are_clean),
        cmocka_unit_test(a_leak_that_is_freed_at_exit_is_still_found),
        cmocka_unit_test(too_few_snapshots_are_inconclusive_and_say_why),
        cmocka_unit_test(what_is_left_at_exit_is_bounded_and_largest_first),
        cmocka_unit_test(unjoined_threads_are_found_after_their_grace),
        cmocka_unit_test(a_program_that_exited_gives_no_grace),
        cmocka_unit_test(a_pool_that_ends_with_the_program_is_bounded),
        cmocka_unit_test(
            a_thread_that_ran_a_second_ago_waits_and_one_that_did_not_is_blocked),
        cmocka_unit_test(what_pthread_create_keeps_is_folded_into_its_threads),
        cmocka_unit_test(a_table_that_nobody_prunes_is_found_and_one_that_filled_is_not),
        cmocka_unit_test(the_number_and_the_ending_decide_how_sure_unjoined_is),
        cmocka_unit_test(filters_choose_findings_and_unknown_ones_are_errors),
        cmocka_unit_test(two_sites_with_the_same_functions_have_different_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
