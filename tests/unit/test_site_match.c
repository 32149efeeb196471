/* Which site of one build is which of another.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/site_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OWN(name, at)                                                                    \
    {                                                                                    \
        .function = (name), .module = "prog", .build_id = "", .line = (at),              \
        .weight = SEEP_MATCH_PROGRAM                                                     \
    }
#define LIBC(name)                                                                       \
    {                                                                                    \
        .function = (name), .module = "libc.so.6", .build_id = "",                       \
        .weight = SEEP_MATCH_RUNTIME                                                     \
    }
#define SITE(stack, rate)                                                                \
    {                                                                                    \
        .kind = SEEP_KIND_HEAP, .subsystem = "", .frames = (stack),                      \
        .frame_count = sizeof(stack) / sizeof((stack)[0]), .acquired_per_s = (rate)      \
    }

static const struct seep_match_frame handle[] = {OWN("handle", 10), OWN("loop", 90),
                                                 LIBC("__libc_start_main")};
static const struct seep_match_frame handle_moved[] = {
    OWN("handle", 55), OWN("loop", 150), LIBC("__libc_start_main")};
static const struct seep_match_frame wrapped[] = {
    OWN("make", 3), OWN("handle", 12), OWN("loop", 91), LIBC("__libc_start_main")};
static const struct seep_match_frame clone[] = {
    OWN("handle.constprop.0", 11), OWN("loop", 90), LIBC("__libc_start_main")};
static const struct seep_match_frame other[] = {OWN("reload", 10), OWN("watch", 90),
                                                LIBC("__libc_start_main")};

static void moved_lines_and_compiler_clones_are_the_same_site(void **state)
{
    const struct seep_match_site base[] = {SITE(other, 1), SITE(handle, 1)};
    const struct seep_match_site moved[] = {SITE(handle_moved, 1)};
    const struct seep_match_site cloned[] = {SITE(clone, 1)};
    size_t pair = 0;

    (void)state;
    assert_int_equal(seep_site_match(base, 2, moved, 1, &pair), 0);
    assert_int_equal(pair, 1);
    assert_int_equal(seep_site_match(base, 2, cloned, 1, &pair), 0);
    assert_int_equal(pair, 1);
}

static void a_function_inlined_or_wrapped_is_bridged(void **state)
{
    const struct seep_match_site base[] = {SITE(other, 1), SITE(wrapped, 1)};
    const struct seep_match_site fresh[] = {SITE(handle, 1)};
    size_t pair = 0;

    (void)state;
    assert_int_equal(seep_site_match(base, 2, fresh, 1, &pair), 0);
    assert_int_equal(pair, 1);
    assert_int_equal(seep_site_match(fresh, 1, base, 2, (size_t[2]){0}), 0);
}

static void stacks_that_share_the_runtime_alone_are_strangers(void **state)
{
    const struct seep_match_site base[] = {SITE(other, 1)};
    const struct seep_match_site fresh[] = {SITE(handle, 1)};
    size_t pair = 0;

    (void)state;
    assert_true(seep_site_likeness(&base[0], &fresh[0]) < 0.2);
    assert_int_equal(seep_site_match(base, 1, fresh, 1, &pair), 0);
    assert_true(pair == SEEP_MATCH_NONE);
}

static void an_allocation_added_between_two_of_one_function_is_the_new_one(void **state)
{
    static const struct seep_match_frame at_10[] = {OWN("f", 10)};
    static const struct seep_match_frame at_20[] = {OWN("f", 20)};
    static const struct seep_match_frame at_30[] = {OWN("f", 30)};
    const struct seep_match_site base[] = {SITE(at_10, 100), SITE(at_20, 5)};
    const struct seep_match_site fresh[] = {SITE(at_10, 101), SITE(at_20, 1000),
                                            SITE(at_30, 5.2)};
    size_t pair[3];

    (void)state;
    assert_int_equal(seep_site_match(base, 2, fresh, 3, pair), 0);
    assert_int_equal(pair[0], 0);
    assert_true(pair[1] == SEEP_MATCH_NONE);
    assert_int_equal(pair[2], 1);
}

static void a_stack_is_wholly_like_itself_and_kinds_never_mix(void **state)
{
    struct seep_match_site a = SITE(handle, 1);
    struct seep_match_site b = SITE(handle_moved, 7);

    (void)state;
    assert_float_equal(seep_site_likeness(&a, &b), 1, 1e-9);
    b.kind = SEEP_KIND_FD;
    assert_float_equal(seep_site_likeness(&a, &b), 0, 1e-9);
}

static void no_base_site_is_given_away_twice(void **state)
{
    const struct seep_match_site base[] = {SITE(wrapped, 1)};
    const struct seep_match_site fresh[] = {SITE(handle, 1), SITE(handle_moved, 1)};
    size_t pair[2];

    (void)state;
    assert_int_equal(seep_site_match(base, 1, fresh, 2, pair), 0);
    assert_true((pair[0] == 0) != (pair[1] == 0));
    assert_int_equal(seep_site_match(base, 0, fresh, 2, pair), 0);
    assert_true(pair[0] == SEEP_MATCH_NONE && pair[1] == SEEP_MATCH_NONE);
}

enum { MANY = 4000, DEEP = 6, COPIES = 400 };
static struct seep_match_frame many_frames[2][MANY][DEEP];
static struct seep_match_site many[2][MANY];
static char many_names[MANY][24];
static size_t many_pair[MANY];

/* All sites allocate through one wrapper, and main has another name: no stack is the same
 * by its names. Comparing each with each took minutes. */
