/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_NODE_TREE_H
#define SEEP_SHIM_NODE_TREE_H

#include <stdint.h>

#include "unwind_rules.h"

struct seep_self;

/* The calling-context tree in the segment: children found or made. */

enum { SEEP_NODE_CACHE = 512, SEEP_MODULE_CACHE = 8 };

/* What a thread knows of the tree: private, droppable at any time. */
struct seep_node_cache {
    struct seep_node_known {
        uint64_t frame;
        uint32_t parent;
        uint32_t node;
    } known[SEEP_NODE_CACHE];
    struct seep_module_range modules[SEEP_MODULE_CACHE];
    uint32_t next_module;
};

/* A hash of two words, good in all bits. */
static inline uint64_t seep_node_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ (h >> 29) ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ (h >> 32);
}

/* The child of `parent` for a frame (unwind_walk.h), made when new.
 *
 * Returns: its id; 0 when the table is full. Thread-safety: any thread;
 * async-signal-safe; no lock. Allocates: no.
 */
uint32_t seep_node_child(uint32_t parent, uint64_t frame);

/* The same through the thread's cache. Owner thread, at nest 1. */
uint32_t seep_node_child_cached(struct seep_self *self, uint32_t parent, uint64_t frame);

#endif
