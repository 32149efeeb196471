/* A program that asks for its own sites: what they hold, and where in the program they
 * are. Runs without libseep.so too.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "seep/seep.h"

enum { FUNCTION_BYTES = 512, FRAMES = 64 };

static void *volatile blocks[7];
static volatile int descriptors[5];
static timer_t timers[4];

static __attribute__((noinline)) void keep_blocks(void)
{
    SEEP_SUBSYSTEM("keep_blocks");
    for (int i = 0; i < 7; i++) {
        blocks[i] = malloc(1000);
    }
    for (int i = 0; i < 3; i++) {
        free(blocks[i]);
    }
}

static __attribute__((noinline)) void keep_descriptors(void)
{
    SEEP_SUBSYSTEM("keep_descriptors");
    for (int i = 0; i < 5; i++) {
        descriptors[i] = open("/dev/null", O_RDONLY);
    }
    close(descriptors[0]);
}

static __attribute__((noinline)) void keep_timers(void)
{
    SEEP_SUBSYSTEM("keep_timers");
    struct sigevent none = {.sigev_notify = SIGEV_NONE};

    for (int i = 0; i < 4; i++) {
        timer_create(CLOCK_MONOTONIC, &none, &timers[i]);
    }
    timer_delete(timers[0]);
    timer_delete(timers[1]);
}

struct wanted {
    const char *kind, *subsystem;
    void (*function)(void);
};

/* Prints the site of the wanted subsystem, when a frame of its stack is in the function
 * that made it. */
static int show(void *arg, const struct seep_site_figures *site)
{
    const struct wanted *wanted = arg;
    uintptr_t frames[FRAMES];
    int depth = seep_stack(site->site, frames, FRAMES);

    if (strcmp(site->subsystem, wanted->subsystem) != 0) {
        return 0;
    }
    for (int i = 0; i < depth; i++) {
        if (frames[i] - (uintptr_t)wanted->function < FUNCTION_BYTES) {
            (void)printf("%s: %d acquired, %d released, %d bytes, %d bytes, kept by %s\n",
                         wanted->kind, (int)site->acquired, (int)site->released,
                         (int)site->acquired_bytes, (int)site->released_bytes,
                         site->subsystem);
            return 0;
        }
    }
    return 1;
}

static int stop(void *arg, const struct seep_site_figures *site)
{
    int *visited = arg;

    (void)site;
    ++*visited;
    return 7;
}

int main(void)
{
    static const struct {
        struct wanted wanted;
        uint32_t kind;
    } rows[] = {
        {{"heap", "keep_blocks", keep_blocks}, SEEP_SITE_HEAP},
        {{"fd", "keep_descriptors", keep_descriptors}, SEEP_SITE_FD},
        {{"timer", "keep_timers", keep_timers}, SEEP_SITE_TIMER},
    };
    uintptr_t frame = 0;
    int visited = 0;
    int status = 0;

    keep_blocks();
    keep_descriptors();
    keep_timers();
    if (!seep_present()) {
        (void)puts("alone");
        return seep_sites(SEEP_SITE_HEAP, stop, &visited) == -1 ? 0 : 1;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        status |= seep_sites(rows[i].kind, show, (void *)(uintptr_t)&rows[i].wanted);
    }
    int refused = seep_sites(99, stop, &visited) == 0 && visited == 0;
    int unknown = seep_stack(0, &frame, 1) == -ENOENT &&
                  seep_stack(UINT32_MAX, &frame, 1) == -ENOENT;
    int stopped = seep_sites(SEEP_SITE_HEAP, stop, &visited) == 7 && visited == 1;
    (void)printf("refused: %s, %s, %s\n", refused ? "none" : "some",
                 unknown ? "no such site" : "a site", stopped ? "stopped" : "went on");
    return status;
}
