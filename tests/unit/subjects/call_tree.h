/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_UNIT_CALL_TREE_H
#define SEEP_TESTS_UNIT_CALL_TREE_H

#include <stdint.h>

/* A random tree of calls with events in it. The same random number gives the same calls
 * and events, and from the same place of the stack the same stacks. */

enum { CALL_TREE_DEPTH_MOST = 200 };

struct call_tree {
    uint64_t random;
    uint32_t depth_most;  /* up to CALL_TREE_DEPTH_MOST */
    uint32_t events_left; /* of this run */
    uint32_t depth;
    uint32_t target;        /* the depth that it strays around */
    volatile uint32_t sink; /* keeps the compiler from dropping what it may not see */
    void (*event)(struct call_tree *tree);
    void *context;
};

/* Runs until no events are left. One is compiled with -fomit-frame-pointer, so that most
 * frames are found by the stack pointer and the frame pointer is any register; one with
 * -fno-omit-frame-pointer. In both some frames have a size that only runtime knows. */
void call_tree_omitting(struct call_tree *tree);
void call_tree_keeping(struct call_tree *tree);

/* A number that is not 0, from the one before. */
static inline uint64_t call_tree_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

#endif
