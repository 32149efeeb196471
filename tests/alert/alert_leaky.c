/* A program that leaks a block each 10 ms until its standard input ends. The leak is of
 * the subsystem "sessions"; "cache" holds what does not grow.
 *
 * SPDX-License-Identifier: MIT
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seep/seep.h"

enum { BLOCK_BYTES = 600, CACHE_BYTES = 100000, PAUSE_MS = 10, KEPT = 1 << 16 };

static void *kept[KEPT]; /* reachable, as leaks of servers are */

__attribute__((noinline)) static void *open_session(void)
{
    void *block = malloc(BLOCK_BYTES);

    if (block != NULL) {
        memset(block, 1, BLOCK_BYTES);
    }
    return block;
}

int main(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    void *cache = NULL;
    size_t n = 0;

    {
        SEEP_SUBSYSTEM("cache");
        cache = calloc(1, CACHE_BYTES);
    }
    SEEP_SUBSYSTEM("sessions");
    while (poll(&input, 1, PAUSE_MS) == 0) {
        kept[n++ % KEPT] = open_session();
    }
    free(cache);
    return 0;
}
