/* What a program did: its marks, or what stands for them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "recording_forge_marks.h"

enum { RUN_S = 30 };

struct fixture {
    struct seep_forge forge;
    uint32_t module;
    struct seep_recording *recording;
    struct seep_units units;
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
    return seep_forge_site(&f->forge, seep_forge_stack(&f->forge, f->module, &offset, 1),
                           0, kind, 0);
}

static void take(struct fixture *f)
{
    const struct seep_window window = {.first = 0, .warm = 10, .end = RUN_S};
    struct seep_error error = {0};

    seep_forge_flush(&f->forge);
    assert_int_equal(seep_recording_open_bytes("forged", f->forge.file.data,
                                               f->forge.file.len_bytes, &f->recording,
                                               &error),
                     0);
    assert_int_equal(seep_units_init(f->recording, &window, &f->units), 0);
}

static void finish(struct fixture *f)
{
    seep_units_fini(&f->units);
    seep_recording_free(f->recording);
    seep_forge_fini(&f->forge);
}

/* Two requests a second, a reconnect every ten seconds, one start; and a busy site. */
static void run_with_marks(struct fixture *f, uint64_t lost)
{
    uint32_t busy = add_site(f, SEEP_KIND_HEAP, 0x100);

    seep_forge_mark(&f->forge, 1, "warm-up begins");
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (uint64_t i = 1; i <= 2; i++) {
            seep_forge_mark(&f->forge, s * SEEP_FORGE_SECOND - i, "http request");
        }
        if (s % 10 == 0) {
            seep_forge_mark(&f->forge, s * SEEP_FORGE_SECOND, "reconnect");
        }
        seep_forge_lost(&f->forge, SEEP_LOSS_MARKS_FULL, lost);
        seep_forge_count(&f->forge, busy, 100 * s, 100 * s, 0, 0);
        seep_forge_snapshot(&f->forge, s * SEEP_FORGE_SECOND, NULL);
    }
    take(f);
}

static void frequent_marks_are_operations_and_rare_ones_events(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    run_with_marks(&f, 0);
    assert_int_equal(f.units.count, 1);
    assert_string_equal(f.units.units[0].label, "http request");
    assert_int_equal(f.units.units[0].site, 0);
    for (size_t i = 0; i < RUN_S; i++) {
        assert_float_equal(f.units.units[0].cumulative[i], 2.0 * (double)(i + 1), 0);
    }
    assert_float_equal(f.units.units[0].in_window, 38, 0);
    assert_int_equal(f.units.event_count, 2);
    assert_string_equal(f.units.events[1].label, "reconnect");
    assert_float_equal(f.units.events[1].cumulative[19], 2, 0);
    finish(&f);
}

static void marks_that_ran_out_measure_nothing_and_the_busiest_site_does(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    run_with_marks(&f, 5);
    assert_int_equal(f.units.count, 1);
    assert_null(f.units.units[0].label);
    assert_int_equal(f.units.units[0].site, 1);
    assert_float_equal(f.units.units[0].cumulative[9], 1000, 0);
    assert_int_equal(f.units.event_count, 2);
    finish(&f);
}

/* A thousand requests a second; 300 labels, of which some found no room. */
static void counted_marks_are_exact_operations_however_many(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t busy = add_site(&f, SEEP_KIND_HEAP, 0x100);

    seep_forge_mark(&f.forge, 1, "http request");
    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_mark_count(&f.forge, "warm-up begins", 1);
        seep_forge_mark_count(&f.forge, "http request", 1000 * s + s % 3);
        seep_forge_mark_count(&f.forge, "reconnect", s / 10);
        seep_forge_lost(&f.forge, SEEP_LOSS_MARKS_FULL, 44);
        seep_forge_count(&f.forge, busy, 100 * s, 100 * s, 0, 0);
        seep_forge_snapshot(&f.forge, s * SEEP_FORGE_SECOND, NULL);
    }
    take(&f);
    assert_int_equal(f.units.count, 1);
    assert_string_equal(f.units.units[0].label, "http request");
    for (size_t i = 0; i < RUN_S; i++) {
        assert_float_equal(f.units.units[0].cumulative[i],
                           (double)(1000 * (i + 1) + (i + 1) % 3), 0);
    }
    assert_float_equal(f.units.units[0].in_window, 19000 - 2, 0);
    assert_int_equal(f.units.event_count, 2);
    assert_string_equal(f.units.events[1].label, "reconnect");
    assert_float_equal(f.units.events[1].cumulative[19], 2, 0);
    finish(&f);
}

static void a_site_that_keeps_or_rests_is_no_measure(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    uint32_t leak = add_site(&f, SEEP_KIND_HEAP, 0x100);
    uint32_t busy = add_site(&f, SEEP_KIND_HEAP, 0x200);
    uint32_t busier = add_site(&f, SEEP_KIND_HEAP, 0x300);
    uint32_t seldom = add_site(&f, SEEP_KIND_HEAP, 0x400);
    uint32_t threads = add_site(&f, SEEP_KIND_THREAD, 0x500);
    uint32_t files = add_site(&f, SEEP_KIND_FD, 0x600);

    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_count(&f.forge, leak, 900 * s, 100 * s, 0, 0);
        seep_forge_count(&f.forge, busy, 100 * s, 100 * s - 20, 0, 0);
        seep_forge_count(&f.forge, busier, 200 * s, 190 * s, 0, 0);
        seep_forge_count(&f.forge, seldom, 4 * s, 4 * s, 0, 0);
        seep_forge_count(&f.forge, threads, s / 7, s / 7, 0, 0);
        seep_forge_count(&f.forge, files, 3 * s, 3 * s, 0, 0);
        seep_forge_snapshot(&f.forge, s * SEEP_FORGE_SECOND, NULL);
    }
    take(&f);
    assert_int_equal(f.units.count, 2);
    assert_int_equal(f.units.units[0].site, busier);
    assert_int_equal(f.units.units[1].site, busy);
    assert_float_equal(f.units.started[13], 2, 0);
    assert_float_equal(f.units.opened[RUN_S - 1], 3 * RUN_S, 0);
    finish(&f);
}

static void an_empty_recording_has_no_units(void **state)
{
    const struct seep_window window = {0};
    struct fixture f;
    struct seep_error error = {0};

    (void)state;
    begin(&f);
    seep_forge_flush(&f.forge);
    assert_int_equal(seep_recording_open_bytes("forged", f.forge.file.data,
                                               f.forge.file.len_bytes, &f.recording,
                                               &error),
                     0);
    assert_int_equal(seep_units_init(f.recording, &window, &f.units), 0);
    assert_int_equal(f.units.count, 0);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequent_marks_are_operations_and_rare_ones_events),
        cmocka_unit_test(marks_that_ran_out_measure_nothing_and_the_busiest_site_does),
        cmocka_unit_test(counted_marks_are_exact_operations_however_many),
        cmocka_unit_test(a_site_that_keeps_or_rests_is_no_measure),
        cmocka_unit_test(an_empty_recording_has_no_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
