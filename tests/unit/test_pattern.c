/* Recordings in, patterns out: what a finding says of how it grows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 100 };

struct fixture {
    struct seep_forge forge;
    uint32_t module;
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    seep_forge_init(&f->forge);
    seep_forge_program(&f->forge, "/nowhere/server", SEEP_FORGE_SECOND);
    f->module = seep_forge_module(&f->forge, "/nowhere/server", NULL, 0, 0, 0x100000);
}

static uint32_t add_site(struct fixture *f, enum seep_kind kind, uint64_t offset)
{
    const uint64_t offsets[] = {offset, 0x900};

    return seep_forge_site(&f->forge, seep_forge_stack(&f->forge, f->module, offsets, 2),
                           0, kind, 0);
}

static void count(struct fixture *f, uint32_t site, uint64_t acquired, uint64_t released,
                  uint64_t each)
{
    seep_forge_count(&f->forge, site, acquired, released, acquired * each,
                     released * each);
}

static void tick(struct fixture *f, uint64_t second)
{
    seep_forge_snapshot(&f->forge, second * SEEP_FORGE_SECOND, NULL);
}

/* The first finding; the test is over when it is not the one on `site`. */
static const struct seep_finding *judge(struct fixture *f, uint32_t site)
{
    struct seep_error error = {0};

    seep_forge_flush(&f->forge);
    assert_int_equal(seep_recording_open_bytes("forged", f->forge.file.data,
                                               f->forge.file.len_bytes, &f->recording,
                                               &error),
                     0);
    assert_int_equal(seep_symbolizer_new(f->recording, &f->symbolizer), 0);
    assert_int_equal(seep_verdict_make(f->recording, f->symbolizer,
                                       &SEEP_VERDICT_OPTIONS_ALL, &f->findings, &error),
                     0);
    assert_true(f->findings->finding_count >= 1);
    assert_int_equal(f->findings->findings[0].site, site);
    return &f->findings->findings[0];
}

static void finish(struct fixture *f)
{
    seep_findings_free(f->findings);
    seep_symbolizer_free(f->symbolizer);
    seep_recording_free(f->recording);
    seep_forge_fini(&f->forge);
}

/* Busy in every second stretch of ten seconds. */
static uint64_t load(uint64_t second)
{
    return second / 10 % 2 == 0 ? 400 : 40;
}

static void allocations_of_a_busy_site_stand_for_operations(void **state)
{
    struct fixture f;
    uint64_t done = 0;

    (void)state;
    begin(&f);
    uint32_t busy = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t leak = add_site(&f, SEEP_KIND_HEAP, 0x200);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        done += load(s);
        count(&f, busy, done, done, 64);
        count(&f, leak, done / 20, 0, 100);
        tick(&f, s);
    }
    const struct seep_finding *finding = judge(&f, leak);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_PER_OPERATION);
    assert_string_equal(finding->pattern.pace, "operations");
    assert_false(finding->pattern.unit_by_mark);
    assert_string_equal(finding->pattern.unit, "allocations of server+0x100");
    assert_float_equal(finding->pattern.growth_per_unit, 0.05, 0.002);
    assert_float_equal(finding->pattern.growth_bytes_per_unit, 5, 0.2);
    assert_non_null(strstr(finding->summary,
                           "blocks (4.9 KiB) per 1,000 allocations of server+0x100"));
    finish(&f);
}

static void a_leak_by_the_clock_is_told_under_a_changing_load(void **state)
{
    struct fixture f;
    uint64_t done = 0;

    (void)state;
    begin(&f);
    uint32_t busy = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t leak = add_site(&f, SEEP_KIND_HEAP, 0x200);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        done += load(s);
        count(&f, busy, done, done, 64);
        count(&f, leak, 3 * s, 0, 100);
        tick(&f, s);
    }
    const struct seep_finding *finding = judge(&f, leak);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_STEADY);
    assert_string_equal(finding->pattern.pace, "time");
    assert_non_null(strstr(finding->summary, "with the clock, not with the load "
                                             "(allocations of server+0x100)."));
    assert_non_null(strstr(finding->summary, "per second"));
    finish(&f);
}

