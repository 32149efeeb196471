/* Which function a sentence names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/headline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct seep_findings *findings;

static struct seep_view_frame own(const char *function)
{
    return (struct seep_view_frame){.function = function,
                                    .file = "",
                                    .module = "server",
                                    .offset = 0x40,
                                    .role = SEEP_ROLE_PROGRAM};
}

static struct seep_view_frame of(const char *module, const char *function,
                                 enum seep_frame_role role)
{
    return (struct seep_view_frame){
        .function = function, .file = "", .module = module, .offset = 0x80, .role = role};
}

static struct seep_finding headed(enum seep_kind kind, struct seep_view_frame *stack,
                                  size_t n)
{
    struct seep_finding finding = {.kind = kind, .stack = stack, .stack_count = n};

    seep_headline_fill(findings, &finding);
    return finding;
}

static void allocation_wrappers_do_not_answer(void **state)
{
    struct seep_view_frame stack[] = {own("pma_alloc"), own("hub_register"), own("main")};

    (void)state;
    assert_string_equal(headed(SEEP_KIND_HEAP, stack, 3).headline, "hub_register");
    assert_string_equal(headed(SEEP_KIND_HEAP, stack, 1).headline, "pma_alloc");
}

static void wrappers_that_start_threads_are_passed_over_and_said(void **state)
{
    struct seep_view_frame stack[] = {own("create_thread"), own("pma_worker_start"),
                                      own("pma_auth_start"), own("main")};
    struct seep_finding thread = headed(SEEP_KIND_THREAD, stack, 4);
    struct seep_finding heap = headed(SEEP_KIND_HEAP, stack, 4);

    (void)state;
    assert_string_equal(thread.headline, "pma_auth_start");
    assert_string_equal(thread.through, "pma_worker_start");
    assert_string_equal(heap.headline, "create_thread");
    assert_string_equal(heap.through, "");
}

static void a_wrapper_with_nothing_beyond_it_answers_itself(void **state)
{
    struct seep_view_frame stack[] = {
        own("spawn_worker"),
        of("libc.so.6", "__libc_start_main", SEEP_ROLE_RUNTIME),
    };
    struct seep_finding thread = headed(SEEP_KIND_THREAD, stack, 2);

    (void)state;
    assert_string_equal(thread.headline, "spawn_worker");
    assert_string_equal(thread.through, "");
}

static void what_has_no_name_is_placed_by_its_caller(void **state)
{
    struct seep_view_frame stripped[] = {own("??"), own("init_cycle"), own("main")};
    struct seep_view_frame library[] = {of("libx.so.1", "x_new", SEEP_ROLE_LIBRARY),
                                        own("main")};
    struct seep_view_frame runtime[] = {of("libc.so.6", "setlocale", SEEP_ROLE_RUNTIME)};

    (void)state;
    assert_string_equal(headed(SEEP_KIND_HEAP, stripped, 3).headline,
                        "server+0x40 (called by init_cycle)");
    assert_string_equal(headed(SEEP_KIND_HEAP, library, 2).headline,
                        "x_new (called in libx.so.1 by main)");
    assert_string_equal(headed(SEEP_KIND_HEAP, runtime, 1).headline, "setlocale");
    assert_string_equal(headed(SEEP_KIND_HEAP, NULL, 0).headline, "an unknown function");
}

static const char *name_of(const char *a, const char *b, const char *c)
{
    struct seep_view_thread threads[] = {{.name = a}, {.name = b}, {.name = c}};
    struct seep_finding finding = {.threads = threads, .thread_count = 3};

    return seep_headline_threads(findings, &finding);
}

static void threads_are_called_by_what_their_names_share(void **state)
{
    (void)state;
    assert_string_equal(name_of("auth-cleanup", "auth-cleanup", "auth-cleanup"),
                        "auth-cleanup");
    assert_string_equal(name_of("worker-1", "worker-10", "worker-2"), "worker-*");
    assert_string_equal(name_of("worker-11", "worker-12", "worker-13"), "worker-*");
    assert_string_equal(name_of("io", "in", "ix"), "");
    assert_string_equal(name_of("", "", ""), "");
}

static int set_up(void **state)
{
    (void)state;
    return seep_findings_new(&findings);
}

static int tear_down(void **state)
{
    (void)state;
    seep_findings_free(findings);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocation_wrappers_do_not_answer),
        cmocka_unit_test(wrappers_that_start_threads_are_passed_over_and_said),
        cmocka_unit_test(a_wrapper_with_nothing_beyond_it_answers_itself),
        cmocka_unit_test(what_has_no_name_is_placed_by_its_caller),
        cmocka_unit_test(threads_are_called_by_what_their_names_share),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
