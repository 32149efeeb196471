/* Two runs compared, over a library whose functions stand at known offsets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "recording_forge_marks.h"
#include "verdict/verdict.h"

/* golden_program.S: the first function at 0x1000, each 0x100 after the one before. */
enum { PMA_ALLOC, HUB_REGISTER, HUB_ACCEPT, AUTH_HANDLE = 4, CACHE_PUT, MAIN = 9 };

/* What one run does each second. */
struct plan {
    uint64_t seconds;
    uint64_t leaks;    /* blocks of 256 bytes that hub_register keeps */
    uint64_t requests; /* allocated and freed by auth_handle; 0: 100 */
    uint64_t cache;    /* blocks at which cache_put stops */
    uint64_t moved;    /* bytes by which all call sites have moved in their functions */
    uint64_t base;     /* where the loader put the module */
    uint64_t every_s;  /* it keeps them each so many seconds; 0: 1 */
    uint64_t seed;     /* 0: nothing happens by chance */
    uint64_t per_fill; /* entries a second that the cache gets; 0: 40 */
    uint64_t moves;    /* blocks that go from one call in cache_put to another */
    uint64_t late_s;   /* hub_register runs from here on */
    uint64_t marks;    /* "request", by the program itself */
    uint64_t marks_until_s; /* the marks are used up then; 0: they last */
    bool marks_counted;     /* not each with its time */
};

struct run {
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static uint32_t site(struct seep_forge *forge, const struct plan *plan, unsigned function,
                     uint64_t first_s)
{
    const uint64_t offsets[] = {0x1000 + 0x20 + plan->moved,
                                0x1000 + 0x100 * (uint64_t)function + 0x20 + plan->moved,
                                0x1000 + 0x100 * MAIN + 0x20};

    return seep_forge_site(forge, seep_forge_stack(forge, 1, offsets, 3), 0,
                           SEEP_KIND_HEAP, first_s * SEEP_FORGE_SECOND);
}

/* cache_put again, called from `call` bytes further on in main. */
static uint32_t twin(struct seep_forge *forge, uint64_t call)
{
    const uint64_t offsets[] = {0x1000 + 0x20, 0x1000 + 0x100 * CACHE_PUT + 0x20,
                                0x1000 + 0x100 * MAIN + 0x20 + call};

    return seep_forge_site(forge, seep_forge_stack(forge, 1, offsets, 3), 0,
                           SEEP_KIND_HEAP, SEEP_FORGE_SECOND);
}

/* 0 to 2 * mean, from splitmix64; the mean itself without a seed. */
static uint64_t about(const struct plan *plan, uint64_t mean, uint64_t salt)
{
    uint64_t z = (plan->seed * 1000003 + salt) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return plan->seed == 0 ? mean : (z ^ (z >> 31)) % (2 * mean + 1);
}

static void mark(struct seep_forge *forge, const struct plan *plan)
{
    if (plan->marks_counted) {
        return;
    }
    uint64_t until_s = plan->marks_until_s != 0 ? plan->marks_until_s : plan->seconds;

    for (uint64_t i = 1; i <= plan->marks * until_s; i++) {
        seep_forge_mark(forge, i * SEEP_FORGE_SECOND / plan->marks, "request");
    }
    if (plan->marks_until_s != 0) {
        seep_forge_lost(forge, SEEP_LOSS_MARKS_FULL, 1);
    }
}

static struct run record(const struct plan *plan)
{
    struct seep_forge forge;
    struct seep_error error = {0};
    struct run run = {0};
    uint64_t requests = plan->requests != 0 ? plan->requests : 100;
    uint64_t leaked = 0;

    seep_forge_init(&forge);
    seep_forge_program(&forge, GOLDEN_PROGRAM, SEEP_FORGE_SECOND);
    (void)seep_forge_module(&forge, GOLDEN_PROGRAM, NULL, 0, plan->base, 0x100000);
    uint32_t busy = site(&forge, plan, AUTH_HANDLE, 1);
    uint32_t cache = site(&forge, plan, CACHE_PUT, 1);
    uint32_t leak = plan->leaks > 0 ? site(&forge, plan, HUB_REGISTER, plan->late_s) : 0;

