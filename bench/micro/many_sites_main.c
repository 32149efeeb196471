/* A program of many sites that all gain a block each round: for bench/top_cost.py.
 *
 * usage: bench-many-sites SITES ROUND_MS
 *
 * A site is a path of calls: of the bits of its number, each calls one of two functions.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH = 20, BLOCK_BYTES = 32, US_PER_MS = 1000 };

static void step(unsigned bits, int depth);

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
        void *volatile lost = malloc(BLOCK_BYTES);

        (void)lost;
    } else if ((bits & 1) != 0) {
        one(bits >> 1, depth - 1);
    } else {
        zero(bits >> 1, depth - 1);
    }
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    unsigned sites = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    unsigned round_ms = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (sites == 0 || round_ms == 0) {
        (void)fputs("usage: bench-many-sites SITES ROUND_MS\n", stderr);
        return 2;
    }
    for (;;) {
        for (unsigned site = 0; site < sites; site++) {
            step(site, DEPTH);
        }
        (void)usleep(round_ms * US_PER_MS);
    }
}
