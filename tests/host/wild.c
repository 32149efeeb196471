/* Allocations whose unwind information leads into nowhere: a frame pointer of any value
 * that is said to matter, a stack pointer just below memory that is not there, with
 * nothing above it. The program must not notice; each allocation is counted.
 *
 * Prints its own counts.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "subjects/odd_frames.h"

enum { PAGE_BYTES = 4096, PAGES = 16, ROUNDS = 500 };

static uint64_t taken;

__attribute__((noinline)) static void take(void *unused)
{
    void *volatile memory = malloc(100);

    (void)unused;
    free(memory);
    taken++;
}

static uintptr_t next_random(void)
{
    static uint64_t random = 88172645463325252U;

    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random;
}

static void wild_frames(const char *pages)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const uintptr_t places[] = {0,
                                8,
                                PAGE_BYTES - 8,
                                UINTPTR_MAX - 15,
                                UINTPTR_MAX - 7,
                                0x7fffffffffffU,
                                0x8000000000000000U,
                                (uintptr_t)pages + PAGE_BYTES - 8,
                                (uintptr_t)pages + PAGE_BYTES,
                                (uintptr_t)&taken,
                                (uintptr_t)&wild_frames & ~UINT64_C(7),
                                here + 3,
                                here - 4096,
                                here + 65536,
                                here + (1U << 30)};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        odd_wild_rbp(take, NULL, places[i]);
    }
    for (int i = 0; i < ROUNDS; i++) {
        uintptr_t value = next_random();

        odd_wild_rbp(take, NULL, value);
        odd_wild_rbp(take, NULL, value >> 17);
        odd_wild_rbp(take, NULL, here + value % 8192 * 8 - 16384);
        odd_wild_rbp(take, NULL, (uintptr_t)pages + value % PAGE_BYTES * PAGES);
    }
}

int main(void)
{
    char *pages = mmap(NULL, (size_t)PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)munmap(pages + (ptrdiff_t)(PAGES - 1) * PAGE_BYTES, PAGE_BYTES);
    wild_frames(pages + (ptrdiff_t)(PAGES - 2) * PAGE_BYTES);
    for (int i = 0; i < ROUNDS; i++) {
        /* up to the last word before memory that is not there */
        odd_wild_sp(take, NULL, pages + (ptrdiff_t)(PAGES - 1) * PAGE_BYTES - i % 8 * 16);
    }
    printf("{\"take\":[%lu,%lu]}\n", taken, taken);
    return 0;
}