static void a_renamed_main_does_not_part_thousands_of_sites(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(many_names[i], sizeof(many_names[i]), "part_%zu", i);
    }
    for (size_t build = 0; build < 2; build++) {
        for (size_t i = 0; i < MANY; i++) {
            const struct seep_match_frame stack[DEEP] = {
                OWN("xmalloc", 5),
                OWN(many_names[i], 10),
                OWN(many_names[i / 2], 20),
                OWN(many_names[i / 100], 30),
                OWN("loop", 40),
                OWN(build == 0 ? "main" : "real_main", 50)};

            memcpy(many_frames[build][i], stack, sizeof(stack));
            many[build][i] = (struct seep_match_site){.kind = SEEP_KIND_HEAP,
                                                      .subsystem = "",
                                                      .frames = many_frames[build][i],
                                                      .frame_count = DEEP,
                                                      .acquired_per_s = 1};
        }
    }
    assert_int_equal(seep_site_match(many[0], MANY, many[1], MANY, many_pair), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(many_pair[i], i);
    }
}

/* Many calls in the same functions: none of them is rare. */
static void stacks_of_common_functions_alone_are_matched_as_well(void **state)
{
    (void)state;
    for (size_t build = 0; build < 2; build++) {
        for (size_t i = 0; i < COPIES; i++) {
            const struct seep_match_frame stack[3] = {
                OWN("xmalloc", 5), OWN("fill", (uint32_t)i),
                OWN(build == 0 ? "main" : "real_main", 50)};

            memcpy(many_frames[build][i], stack, sizeof(stack));
            many[build][i] = (struct seep_match_site){.kind = SEEP_KIND_HEAP,
                                                      .subsystem = "",
                                                      .frames = many_frames[build][i],
                                                      .frame_count = 3};
        }
    }
    assert_int_equal(seep_site_match(many[0], COPIES, many[1], COPIES, many_pair), 0);
    for (size_t i = 0; i < COPIES; i++) {
        assert_int_not_equal(many_pair[i], SEEP_MATCH_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_lines_and_compiler_clones_are_the_same_site),
        cmocka_unit_test(a_function_inlined_or_wrapped_is_bridged),
        cmocka_unit_test(stacks_that_share_the_runtime_alone_are_strangers),
        cmocka_unit_test(an_allocation_added_between_two_of_one_function_is_the_new_one),
        cmocka_unit_test(a_stack_is_wholly_like_itself_and_kinds_never_mix),
        cmocka_unit_test(no_base_site_is_given_away_twice),
        cmocka_unit_test(a_renamed_main_does_not_part_thousands_of_sites),
        cmocka_unit_test(stacks_of_common_functions_alone_are_matched_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
