/* A program's own limits, against what its containers hold.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/recording.h"
#include "load/symbol.h"
#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 240, EACH_BYTES = 100 };

struct scene {
    struct seep_forge forge;
    uint32_t module, plain, ring;
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    seep_forge_init(&scene->forge);
    seep_forge_program(&scene->forge, "/nowhere/server", SEEP_FORGE_SECOND);
    scene->module =
        seep_forge_module(&scene->forge, "/nowhere/server", NULL, 0, 0, 0x100000);
    scene->plain = seep_forge_subsystem(&scene->forge, "entity");
    scene->ring = seep_forge_subsystem(&scene->forge, "entity");
}

static uint32_t add_site(struct scene *scene, uint32_t subsystem, uint64_t offset)
{
    const uint64_t offsets[] = {offset, 0x800, 0x900};

    return seep_forge_site(&scene->forge,
                           seep_forge_stack(&scene->forge, scene->module, offsets, 3),
                           subsystem, SEEP_KIND_HEAP, 0);
}

static void judge(struct scene *scene)
{
    char path[] = "/tmp/seep-limit-XXXXXX";
    struct seep_error error = {0};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    seep_forge_write(&scene->forge, path);
    assert_int_equal(seep_recording_open(path, &scene->recording, &error), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(seep_symbolizer_new(scene->recording, &scene->symbolizer), 0);
    assert_int_equal(seep_verdict_make(scene->recording, scene->symbolizer,
                                       &SEEP_VERDICT_OPTIONS_ALL, &scene->findings,
                                       &error),
                     0);
}

static void finish(struct scene *scene)
{
    seep_findings_free(scene->findings);
    seep_symbolizer_free(scene->symbolizer);
    seep_recording_free(scene->recording);
    seep_forge_fini(&scene->forge);
}

/* So many entries more a second, none released. */
static void fill(struct scene *scene, const uint32_t *sites, size_t count, uint64_t pace)
{
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < count; i++) {
            seep_forge_count(&scene->forge, sites[i], s * pace, 0, s * pace * EACH_BYTES,
                             0);
        }
        seep_forge_snapshot(&scene->forge, s * SEEP_FORGE_SECOND, NULL);
    }
}

static const struct seep_finding *only_finding(const struct scene *scene)
{
    assert_int_equal(scene->findings->finding_count, 1);
    return &scene->findings->findings[0];
}

static void without_a_limit_the_same_curve_is_a_leak(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    uint32_t site = add_site(&scene, scene.plain, 0x100);

    fill(&scene, &site, 1, 2);
    judge(&scene);
    assert_int_equal(only_finding(&scene)->verdict, SEEP_VERDICT_PROBABLE);
    assert_null(only_finding(&scene)->limit.container);
    finish(&scene);
}

static void what_fills_below_its_declared_limit_is_bounded(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    uint32_t site = add_site(&scene, scene.ring, 0x100);

    seep_forge_limit(&scene.forge, scene.ring, 5000, "state history");
    fill(&scene, &site, 1, 2);
    judge(&scene);

    const struct seep_finding *finding = only_finding(&scene);

    assert_int_equal(finding->verdict, SEEP_VERDICT_BOUNDED);
    assert_int_equal(scene.findings->outcome, SEEP_OUTCOME_CLEAN);
    assert_string_equal(finding->subsystem, "entity");
    assert_non_null(strstr(finding->summary,
                           "480 of at most 5,000 entries declared for 'state history'"));
    assert_null(finding->forecast.limit);
    finish(&scene);
}

static void one_entry_more_than_declared_is_definite(void **state)
{
    struct scene scene;

    (void)state;
    for (uint64_t most = 475; most <= 480; most += 5) {
        begin(&scene);
        uint32_t site = add_site(&scene, scene.ring, 0x100);

        seep_forge_limit(&scene.forge, scene.ring, most, "state history");
        fill(&scene, &site, 1, 2);
        seep_forge_count(&scene.forge, site, 480, 0, 480 * EACH_BYTES, 0);
        for (uint64_t s = RUN_S + 1; s <= RUN_S + 40; s++) { /* it stands still */
            seep_forge_snapshot(&scene.forge, s * SEEP_FORGE_SECOND, NULL);
        }
        /* It falls when the program lets go of what it held: that accuses nobody. */
        seep_forge_limit(&scene.forge, scene.ring, 10, "state history");
        judge(&scene);
        assert_int_equal(only_finding(&scene)->verdict,
                         most < 480 ? SEEP_VERDICT_DEFINITE : SEEP_VERDICT_BOUNDED);
        assert_int_equal(only_finding(&scene)->limit.is_broken, most < 480);
        if (most < 480) {
            assert_non_null(strstr(only_finding(&scene)->summary,
                                   "holds 480 entries of 'state history' (46.9 KiB), "
                                   "declared at most 475"));
        }
        finish(&scene);
    }
}