static void under_a_constant_load_nothing_is_said_of_either(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t busy = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t leak = add_site(&f, SEEP_KIND_HEAP, 0x200);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        count(&f, busy, 100 * s, 100 * s, 64);
        count(&f, leak, 3 * s, 0, 100);
        tick(&f, s);
    }
    const struct seep_finding *finding = judge(&f, leak);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_STEADY);
    assert_null(finding->pattern.pace);
    assert_null(finding->pattern.unit);
    assert_null(strstr(finding->summary, "clock"));
    finish(&f);
}

static void steps_that_come_with_descriptors_say_so(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t leak = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t socket = add_site(&f, SEEP_KIND_FD, 0x200);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        uint64_t times = (s + 5) / 10;

        count(&f, leak, 12 * times, 0, 100);
        count(&f, socket, times, times > 0 ? times - 1 : 0, 0);
        tick(&f, s);
    }
    const struct seep_finding *finding = judge(&f, leak);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_STEPS);
    assert_string_equal(finding->pattern.with, "fd");
    assert_non_null(strstr(finding->summary, "abrupt steps of about 12 blocks"));
    assert_non_null(strstr(finding->summary, "when descriptors are opened"));
    finish(&f);
}

static void a_block_that_is_made_larger_is_a_container(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t table = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_count(&f.forge, table, s, s - 1, 8192 * s * (s + 1) / 2,
                         8192 * s * (s - 1) / 2);
        tick(&f, s);
    }
    const struct seep_finding *finding = judge(&f, table);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_CONTAINER);
    assert_non_null(strstr(finding->summary, "A container that only grows"));
    finish(&f);
}

static void a_saw_tooth_says_what_stays_of_it(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= RUN_S; s++) { /* every fifth second all but 20 more go */
        uint64_t live = 20 * (s / 5) + 30 * (s % 5);

        count(&f, site, 1000 * s, 1000 * s - live, 100);
        tick(&f, s);
    }
    const struct seep_finding *finding = judge(&f, site);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_SAW_TOOTH);
    assert_non_null(strstr(finding->summary, "saw-tooth with a rising floor"));
    finish(&f);
}

static void a_queue_that_falls_behind_is_a_slow_release(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t site = add_site(&f, SEEP_KIND_HEAP, 0x100);

    for (uint64_t s = 1; s <= RUN_S; s++) { /* 40 % of the time is how old it gets */
        uint64_t late = s * 2 / 5;
        struct seep_rec_age age = {.site = site,
                                   .live = 10 * late + 1,
                                   .live_bytes = 1000 * late + 100,
                                   .oldest_birth_ns = (s - late) * SEEP_FORGE_SECOND,
                                   .newest_birth_ns = s * SEEP_FORGE_SECOND};

        count(&f, site, 10 * s, 10 * (s - late), 100);
        tick(&f, s);
        for (uint64_t born = s - late; born <= s; born++) {
            age.generations |= UINT64_C(1) << born * 63 / RUN_S;
        }
        if (s % 10 == 0) {
            seep_forge_ages(&f.forge, s * SEEP_FORGE_SECOND,
                            RUN_S * SEEP_FORGE_SECOND / 63, &age, 1);
        }
    }
    const struct seep_finding *finding = judge(&f, site);

    assert_int_equal(finding->pattern.kind, SEEP_PATTERN_SLOW_RELEASE);
    assert_non_null(strstr(finding->summary, "later and later"));
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_of_a_busy_site_stand_for_operations),
        cmocka_unit_test(a_leak_by_the_clock_is_told_under_a_changing_load),
        cmocka_unit_test(under_a_constant_load_nothing_is_said_of_either),
        cmocka_unit_test(steps_that_come_with_descriptors_say_so),
        cmocka_unit_test(a_block_that_is_made_larger_is_a_container),
        cmocka_unit_test(a_saw_tooth_says_what_stays_of_it),
        cmocka_unit_test(a_queue_that_falls_behind_is_a_slow_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
