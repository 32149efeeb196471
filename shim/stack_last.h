/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_STACK_LAST_H
#define SEEP_SHIM_STACK_LAST_H

#include <stdbool.h>
#include <stdint.h>

#include "seep/segment.h"
#include "word_compare.h"

struct seep_self;

/* The stack that a thread unwound last, outermost frame first, with the words that
 * unwinding it has read, so that the next walk need only go to where the two meet.
 *
 * L1: the state (sp, pc, and fp where fp_live) in which a frame was found, together with
 * the words of it and of all frames outside it, determines the rest of the stack: equal
 * state and equal words mean an equal rest. L2: words of frame i end at frames[i].words;
 * their offsets count from the upper end of the thread's own stack.
 */
struct seep_last_frame {
    uint64_t frame; /* as unwind_walk.h */
    uintptr_t sp, fp;
    uint32_t node;
    uint32_t path;    /* seep_node_path of this frame and of those outside it */
    uint16_t words;   /* of this frame and of those outside it */
    uint16_t fp_live; /* a frame from here on takes an address from fp */
};

enum {
    SEEP_LAST_BLOCKS = (3 * SEEP_STACK_MAX_FRAMES + 8) / SEEP_COMPARE_BLOCK,
    SEEP_LAST_ELSEWHERE = -1, /* not a stack that is remembered */
    SEEP_LAST_DEEP = -2       /* nor this: too deep, and its inner frames are known */
};

struct seep_last {
    uint32_t count;  /* frames; 0 = nothing is remembered */
    uint32_t end;    /* how it ends: SEEP_NODE_COMPLETE or _NO_RULE */
    uint32_t walked; /* frames that the last take had to walk */
    struct seep_last_frame frames[SEEP_STACK_MAX_FRAMES];
    struct seep_words words[SEEP_LAST_BLOCKS];
};

/* A frame of the part being walked, innermost first: scratch. */
struct seep_last_step {
    uint64_t frame;
    uintptr_t sp, fp;
    uintptr_t ra_at, ra;       /* the return address read; ra_at 0 = none */
    uintptr_t fp_at, fp_next;  /* the caller's fp; fp_at 0 = none */
    uintptr_t deref_at, deref; /* the word that held the CFA; deref_at 0 = none */
    uint32_t path;             /* as above */
    bool fp_live;              /* as above */
    bool fp_word;              /* what was read at fp_at matters */
};

/* Takes the calling thread's stack and makes it the one remembered.
 *
 * sp, fp:  as seep_unwind_walk; sp on the thread's own stack. leaf_word: what the caller
 *          will ask seep_node_known of the leaf.
 * Returns: its leaf node (>= SEEP_NODE_FIRST); 0 when the table of nodes is full;
 * SEEP_LAST_ELSEWHERE for a stack with a signal frame, with a rule that is not compact,
 * an unreadable one, or one that begins 2 GiB below the stack's end; SEEP_LAST_DEEP:
 * self->frames[0] then holds its SEEP_STACK_MAX_FRAMES inner frames, as seep_unwind_walk.
 * With both what was remembered stays. Thread-safety: owner thread, at nest 1. Allocates:
 * no. Cost: O(frames that changed) walked, all compared.
 */
int64_t seep_last_take(struct seep_self *self, uintptr_t sp, uintptr_t fp,
                       uint64_t leaf_word);

#endif