/* A ring that adds before it drops is above its limit for an instant. */
static void a_limit_passed_for_an_instant_is_kept(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    uint32_t site = add_site(&scene, scene.ring, 0x100);

    seep_forge_limit(&scene.forge, scene.ring, 480, "ring");
    fill(&scene, &site, 1, 2);
    seep_forge_count(&scene.forge, site, 481, 0, 481 * EACH_BYTES, 0);
    seep_forge_snapshot(&scene.forge, (RUN_S + 1) * SEEP_FORGE_SECOND, NULL);
    judge(&scene);
    assert_int_equal(only_finding(&scene)->verdict, SEEP_VERDICT_BOUNDED);
    finish(&scene);
}

/* A leak beside a ring below one caller is not excused, and the ring is not accused. */
static void a_ring_is_no_member_of_its_callers_leak(void **state)
{
    struct scene scene;
    uint32_t sites[6];

    (void)state;
    begin(&scene);
    seep_forge_limit(&scene.forge, scene.ring, 5000, "ring");
    for (uint32_t i = 0; i < 6; i++) {
        sites[i] = add_site(&scene, i < 3 ? scene.ring : scene.plain, 0x100 + 16 * i);
    }
    fill(&scene, sites, 6, 2);
    judge(&scene);

    size_t bounded = 0;
    size_t leaked = 0;

    for (size_t i = 0; i < scene.findings->finding_count; i++) {
        const struct seep_finding *finding = &scene.findings->findings[i];

        bounded += finding->verdict == SEEP_VERDICT_BOUNDED;
        if (finding->verdict > SEEP_VERDICT_BOUNDED) {
            leaked += finding->member_total > 0 ? finding->member_total : 1;
            assert_null(finding->limit.container);
        }
    }
    assert_int_equal(bounded, 3);
    assert_int_equal(leaked, 3);
    finish(&scene);
}

static void a_limit_of_entries_says_nothing_of_their_size(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    uint32_t site = add_site(&scene, scene.ring, 0x100);

    seep_forge_limit(&scene.forge, scene.ring, 10, "ring");
    for (uint64_t s = 1; s <= RUN_S; s++) { /* one block, made larger each second */
        seep_forge_count(&scene.forge, site, s, s - 1, s * s * 1000, (s - 1) * s * 1000);
        seep_forge_snapshot(&scene.forge, s * SEEP_FORGE_SECOND, NULL);
    }
    judge(&scene);
    assert_true(only_finding(&scene)->verdict > SEEP_VERDICT_BOUNDED);
    finish(&scene);
}

static void a_subsystem_and_its_containers_add_up(void **state)
{
    struct scene scene;
    uint32_t sites[2];

    (void)state;
    begin(&scene);
    seep_forge_limit(&scene.forge, scene.ring, 5000, "ring");
    sites[0] = add_site(&scene, scene.plain, 0x100);
    sites[1] = add_site(&scene, scene.ring, 0x110);
    fill(&scene, sites, 2, 1);
    judge(&scene);
    assert_int_equal(scene.recording->sites[sites[1]].subsystem, scene.plain);
    assert_int_equal(scene.findings->subsystem_count, 1);
    assert_string_equal(scene.findings->subsystems[0].name, "entity");
    assert_int_equal(scene.findings->subsystems[0].heap_live, 2 * RUN_S);
    finish(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_the_same_curve_is_a_leak),
        cmocka_unit_test(what_fills_below_its_declared_limit_is_bounded),
        cmocka_unit_test(one_entry_more_than_declared_is_definite),
        cmocka_unit_test(a_limit_passed_for_an_instant_is_kept),
        cmocka_unit_test(a_ring_is_no_member_of_its_callers_leak),
        cmocka_unit_test(a_limit_of_entries_says_nothing_of_their_size),
        cmocka_unit_test(a_subsystem_and_its_containers_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
