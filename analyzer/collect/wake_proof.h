/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_WAKE_PROOF_H
#define SEEP_ANALYZER_COLLECT_WAKE_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach/memory_map.h"
#include "base/error.h"
#include "base/span.h"
#include "waits/reach.h"

enum { SEEP_WAKE_REGISTERS = 17 };

/* A thread as a short stop found it. */
struct seep_wake_thread {
    uint32_t tid;
    uint64_t stack_pointer;
    uint64_t thread_pointer; /* fs base: glibc's control block; 0 unknown */
    uint64_t stack_bytes;    /* of its creation; 0 unknown */
    uint64_t registers[SEEP_WAKE_REGISTERS]; /* general purpose */
    bool blocked;                            /* in a futex, without a timeout */
    uint64_t object;                         /* blocked: the futex's address */
    bool reachable;                          /* out */
};

/* What the search knows of the process. All borrowed. */
struct seep_wake_scene {
    uint32_t pid;
    const struct seep_memory_map *map;
    const struct seep_reach_block *blocks; /* every live block of the heap, ascending */
    size_t block_count;
    const uint64_t *forgotten; /* control blocks of threads that ended and were not
                                  joined: what they returned can still be asked for */
    size_t forgotten_count;
    const struct seep_span *own; /* the recorder's mappings, ascending: no roots */
    size_t own_count;
    const uint64_t *words; /* what the kernel keeps for the program */
    size_t word_count;
    uint64_t limit_bytes; /* of memory to copy */
};

struct seep_wake_result {
    uint64_t copied_bytes, scanned_bytes, unread_bytes;
    size_t blocks, marked_blocks;
    size_t unreachable; /* threads */
};

/* Looks for whoever could wake the blocked threads.
 *
 * threads: every thread of the process; n of them.
 * Returns: 0; -ENOMEM; -E2BIG: more memory than the limit; as seep_memory_copy_take.
 *   The process runs on meanwhile: a pointer that moves from memory not yet copied to
 * memory already copied is missed. So one search proves nothing: three, with time
 * between them, and a thread that has not been switched to since the first, do
 * (docs/threads.md).
 * Allocates: a copy of the process's writable memory. Cost: O(that memory).
 */
int seep_wake_proof(const struct seep_wake_scene *scene, struct seep_wake_thread *threads,
                    size_t n, struct seep_wake_result *result, struct seep_error *error);

#endif
