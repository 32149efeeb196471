/* Allocation in signal handlers, on the normal and on an alternate stack, while every
 * thread allocates as well.
 *
 * Prints its own counts per function: [acquired, released].
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

enum { THREADS = 2, HANDLED = 150, KEEP_EVERY = 4096, STACK_BYTES = 65536 };

static _Atomic uint64_t in_handler;
static _Atomic uint64_t in_thread;
static _Atomic uint64_t kept_in_thread;
static _Thread_local volatile sig_atomic_t inside_malloc;

/* glibc's malloc is not async-signal-safe: the handler allocates only when it has not
 * interrupted one. */
__attribute__((noinline)) static void on_signal(int number)
{
    (void)number;
    if (inside_malloc == 0) {
        void *volatile kept = malloc(48);

        (void)kept;
        atomic_fetch_add(&in_handler, 1);
    }
}

__attribute__((noinline)) static void allocate_in_thread(unsigned i)
{
    inside_malloc = 1;
    void *volatile memory = malloc(i % 300 + 1);

    inside_malloc = 0;
    atomic_fetch_add(&in_thread, 1);
    if (i % KEEP_EVERY != 0) { /* the rest stays, to be found live */
        inside_malloc = 1;
        free(memory);
        inside_malloc = 0;
    } else {
        atomic_fetch_add(&kept_in_thread, 1);
    }
}

static void *work(void *argument)
{
    stack_t alternate = {.ss_sp = malloc(STACK_BYTES), .ss_size = STACK_BYTES};

    if (argument != NULL) {
        sigaltstack(&alternate, NULL);
    }
    for (unsigned i = 0; atomic_load(&in_handler) < HANDLED; i++) {
        allocate_in_thread(i);
    }
    alternate.ss_flags = SS_DISABLE;
    sigaltstack(&alternate, NULL);
    free(alternate.ss_sp);
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = SA_RESTART | SA_ONSTACK};
    struct itimerval timer = {{0, 500}, {0, 500}};
    struct itimerval stop = {{0, 0}, {0, 0}};
    pthread_t threads[THREADS];

    sigaction(SIGALRM, &action, NULL);
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, (void *)i);
    }
    setitimer(ITIMER_REAL, &timer, NULL);
    (void)work(NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    setitimer(ITIMER_REAL, &stop, NULL);
    printf("{\"on_signal\":[%lu,0],\"allocate_in_thread\":[%lu,%lu]}\n", in_handler,
           in_thread, in_thread - kept_in_thread);
    return 0;
}
