/* Threads that are alike become one, and are described in words that people know.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/task_list.h"
#include "seep/segment.h"
#include "threads/live_picture.h"
#include "threads/thread_groups.h"
#include "threads/thread_words.h"
#include "threads/threads_text.h"

static const char *call_of(const char *const *runtime, size_t n)
{
    static char out[64];
    struct seep_view_frame frames[8] = {{0}};

    for (size_t i = 0; i < n; i++) {
        frames[i] =
            (struct seep_view_frame){.function = runtime[i], .role = SEEP_ROLE_RUNTIME};
    }
    frames[n] = (struct seep_view_frame){.function = "worker", .role = SEEP_ROLE_PROGRAM};
    frames[n + 1] =
        (struct seep_view_frame){.function = "start_thread", .role = SEEP_ROLE_RUNTIME};
    seep_thread_call_word(frames, n + 2, out, sizeof(out));
    return out;
}

static void the_library_call_is_the_one_that_the_program_made(void **state)
{
    const char *const condition[] = {"__futex_abstimed_wait_common64",
                                     "__futex_abstimed_wait_common",
                                     "___pthread_cond_wait"};
    const char *const join[] = {"__futex_abstimed_wait_common", "__pthread_clockjoin_ex"};
    const char *const versioned[] = {"??", "pthread_cond_wait@@GLIBC_2.3.2"};
    const char *const semaphore[] = {"do_futex_wait", "__new_sem_wait_slow64"};
    const char *const timed[] = {"___pthread_cond_timedwait64"};
    const char *const nameless[] = {"??", "??"};
    struct seep_view_frame all_runtime[] = {
        {.function = "__futex_wait", .role = SEEP_ROLE_RUNTIME},
        {.function = "start_thread", .role = SEEP_ROLE_RUNTIME}};
    char out[64];

    (void)state;
    assert_string_equal(call_of(condition, 3), "pthread_cond_wait");
    assert_string_equal(call_of(join, 2), "pthread_join");
    assert_string_equal(call_of(versioned, 2), "pthread_cond_wait");
    assert_string_equal(call_of(semaphore, 2), "sem_wait");
    assert_string_equal(call_of(timed, 1), "pthread_cond_timedwait");
    assert_string_equal(call_of(nameless, 2), "");
    assert_string_equal(call_of(NULL, 0), "");
    seep_thread_call_word(all_runtime, 2, out, sizeof(out));
    assert_string_equal(out, "");
}

static const char *words(const char *const *names, size_t n)
{
    static char out[128];

    assert_int_equal(seep_thread_names_words(names, n, out, sizeof(out)), 0);
    return out;
}

static void names_that_differ_in_a_number_are_a_range(void **state)
{
    const char *const pool[] = {"worker-10", "worker-2", "main", "worker-9"};
    const char *const none[] = {"", ""};
    const char *const some[] = {"", "x"};
    const char *const many[] = {"a", "b", "c", "d", "e"};

    (void)state;
    assert_string_equal(words(pool, 4), "main, worker-2 .. worker-10 (3)");
    assert_string_equal(words(none, 2), "");
    assert_string_equal(words(some, 2), "(no name), x");
    assert_string_equal(words(many, 5), "a, b, c, d, ...");
    assert_int_equal(seep_thread_name_order("worker-3", "worker-12"), 0);
    assert_true(seep_thread_name_order("worker-3", "worker-3x") < 0);
}

static void states_have_words(void **state)
{
    (void)state;
    assert_string_equal(seep_thread_state_word(SEEP_THREAD_USED, 'R'), "running");
    assert_string_equal(seep_thread_state_word(SEEP_THREAD_USED, 'S'), "blocked");
    assert_string_equal(
        seep_thread_state_word(SEEP_THREAD_USED | SEEP_THREAD_ENDED, '\0'),
        "ended, not joined");
    assert_string_equal(seep_thread_state_word(SEEP_THREAD_USED | SEEP_THREAD_ENDED, 'Z'),
                        "ended");
    assert_string_equal(seep_thread_state_word(SEEP_THREAD_USED, '\0'), "unknown");
}

static struct seep_task task(uint32_t tid, const char *name, char os_state,
                             const char *wait, uint64_t idle_ns)
{
    struct seep_task made = {.tid = tid, .state = os_state, .idle_ns = idle_ns};

    (void)snprintf(made.name, sizeof(made.name), "%s", name);
    (void)snprintf(made.wait.name, sizeof(made.wait.name), "%s", wait);
    return made;
}

static void a_process_without_stacks_is_grouped_by_state_wait_and_name(void **state)
{
    struct seep_task tasks[] = {task(7, "main", 'S', "poll", 1000000000),
                                task(8, "worker-0", 'S', "futex", 2000000000),
                                task(9, "worker-1", 'S', "futex", 5000000000),
                                task(10, "timer", 'S', "futex", 3000000000),
                                task(11, "worker-2", 'R', "", 0)};
    struct seep_task_list list = {.tasks = tasks, .count = 5};
    struct seep_recording *picture = NULL;
    struct seep_threads_source present = {0};
    struct seep_threads_source creation = {0};
    struct seep_thread_groups *groups = NULL;
    struct seep_buf out = {0};
    struct seep_render_options options = {.columns = 80};

    (void)state;
    assert_int_equal(seep_live_picture_make(getpid(), &list, NULL, &picture), 0);
    present.recording = picture;
    assert_int_equal(seep_symbolizer_new(picture, &present.symbolizer), 0);
    assert_int_equal(seep_thread_groups_gather(&present, &creation, &groups), 0);
    assert_int_equal(groups->thread_count, 5);
    assert_int_equal(groups->group_count, 4);
    assert_string_equal(groups->groups[0].names, "worker-0 .. worker-1 (2)");
    assert_int_equal(groups->groups[0].count, 2);
    assert_true(groups->groups[0].idle_least_s > 1.99 &&
                groups->groups[0].idle_least_s < 2.01);
    assert_true(groups->groups[0].idle_most_s > 4.99 &&
                groups->groups[0].idle_most_s < 5.01);
    assert_string_equal(groups->groups[1].state,
                        "running"); /* before the others of one */
    assert_int_equal(seep_threads_text(groups, &options, &out), 0);
    seep_buf_put(&out, "", 1);
    assert_non_null(strstr((const char *)out.data, "pid "));
    assert_non_null(
        strstr((const char *)out.data, "2 threads: blocked in futex for 2.0 s to 5.0 s"));
    seep_buf_fini(&out);
    seep_thread_groups_free(groups);
    seep_symbolizer_free(present.symbolizer);
    seep_live_picture_free(picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_call_is_the_one_that_the_program_made),
        cmocka_unit_test(names_that_differ_in_a_number_are_a_range),
        cmocka_unit_test(states_have_words),
        cmocka_unit_test(a_process_without_stacks_is_grouped_by_state_wait_and_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
