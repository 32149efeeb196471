/* Many sites under one caller: when they are one finding, and when they must not be.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/caller_settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 120, WARM_S = 41, SITES_MAX = 64, EACH_BYTES = 100 };

/* Return addresses: what calls what is in the name. */
enum {
    START = 0x100,   /* the outermost frame */
    MAIN = 0x200,    /* in main, where it calls the loop */
    LOOP = 0x300,    /* in the loop, where it calls handlers */
    PARSE = 0x400,   /* in a handler, where it calls the parser */
    SECTION = 0x500, /* in the parser, where it calls a part of itself */
    LEAF = 0x1000    /* and more: the places of allocation */
};

struct fixture {
    struct seep_forge forge;
    uint32_t module;
    uint32_t start, main, loop, parse; /* nodes */
    uint32_t sites[SITES_MAX];
    uint64_t acquired[SITES_MAX], released[SITES_MAX];
    uint64_t at_warm[SITES_MAX]; /* acquired when the window begins */
    uint64_t each_bytes;         /* 0: EACH_BYTES */
    size_t count;
    unsigned short seed[3];
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static void begin(struct fixture *f, unsigned number)
{
    memset(f, 0, sizeof(*f));
    f->seed[0] = (unsigned short)number;
    seep_forge_init(&f->forge);
    seep_forge_program(&f->forge, "/nowhere/server", SEEP_FORGE_SECOND);
    f->module = seep_forge_module(&f->forge, "/nowhere/server", NULL, 0, 0, 0x100000);
    f->start = seep_forge_node(&f->forge, SEEP_NODE_COMPLETE, f->module, START);
    f->main = seep_forge_node(&f->forge, f->start, f->module, MAIN);
    f->loop = seep_forge_node(&f->forge, f->main, f->module, LOOP);
    f->parse = seep_forge_node(&f->forge, f->loop, f->module, PARSE);
}

/* A place of allocation called below `caller`. Returns: its index. */
static size_t add(struct fixture *f, uint32_t caller)
{
    uint32_t node = seep_forge_node(&f->forge, caller, f->module, LEAF + 0x10 * f->count);

    f->sites[f->count] = seep_forge_site(&f->forge, node, 0, SEEP_KIND_HEAP, 0);
    return f->count++;
}

static bool chance(struct fixture *f, double p)
{
    return erand48(f->seed) < p;
}

static void tick(struct fixture *f, uint64_t second)
{
    uint64_t each = f->each_bytes != 0 ? f->each_bytes : EACH_BYTES;

    for (size_t i = 0; i < f->count; i++) {
        seep_forge_count(&f->forge, f->sites[i], f->acquired[i], f->released[i],
                         f->acquired[i] * each, f->released[i] * each);
    }
    if (second == WARM_S) {
        memcpy(f->at_warm, f->acquired, sizeof(f->at_warm));
    }
    seep_forge_snapshot(&f->forge, second * SEEP_FORGE_SECOND, NULL);
}

static void judge(struct fixture *f)
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
}

static void finish(struct fixture *f)
{
    seep_findings_free(f->findings);
    seep_symbolizer_free(f->symbolizer);
    seep_recording_free(f->recording);
    seep_forge_fini(&f->forge);
}

static size_t groups(const struct fixture *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->findings->finding_count; i++) {
        n += f->findings->findings[i].member_total > 0;
    }
    return n;
}

/* Twelve places that lose a block every half minute each, and three busy healthy ones. */
static void small_leaks(struct fixture *f, unsigned number)
{
    begin(f, number);
    for (size_t i = 0; i < 12; i++) {
        (void)add(f, f->parse);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)add(f, f->parse);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 12; i++) {
            f->acquired[i] += chance(f, 1.0 / 30);
        }
        for (size_t i = 12; i < 15; i++) {
            f->acquired[i] = 20 * s + 5;
            f->released[i] = 20 * s;
        }
        tick(f, s);
    }
    judge(f);
}

/* How many of the first n places lost something after warm-up, by what was made. */
static size_t risen(const struct fixture *f, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += f->acquired[i] > f->at_warm[i];
    }
    return count;
}

static void leaks_too_small_to_be_found_alone_are_found_together(void **state)
{
    size_t found = 0;

    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        struct fixture f;

        small_leaks(&f, seed);
        found += groups(&f) == 1 && f.findings->finding_count == 1 &&
                 f.findings->findings[0].member_total == risen(&f, 12);
        finish(&f);
    }
    assert_true(found >= 19);
}

