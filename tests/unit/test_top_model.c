/* The live view's rows, against recordings whose figures are known beforehand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/top_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "recording_sample.h"

enum { SECONDS = 60, LEAK = 1, CHURN = 2, STEADY = 3, OPENED = 4, SITES = 4 };

/* Once a second: LEAK gains a block of 512 bytes; CHURN acquires 5 of 100 and gives 5
 * back; STEADY has held 1 MiB since second 1; OPENED gains a descriptor every other
 * second. */
static struct seep_recording *make(void)
{
    struct seep_forge forge;
    struct seep_recording *recording = NULL;

    seep_forge_init(&forge);
    seep_forge_program(&forge, "/bin/leaky", SEEP_FORGE_SECOND);
    uint32_t module = seep_forge_module(&forge, "/bin/leaky", NULL, 0, 0, 0x10000);
    uint32_t web = seep_forge_subsystem(&forge, "websocket");
    uint32_t store = seep_forge_subsystem(&forge, "store");
    uint32_t leaf = seep_forge_stack(&forge, module, (uint64_t[]){0x1010, 0x1200}, 2);

    seep_forge_site(&forge, leaf, web, SEEP_KIND_HEAP, 0);
    seep_forge_site(&forge, leaf, store, SEEP_KIND_HEAP, 0);
    seep_forge_site(&forge, leaf, 0, SEEP_KIND_HEAP, 0);
    seep_forge_site(&forge, leaf, web, SEEP_KIND_FD, 0);
    for (uint64_t s = 1; s <= SECONDS; s++) {
        seep_forge_count(&forge, LEAK, s, 0, s * 512, 0);
        seep_forge_count(&forge, CHURN, 5 * s + 2, 5 * s, 500 * s + 200, 500 * s);
        seep_forge_count(&forge, STEADY, 1, 0, 1 << 20, 0);
        seep_forge_count(&forge, OPENED, s / 2, 0, 0, 0);
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
    }
    recording = seep_sample_open(&forge);
    seep_forge_fini(&forge);
    return recording;
}

static struct seep_top_query heap_at(size_t snapshot)
{
    return (struct seep_top_query){
        .kind = SEEP_KIND_HEAP, .subsystem = "", .window_s = 10, .snapshot = snapshot};
}

static void rates_are_those_of_the_window(void **state)
{
    struct seep_recording *recording = make();
    struct seep_top_model model = {0};
    struct seep_top_query query = heap_at(SECONDS - 1);
    (void)state;

    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_int_equal(model.count, 3);
    assert_float_equal(model.window_s, 10, 1e-9);
    assert_int_equal(model.rows[1].site, LEAK);
    assert_int_equal(model.rows[1].live, 60);
    assert_int_equal(model.rows[1].live_bytes, 60 * 512);
    assert_float_equal(model.rows[1].growth_bytes_per_s, 512, 1e-9);
    assert_float_equal(model.rows[1].growth_per_s, 1, 1e-9);
    assert_int_equal(model.rows[2].site, CHURN);
    assert_int_equal(model.rows[2].live, 2);
    assert_float_equal(model.rows[2].growth_bytes_per_s, 0, 1e-9);
    assert_float_equal(model.rows[2].acquired_per_s, 5, 1e-9);
    assert_int_equal(model.total.live, 63);
    assert_float_equal(model.total.acquired_per_s, 6, 1e-9);
    query.kind = SEEP_KIND_FD;
    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_int_equal(model.count, 1);
    assert_int_equal(model.rows[0].live, 30);
    assert_float_equal(model.rows[0].growth_per_s, 0.5, 1e-9);
    seep_top_model_fini(&model);
    seep_recording_free(recording);
}

static void each_order_has_its_own_first_row(void **state)
{
    static const uint32_t first[SEEP_TOP_SORTS] = {STEADY, LEAK, CHURN};
    struct seep_recording *recording = make();
    struct seep_top_model model = {0};
    struct seep_top_query query = heap_at(SECONDS - 1);
    (void)state;

    for (int sort = 0; sort < SEEP_TOP_SORTS; sort++) {
        query.sort = (enum seep_top_sort)sort;
        assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
        assert_int_equal(model.rows[0].site, first[sort]);
        assert_true(model.rows[0].key >= model.rows[1].key);
        assert_true(model.rows[1].key >= model.rows[2].key);
    }
    seep_top_model_fini(&model);
    seep_recording_free(recording);
}

