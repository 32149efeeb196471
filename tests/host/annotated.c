/* Subsystems and marks through seep/seep.h, also with threads that inherit. Runs without
 * libseep.so too.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "seep/seep.h"

static void *volatile kept;

static void *inherit(void *argument)
{
    kept = malloc(300);
    return argument;
}

static void nested(void)
{
    SEEP_SUBSYSTEM("outer");
    kept = malloc(100);
    {
        SEEP_SUBSYSTEM("inner");
        kept = malloc(200);
    }
    kept = malloc(100);
}

int main(void)
{
    pthread_t thread;
    struct seep_totals totals = {0};
    int known = seep_totals(&totals);

    kept = malloc(50);
    nested();
    {
        SEEP_SUBSYSTEM("maker");
        pthread_create(&thread, NULL, inherit, NULL);
    }
    pthread_join(thread, NULL);
    kept = malloc(50);
    (void)seep_mark("warm");
    if (known == 0) {
        uint64_t before = totals.heap_live_blocks;
        uint64_t bytes = totals.heap_live_bytes;

        kept = malloc(1000);
        (void)seep_totals(&totals);
        (void)printf("%d %d\n", (int)(totals.heap_live_blocks > before),
                     (int)(totals.heap_live_bytes >= bytes + 1800));
    } else {
        (void)puts("alone");
    }
    return 0;
}
