/* Who may still hand over a segment: against processes made here, each of a kind that
 * /proc shows in its own way.
 *
 * This program started again is the process that is looked at; it says by a byte that it
 * is as asked for, and then waits to be ended.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/newcomer.h"

#define SOCKET_NAME "@seep-run-0123456789abcdef0123456789abcdef"

enum { FILLER_BYTES = 16384, SAYS_FD = 9, NOBODY_IS_YOUNGER = -1 };

static const uint64_t everybody_is_younger = 1;

/* The process that is looked at: writes a title over its environment when asked to. */
static int be_looked_at(bool with_title)
{
    if (with_title) {
        for (char **at = environ; *at != NULL; at++) {
            memset(*at, 't', strlen(*at));
        }
    }
    if (write(SAYS_FD, "", 1) == 1) {
        for (;;) {
            (void)pause();
        }
    }
    return 1;
}

static pid_t start(const char *how, const char *const *env)
{
    const char *const arguments[] = {"newcomer", how, NULL};
    int says[2];
    char byte = 0;

    assert_return_code(pipe2(says, O_CLOEXEC), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test fails */
        (void)dup2(says[1], SAYS_FD);
        (void)execve("/proc/self/exe", (char *const *)arguments, (char *const *)env);
        _exit(1);
    }
    close(says[1]);
    assert_int_equal(read(says[0], &byte, 1), 1);
    close(says[0]);
    return pid;
}

static void end(pid_t pid)
{
    assert_return_code(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Asks about one process; others of this machine may be found after it. */
static bool is_one(pid_t pid, uint64_t since_ticks)
{
    struct seep_newcomers newcomers = {SOCKET_NAME, since_ticks, (uint32_t)pid};

    return seep_newcomers_expected(&newcomers) && newcomers.suspect == (uint32_t)pid;
}

static void who_carries_the_name_may_come_until_it_ends(void **state)
{
    const char *const env[] = {"A=b", "SEEP_SOCKET=" SOCKET_NAME, "LAST=1", NULL};
    struct seep_newcomers newcomers = {SOCKET_NAME, (uint64_t)NOBODY_IS_YOUNGER, 0};
    pid_t pid = start("wait", env);

    (void)state;
    assert_true(seep_newcomers_expected(&newcomers));
    assert_int_equal(newcomers.suspect, pid);
    assert_return_code(kill(pid, SIGKILL), 0);
    siginfo_t info;

    assert_return_code(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(seep_newcomers_expected(&newcomers)); /* a zombie */
    assert_int_equal(newcomers.suspect, 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(seep_newcomers_expected(&newcomers));
}

static void another_environment_is_nobody_however_young(void **state)
{
    const char *const env[] = {"SEEP_SOCKET=@seep-run-of-another", NULL};
    pid_t pid = start("wait", env);

    (void)state;
    assert_false(is_one(pid, everybody_is_younger));
    end(pid);
}

static void the_name_is_found_wherever_it_lies_in_a_large_environment(void **state)
{
    static char filler[FILLER_BYTES + 1];

    (void)state;
    for (size_t cut = 0; cut <= sizeof(SOCKET_NAME); cut += 6) {
        const char *const env[] = {filler, "SEEP_SOCKET=" SOCKET_NAME, NULL};
        size_t bytes = FILLER_BYTES - sizeof("SEEP_SOCKET=") - cut;

        memset(filler, 'x', bytes);
        memcpy(filler, "F=", 2);
        filler[bytes] = '\0';

        pid_t pid = start("wait", env);

        assert_true(is_one(pid, (uint64_t)NOBODY_IS_YOUNGER));
        end(pid);
    }
}

static void an_environment_that_says_nothing_leaves_it_to_the_age(void **state)
{
    const char *const none[] = {NULL};
    const char *const env[] = {"SEEP_SOCKET=" SOCKET_NAME, NULL};
    const pid_t pids[] = {start("wait", none), start("title", env)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(is_one(pids[i], everybody_is_younger));
        assert_false(is_one(pids[i], (uint64_t)NOBODY_IS_YOUNGER));
        end(pids[i]);
    }
}

static void kernel_threads_never_come(void **state)
{
    (void)state;
    assert_false(
        is_one(2, everybody_is_younger)); /* kthreadd, or nobody in a container */
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_carries_the_name_may_come_until_it_ends),
        cmocka_unit_test(another_environment_is_nobody_however_young),
        cmocka_unit_test(the_name_is_found_wherever_it_lies_in_a_large_environment),
        cmocka_unit_test(an_environment_that_says_nothing_leaves_it_to_the_age),
        cmocka_unit_test(kernel_threads_never_come),
    };

    if (argc > 1) {
        return be_looked_at(strcmp(argv[1], "title") == 0);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
