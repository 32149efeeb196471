/* One program, two builds: plainly it leaks nothing; with -DREGRESSED lines have moved, a
 * function is inlined, and every request leaves one block behind. Both fill a cache.
 *
 *     regressed SECONDS CACHE
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_US = 2000, US_PER_S = 1000000, BLOCK_BYTES = 200, SLOTS = 4096 };

static void *cache[SLOTS];

#ifdef REGRESSED
/* Lines that move everything below.
 *
 *
 *
 *
 */
static inline __attribute__((always_inline)) char *dup_name(const char *name)
#else
static __attribute__((noinline)) char *dup_name(const char *name)
#endif
{
    char *copy = malloc(BLOCK_BYTES);

    if (copy != NULL) {
        strcpy(copy, name);
    }
    return copy;
}

__attribute__((noinline)) static void remember(unsigned n, unsigned limit)
{
    unsigned slot = n % limit;

    free(cache[slot]);
    cache[slot] = malloc(BLOCK_BYTES);
}

__attribute__((noinline)) static void handle(unsigned n)
{
    char *name = dup_name("request");

    if (n % 2 == 0) {
        puts(name);
    }
#ifdef REGRESSED
    if (n % 5 == 0) {
        return;
    }
#endif
    free(name);
}

int main(int argc, char **argv)
{
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    long limit = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    time_t end = time(NULL) + seconds;

    for (unsigned n = 0; time(NULL) < end; n++) {
        handle(n);
        remember(n, (unsigned)(limit < SLOTS ? limit : SLOTS));
        usleep(REQUEST_US);
    }
    return 0;
}
