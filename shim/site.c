/* From a stack to a number: interning in a calling-context tree.
 *
 * Design: a node is (caller's node, module, offset), a site is (node, subsystem, kind).
 * Both are found through a hash trie whose links lie in the nodes themselves: inserting
 * is one compare-and-swap, nothing is ever moved or resized, and no lock exists that a
 * fork or a signal could catch. A stack shares all nodes of its outer frames with the
 * stack recorded before it on the same thread, so only the frames that changed are looked
 * up at all.
 *
 * I1: a node is complete before it is linked (release), and readers follow links with
 * acquire. I2: whoever loses the race to link leaves a duplicate behind, complete and
 * unused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "site.h"

#include "life.h"
#include "segment_map.h"
#include "unwind_walk.h"

enum { TRIE_BITS = 2, TRIE_MASK = (1 << TRIE_BITS) - 1 };

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ (h >> 29) ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
    return h ^ (h >> 32);
}

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

/* The child of `parent` for this frame, made when new. Returns: its id; 0 when the table
 * is full. */
static uint32_t node_child(uint32_t parent, uint32_t module, uint64_t offset)
{
    uint64_t hash = mix((uint64_t)parent << 32 | module, offset);
    struct seep_node *nodes = seep_segment_nodes();
    _Atomic uint32_t *link = &seep_segment_node_buckets()[hash % SEEP_NODE_BUCKETS];
    uint32_t fresh = 0;

    hash /= SEEP_NODE_BUCKETS;
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

static uint32_t site_new(uint32_t node, uint32_t subsystem, enum seep_kind kind)
{
    uint32_t id = atomic_fetch_add_explicit(&seep_segment_header()->site_count, 1,
                                            memory_order_relaxed);
    struct seep_site *site = &seep_segment_sites()[id];

    if (id >= SEEP_SITES_MAX) {
        atomic_fetch_sub_explicit(&seep_segment_header()->site_count, 1,
                                  memory_order_relaxed);
        return 0;
    }
    site->subsystem = (uint16_t)subsystem;
    site->kind = (uint8_t)kind;
    site->first_ns = seep_segment_now_ns();
    __atomic_store_n(&site->node, node, __ATOMIC_RELEASE); /* S1: last */
    return id;
}

static uint32_t site_of_node(uint32_t node, uint32_t subsystem, enum seep_kind kind)
{
    uint64_t hash = mix((uint64_t)node << 32 | subsystem, (uint64_t)kind);
    struct seep_site *sites = seep_segment_sites();
    _Atomic uint32_t *link = &seep_segment_site_buckets()[hash % SEEP_SITE_BUCKETS];
    uint32_t fresh = 0;

    hash /= SEEP_SITE_BUCKETS;
    for (;;) {
        uint32_t id = atomic_load_explicit(link, memory_order_acquire);

        if (id == 0) {
            fresh = fresh != 0 ? fresh : site_new(node, subsystem, kind);
            if (fresh == 0 ||
                atomic_compare_exchange_strong_explicit(
                    link, &id, fresh, memory_order_release, memory_order_acquire)) {
                return fresh;
            }
        }
        if (sites[id].node == node && sites[id].subsystem == subsystem &&
            sites[id].kind == (uint8_t)kind) {
            return id;
        }
        link = &sites[id].child[hash & TRIE_MASK];
        hash = hash >> TRIE_BITS | hash << (64 - TRIE_BITS);
    }
}

static uint32_t node_of_frame(struct seep_self *self, bool cached, uint32_t parent,
                              uint64_t frame)
{
    struct seep_rule scratch;
    const struct seep_rule *rule =
        seep_unwind_rule(self, cached, SEEP_FRAME_KEY(frame), &scratch);

    return node_child(parent, rule->module,
                      rule->offset - ((frame & SEEP_FRAME_EXACT) != 0));
}

/* Number of outer frames that the stack shares with the one recorded last. */
static uint32_t shared_frames(const struct seep_self *self, const uint64_t *frames,
                              uint32_t count, uint32_t root)
{
    uint32_t limit = count < self->last_count ? count : self->last_count;
    uint32_t n = 0;

    if (root != self->last_root) {
        return 0;
    }
    while (n < limit && frames[count - 1 - n] == self->last_frames[n]) {
        n++;
    }
    return n;
}

/* Interns a stack. Returns: its leaf node; 0 when the table is full, or when a signal
 * handler forked meanwhile and its child has got another table. */
static uint32_t intern(struct seep_self *self, bool cached, const uint64_t *frames,
                       uint32_t count, uint32_t root)
{
    uint32_t at = cached ? shared_frames(self, frames, count, root) : 0;
    uint32_t node = at != 0 ? self->last_nodes[at - 1] : root;
    uint32_t epoch = self->epoch;

    for (; at < count && node != 0; at++) {
        uint64_t frame = frames[count - 1 - at];

        if (__builtin_expect(epoch != __atomic_load_n(&self->epoch, __ATOMIC_RELAXED),
                             0)) {
            return 0;
        }
        node = node_of_frame(self, cached, node, frame);
        if (cached) {
            self->last_frames[at] = frame;
            self->last_nodes[at] = node;
        }
    }
    if (cached) {
        self->last_root = root;
        self->last_count = node != 0 ? count : 0;
    }
    return node;
}

static void count_incomplete(uint32_t root)
{
    static const enum seep_loss losses[] = {
        [SEEP_NODE_DEEP] = SEEP_LOSS_STACK_DEEP,
        [SEEP_NODE_NO_RULE] = SEEP_LOSS_STACK_NO_RULE,
        [SEEP_NODE_BAD_FRAME] = SEEP_LOSS_STACK_BAD_FRAME,
        [SEEP_NODE_UNSUPPORTED] = SEEP_LOSS_STACK_UNSUPPORTED,
    };

    if (root != SEEP_NODE_COMPLETE) {
        seep_segment_lose(losses[root]);
    }
}

/* Drops what the thread knows once a library was closed. */
static void forget_unloaded(struct seep_self *self)
{
    uint32_t generation = seep_life_unload_generation();

    if (__builtin_expect(self->unload_generation != generation, 0)) {
        self->unload_generation = generation;
        seep_guard_drop_caches(self);
    }
}

static bool on_own_stack(const struct seep_self *self, uintptr_t sp)
{
    return sp >= self->stack_low && sp < self->stack_high;
}

/* A handler may leave a recording by siglongjmp, and then nothing lowers `nest` again. A
 * live one lies above sp; and a stack that begins at the thread's start and passes no
 * signal frame is not a handler's, so nothing is under way below it. What was left may be
 * half written. Returns: how many recordings are under way. */
static uint32_t levels_under_way(struct seep_self *self, uintptr_t sp, uintptr_t fp)
{
    uint32_t level = self->nest;
    uint64_t *frames = self->frames[level < SEEP_SELF_LEVELS ? level : SEEP_SELF_LEVELS];
    uint32_t count = 0;
    uint32_t root = SEEP_NODE_NONE;

    if (level > SEEP_SELF_LEVELS) {
        return level; /* the self of dying threads */
    }
    while (level > 0 && on_own_stack(self, sp) && self->level_sp[level - 1] <= sp &&
           on_own_stack(self, self->level_sp[level - 1])) {
        level--;
    }
    if (level > 0) {
        self->nest = level < SEEP_SELF_LEVELS ? level + 1 : level;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        root = seep_unwind_walk(self, false, sp, fp, frames, &count);
        while (count > 0 && (frames[count - 1] & SEEP_FRAME_EXACT) == 0) {
            count--;
        }
        level = root == SEEP_NODE_COMPLETE && count == 0 ? 0 : level;
    }
    if (level == 0) {
        seep_guard_drop_caches(self);
    }
    return level;
}

static uint32_t site_cached(struct seep_self *self, uint32_t node, enum seep_kind kind)
{
    struct seep_self_site *entry =
        &self->sites[mix(node, self->subsystem ^ kind) % SEEP_SELF_SITES];

    if (entry->node != node || entry->subsystem != self->subsystem ||
        entry->kind != kind) {
        uint32_t site = site_of_node(node, self->subsystem, kind);

        *entry = (struct seep_self_site){node, (uint16_t)self->subsystem, (uint16_t)kind,
                                         site};
    }
    return entry->site;
}

uint32_t seep_site_here(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                        uintptr_t fp)
{
    uint32_t level =
        __builtin_expect(self->nest == 0, 1) ? 0 : levels_under_way(self, sp, fp);
    uint32_t epoch = self->epoch;
    bool cached = level == 0;
    uint32_t count = 0;
    uint32_t node = SEEP_NODE_UNKNOWN;
    uint32_t site = 0;

    if (__builtin_expect(level >= SEEP_SELF_LEVELS, 0)) {
        seep_segment_lose(SEEP_LOSS_NESTED);
        return site_of_node(node, self->subsystem, kind);
    }
    self->level_sp[level] = sp;
    self->nest = level + 1;
    __atomic_signal_fence(
        __ATOMIC_SEQ_CST); /* a handler must see the level before we touch its caches */
    if (cached) {
        forget_unloaded(self);
    }
    uint32_t root = seep_unwind_walk(self, cached, sp, fp, self->frames[level], &count);

    count_incomplete(root);
    node = intern(self, cached, self->frames[level], count, root);
    if (node == 0) {
        seep_segment_lose(SEEP_LOSS_NODES_FULL);
        node = SEEP_NODE_UNKNOWN;
    }
    site = cached ? site_cached(self, node, kind)
                  : site_of_node(node, self->subsystem, kind);
    if (site == 0) {
        seep_segment_lose(SEEP_LOSS_SITES_FULL);
    }
    if (__builtin_expect(epoch != self->epoch, 0)) { /* a handler forked, this is the
                                                        child: ids are of two tables */
        seep_guard_drop_caches(self);
        site = 0;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->nest = level;
    return site;
}
