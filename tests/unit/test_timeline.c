/* The process over time: what the snapshots said, thinned in pairs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { SNAPSHOTS = 1000, POINTS = 240, UNTOLD = 498 };

struct fixture {
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

/* Snapshot s: 100 s bytes live at each of two sites, rss 5000 s, s threads, no
 * descriptors; /proc tells nothing at UNTOLD, which is one of those
 * that are kept. */
static void make(struct fixture *fixture, uint64_t snapshots)
{
    const uint64_t offsets[] = {0x100, 0x900};
    struct seep_error error = {0};
    struct seep_forge forge;

    seep_forge_init(&forge);
    seep_forge_program(&forge, "/nowhere/server", SEEP_FORGE_SECOND);
    uint32_t module = seep_forge_module(&forge, "/nowhere/server", NULL, 0, 0, 0x10000);
    uint32_t leaf = seep_forge_stack(&forge, module, offsets, 2);
    uint32_t named = seep_forge_subsystem(&forge, "auth");
    uint32_t one = seep_forge_site(&forge, leaf, 0, SEEP_KIND_HEAP, 0);
    uint32_t two = seep_forge_site(&forge, leaf, named, SEEP_KIND_HEAP, 0);

    for (uint64_t s = 1; s <= snapshots; s++) {
        const struct seep_rec_snapshot process = {.rss_bytes = s != UNTOLD ? 5000 * s : 0,
                                                  .threads = s != UNTOLD ? s : 0};

        seep_forge_count(&forge, one, s, 0, 100 * s, 0);
        seep_forge_count(&forge, two, 2 * s, s, 300 * s, 200 * s);
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, &process);
    }
    seep_forge_flush(&forge);
    assert_int_equal(seep_recording_open_bytes("forged", forge.file.data,
                                               forge.file.len_bytes, &fixture->recording,
                                               &error),
                     0);
    seep_forge_fini(&forge);
    assert_int_equal(seep_symbolizer_new(fixture->recording, &fixture->symbolizer), 0);
    assert_int_equal(seep_verdict_make(fixture->recording, fixture->symbolizer,
                                       &SEEP_VERDICT_OPTIONS_ALL, &fixture->findings,
                                       &error),
                     0);
}

static void finish(struct fixture *fixture)
{
    seep_findings_free(fixture->findings);
    seep_symbolizer_free(fixture->symbolizer);
    seep_recording_free(fixture->recording);
}

static void a_short_run_is_shown_whole_and_summed_over_subsystems(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 50);
    const struct seep_view_timeline *timeline = &f.findings->timeline;

    assert_int_equal(timeline->count, 50);
    for (size_t i = 0; i < 50; i++) {
        assert_true(timeline->t_s[i] == (double)i + 1);
        assert_true(timeline->heap_live_bytes[i] == 200 * ((double)i + 1));
        assert_true(timeline->rss_bytes[i] == 5000 * ((double)i + 1));
        assert_true(timeline->threads[i] == (double)i + 1);
        assert_true(timeline->fds[i] == 0);
    }
    finish(&f);
}

static void a_long_run_is_thinned_in_pairs_and_keeps_its_ends(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, SNAPSHOTS);
    const struct seep_view_timeline *timeline = &f.findings->timeline;

    assert_int_equal(timeline->count, POINTS);
    assert_true(timeline->t_s[0] == 1);
    assert_true(timeline->t_s[POINTS - 1] == SNAPSHOTS);
    for (size_t i = 0; i < POINTS; i++) {
        assert_true(i == 0 || timeline->t_s[i] > timeline->t_s[i - 1]);
        assert_true(timeline->heap_live_bytes[i] == 200 * timeline->t_s[i]);
    }
    finish(&f);
}

static void what_proc_did_not_tell_is_its_last_known_value(void **state)
{
    struct fixture f;

    (void)state;
    size_t met = 0;

    make(&f, SNAPSHOTS);
    for (size_t i = 0; i < f.findings->timeline.count; i++) {
        double t_s = f.findings->timeline.t_s[i];
        double known = t_s == UNTOLD ? UNTOLD - 1 : t_s;

        assert_true(f.findings->timeline.rss_bytes[i] == 5000 * known);
        assert_true(f.findings->timeline.threads[i] == known);
        met += t_s == UNTOLD;
    }
    assert_int_equal(met, 1);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_run_is_shown_whole_and_summed_over_subsystems),
        cmocka_unit_test(a_long_run_is_thinned_in_pairs_and_keeps_its_ends),
        cmocka_unit_test(what_proc_did_not_tell_is_its_last_known_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