    mark(&forge, plan);
    uint32_t shrinks = plan->moves > 0 ? twin(&forge, 0x10) : 0;
    uint32_t grows = plan->moves > 0 ? twin(&forge, 0x20) : 0;

    for (uint64_t s = 1; s <= plan->seconds; s++) {
        uint64_t put = (plan->per_fill != 0 ? plan->per_fill : 40) * s;
        uint64_t filled = put < plan->cache ? put : plan->cache;
        uint64_t leaking_s =
            s > plan->late_s
                ? (s - plan->late_s) / (plan->every_s > 0 ? plan->every_s : 1)
                : 0;

        uint64_t underway = plan->seed == 0 ? 0 : about(plan, requests / 4, s);

        leaked = plan->seed == 0 ? plan->leaks * leaking_s
                                 : leaked + about(plan, plan->leaks, s + 1000000);
        if (plan->marks_counted) {
            seep_forge_mark_count(&forge, "request", plan->marks * s);
        }
        seep_forge_count(&forge, busy, requests * s, requests * s - underway,
                         requests * s * 100, (requests * s - underway) * 100);
        seep_forge_count(&forge, cache, put, put - filled, put * 512,
                         (put - filled) * 512);
        if (leak != 0) {
            seep_forge_count(&forge, leak, leaked, 0, leaked * 256, 0);
        }
        if (plan->moves > 0) {
            uint64_t all = plan->moves * plan->seconds;
            uint64_t moved = plan->moves * s;

            seep_forge_count(&forge, shrinks, all, moved, all * 512, moved * 512);
            seep_forge_count(&forge, grows, moved, 0, moved * 512, 0);
        }
        seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
    }
    seep_forge_end(&forge, plan->seconds * SEEP_FORGE_SECOND, SEEP_ENDING_SIGNALLED, 9);
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

/* Compares; wanted is the change of the only entry, 0 for none at all. */
static void gives(const struct plan *base, const struct plan *fresh,
                  enum seep_diff_per per, unsigned wanted)
{
    struct run runs[] = {record(base), record(fresh)};
    const struct seep_diff_side sides[] = {
        {runs[0].recording, runs[0].symbolizer, runs[0].findings},
        {runs[1].recording, runs[1].symbolizer, runs[1].findings},
    };
    struct seep_diff diff;