static void the_finding_names_the_callee_its_sites_and_their_sum(void **state)
{
    struct fixture f;
    uint64_t live = 0;

    (void)state;
    small_leaks(&f, 1);
    const struct seep_finding *finding = &f.findings->findings[0];

    for (size_t i = 0; i < 12; i++) {
        live += f.acquired[i] > f.at_warm[i] ? f.acquired[i] : 0;
    }
    assert_int_equal(finding->member_total, risen(&f, 12));
    assert_int_equal(finding->evidence.live, live);
    assert_int_equal(finding->evidence.live_bytes, finding->evidence.live * EACH_BYTES);
    /* Stripped: each place has a name of its own, so the place of the call is named. */
    assert_int_equal(finding->stack[finding->stack_count - 1].offset, START);
    assert_non_null(strstr(finding->summary, "sites under server+0x"));
    assert_true(finding->member_count <= SEEP_VIEW_MEMBERS_MAX);
    assert_true(finding->members[0].live >= finding->members[1].live);
    finish(&f);
}

/* Four blocks of one object, lost together: at two places of the parser and two of what
 * it calls; beside traffic. */
static void one_object(struct fixture *f, uint32_t *section)
{
    begin(f, 3);
    *section = seep_forge_node(&f->forge, f->parse, f->module, SECTION);
    (void)add(f, f->parse);
    (void)add(f, f->parse);
    (void)add(f, *section);
    (void)add(f, *section);
    for (size_t i = 0; i < 20; i++) { /* which is more than the leaking places */
        (void)add(f, f->parse);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        bool lost = chance(f, 0.4);

        for (size_t i = 0; i < 4; i++) {
            f->acquired[i] += lost;
        }
        for (size_t i = 4; i < f->count; i++) {
            f->acquired[i] = 20 * s + 5;
            f->released[i] = 20 * s;
        }
        tick(f, s);
    }
    judge(f);
}

static void findings_that_move_together_are_one_and_traffic_is_no_part_of_it(void **state)
{
    struct fixture f;
    uint32_t section = 0;

    (void)state;
    one_object(&f, &section);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].member_total, 4);
    assert_int_equal(f.findings->findings[0].evidence.live, 4 * f.acquired[0]);
    assert_true(f.findings->findings[0].verdict >= SEEP_VERDICT_PROBABLE);
    finish(&f);
}

/* Twelve places that keep a page each now and then, and thirty of traffic that leaves
 * nothing behind. */
static void pages_beside_traffic(struct fixture *f, unsigned number, uint64_t each_bytes)
{
    struct seep_rec_age ages[12] = {0};
    const uint64_t width_s = 2;

    begin(f, number);
    f->each_bytes = each_bytes;
    for (size_t i = 0; i < 48; i++) {
        (void)add(f, f->parse);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 12; i++) {
            if (chance(f, 1.0 / 30)) {
                f->acquired[i]++;
                ages[i].generations |= UINT64_C(1) << (s / width_s);
                ages[i].newest_birth_ns = s * SEEP_FORGE_SECOND;
            }
        }
        for (size_t i = 12; i < f->count; i++) {
            f->acquired[i] = 20 * s + 5;
            f->released[i] = 20 * s + 5;
        }
        tick(f, s);
    }
    for (size_t i = 0; i < 12; i++) {
        ages[i].site = f->sites[i];
        ages[i].live = f->acquired[i];
        ages[i].live_bytes = f->acquired[i] * each_bytes;
        ages[i].oldest_birth_ns = SEEP_FORGE_SECOND;
    }
    seep_forge_ages(&f->forge, RUN_S * SEEP_FORGE_SECOND, width_s * SEEP_FORGE_SECOND,
                    ages, 12);
    judge(f);
}

static void pages_that_stay_beside_traffic_are_found_and_trifles_are_not(void **state)
{
    size_t found = 0;

    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        struct fixture f;

        pages_beside_traffic(&f, seed, 4096);
        found += groups(&f) == 1 && f.findings->findings[0].member_total == risen(&f, 12);
        finish(&f);
        pages_beside_traffic(&f, seed, 100); /* a history of a few records fills */
        assert_int_equal(groups(&f), 0);
        finish(&f);
    }
    assert_true(found >= 19);
}

static void what_is_left_at_exit_does_not_list_members_again(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 3);
    for (size_t i = 0; i < 4; i++) {
        (void)add(&f, f.parse);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        bool lost = chance(&f, 0.4);

        for (size_t i = 0; i < 4; i++) {
            f.acquired[i] += lost;
        }
        tick(&f, s);
    }
    seep_forge_end(&f.forge, RUN_S * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    judge(&f);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].member_total, 4);
    finish(&f);
}

