/* Two libraries loaded in turn, mostly at one address, that call back into the program:
 * what was known of one's frames is wrong for the other's. Several threads keep the
 * stacks of closed libraries in mind.
 *
 * usage: host_reload LIBRARY LIBRARY
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "stack_tally.h"

enum { ROUNDS = 60, THREADS = 3, CALLS = 4, DEPTH = 6 };

static pthread_barrier_t barrier;
static void (*plugin_call)(void (*)(void *), int);

static void *use(void *argument)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier); /* loaded */
        for (int i = 0; i < CALLS; i++) {
            plugin_call(tally_once, i % DEPTH);
        }
        pthread_barrier_wait(&barrier); /* used */
    }
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];

    if (argc != 3) {
        return 2;
    }
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, use, NULL);
    }
    for (int round = 0; round < ROUNDS; round++) {
        void *library = dlopen(argv[1 + round % 2], RTLD_NOW);

        if (library == NULL) {
            (void)fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        *(void **)&plugin_call = dlsym(library, "plugin_call");
        for (int i = 0; i < CALLS; i++) {
            plugin_call(tally_once, i % DEPTH);
        }
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        dlclose(library);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    tally_print();
    return 0;
}
