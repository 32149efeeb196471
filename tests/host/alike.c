/* Stacks that are alike where a memory of stacks looks first: same stack pointer, same
 * return addresses near the allocation. They differ in an outer caller, in where frames
 * of variable size lie, in what a register holds. Drawn from a seed; each stack is taken
 * many times.
 *
 * usage: host_alike SEED
 *
 * SPDX-License-Identifier: MIT
 */
#include <alloca.h>
#include <stdint.h>
#include <stdlib.h>

#include "stack_tally.h"
#include "subjects/odd_frames.h"

enum { ROUNDS = 3000, DEPTH_MAX = 24, UNIT_BYTES = 64, UNITS = 12 };

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* For the compiler: a pointer that somebody may use. */
static void *keep_pointer(void *pointer)
{
    void *volatile kept = pointer;

    return kept;
}

__attribute__((noinline)) static void down(int left)
{
    if (left > 0) {
        down(left - 1);
    } else {
        tally_once(NULL);
    }
    __asm__ volatile("");
}

/* Outer callers of one shape. */
#define OUTER(name)                                                                      \
    __attribute__((noinline)) static void name(int depth)                                \
    {                                                                                    \
        down(depth);                                                                     \
        __asm__ volatile("");                                                            \
    }
OUTER(outer_a)
OUTER(outer_b)
OUTER(outer_c)
#define OUTERMOST(name, outer)                                                           \
    __attribute__((noinline)) static void name(int depth)                                \
    {                                                                                    \
        outer(depth);                                                                    \
        __asm__ volatile("");                                                            \
    }
OUTERMOST(top_a, outer_a)
OUTERMOST(top_b, outer_a)
OUTERMOST(top_c, outer_b)
OUTERMOST(top_d, outer_c)

static void other_callers(void)
{
    static void (*const tops[])(int) = {top_a, top_b, top_c, top_d};

    tops[next_random() % 4]((int)(next_random() % DEPTH_MAX));
}

/* Three frames of variable size, whose sum is always the same: the innermost stack
 * pointer stays, the frame pointers between do not. What older frames left lies in the
 * space that newer ones do not fill. */
__attribute__((noinline)) static void innermost(size_t units)
{
    volatile char *space = alloca(units * UNIT_BYTES + 1);

    space[0] = 1;
    tally_once(NULL);
    space[units * UNIT_BYTES] = space[0];
}

/* The same, and nothing lies between its frame pointer and malloc. */
__attribute__((noinline)) static void tally_innermost(size_t units)
{
    volatile char *space = alloca(units * UNIT_BYTES + 1);

    tally_count();
    free(keep_pointer(malloc(64)));
    space[0] = 1;
}

#define MIDDLE(name, inner)                                                              \
    __attribute__((noinline)) static void name(size_t units, size_t rest)                \
    {                                                                                    \
        volatile char *space = alloca(units * UNIT_BYTES + 1);                           \
                                                                                         \
        inner(rest);                                                                     \
        space[0] = 1;                                                                    \
    }
MIDDLE(middle_a, innermost)
MIDDLE(middle_b, innermost)
MIDDLE(middle_c, tally_innermost)
MIDDLE(middle_d, tally_innermost)

__attribute__((noinline)) static void moving_frames(void)
{
    static void (*const middles[])(size_t, size_t) = {middle_a, middle_b, middle_c,
                                                      middle_d};
    size_t first = next_random() % UNITS;
    size_t second = next_random() % (UNITS - first);
    volatile char *space = alloca(first * UNIT_BYTES + 1);

    middles[next_random() % 4](second, UNITS - first - second);
    space[0] = 1;
}

/* A frame aligned by hand takes its CFA from a word that a register points to. */
__attribute__((noinline)) static void over_aligned(size_t units)
{
    _Alignas(256) volatile char aligned[256];
    volatile char *space = alloca(units * UNIT_BYTES + 1);

    aligned[0] = space[0] = 1;
    tally_once(NULL);
    aligned[255] = space[units * UNIT_BYTES] = aligned[0];
}

__attribute__((noinline)) static void shifted(size_t units)
{
    volatile char *space = alloca(units * 16 + 1); /* the alignment's gap differs */

    space[0] = 1;
    over_aligned(UNITS - units);
    space[units * 16] = space[0];
}

static void any_innermost(void *units)
{
    innermost((size_t)units);
    __asm__ volatile("");
}

/* rbp as ordinary data: any value, also one that looks like a frame. */
static void any_rbp(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t value = next_random();

    if (value % 2 == 0) {
        value = here - value % 512 * 8;
    }
    odd_any_rbp(any_innermost, (void *)(next_random() % 2), value);
}

int main(int argc, char **argv)
{
    random_state = argc == 2 ? strtoull(argv[1], NULL, 10) * 2654435761U + 1 : 1;
    for (int round = 0; round < ROUNDS; round++) {
        other_callers();
        moving_frames();
        shifted(next_random() % UNITS);
        any_rbp();
    }
    tally_print();
    return 0;
}
