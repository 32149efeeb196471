/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_WAITS_REACH_H
#define SEEP_ANALYZER_WAITS_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Can anybody ever wake this thread? A blocked thread is woken by somebody who has the
 * address of what it waits for. The search marks what the program can still get at, as a
 * garbage collector would, but starts without the blocked threads themselves; one whose
 * object is marked becomes alive, and what its stack refers to is marked in turn, until
 * nothing changes. Those that are left can be woken by nobody but each other: for ever.
 */

/* A block of the heap. */
struct seep_reach_block {
    uint64_t start;
    uint64_t bytes; /* requested; 0 counts as 1 */
};

enum { SEEP_REACH_REGISTERS_MAX = 20 };

struct seep_reach_thread {
    struct seep_span stack; /* what is in use, from the stack pointer up, with what
                                     belongs to the thread above its frames; empty when it
                                     is not known (its mapping is then a root) */
    uint64_t
        frames_end; /* where its frames and thread-local data end. The control block
                       above is what handles refer to: a handle keeps nothing alive */
    uint64_t registers[SEEP_REACH_REGISTERS_MAX];
    size_t register_count;
    bool blocked;    /* in a futex without a timeout: it has to be woken */
    uint64_t object; /* blocked: what it waits for */
    bool reachable;  /* out: somebody can wake it, or it is not blocked */
};

struct seep_reach_input {
    const struct seep_reach_block *blocks; /* ascending; neighbours may overlap */
    size_t block_count;
    const struct seep_span *roots; /* ascending, apart: data of modules, mappings;
                                            no blocks, no stack of a blocked thread */
    size_t root_count;
    const uint64_t *words; /* what the kernel keeps for the program */
    size_t word_count;
    uint64_t pointer_guard; /* of setjmp; 0 unknown */
    /* Gives the bytes of the program at `at`: a borrowed pointer, valid until the next
     * call, and how many follow it (at most `wanted`); NULL when there are none (never
     * touched, or not readable), with `available` = how far that goes. */
    const void *(*look)(void *arg, uint64_t at, size_t wanted, size_t *available);
    void *arg;
};

struct seep_reach_result {
    uint64_t scanned_bytes;
    size_t marked_blocks;
    unsigned rounds; /* until nothing changed */
};

/* Fills `reachable` of each thread.
 *
 * Conservative, as collectors for C are, and more: every word at a multiple of 4 that
 * points to a block, into it, or one past its end keeps it; so does one whose upper or
 * lower 16 bits are a mark, and one that setjmp has mangled. What is called unreachable
 * is, but for pointers that are stored otherwise (xor'ed, compressed, at odd addresses)
 * or outside of the process. An object that is in none of the blocks is reachable (code
 * may name it), except on a blocked thread's own stack, where something must point into
 * that stack.
 *
 * Returns: 0; -ENOMEM (threads untouched but for `reachable`).
 * Thread-safety: pure but for look. Allocates: 1 byte a block and the marking stack.
 * Cost: O(bytes scanned * log runs of blocks).
 * Source: Boehm, Weiser 1988 (conservative marking); Saioc, Lee, Moller, Chabbi, ASPLOS
 * 2025 (GOLF: the fixed point over blocked goroutines); glibc 2.36,
 * sysdeps/unix/sysv/linux/x86_64/pointer_guard.h (PTR_MANGLE).
 */
int seep_reach_solve(const struct seep_reach_input *input,
                     struct seep_reach_thread *threads, size_t n,
                     struct seep_reach_result *result);

#endif