    assert_int_equal(seep_diff_make(&sides[0], &sides[1], per, &diff), 0);
    if (wanted == 0) {
        assert_int_equal(diff.count, 0);
    } else {
        assert_int_equal(diff.count, 1);
        assert_string_equal(seep_change_name(diff.entries[0].change),
                            seep_change_name((enum seep_change)wanted));
        assert_int_equal(seep_diff_worst(&diff) != SEEP_VERDICT_NONE,
                         wanted <= SEEP_CHANGE_WORSE);
    }
    if (wanted >= SEEP_CHANGE_NEW && wanted <= SEEP_CHANGE_GONE) {
        assert_true(diff.entries[0].confidence > 0.95);
    }
    seep_diff_fini(&diff);
    finish(&runs[0]);
    finish(&runs[1]);
}

/* Whether hub_register's leak comes first, and how many changes there are. */
static void of_pair(const struct plan *base, const struct plan *fresh, bool *first,
                    size_t *changes)
{
    struct run runs[] = {record(base), record(fresh)};
    const struct seep_diff_side sides[] = {
        {runs[0].recording, runs[0].symbolizer, runs[0].findings},
        {runs[1].recording, runs[1].symbolizer, runs[1].findings},
    };
    struct seep_diff diff;

    assert_int_equal(seep_diff_make(&sides[0], &sides[1], SEEP_PER_BOTH, &diff), 0);
    *changes = diff.count - diff.of_change[SEEP_CHANGE_SAME] -
               diff.of_change[SEEP_CHANGE_UNSURE];
    *first = diff.count > 0 && diff.entries[0].change == SEEP_CHANGE_NEW &&
             strstr(diff.entries[0].fresh->headline, "hub_register") != NULL;
    seep_diff_fini(&diff);
    finish(&runs[0]);
    finish(&runs[1]);
}

static void gives_first(const struct plan *base, const struct plan *fresh)
{
    bool first = false;
    size_t changes = 0;

    of_pair(base, fresh, &first, &changes);
    assert_true(first);
    assert_int_equal(changes, 1);
}

static void a_planted_leak_is_new_and_its_removal_is_gone(void **state)
{
    const struct plan sound = {.seconds = 90, .cache = 400};
    const struct plan leaky = {.seconds = 90, .cache = 400, .leaks = 5, .moved = 0x10};

    (void)state;
    gives(&sound, &leaky, SEEP_PER_BOTH, SEEP_CHANGE_NEW);
    gives(&leaky, &sound, SEEP_PER_BOTH, SEEP_CHANGE_GONE);
}

static void twice_the_leak_is_worse_and_half_of_it_better(void **state)
{
    const struct plan some = {.seconds = 90, .leaks = 5};
    const struct plan more = {.seconds = 90, .leaks = 10, .moved = 0x10};

    (void)state;
    gives(&some, &more, SEEP_PER_BOTH, SEEP_CHANGE_WORSE);
    gives(&more, &some, SEEP_PER_BOTH, SEEP_CHANGE_BETTER);
}

static void two_runs_of_one_build_say_nothing_wherever_it_was_loaded(void **state)
{
    const struct plan a = {.seconds = 90, .cache = 400, .base = 0x550000000000};
    const struct plan b = {.seconds = 90, .cache = 400, .base = 0x7f0000000000};
    const struct plan leaky = {.seconds = 90, .leaks = 5};

    (void)state;
    gives(&a, &b, SEEP_PER_BOTH, 0);
    gives(&leaky, &leaky, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
}

static void a_longer_run_with_a_larger_cache_is_no_regression(void **state)
{
    const struct plan small = {.seconds = 90, .cache = 400};
    const struct plan large = {.seconds = 300, .cache = 2000};
    const struct plan leaky = {.seconds = 90, .leaks = 5};
    const struct plan leaky_longer = {.seconds = 300, .leaks = 5};

    (void)state;
    gives(&small, &large, SEEP_PER_BOTH, 0);
    gives(&large, &small, SEEP_PER_BOTH, 0);
    gives(&leaky, &leaky_longer, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
}

/* Both fill the same cache for 200 s: the short run is judged while it does, the long one
 * when it is full. */
static void a_shorter_run_that_is_still_warming_up_is_no_regression(void **state)
{
    const struct plan longer = {.seconds = 600, .cache = 8000};
    const struct plan shorter = {.seconds = 120, .cache = 8000};
    const struct plan leaky = {.seconds = 120, .cache = 8000, .leaks = 5};

    (void)state;
    gives(&longer, &shorter, SEEP_PER_BOTH, SEEP_CHANGE_UNSURE);
    gives(&longer, &shorter, SEEP_PER_OPERATION, SEEP_CHANGE_UNSURE);
    gives_first(&longer, &leaky);
}

/* Under a tenth of the load the same cache is not full yet at the end. */
static void what_base_held_as_well_is_not_new(void **state)
{
    const struct plan busy = {.seconds = 120, .cache = 600};
    const struct plan calm = {.seconds = 120, .cache = 600, .per_fill = 4};
    const struct plan beyond = {.seconds = 120, .cache = 4800, .per_fill = 40};

    (void)state;
    gives(&busy, &calm, SEEP_PER_BOTH, SEEP_CHANGE_UNSURE);
    gives(&busy, &beyond, SEEP_PER_BOTH, SEEP_CHANGE_NEW);
}

/* The compiler has copied a call: what one copy held is replaced by the other. */
static void growth_that_only_moves_from_call_to_call_is_no_regression(void **state)
{
    const struct plan sound = {.seconds = 90, .cache = 400};
    const struct plan moving = {.seconds = 90, .cache = 400, .moves = 5};

    (void)state;
    gives(&sound, &moving, SEEP_PER_BOTH, SEEP_CHANGE_UNSURE);
    gives(&moving, &sound, SEEP_PER_BOTH, SEEP_CHANGE_UNSURE);
}

static void a_run_too_short_to_tell_contradicts_nothing(void **state)
{
    const struct plan brief = {.seconds = 8, .leaks = 5};
    const struct plan leaky = {.seconds = 90, .leaks = 5};
    const struct plan sound = {.seconds = 90};
    const struct plan late = {.seconds = 300, .leaks = 5, .late_s = 100};

    (void)state;
    gives(&brief, &leaky, SEEP_PER_BOTH, SEEP_CHANGE_UNSURE);
    gives(&sound, &late, SEEP_PER_BOTH, SEEP_CHANGE_UNSURE);
}

static void a_dozen_blocks_more_or_less_are_chance(void **state)
{
    const struct plan some = {.seconds = 120, .leaks = 1, .every_s = 5};
    const struct plan more = {.seconds = 120, .leaks = 1, .every_s = 3};

    (void)state;
    gives(&some, &more, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
    gives(&more, &some, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
}

static void twice_the_load_is_told_from_twice_the_leak(void **state)
{
    const struct plan calm = {.seconds = 90, .leaks = 5, .requests = 100};
    const struct plan busy = {.seconds = 90, .leaks = 10, .requests = 200};

    (void)state;
    gives(&calm, &busy, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
    gives(&calm, &busy, SEEP_PER_OPERATION, SEEP_CHANGE_SAME);
    gives(&calm, &busy, SEEP_PER_TIME, SEEP_CHANGE_WORSE);
}

/* The site that is busiest works alike in both runs: only the marks tell that one had
 * twice as much to do. */
static void twice_the_requests_in_the_same_time_are_unchanged_by_marks(void **state)
{
    const struct plan calm = {.seconds = 90, .leaks = 5, .marks = 4};
    const struct plan busy = {.seconds = 90, .leaks = 10, .marks = 8};
    const struct plan unmarked = {.seconds = 90, .leaks = 10};

    (void)state;
    gives(&calm, &busy, SEEP_PER_TIME, SEEP_CHANGE_WORSE);
    gives(&calm, &busy, SEEP_PER_OPERATION, SEEP_CHANGE_SAME);
    gives(&calm, &busy, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
    gives(&busy, &calm, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
    /* Without marks on one side the busy site speaks, and it says: worse. */
    gives(&calm, &unmarked, SEEP_PER_BOTH, SEEP_CHANGE_WORSE);
}

static void twice_the_leak_of_each_request_is_worse_by_marks(void **state)
{
    const struct plan sound = {.seconds = 90, .leaks = 5, .marks = 8};
    const struct plan leaky = {.seconds = 90, .leaks = 5, .marks = 4};
    const struct plan leakier = {.seconds = 90, .leaks = 10, .marks = 8};

    (void)state;
    gives(&sound, &leaky, SEEP_PER_OPERATION, SEEP_CHANGE_WORSE);
    gives(&sound, &leaky, SEEP_PER_TIME, SEEP_CHANGE_SAME);
    gives(&sound, &leakier, SEEP_PER_BOTH, SEEP_CHANGE_WORSE);
}

/* A mark for each request uses them up: that is no standstill. */
static void marks_that_are_used_up_still_tell_the_pace(void **state)
{
    const struct plan calm = {
        .seconds = 90, .leaks = 5, .marks = 10, .marks_until_s = 60};
    const struct plan busy = {
        .seconds = 90, .leaks = 10, .marks = 20, .marks_until_s = 30};
    const struct plan busier = {
        .seconds = 90, .leaks = 10, .marks = 20, .marks_until_s = 10};

    (void)state;
    gives(&calm, &busy, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
    gives(&calm, &busier, SEEP_PER_OPERATION, SEEP_CHANGE_SAME);
    gives(&calm, &busy, SEEP_PER_TIME, SEEP_CHANGE_WORSE);
}

/* What the sites cannot tell, since they work alike; also where only one of the two runs
 * was recorded by a shim that counts. */
static void thousands_of_counted_marks_tell_the_pace_all_through(void **state)
{
    const struct plan calm = {
        .seconds = 90, .leaks = 5, .marks = 1000, .marks_counted = true};
    const struct plan busy = {
        .seconds = 90, .leaks = 10, .marks = 2000, .marks_counted = true};
    const struct plan leaky = {
        .seconds = 90, .leaks = 10, .marks = 1000, .marks_counted = true};
    const struct plan old = {.seconds = 90, .leaks = 5, .marks = 5};
    const struct plan fresh = {
        .seconds = 90, .leaks = 10, .marks = 10, .marks_counted = true};

    (void)state;
    gives(&calm, &busy, SEEP_PER_OPERATION, SEEP_CHANGE_SAME);
    gives(&calm, &busy, SEEP_PER_BOTH, SEEP_CHANGE_SAME);
    gives(&calm, &busy, SEEP_PER_TIME, SEEP_CHANGE_WORSE);
    gives(&calm, &leaky, SEEP_PER_BOTH, SEEP_CHANGE_WORSE);
    gives(&old, &fresh, SEEP_PER_OPERATION, SEEP_CHANGE_SAME);
}

static void
of_twenty_noisy_pairs_each_plant_comes_first_and_no_other_is_named(void **state)
{
    size_t found = 0;
    size_t flagged = 0;

    (void)state;
    for (uint64_t i = 1; i <= 20; i++) {
        const struct plan sound = {.seconds = 120, .cache = 400, .seed = i};
        const struct plan larger = {.seconds = 200, .cache = 900, .seed = i + 100};
        const struct plan leaky = {
            .seconds = 120, .cache = 600, .leaks = 2, .moved = 0x10, .seed = i + 200};
        const struct plan again = {
            .seconds = 160, .cache = 400, .leaks = 2, .seed = i + 300};
        bool first = false;
        size_t changes = 0;

        of_pair(&sound, &leaky, &first, &changes);
        found += first && changes == 1;
        of_pair(&sound, &larger, &first, &changes);
        flagged += changes;
        of_pair(&leaky, &again, &first, &changes);
        flagged += changes;
    }
    assert_int_equal(found, 20);
    assert_int_equal(flagged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_leak_is_new_and_its_removal_is_gone),
        cmocka_unit_test(twice_the_leak_is_worse_and_half_of_it_better),
        cmocka_unit_test(two_runs_of_one_build_say_nothing_wherever_it_was_loaded),
        cmocka_unit_test(a_longer_run_with_a_larger_cache_is_no_regression),
        cmocka_unit_test(a_shorter_run_that_is_still_warming_up_is_no_regression),
        cmocka_unit_test(what_base_held_as_well_is_not_new),
        cmocka_unit_test(growth_that_only_moves_from_call_to_call_is_no_regression),
        cmocka_unit_test(a_run_too_short_to_tell_contradicts_nothing),
        cmocka_unit_test(a_dozen_blocks_more_or_less_are_chance),
        cmocka_unit_test(
            of_twenty_noisy_pairs_each_plant_comes_first_and_no_other_is_named),
        cmocka_unit_test(twice_the_load_is_told_from_twice_the_leak),
        cmocka_unit_test(twice_the_requests_in_the_same_time_are_unchanged_by_marks),
        cmocka_unit_test(twice_the_leak_of_each_request_is_worse_by_marks),
        cmocka_unit_test(marks_that_are_used_up_still_tell_the_pace),
        cmocka_unit_test(thousands_of_counted_marks_tell_the_pace_all_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
