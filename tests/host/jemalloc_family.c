/* jemalloc's own functions; prints its own counts per function: [acquired, released,
 * acquired bytes, released bytes].
 *
 * SPDX-License-Identifier: MIT
 */
#include <jemalloc/jemalloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 300, SMALL = 8 };

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                \
            abort();                                                                     \
        }                                                                                \
    } while (0)

static void *volatile block;

__attribute__((noinline)) static void by_mallocx(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        block = mallocx(100, MALLOCX_ALIGN(4096) | MALLOCX_ZERO);
        CHECK(block != NULL && (uintptr_t)block % 4096 == 0);
        CHECK(((char *)block)[0] == 0 && ((char *)block)[99] == 0);
        memset(block, 7, 100);
        CHECK(sallocx(block, 0) >= 100);
        if (i % 2 == 0) {
            dallocx(block, 0);
        } else {
            sdallocx(block, 100, MALLOCX_ALIGN(4096));
        }
    }
    block = mallocx((size_t)1 << 62, 0);
    CHECK(block == NULL);
}

/* Below 16 bytes the shim raises the request: the size given back is another class's. */
__attribute__((noinline)) static void by_small(void)
{
    static void *blocks[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        blocks[i] = i % 2 == 0 ? mallocx(SMALL, 0) : malloc(SMALL);
        memset(blocks[i], i, SMALL);
    }
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(*(unsigned char *)blocks[i] == (unsigned char)i);
        sdallocx(blocks[i], SMALL, 0);
    }
    block = mallocx(SMALL, 0);
    CHECK(nallocx(SMALL, 0) == sallocx(block, 0));
    free(block);
}

__attribute__((noinline)) static void by_rallocx(void)
{
    block = mallocx(100, 0);
    memset(block, 7, 100);
    CHECK(rallocx(block, (size_t)1 << 62, 0) == NULL);
    block = rallocx(block, 50000, MALLOCX_ALIGN(64));
    CHECK(((char *)block)[99] == 7 && (uintptr_t)block % 64 == 0);
    block = rallocx(block, 10, 0);
    CHECK(((char *)block)[9] == 7);
    free(block);
}

/* 5,100 bytes fit into the block of 5,000; 9,000 do not. */
__attribute__((noinline)) static void by_xallocx(void)
{
    block = mallocx(5000, 0);
    CHECK(xallocx(block, 5100, 0, 0) >= 5100);
    CHECK(xallocx(block, 9000, 0, 0) < 9000);
    dallocx(block, 0);
}

__attribute__((noinline)) static void keep_some(void)
{
    for (int i = 0; i < 7; i++) {
        block = mallocx(33, MALLOCX_TCACHE_NONE);
        CHECK(block != NULL);
    }
}

/* A block given back to the wrong bin makes the count of its regions negative. */
static void check_bins(void)
{
    uint64_t epoch = 1;
    size_t regions = 0;
    size_t length = sizeof(regions);

    CHECK(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0) == 0);
    CHECK(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0);
    CHECK(mallctl("stats.arenas.4096.bins.0.curregs", &regions, &length, NULL, 0) == 0);
    CHECK(regions < SIZE_MAX / 2);
}

int main(void)
{
    by_mallocx();
    by_small();
    by_rallocx();
    by_xallocx();
    keep_some();
    check_bins();
    (void)printf("{\"by_mallocx\":[%d,%d,%d,%d],\"by_small\":[%d,%d,%d,%d],"
                 "\"by_rallocx\":[3,3,50110,50110],\"by_xallocx\":[2,2,10100,10100],"
                 "\"keep_some\":[7,0,231,0]}\n",
                 ROUNDS, ROUNDS, 100 * ROUNDS, 100 * ROUNDS, ROUNDS + 1, ROUNDS + 1,
                 SMALL * (ROUNDS + 1), SMALL * (ROUNDS + 1));
    return 0;
}
