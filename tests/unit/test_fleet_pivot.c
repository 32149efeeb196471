/* SPDX-License-Identifier: MIT */
#include "fleet/fleet_pivot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct seep_fleet_labels labels = {{"id", "function", "place", "subsystem",
                                                 "kind", "instance", "recording",
                                                 "version", "region"},
                                                9};

/* One instance; what it has of the site "leak" and of the site "quiet". */
struct instance {
    const char *version, *region;
    bool grows;
};

static void put_labels(const struct seep_query_sink *sink, const char *id,
                       const char *name, const struct instance *instance)
{
    const char *const pairs[][2] = {{"id", id},
                                    {"instance", name},
                                    {"version", instance->version},
                                    {"region", instance->region}};

    assert_int_equal(sink->begin(sink->context), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sink->label(sink->context, pairs[i][0], strlen(pairs[i][0]),
                                     pairs[i][1], strlen(pairs[i][1])),
                         0);
    }
    assert_int_equal(sink->end(sink->context), 0);
}

static struct seep_fleet_suspect suspicion(double bytes_per_s)
{
    struct seep_growth grows = {.rise = bytes_per_s * 50000,
                                .p_trend = 1e-9,
                                .p_walk = 1e-12,
                                .p_steps = 1e-9,
                                .end_share = 0.5,
                                .p_decelerating = 1,
                                .end_pace = 1,
                                .last_share = 0.25,
                                .ups = 100,
                                .downs = 20};

    return (struct seep_fleet_suspect){
        .p = 1e-9,
        .slope = {.u_per_s = bytes_per_s},
        .evidence = {.kind = SEEP_KIND_HEAP, .bytes = grows, .window_s = 50000}};
}

static void add_some(struct seep_fleet_table *table, size_t number,
                     const struct instance *instance, double bytes_per_s, bool has_leak)
{
    static const struct seep_fleet_grid grid = {.step_s = 1, .steps = 1};
    const struct seep_fleet_suspect suspect = suspicion(bytes_per_s);
    struct seep_fleet_slice slice;
    char name[16];

    seep_fleet_slice_init(&slice, &labels, &grid);
    const struct seep_query_sink sink = seep_fleet_slice_sink(&slice);
    const struct seep_fleet_series_judged leak = {.of_bytes = true,
                                                  .kind = SEEP_KIND_HEAP,
                                                  .live = 100,
                                                  .lives = 1,
                                                  .tested = 1,
                                                  .suspects = &suspect,
                                                  .suspect_count = instance->grows};
    const struct seep_fleet_series_judged quiet = {
        .of_bytes = true, .kind = SEEP_KIND_HEAP, .lives = 1, .tested = 1};

    (void)snprintf(name, sizeof(name), "i%zu", number);
    put_labels(&sink, "leak", name, instance);
    put_labels(&sink, "quiet", name, instance);
    if (has_leak) {
        assert_int_equal(seep_fleet_table_add(table, &slice, 0, &leak), 0);
    }
    assert_int_equal(seep_fleet_table_add(table, &slice, 1, &quiet), 0);
    seep_fleet_slice_fini(&slice);
}

static void add(struct seep_fleet_table *table, size_t number,
                const struct instance *instance, double bytes_per_s)
{
    add_some(table, number, instance, bytes_per_s, true);
}

static void pivot(struct seep_fleet_table *table, struct seep_fleet_findings *found)
{
    assert_int_equal(seep_fleet_table_settle(table), 0);
    assert_int_equal(seep_fleet_pivot(table, 2, found), 0);
    assert_int_equal(found->quiet_sites, found->count == 0 ? 2 : 1);
}

static void end(struct seep_fleet_table *table, struct seep_fleet_findings *found)
{
    seep_fleet_findings_fini(found);
    seep_fleet_table_fini(table);
}

static void a_leak_of_one_version_is_definite_and_named(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        bool new_version = i % 10 == 0;
        const struct instance instance = {new_version ? "2.3.1" : "2.3.0",
                                          i % 3 == 0 ? "eu" : "us",
                                          new_version || i == 55};

        add(&table, i, &instance, 100 + (double)i);
    }
    pivot(&table, &found);
    assert_int_equal(found.count, 1);
    const struct seep_fleet_finding *finding = &found.findings[0];
    const struct seep_fleet_share *share = &finding->common[0].share;

    assert_int_equal(finding->verdict, SEEP_VERDICT_DEFINITE);
    assert_int_equal(finding->growing, 11);
    assert_int_equal(finding->judged, 100);
    assert_int_equal(finding->common_count, 1);
    assert_int_equal(share->group, 0);
    assert_string_equal(seep_fleet_text(&table, share->value), "2.3.1");
    assert_true(share->units.in_marked == 10 && share->units.in_all == 10);
    assert_true(share->units.out_marked == 1 && share->units.out_all == 90);
    assert_true(seep_fleet_lift(share) > 9 && seep_fleet_lift(share) < 9.1);
    assert_int_equal(finding->fastest_count, 3);
    assert_true(finding->fastest[0].u_per_s == 190);
    assert_true(finding->median_per_s == 150);
    end(&table, &found);
}

