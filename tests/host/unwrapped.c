/* A thread that no wrapped function made, which reads from a pipe; its healthy twin, made
 * by pthread_create, does the same.
 *
 *     unwrapped raw|made SECONDS
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 65536 };

static int ends[2];

/* Without the C library's thread behind it: no malloc, no errno. */
static int read_raw(void *unused)
{
    char byte = 0;

    (void)unused;
    (void)prctl(PR_SET_NAME, "raw-one");
    while (read(ends[0], &byte, 1) > 0) {
    }
    return 0;
}

static void *read_made(void *unused)
{
    (void)read_raw(unused);
    return unused;
}

int main(int argc, char **argv)
{
    struct timespec pause = {.tv_sec = argc > 2 ? atoi(argv[2]) : 1};
    void *volatile memory = malloc(8);

    free(memory);
    if (argc < 2 || pipe(ends) != 0) {
        return 2;
    }
    if (strcmp(argv[1], "raw") == 0) {
        char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (stack == MAP_FAILED ||
            clone(read_raw, stack + STACK_BYTES,
                  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
                  NULL) < 0) {
            return 3;
        }
    } else {
        pthread_t thread;

        if (pthread_create(&thread, NULL, read_made, NULL) != 0) {
            return 3;
        }
    }
    (void)nanosleep(&pause, NULL);
    return 0;
}
