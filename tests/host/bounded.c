/* Containers with a declared limit, through seep/seep.h: nested, by threads, with a limit
 * that changes, across fork. Each acquisition has a size of its own. Runs without
 * libseep.so too.
 *
 * bounded        all but fork
 * bounded fork   a child that is made inside a scope and leaves it
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seep/seep.h"

enum { RING = 7, CACHE_AT_FIRST = 50, CACHE_LATER = 80 };

static void *volatile kept;

static void *in_a_thread(void *argument)
{
    kept = malloc(1001); /* no entry of the container in which it was made */
    return argument;
}

static void nested(void)
{
    SEEP_BOUNDED("log", "ring", RING);
    kept = malloc(1002);
    {
        SEEP_SUBSYSTEM("store"); /* something else is done meanwhile */
        kept = malloc(1003);
        {
            SEEP_BOUNDED(NULL, "cache", CACHE_AT_FIRST);
            kept = malloc(1004);
        }
        kept = malloc(1005);
    }
    kept = malloc(1006);
}

static void by_a_thread(void)
{
    pthread_t thread;
    SEEP_BOUNDED("log", "ring", RING);

    (void)pthread_create(&thread, NULL, in_a_thread, NULL);
    (void)pthread_join(thread, NULL);
}

static void without_limit(void)
{
    SEEP_BOUNDED("log", "endless", 0);
    kept = malloc(1007);
}

static void without_subsystem(void)
{
    SEEP_BOUNDED(NULL, "of nobody", 3);
    kept = malloc(1008);
}

static void forked(void)
{
    pid_t child = 0;
    {
        SEEP_BOUNDED("log", "ring", RING);
        child = fork();
    }
    if (child == 0) {
        {
            SEEP_SUBSYSTEM("first of the child");
            kept = malloc(1009);
        }
        kept = malloc(1010);
        _exit(0);
    }
    kept = malloc(1011);
    (void)waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        forked();
        return 0;
    }
    nested();
    by_a_thread();
    without_limit();
    without_subsystem();
    {
        SEEP_BOUNDED("store", "cache", CACHE_LATER);
        kept = malloc(1012);
    }
    kept = malloc(1013);
    return 0;
}
