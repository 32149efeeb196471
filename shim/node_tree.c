/* The calling-context tree: a hash trie whose links lie in the nodes themselves.
 *
 * Design: inserting is one compare-and-swap, nothing is ever moved or resized, and no
 * lock exists that a fork or a signal could catch. In front of it each thread keeps what
 * it has looked up last, since a walk mostly meets the same few frames again and the tree
 * lies in memory that all threads share.
 *
 * I1: a node is complete before it is linked (release), and readers follow links with
 * acquire. I2: whoever loses the race to link leaves a duplicate behind, complete and
 * unused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "node_tree.h"

#include <string.h>

#include "cache_memory.h"
#include "guard.h"
#include "segment_map.h"
#include "unwind_walk.h"

enum {
    TRIE_BITS = 2,
    TRIE_MASK = (1 << TRIE_BITS) - 1,
    KNOWN_GROWTH = 4,
    KNOWN_MOST = 1 << 16, /* entries: 1 MiB */
    MISSES_WORTH = 2      /* a cache that has missed this many times its size grows */
};

static uint32_t node_new(uint32_t parent, uint32_t module, uint64_t offset)
{
    uint32_t id = atomic_fetch_add_explicit(&seep_segment_header()->node_count, 1,
                                            memory_order_relaxed);
    struct seep_node *node = &seep_segment_nodes()[id];

    if (id >= SEEP_NODES_MAX) {
        atomic_fetch_sub_explicit(&seep_segment_header()->node_count, 1,
                                  memory_order_relaxed);
        return 0;
    }
    node->offset = offset;
    node->module = module;
    __atomic_store_n(&node->parent, parent, __ATOMIC_RELEASE); /* S1: last */
    return id;
}

static uint32_t child(uint32_t path, uint32_t parent, uint32_t module, uint64_t offset)
{
    uint64_t hash = seep_node_mix((uint64_t)parent << 32 | module, offset);
    struct seep_node *nodes = seep_segment_nodes();
    _Atomic uint32_t *link = &seep_segment_node_buckets()[path % SEEP_NODE_BUCKETS];
    uint32_t fresh = 0;

    for (;;) {
        uint32_t id = atomic_load_explicit(link, memory_order_acquire);

        if (id == 0) {
            fresh = fresh != 0 ? fresh : node_new(parent, module, offset);
            if (fresh == 0 ||
                atomic_compare_exchange_strong_explicit(
                    link, &id, fresh, memory_order_release, memory_order_acquire)) {
                return fresh;
            }
        }
        if (nodes[id].parent == parent && nodes[id].module == module &&
            nodes[id].offset == offset) {
            return id;
        }
        link = &nodes[id].child[hash & TRIE_MASK];
        hash = hash >> TRIE_BITS | hash << (64 - TRIE_BITS);
    }
}

static uint32_t child_in(const struct seep_module_range *module, uint32_t path,
                         uint32_t parent, uint64_t frame)
{
    return child(path, parent, module->id,
                 seep_frame_place(frame) - (module->id != 0 ? module->base : 0));
}

uint32_t seep_node_child(uint32_t path, uint32_t parent, uint64_t frame)
{
    struct seep_module_range module;

    (void)seep_unwind_rules_module(SEEP_FRAME_KEY(frame), &module);
    return child_in(&module, path, parent, frame);
}

/* The module of an address, from the thread's few. */
static struct seep_module_range module_of(struct seep_node_cache *cache, uintptr_t key)
{
    struct seep_module_range found;

    for (unsigned i = 0; i < SEEP_MODULE_CACHE; i++) {
        if (key - 1 >= cache->modules[i].start && key - 1 < cache->modules[i].end) {
            return cache->modules[i];
        }
    }
    if (seep_unwind_rules_module(key, &found)) {
        cache->modules[cache->next_module++ % SEEP_MODULE_CACHE] = found;
    }
    return found;
}

/* Larger, and empty, once the cache has missed more than it holds. */
static void grow(struct seep_node_cache *cache)
{
    uint32_t entries = (cache->mask + 1) * KNOWN_GROWTH;
    uint32_t bytes = entries * (uint32_t)sizeof(struct seep_known);
    uint32_t old_bytes = cache->grown != NULL ? bytes / KNOWN_GROWTH : 0;
    struct seep_known *old = cache->grown;
    void *area = entries <= KNOWN_MOST ? seep_cache_memory_grow(old_bytes, bytes) : NULL;

    cache->missed = 0;
    if (area != NULL) {
        cache->grown = area;
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* never more entries than memory */
        cache->mask = entries - 1;
        seep_cache_memory_unmap(old, old_bytes);
    }
}

struct seep_known *seep_node_known(struct seep_node_cache *cache, uint32_t path,
                                   uint64_t word, uint32_t node)
{
    struct seep_known *known = NULL;

    cache->mask |= SEEP_KNOWN_FIRST - 1;
    if (__builtin_expect(cache->missed > cache->mask * MISSES_WORTH, 0)) {
        grow(cache);
    }
    known = cache->grown != NULL ? cache->grown : cache->first;
    known = &known[path & cache->mask];
    cache->missed += known->word != word || known->node != node;
    return known;
}

void seep_node_forget(struct seep_node_cache *cache)
{
    if (cache->grown != NULL) {
        memset(cache->grown, 0, (cache->mask + 1) * sizeof(struct seep_known));
    } else {
        memset(cache->first, 0, sizeof(cache->first));
    }
    memset(cache->modules, 0, sizeof(cache->modules));
}

uint32_t seep_node_child_cached(struct seep_self *self, uint32_t path, uint32_t parent,
                                uint64_t frame)
{
    struct seep_known *known = seep_node_known(&self->nodes, path, frame, parent);
    uint32_t node = 0;

    if (known->word == frame && known->node == parent) {
        return known->value;
    }
    struct seep_module_range module = module_of(&self->nodes, SEEP_FRAME_KEY(frame));

    node = child_in(&module, path, parent, frame);
    if (node != 0) {
        *known = (struct seep_known){frame, parent, node};
    }
    return node;
}
