/* Findings on a caller, compared over two runs by all their sites. Functions stand at
 * known offsets of a program that never runs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/site_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "diff/diff.h"
#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 120, SITES = 4, EACH_BYTES = 256, DEPTH = 5 };
/* golden_program.S: the first function at 0x1000, each 0x100 after the one before. */
enum { HUB_REGISTER = 1, HUB_ACCEPT, AUTH_HANDLE = 4, CACHE_PUT, EVENT_LOOP = 8, MAIN };

/* What hub_accept loses, itself at two places and at two of a function that it calls. */
struct plan {
    uint64_t blocks[SITES]; /* each time */
    unsigned callee;        /* 0: hub_register */
    uint64_t moved;         /* bytes by which hub_accept's calls have moved */
};

struct run {
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static uint64_t in(unsigned function)
{
    return 0x1000 + 0x100 * (uint64_t)function + 0x21;
}

static struct run record(const struct plan *plan)
{
    struct seep_forge forge;
    struct seep_error error = {0};
    struct run run = {0};
    uint32_t sites[SITES];
    uint64_t losses = 0;

    seep_forge_init(&forge);
    seep_forge_program(&forge, GOLDEN_PROGRAM, SEEP_FORGE_SECOND);
    (void)seep_forge_module(&forge, GOLDEN_PROGRAM, NULL, 0, 0, 0x100000);
    uint32_t loop = seep_forge_stack(
        &forge, 1, (const uint64_t[]){in(EVENT_LOOP), in(MAIN), in(MAIN) + 8}, 3);
    uint32_t busy =
        seep_forge_site(&forge, seep_forge_node(&forge, loop, 1, in(AUTH_HANDLE)), 0,
                        SEEP_KIND_HEAP, SEEP_FORGE_SECOND);

    for (size_t i = 0; i < SITES; i++) {
        uint32_t node = seep_forge_node(
            &forge, loop, 1, in(HUB_ACCEPT) + plan->moved + 8 * (i < 3 ? i : 2));
        unsigned callee = plan->callee != 0 ? plan->callee : HUB_REGISTER;

        for (unsigned depth = 0; i >= 2 && depth < DEPTH; depth++) {
            node = seep_forge_node(&forge, node, 1, in(callee) + 8 * i);
        }
        sites[i] = seep_forge_site(&forge, node, 0, SEEP_KIND_HEAP, SEEP_FORGE_SECOND);
    }
    for (uint64_t s = 1; s <= RUN_S; s++) {
        losses += s * 5 % 3 != 0;
        seep_forge_count(&forge, busy, 100 * s, 100 * s, 6400 * s, 6400 * s);
        for (size_t i = 0; i < SITES; i++) {
            uint64_t lost = plan->blocks[i] * losses;

            seep_forge_count(&forge, sites[i], lost, 0, lost * EACH_BYTES, 0);
        }
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
    }
    seep_forge_flush(&forge);
    assert_int_equal(seep_recording_open_bytes("run", forge.file.data,
                                               forge.file.len_bytes, &run.recording,
                                               &error),
                     0);
    assert_int_equal(seep_symbolizer_new(run.recording, &run.symbolizer), 0);
    assert_int_equal(seep_verdict_make(run.recording, run.symbolizer,
                                       &SEEP_VERDICT_OPTIONS_ALL, &run.findings, &error),
                     0);
    seep_forge_fini(&forge);
    return run;
}

static void finish(struct run *run)
{
    seep_findings_free(run->findings);
    seep_symbolizer_free(run->symbolizer);
    seep_recording_free(run->recording);
}

/* Bytes a second of that many blocks in two seconds of three. */
static double pace(const uint64_t *blocks)
{
    double sum = 0;

    for (size_t i = 0; i < SITES; i++) {
        sum += (double)blocks[i] * EACH_BYTES * 2 / 3;
    }
    return sum;
}

/* Compares: one entry, of the change wanted, with the sums of either run as its rates. */
static void gives(const struct plan *base, const struct plan *fresh,
                  enum seep_change wanted)
{
    struct run runs[] = {record(base), record(fresh)};
    const struct seep_diff_side sides[] = {
        {runs[0].recording, runs[0].symbolizer, runs[0].findings},
        {runs[1].recording, runs[1].symbolizer, runs[1].findings},
    };
    struct seep_diff diff;

    assert_int_equal(seep_diff_make(&sides[0], &sides[1], SEEP_PER_BOTH, &diff), 0);
    assert_int_equal(diff.count, 1);
    const struct seep_diff_entry *entry = &diff.entries[0];

    assert_string_equal(seep_change_name(entry->change), seep_change_name(wanted));
    assert_int_equal(seep_change_finding(entry)->member_total, SITES);
    assert_float_equal(entry->base_rate.per_s, pace(base->blocks),
                       0.02 * pace(base->blocks) + 1);
    assert_float_equal(entry->fresh_rate.per_s, pace(fresh->blocks),
                       0.02 * pace(fresh->blocks) + 1);
    seep_diff_fini(&diff);
    finish(&runs[0]);
    finish(&runs[1]);
}

static const struct plan SOUND = {.blocks = {0}};
static const struct plan SOME = {.blocks = {4, 1, 1, 1}};

static void a_group_that_was_not_there_is_new_with_all_that_it_loses(void **state)
{
    (void)state;
    gives(&SOUND, &SOME, SEEP_CHANGE_NEW);
    gives(&SOME, &SOUND, SEEP_CHANGE_GONE);
}

static void a_group_is_the_same_whichever_of_its_sites_grows_fastest(void **state)
{
    static const struct plan other_first = {.blocks = {1, 4, 1, 1}};

    (void)state;
    gives(&SOME, &SOME, SEEP_CHANGE_SAME);
    gives(&SOME, &other_first, SEEP_CHANGE_SAME);
}

static void a_group_is_worse_by_its_sum(void **state)
{
    static const struct plan more = {.blocks = {4, 4, 4, 4}};

    (void)state;
    gives(&SOME, &more, SEEP_CHANGE_WORSE); /* the fastest has not changed */
    gives(&more, &SOME, SEEP_CHANGE_BETTER);
}

/* So unlike inside that its sites are not matched. */
static void what_moved_to_another_callee_is_no_change(void **state)
{
    static const struct plan even = {.blocks = {2, 2, 2, 2}};
    static const struct plan renamed = {.blocks = {2, 2, 2, 2}, .callee = CACHE_PUT};

    (void)state;
    gives(&even, &renamed, SEEP_CHANGE_SAME);
    gives(&renamed, &even, SEEP_CHANGE_SAME);
}

static void moved_lines_are_no_change(void **state)
{
    static const struct plan moved = {.blocks = {4, 1, 1, 1}, .moved = 0x10};

    (void)state;
    gives(&SOME, &moved, SEEP_CHANGE_SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_that_was_not_there_is_new_with_all_that_it_loses),
        cmocka_unit_test(a_group_is_the_same_whichever_of_its_sites_grows_fastest),
        cmocka_unit_test(a_group_is_worse_by_its_sum),
        cmocka_unit_test(what_moved_to_another_callee_is_no_change),
        cmocka_unit_test(moved_lines_are_no_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