/* Three handlers below the loop, each with a leak of its own. */
static void strangers(struct fixture *f, unsigned number, uint32_t caller_of_all)
{
    (void)number;
    for (size_t i = 0; i < 3; i++) {
        uint32_t handler =
            seep_forge_node(&f->forge, caller_of_all, f->module, 0x600 + 0x10 * i);

        (void)add(f, handler);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 3; i++) {
            f->acquired[i] += chance(f, 0.4);
        }
        tick(f, s);
    }
    judge(f);
}

static void unrelated_leaks_below_one_loop_stay_findings_of_their_own(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        struct fixture f;

        begin(&f, seed);
        strangers(&f, seed, f.loop);
        assert_int_equal(groups(&f), 0);
        assert_int_equal(f.findings->finding_count, 3);
        finish(&f);
    }
}

static void the_outermost_function_is_never_a_finding(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 1);
    for (size_t i = 0; i < 12; i++) {
        (void)add(&f, f.start); /* all that main allocates */
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 12; i++) {
            f.acquired[i] += chance(&f, 1.0 / 30);
        }
        tick(&f, s);
    }
    judge(&f);
    assert_int_equal(groups(&f), 0);
    finish(&f);
}

static void the_deepest_caller_that_covers_all_is_taken(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 2);
    uint32_t section = seep_forge_node(&f.forge, f.parse, f.module, SECTION);

    for (size_t i = 0; i < 12; i++) {
        (void)add(&f, section);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 12; i++) {
            f.acquired[i] += chance(&f, 1.0 / 30);
        }
        tick(&f, s);
    }
    judge(&f);
    assert_int_equal(groups(&f), 1);
    assert_int_equal(f.findings->findings[0].stack[0].offset, SECTION);
    assert_int_equal(f.findings->findings[0].stack[1].offset, PARSE);
    finish(&f);
}

static void a_site_that_has_half_of_the_growth_speaks_for_itself(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 4);
    for (size_t i = 0; i < 5; i++) {
        (void)add(&f, f.parse);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        for (size_t i = 0; i < 5; i++) {
            f.acquired[i] += chance(&f, i == 0 ? 0.5 : 0.03);
        }
        tick(&f, s);
    }
    judge(&f);
    assert_int_equal(groups(&f), 0);
    assert_int_equal(f.findings->findings[0].site, f.sites[0]);
    finish(&f);
}

/* Half of what came is one place's, in two bursts that are too few for a test. */
static void a_place_with_two_bursts_does_not_make_its_neighbours_leak(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 1);
    for (size_t i = 0; i < 8; i++) {
        (void)add(&f, f.parse);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        f.acquired[0] += s == 65 || s == 95 ? 5 : 0;
        for (size_t i = 1; i < 8; i++) {
            f.acquired[i] += s == 40 + 10 * i;
        }
        tick(&f, s);
    }
    judge(&f);
    assert_int_equal(f.findings->finding_count, 0);
    finish(&f);
}

static void noise_below_a_caller_is_no_finding(void **state)
{
    size_t false_alarms = 0;

    (void)state;
    for (unsigned seed = 0; seed < 40; seed++) {
        struct fixture f;

        begin(&f, seed);
        for (size_t i = 0; i < 12; i++) {
            (void)add(&f, f.parse);
        }
        for (uint64_t s = 1; s <= RUN_S; s++) {
            for (size_t i = 0; i < 12; i++) { /* alive for a random time, as requests */
                uint64_t live = f.acquired[i] - f.released[i];

                f.acquired[i] += chance(&f, 0.3) + chance(&f, 0.3);
                for (uint64_t k = 0; k < live; k++) {
                    f.released[i] += chance(&f, 0.1);
                }
            }
            tick(&f, s);
        }
        judge(&f);
        false_alarms +=
            seep_findings_worst(f.findings) > SEEP_VERDICT_BOUNDED || groups(&f) > 0;
        finish(&f);
    }
    assert_true(false_alarms <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaks_too_small_to_be_found_alone_are_found_together),
        cmocka_unit_test(the_finding_names_the_callee_its_sites_and_their_sum),
        cmocka_unit_test(
            findings_that_move_together_are_one_and_traffic_is_no_part_of_it),
        cmocka_unit_test(pages_that_stay_beside_traffic_are_found_and_trifles_are_not),
        cmocka_unit_test(what_is_left_at_exit_does_not_list_members_again),
        cmocka_unit_test(unrelated_leaks_below_one_loop_stay_findings_of_their_own),
        cmocka_unit_test(the_outermost_function_is_never_a_finding),
        cmocka_unit_test(the_deepest_caller_that_covers_all_is_taken),
        cmocka_unit_test(a_site_that_has_half_of_the_growth_speaks_for_itself),
        cmocka_unit_test(a_place_with_two_bursts_does_not_make_its_neighbours_leak),
        cmocka_unit_test(noise_below_a_caller_is_no_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
