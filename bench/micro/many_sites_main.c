/* A program of many sites that all gain a block each round: for bench/top_cost.py and
 * bench/serve_cost.py.
 *
 * usage: bench-many-sites SITES ROUND_MS [LEAKING]
 *
 * With LEAKING so many of them gain one; the others release the block of the round
 * before.
 *
 * A site is a path of calls: of the bits of its number, each calls one of two functions.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH = 20, BLOCK_BYTES = 32, US_PER_MS = 1000 };

static void step(unsigned bits, int depth);

static void **kept; /* of the site that is meant, where its block is; NULL: it leaks */

__attribute__((noinline)) static void zero(unsigned bits, int depth)
{
    step(bits, depth);
    __asm__ volatile("");
}

__attribute__((noinline)) static void one(unsigned bits, int depth)
{
    step(bits, depth);
    __asm__ volatile("");
}

/* NOLINTNEXTLINE(misc-no-recursion): paths of calls are the point */
__attribute__((noinline)) static void step(unsigned bits, int depth)
{
    if (depth == 0) {
        void *volatile block = malloc(BLOCK_BYTES);

        if (kept != NULL) {
            free(*kept);
            *kept = block;
        }
    } else if ((bits & 1) != 0) {
        one(bits >> 1, depth - 1);
    } else {
        zero(bits >> 1, depth - 1);
    }
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    bool sound = argc == 3 || argc == 4;
    unsigned sites = sound ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    unsigned round_ms = sound ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    unsigned leaking = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : sites;
    void **blocks = calloc(sites + 1, sizeof(*blocks));

    /* The leaking ones are spread over all. */
    unsigned every = leaking > 0 ? sites / leaking : 0;

    if (blocks == NULL || sites == 0 || round_ms == 0) {
        (void)fputs("usage: bench-many-sites SITES ROUND_MS [LEAKING]\n", stderr);
        return 2;
    }
    for (;;) {
        for (unsigned site = 0; site < sites; site++) {
            kept = every > 0 && site % every == 0 ? NULL : &blocks[site];
            step(site, DEPTH);
        }
        (void)usleep(round_ms * US_PER_MS);
    }
}
