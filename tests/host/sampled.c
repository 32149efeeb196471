/* Blocks of known sizes, each size from a function of its own, for a recording that
 * samples.
 *
 *   keep     a part of each stays alive
 *   drop     all of them go, in every way there is: free, realloc, by another thread,
 *            in a child, by C++ style pairs of free and malloc at one address
 *
 * Prints its own counts per function, as counted.c does. Nothing else is allocated
 * meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZES = 7, BLOCKS_MAX = 60000 };

static const struct {
    const char *name;
    size_t bytes;
    unsigned blocks;
} kinds[SIZES] = {
    {"take_16", 16, 60000},   {"take_100", 100, 30000}, {"take_1k", 1024, 8000},
    {"take_16k", 16384, 900}, {"take_64k", 65536, 300}, {"take_256k", 262144, 60},
    {"take_4m", 4 << 20, 6},
};
static uint64_t counts[SIZES][4];
static void *blocks[SIZES][BLOCKS_MAX];

#define TAKE(name)                                                                       \
    __attribute__((noinline)) static void *name(size_t bytes)                            \
    {                                                                                    \
        void *volatile block = malloc(bytes);                                            \
                                                                                         \
        return block;                                                                    \
    }
TAKE(take_16)
TAKE(take_100)
TAKE(take_1k)
TAKE(take_16k)
TAKE(take_64k)
TAKE(take_256k)
TAKE(take_4m)
static void *(*const takers[SIZES])(size_t) = {take_16,  take_100,  take_1k, take_16k,
                                               take_64k, take_256k, take_4m};

static void take_all(void)
{
    for (unsigned kind = 0; kind < SIZES; kind++) {
        for (unsigned i = 0; i < kinds[kind].blocks; i++) {
            blocks[kind][i] = takers[kind](kinds[kind].bytes);
            counts[kind][0]++;
            counts[kind][2] += kinds[kind].bytes;
        }
    }
}

static void drop(unsigned kind, unsigned i)
{
    free(blocks[kind][i]);
    blocks[kind][i] = NULL;
    counts[kind][1]++;
    counts[kind][3] += kinds[kind].bytes;
}

static void *drop_half(void *unused)
{
    (void)unused;
    for (unsigned kind = 0; kind < SIZES; kind++) {
        for (unsigned i = 0; i < kinds[kind].blocks; i += 2) {
            drop(kind, i);
        }
    }
    return NULL;
}

static void drop_rest(void)
{
    for (unsigned kind = 0; kind < SIZES; kind++) {
        for (unsigned i = 1; i < kinds[kind].blocks; i += 2) {
            if (i % 4 == 1) { /* a block of another size from here, and away */
                blocks[kind][i] = realloc(blocks[kind][i],
                                          kinds[kind].bytes / (i % 8 == 1 ? 2 : 1) + 3);
            }
            if (malloc_usable_size(blocks[kind][i]) < kinds[kind].bytes / 2) {
                _exit(3);
            }
            drop(kind, i);
        }
    }
}

static int in_a_child(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        drop_rest(); /* the parent's blocks: unknown here */
        take_all();
        drop_half(NULL);
        _exit(0);
    }
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    pthread_t other;

    take_all();
    if (argc > 1 && strcmp(argv[1], "drop") == 0) {
        if (in_a_child() != 0 || pthread_create(&other, NULL, drop_half, NULL) != 0) {
            return 2;
        }
        (void)pthread_join(other, NULL);
        drop_rest();
    } else {
        (void)drop_half(NULL);
    }
    printf("{");
    for (unsigned kind = 0; kind < SIZES; kind++) {
        printf("%s\"%s\": [%llu, %llu, %llu, %llu]", kind > 0 ? ", " : "",
               kinds[kind].name, (unsigned long long)counts[kind][0],
               (unsigned long long)counts[kind][1], (unsigned long long)counts[kind][2],
               (unsigned long long)counts[kind][3]);
    }
    printf("}\n");
    return 0;
}
