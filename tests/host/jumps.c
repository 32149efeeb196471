/* A signal handler leaves by siglongjmp, again and again, mostly out of a recording: the
 * allocator below is nearly free. What comes after must be recorded as if nothing had
 * been.
 *
 * Prints its own counts per function.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { JUMPS = 300, AFTER = 20000, STACK_BYTES = 65536 };

static sigjmp_buf back;

static void on_signal(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

__attribute__((noinline)) static void interrupted(void)
{
    void *volatile memory = malloc(100);

    free(memory);
}

__attribute__((noinline)) static void after_jumps(void)
{
    for (int i = 0; i < AFTER; i++) {
        void *volatile memory = malloc(100);

        free(memory);
    }
}

/* Through frames that come and go, so that rules are made all the time. */
__attribute__((noinline)) static void go_down(int depth)
{
    volatile char space[64];

    space[0] = (char)depth;
    if (depth > 0) {
        go_down(depth - 1);
    } else {
        interrupted();
    }
    space[1] = space[0];
}

static void jump_often(void)
{
    struct itimerval timer = {{0, 97}, {0, 97}};
    struct itimerval stop = {{0, 0}, {0, 0}};
    volatile int jumps = 0;

    if (sigsetjmp(back, 1) != 0) {
        jumps = jumps + 1;
    }
    setitimer(ITIMER_REAL, &timer, NULL);
    while (jumps < JUMPS) {
        go_down(jumps % 30);
    }
    setitimer(ITIMER_REAL, &stop, NULL);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    stack_t alternate = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};

    if (argc > 1 && strcmp(argv[1], "--alternate") == 0) {
        action.sa_flags = SA_ONSTACK;
        sigaltstack(&alternate, NULL);
    }
    sigaction(SIGALRM, &action, NULL);
    jump_often();
    signal(SIGALRM, SIG_IGN);
    after_jumps();
    printf("{\"after_jumps\":[%d,%d]}\n", AFTER, AFTER);
    return 0;
}