static void a_filter_keeps_subsystems_that_hold_its_text(void **state)
{
    struct seep_recording *recording = make();
    struct seep_top_model model = {0};
    struct seep_top_query query = heap_at(SECONDS - 1);
    (void)state;

    query.subsystem = "sock";
    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_int_equal(model.count, 1);
    assert_int_equal(model.rows[0].site, LEAK);
    query.subsystem = "nowhere";
    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_int_equal(model.count, 0);
    seep_top_model_fini(&model);
    seep_recording_free(recording);
}

static void the_first_snapshot_has_no_rates(void **state)
{
    struct seep_recording *recording = make();
    struct seep_top_model model = {0};
    struct seep_top_query query = heap_at(0);
    (void)state;

    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_float_equal(model.window_s, 0, 0);
    assert_int_equal(model.count, 3);
    assert_float_equal(model.rows[1].growth_per_s, 0, 0);
    query.snapshot = 5; /* younger than the window: since the first */
    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_float_equal(model.window_s, 5, 1e-9);
    seep_top_model_fini(&model);
    seep_recording_free(recording);
}

static void no_snapshot_gives_no_rows(void **state)
{
    struct seep_forge forge;
    struct seep_top_model model = {0};
    struct seep_top_query query = heap_at(0);
    (void)state;

    seep_forge_init(&forge);
    seep_forge_program(&forge, "/bin/leaky", SEEP_FORGE_SECOND);
    struct seep_recording *recording = seep_sample_open(&forge);

    assert_int_equal(seep_top_model_update(&model, recording, &query), 0);
    assert_int_equal(model.count, 0);
    seep_top_model_fini(&model);
    seep_recording_free(recording);
    seep_forge_fini(&forge);
}

/* Forward, back, and forward in leaps. */
static void a_lag_says_what_the_points_say(void **state)
{
    static const size_t path[] = {0, 1, 2, 3, 10, 11, 40, 59, 20, 21, 5, 59, 0, 59};
    struct seep_recording *recording = make();
    struct seep_site_lag lag = {0};
    (void)state;

    assert_int_equal(seep_site_lag_reserve(&lag, recording), 0);
    for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
        for (uint32_t site = 0; site <= SITES; site++) {
            struct seep_counters said = seep_site_lag_at(&lag, recording, site, path[i]);
            struct seep_counters is =
                seep_points_at(&recording->sites[site].points, path[i]);

            assert_memory_equal(&said, &is, sizeof(is));
        }
    }
    seep_site_lag_fini(&lag);
    seep_recording_free(recording);
}

static void a_time_leads_to_the_snapshot_before_it(void **state)
{
    struct seep_recording *recording = make();
    (void)state;

    assert_int_equal(seep_top_snapshot_at(recording, 0), 0);
    assert_int_equal(seep_top_snapshot_at(recording, SEEP_FORGE_SECOND), 0);
    assert_int_equal(seep_top_snapshot_at(recording, 2 * SEEP_FORGE_SECOND - 1), 0);
    assert_int_equal(seep_top_snapshot_at(recording, 2 * SEEP_FORGE_SECOND), 1);
    assert_int_equal(seep_top_snapshot_at(recording, UINT64_MAX), SECONDS - 1);
    seep_recording_free(recording);
}

static void a_curve_goes_from_the_first_to_the_shown_snapshot(void **state)
{
    struct seep_recording *recording = make();
    double values[7] = {0};
    (void)state;

    seep_top_curve_site(recording, LEAK, SECONDS - 1, values, 7);
    assert_float_equal(values[0], 512, 1e-9);
    assert_float_equal(values[6], 60 * 512, 1e-9);
    for (int i = 1; i < 7; i++) {
        assert_true(values[i] > values[i - 1]);
    }
    seep_top_curve_site(recording, OPENED, 30, values, 2);
    assert_float_equal(values[1], 15, 1e-9);
    seep_top_curve_process(recording, SEEP_TOP_CURVE_FDS, SECONDS - 1, values, 7);
    assert_float_equal(values[3], 5, 1e-9);
    seep_recording_free(recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_the_window),
        cmocka_unit_test(each_order_has_its_own_first_row),
        cmocka_unit_test(a_filter_keeps_subsystems_that_hold_its_text),
        cmocka_unit_test(the_first_snapshot_has_no_rates),
        cmocka_unit_test(no_snapshot_gives_no_rows),
        cmocka_unit_test(a_lag_says_what_the_points_say),
        cmocka_unit_test(a_time_leads_to_the_snapshot_before_it),
        cmocka_unit_test(a_curve_goes_from_the_first_to_the_shown_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