static void labels_that_cannot_be_told_apart_are_both_named(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        const struct instance instance = {i < 10 ? "b" : "a", i < 10 ? "eu" : "us",
                                          i < 10};

        add(&table, i, &instance, 100);
    }
    pivot(&table, &found);
    assert_int_equal(found.findings[0].common_count, 2);
    assert_int_equal(found.findings[0].common[0].kind, SEEP_FLEET_COMMON_BEST);
    assert_int_equal(found.findings[0].common[1].kind, SEEP_FLEET_COMMON_SAME);
    end(&table, &found);
}

static void among_the_instances_of_a_version_a_region_is_named(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        const struct instance instance = {i % 5 == 0 ? "b" : "a",
                                          i % 2 == 0 ? "eu" : "us", i % 10 == 0};

        add(&table, i, &instance, 100);
    }
    pivot(&table, &found);
    assert_int_equal(found.findings[0].common_count, 2);
    assert_int_equal(found.findings[0].common[1].kind, SEEP_FLEET_COMMON_WITHIN);
    assert_string_equal(seep_fleet_text(&table, found.findings[0].common[1].share.value),
                        "eu");
    end(&table, &found);
}

/* New code: the others cannot grow there, so it is told, and raises nothing. */
static void a_place_that_one_version_alone_has_is_told_and_not_raised(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        const struct instance instance = {i % 2 == 0 ? "b" : "a", "eu", i % 2 == 0};

        add_some(&table, i, &instance, 100, i % 2 == 0);
    }
    pivot(&table, &found);
    const struct seep_fleet_finding *finding = &found.findings[0];

    assert_int_equal(finding->judged, 30);
    assert_int_equal(finding->absent, 30);
    assert_int_equal(finding->common_count, 1);
    assert_int_equal(finding->common[0].kind, SEEP_FLEET_COMMON_ONLY);
    assert_int_equal(finding->common[0].share.units.in_marked, 30);
    assert_int_equal(finding->common[0].share.units.out_all, 30);
    assert_string_equal(seep_fleet_text(&table, finding->common[0].share.value), "b");
    assert_int_equal(finding->verdict, SEEP_VERDICT_SUSPECT);
    end(&table, &found);
}

static void growth_on_all_alike_is_not_raised(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        const struct instance instance = {i % 2 == 0 ? "b" : "a", "eu", true};

        add(&table, i, &instance, 100);
    }
    pivot(&table, &found);
    assert_int_equal(found.findings[0].common_count, 0);
    assert_int_equal(found.findings[0].verdict, SEEP_VERDICT_SUSPECT);
    end(&table, &found);
}

static void one_of_a_hundred_may_be_chance(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        const struct instance instance = {i % 2 == 0 ? "b" : "a", "eu", i == 7};

        add(&table, i, &instance, 100);
    }
    pivot(&table, &found);
    assert_int_equal(found.findings[0].verdict, SEEP_VERDICT_SUSPECT);
    assert_true(found.findings[0].chance > SEEP_FLEET_P_CHANCE);
    end(&table, &found);
}

static void a_trickle_stays_a_suspect_on_however_many(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        const struct instance instance = {i % 2 == 0 ? "b" : "a", "eu", i % 2 == 0};

        add(&table, i, &instance, 2);
    }
    pivot(&table, &found);
    assert_int_equal(found.findings[0].verdict, SEEP_VERDICT_SUSPECT);
    end(&table, &found);
}

static void a_fleet_without_growth_has_no_finding(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        add(&table, i, &(struct instance){"a", "eu", false}, 0);
    }
    pivot(&table, &found);
    assert_int_equal(found.count, 0);
    end(&table, &found);
    assert_int_equal(seep_fleet_table_settle(&table), 0);
    assert_int_equal(seep_fleet_pivot(&table, 2, &found), 0);
    assert_int_equal(found.count, 0);
    end(&table, &found);
}

static void two_series_of_one_site_on_one_instance_count_once(void **state)
{
    struct seep_fleet_table table = {0};
    struct seep_fleet_findings found = {0};

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        add(&table, i / 2, &(struct instance){"a", "eu", i % 2 == 0}, 100);
    }
    pivot(&table, &found);
    assert_int_equal(found.findings[0].judged, 10);
    assert_int_equal(found.findings[0].growing, 10);
    assert_true(found.findings[0].total_live == 2000);
    end(&table, &found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_of_one_version_is_definite_and_named),
        cmocka_unit_test(labels_that_cannot_be_told_apart_are_both_named),
        cmocka_unit_test(among_the_instances_of_a_version_a_region_is_named),
        cmocka_unit_test(a_place_that_one_version_alone_has_is_told_and_not_raised),
        cmocka_unit_test(growth_on_all_alike_is_not_raised),
        cmocka_unit_test(one_of_a_hundred_may_be_chance),
        cmocka_unit_test(a_trickle_stays_a_suspect_on_however_many),
        cmocka_unit_test(a_fleet_without_growth_has_no_finding),
        cmocka_unit_test(two_series_of_one_site_on_one_instance_count_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
