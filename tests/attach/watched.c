/* Holds known numbers of known things, and leaks: for seep top. Says "ready" and runs
 * until it is ended.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "seep/seep.h"

enum { THREADS = 4, FILES = 7, KEPT = 3, KEPT_BYTES = 10000000, LEAK_BYTES = 1000 };

static void *waits(void *unused)
{
    (void)unused;
    for (;;) {
        (void)pause();
    }
    return NULL;
}

static void starts_here(void)
{
    pthread_t thread;

    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, NULL, waits, NULL) != 0) {
            abort();
        }
    }
}

static void opens_here(void)
{
    for (int i = 0; i < FILES; i++) {
        if (open("/dev/null", O_RDONLY) < 0) {
            abort();
        }
    }
}

static void keeps_here(void)
{
    SEEP_SUBSYSTEM("store");
    for (int i = 0; i < KEPT; i++) {
        void *volatile kept = malloc(KEPT_BYTES);

        (void)kept;
    }
}

static void leaks_here(void)
{
    SEEP_SUBSYSTEM("websocket");
    void *volatile lost = malloc(LEAK_BYTES);

    (void)lost;
}

int main(void)
{
    starts_here();
    opens_here();
    keeps_here();
    (void)puts("ready");
    (void)fflush(stdout);
    for (;;) {
        leaks_here();
        (void)usleep(20000);
    }
}
