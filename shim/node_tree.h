/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_NODE_TREE_H
#define SEEP_SHIM_NODE_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "unwind_rules.h"
#include "walk_frame.h"

struct seep_self;

/* The calling-context tree in the segment: children found or made. */

enum { SEEP_KNOWN_FIRST = 512, SEEP_MODULE_CACHE = 8 };

/* One thing that a thread knows of the segment's tables: the child of a node for a frame,
 * or the site of a node (`word` then says subsystem and kind, and has SEEP_KNOWN_SITE).
 */
struct seep_known {
    uint64_t word;
    uint32_t node;
    uint32_t value; /* node or site */
};
#define SEEP_KNOWN_SITE (UINT64_C(1) << 62) /* no frame has this bit */

/* Private to a thread; droppable at any time; grows with what it misses. */
struct seep_node_cache {
    struct seep_known *grown; /* NULL: `first` is in use */
    uint32_t mask;            /* of what is in use; 0 = nothing yet */
    uint32_t missed;          /* since it last grew */
    uint32_t next_module;
    struct seep_module_range modules[SEEP_MODULE_CACHE];
    struct seep_known first[SEEP_KNOWN_FIRST];
};

/* A hash of two words, good in all bits. */
static inline uint64_t seep_node_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ (h >> 29) ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ (h >> 32);
}

/* Where to look for a node, in the tree and in what a thread knows of it, follows from
 * the frames that led to it, not from the numbers of the nodes above: so all places of a
 * stack are known before the first is read, and are waited for together.
 *
 * path: of the parent, or a root's number; word: a frame's place, or SEEP_KNOWN_SITE and
 * what goes with it.
 */
static inline uint32_t seep_node_path(uint32_t path, uint64_t word)
{
    return (uint32_t)((((uint64_t)path << 32) ^ word) * UINT64_C(0x9e3779b97f4a7c15) >>
                      32);
}

/* The path of the child for a frame. */
static inline uint32_t seep_node_path_of_child(uint32_t path, uint64_t frame)
{
    return seep_node_path(path, seep_frame_place(frame));
}

/* The child of `parent` for a frame, made when new. path: of the child.
 *
 * Returns: its id; 0 when the table is full. Thread-safety: any thread;
 * async-signal-safe; no lock. Allocates: no.
 */
uint32_t seep_node_child(uint32_t path, uint32_t parent, uint64_t frame);

/* Where the thread knows (word, node), or would; path: seep_node_path with this word.
 * When it does not (word and node differ) the caller fills it in. Owner thread, at
 * nest 1. */
struct seep_known *seep_node_known(struct seep_node_cache *cache, uint32_t path,
                                   uint64_t word, uint32_t node);

/* Forgets all; keeps the memory. */
void seep_node_forget(struct seep_node_cache *cache);

/* The same through the thread's cache. Owner thread, at nest 1. */
uint32_t seep_node_child_cached(struct seep_self *self, uint32_t path, uint32_t parent,
                                uint64_t frame);

#endif
