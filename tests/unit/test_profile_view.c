/* All sites with their stacks, from forged recordings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/profile_view.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 60, SITES = 4 };

static struct seep_recording *recording;
static struct seep_symbolizer *symbolizer;

/* Two sites below one caller, one of another subsystem, one of threads. */
static int forge_recording(void **state)
{
    const uint64_t stacks[SITES][3] = {{0x1010, 0x1100, 0x1200},
                                       {0x1020, 0x1100, 0x1200},
                                       {0x1030, 0x1100, 0x1200},
                                       {0x1010, 0x1100, 0x1200}};
    char path[] = "/tmp/seep-profile-XXXXXX";
    int fd = mkstemp(path);
    struct seep_forge forge;
    struct seep_error error = {0};
    uint32_t sites[SITES];

    (void)state;
    seep_forge_init(&forge);
    seep_forge_program(&forge, "/nowhere/server", SEEP_FORGE_SECOND);
    uint32_t module = seep_forge_module(&forge, "/nowhere/server", NULL, 0, 0, 0x100000);
    uint32_t auth = seep_forge_subsystem(&forge, "auth");

    for (size_t i = 0; i < SITES; i++) {
        sites[i] = seep_forge_site(&forge, seep_forge_stack(&forge, module, stacks[i], 3),
                                   i == 2 ? auth : 0,
                                   i == 3 ? SEEP_KIND_THREAD : SEEP_KIND_HEAP, 0);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_count(&forge, sites[0], 3 * s, s, 300 * s, 100 * s); /* 2/s, 200 B/s */
        seep_forge_count(&forge, sites[1], 5, 0, 500, 0);
        seep_forge_count(&forge, sites[2], 1, 0, 64, 0);
        seep_forge_count(&forge, sites[3], 1, 0, 4096, 0);
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
    }
    seep_forge_write(&forge, path);
    seep_forge_fini(&forge);
    assert_int_equal(seep_recording_open(path, &recording, &error), 0);
    assert_int_equal(seep_symbolizer_new(recording, &symbolizer), 0);
    close(fd);
    unlink(path);
    return 0;
}

static int close_recording(void **state)
{
    (void)state;
    seep_symbolizer_free(symbolizer);
    seep_recording_free(recording);
    return 0;
}

static struct seep_findings *judged(struct seep_verdict_options options)
{
    struct seep_findings *findings = NULL;
    struct seep_error error;

    assert_int_equal(
        seep_verdict_make(recording, symbolizer, &options, &findings, &error), 0);
    return findings;
}

static struct seep_verdict_options asked(void)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;

    options.profile = true;
    return options;
}

static void nobody_who_did_not_ask_gets_a_profile(void **state)
{
    struct seep_findings *findings = judged(SEEP_VERDICT_OPTIONS_ALL);

    (void)state;
    assert_int_equal(findings->profile.site_count, 0);
    seep_findings_free(findings);
}

static void every_site_has_its_figures_at_the_end_and_its_slope(void **state)
{
    struct seep_findings *findings = judged(asked());
    const struct seep_view_site *site = &findings->profile.sites[0];

    (void)state;
    assert_int_equal(findings->profile.site_count, SITES);
    assert_int_equal(site->live, 2 * RUN_S);
    assert_int_equal(site->live_bytes, 200 * RUN_S);
    assert_int_equal(site->acquired, 3 * RUN_S);
    assert_int_equal(site->acquired_bytes, 300 * RUN_S);
    assert_int_equal(site->released, RUN_S);
    assert_true(fabs(site->growth_per_s - 2) < 1e-9);
    assert_true(fabs(site->growth_bytes_per_s - 200) < 1e-7);
    assert_true(fabs(findings->profile.sites[1].growth_bytes_per_s) < 1e-7);
    seep_findings_free(findings);
}

static void places_are_shared_and_callers_come_first(void **state)
{
    struct seep_findings *findings = judged(asked());
    const struct seep_view_profile *profile = &findings->profile;
    uint32_t node = profile->sites[0].node;

    (void)state;
    assert_int_equal(profile->place_count, 1 + 5); /* three leaves, two callers */
    for (uint32_t i = 1; i < profile->node_count; i++) {
        assert_true(profile->nodes[i].caller < i);
    }
    assert_int_equal(profile->places[profile->nodes[node].place].frames[0].offset,
                     0x1010);
    node = profile->nodes[profile->nodes[node].caller].caller;
    assert_int_equal(profile->places[profile->nodes[node].place].frames[0].offset,
                     0x1200);
    assert_int_equal(profile->nodes[node].caller, 0);
    seep_findings_free(findings);
}

static void filters_leave_only_their_sites(void **state)
{
    struct seep_verdict_options options = asked();
    struct seep_findings *findings = NULL;

    (void)state;
    options.subsystem = "auth";
    findings = judged(options);
    assert_int_equal(findings->profile.site_count, 1);
    assert_int_equal(findings->profile.sites[0].live_bytes, 64);
    assert_string_equal(findings->profile.sites[0].subsystem, "auth");
    seep_findings_free(findings);
    options.subsystem = NULL;
    options.kind = SEEP_KIND_THREAD;
    findings = judged(options);
    assert_int_equal(findings->profile.site_count, 1);
    assert_int_equal(findings->profile.sites[0].kind, SEEP_KIND_THREAD);
    seep_findings_free(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_who_did_not_ask_gets_a_profile),
        cmocka_unit_test(every_site_has_its_figures_at_the_end_and_its_slope),
        cmocka_unit_test(places_are_shared_and_callers_come_first),
        cmocka_unit_test(filters_leave_only_their_sites),
    };

    return cmocka_run_group_tests(tests, forge_recording, close_recording);
}
