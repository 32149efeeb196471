/* What /proc says of threads, against threads whose state is known.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/memory_map.h"
#include "attach/syscall_name.h"
#include "attach/task_list.h"

enum { PATIENCE_MS = 10000 };

static pid_t reader_on(int fd, const char *name)
{
    pid_t pid = fork();

    if (pid == 0) {
        char byte = 0;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, name);
        (void)!read(fd, &byte, 1);
        _exit(0);
    }
    return pid;
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&pause, NULL);
}

static void a_reader_of_a_pipe_is_seen_in_its_read(void **state)
{
    struct seep_task_list list = {0};
    int pipe_fds[2];
    char own[64];
    char own_path[64];

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = reader_on(pipe_fds[0], "na(me) R x");

    for (int i = 0; i < PATIENCE_MS; i++) {
        assert_int_equal(seep_task_list_read(pid, &list, NULL), 0);
        if (list.tasks[0].wait.syscall_plus_1 == SYS_read + 1) {
            break;
        }
        seep_task_list_fini(&list);
        pause_ms(1);
    }
    seep_task_list_fini(&list); /* what was read before its wait may be older */
    assert_int_equal(seep_task_list_read(pid, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.tasks[0].tid, pid);
    assert_string_equal(list.tasks[0].name, "na(me) R x");
    assert_int_equal(list.tasks[0].state, 'S');
    assert_int_equal(list.tasks[0].wait.fd_plus_1, pipe_fds[0] + 1);
    (void)snprintf(own_path, sizeof(own_path), "/proc/self/fd/%d", pipe_fds[0]);
    ssize_t n = readlink(own_path, own, sizeof(own) - 1);

    own[n > 0 ? n : 0] = '\0';
    assert_string_equal(list.tasks[0].wait.target, own);
    seep_task_list_fini(&list);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Whoever reads the clock before and after bounds what may be said; time that the
 * hypervisor takes away does not count. */
static void the_time_since_a_thread_ran_is_that_of_the_clock(void **state)
{
    struct seep_task_list list = {0};
    double began_s = seconds();
    double asleep_s = 0;
    int pipe_fds[2];

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = reader_on(pipe_fds[0], "sleeper");

    for (int i = 0; i < PATIENCE_MS && asleep_s == 0; i++) {
        assert_int_equal(seep_task_list_read(pid, &list, NULL), 0);
        if (list.tasks[0].wait.syscall_plus_1 == SYS_read + 1) {
            asleep_s = seconds();
        }
        seep_task_list_fini(&list);
        pause_ms(1);
    }
    pause_ms(200);
    double before_s = seconds();

    assert_int_equal(seep_task_list_read(pid, &list, NULL), 0);
    if (list.tasks[0].idle_ns != 0) { /* the kernel may be without the file */
        double idle_s = (double)list.tasks[0].idle_ns / 1e9;

        assert_true(idle_s <= seconds() - began_s + 0.05);
        assert_true(idle_s >= (before_s - asleep_s) / 4);
    }
    seep_task_list_fini(&list);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void we_run_ourselves(void **state)
{
    struct seep_task_list list = {0};

    (void)state;
    assert_int_equal(seep_task_list_read(getpid(), &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.tasks[0].state, 'R');
    assert_int_equal(list.tasks[0].idle_ns, 0);
    assert_true(list.tasks[0].cpu_ns > 0);
    seep_task_list_fini(&list);
}

static void a_process_that_is_not_there_is_said(void **state)
{
    struct seep_task_list list = {0};
    struct seep_error error = {0};
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(seep_task_list_read(pid, &list, &error), -ESRCH);
    assert_non_null(strstr(error.message, "no process"));
}

static void the_map_knows_our_stack_and_our_code(void **state)
{
    struct seep_memory_map map = {0};
    int local = 0;

    (void)state;
    assert_int_equal(seep_memory_map_read((uint32_t)getpid(), &map), 0);
    const struct seep_vma *stack =
        seep_memory_map_find(&map, (uint64_t)(uintptr_t)&local);
    const struct seep_vma *code =
        seep_memory_map_find(&map, (uint64_t)(uintptr_t)&reader_on);

    assert_non_null(stack);
    assert_true(stack->writable && !stack->executable);
    assert_non_null(code);
    assert_true(code->executable && !code->writable);
    assert_non_null(strstr(code->path, "test_task_list"));
    assert_null(seep_memory_map_find(&map, 0));
    assert_null(seep_memory_map_find(&map, UINT64_MAX));
    seep_memory_map_fini(&map);
}

static void calls_have_names(void **state)
{
    (void)state;
    assert_string_equal(seep_syscall_name(SYS_futex), "futex");
    assert_null(seep_syscall_name(SYS_getpid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_of_a_pipe_is_seen_in_its_read),
        cmocka_unit_test(the_time_since_a_thread_ran_is_that_of_the_clock),
        cmocka_unit_test(we_run_ourselves),
        cmocka_unit_test(a_process_that_is_not_there_is_said),
        cmocka_unit_test(the_map_knows_our_stack_and_our_code),
        cmocka_unit_test(calls_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
