/* From a stack to a number.
 *
 * Design: three ways, each for what the one before cannot do. The thread's memo knows the
 * stack: its words are compared, nothing is unwound. The stack meets the one taken last:
 * the frames that changed are walked. Neither may be asked (a signal handler on top of a
 * recording, a coroutine's stack, a library being closed): the whole stack is walked and
 * looked up in the tree that all threads share.
 *
 * A site is (leaf node, subsystem, kind), found like a node (node_tree.c).
 *
 * SPDX-License-Identifier: MIT
 */
#include "site.h"

#include "life.h"
#include "memo_learn.h"
#include "segment_map.h"
#include "text.h"
#include "unwind_check.h"
#include "unwind_slow.h"
#include "unwind_walk.h"

enum { TRIE_BITS = 2, TRIE_MASK = (1 << TRIE_BITS) - 1 };

static bool memo_off; /* written once, before the first recording */

void seep_site_start(void)
{
    char value[8];

    memo_off = seep_text_option("memo", value, sizeof(value)) && value[0] == 'o' &&
               value[1] == 'f';
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

/* The innermost node of a stack, and its path (node_tree.h). */
struct leaf {
    uint32_t node, path;
};
static const struct leaf unknown = {SEEP_NODE_UNKNOWN, SEEP_NODE_UNKNOWN};

static uint64_t site_word(uint32_t subsystem, enum seep_kind kind)
{
    return SEEP_KNOWN_SITE | seep_site_key_of(subsystem, kind);
}

static uint32_t site_of_leaf(struct leaf leaf, uint32_t subsystem, enum seep_kind kind)
{
    uint64_t hash = seep_node_mix((uint64_t)leaf.node << 32 | subsystem, (uint64_t)kind);
    uint32_t path = seep_node_path(leaf.path, site_word(subsystem, kind));
    struct seep_site *sites = seep_segment_sites();
    _Atomic uint32_t *link = &seep_segment_site_buckets()[path % SEEP_SITE_BUCKETS];
    uint32_t fresh = 0;

    for (;;) {
        uint32_t id = atomic_load_explicit(link, memory_order_acquire);

        if (id == 0) {
            fresh = fresh != 0 ? fresh : site_new(leaf.node, subsystem, kind);
            if (fresh == 0 ||
                atomic_compare_exchange_strong_explicit(
                    link, &id, fresh, memory_order_release, memory_order_acquire)) {
                return fresh;
            }
        }
        if (sites[id].node == leaf.node && sites[id].subsystem == subsystem &&
            sites[id].kind == (uint8_t)kind) {
            return id;
        }
        link = &sites[id].child[hash & TRIE_MASK];
        hash = hash >> TRIE_BITS | hash << (64 - TRIE_BITS);
    }
}

/* Interns a stack, through the thread's cache when it may be used. Returns: its leaf
 * node; 0 when the table is full, or when a signal handler forked meanwhile and its child
 * has got another table. */
static struct leaf intern(struct seep_self *self, bool cached, const uint64_t *frames,
                          uint32_t count, uint32_t root)
{
    struct leaf leaf = {root, root};
    uint32_t epoch = self->epoch;

    for (uint32_t at = count; at-- > 0 && leaf.node != 0;) {
        if (__builtin_expect(epoch != __atomic_load_n(&self->epoch, __ATOMIC_RELAXED),
                             0)) {
            return (struct leaf){0};
        }
        leaf.path = seep_node_path_of_child(leaf.path, frames[at]);
        leaf.node = cached
                        ? seep_node_child_cached(self, leaf.path, leaf.node, frames[at])
                        : seep_node_child(leaf.path, leaf.node, frames[at]);
    }
    return leaf;
}

/* A stack that is not whole. */
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

/* Whether what the thread knows may be used: not while a library is being closed; once
 * one was, it is dropped first. */
static bool caches_hold(struct seep_self *self)
{
    uint32_t generation = seep_guard_unloads();

    if (__builtin_expect(self->unload_generation == generation, 1)) {
        return true;
    }
    if (seep_life_unloading()) {
        return false;
    }
    self->unload_generation = generation;
    seep_guard_drop_caches(self);
    return true;
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
    uint32_t level = seep_guard_levels(self);
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
        self->nest = (level < SEEP_SELF_LEVELS ? level + 1 : level) -
                     (self->fast == SEEP_SELF_BUSY);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        root = seep_unwind_walk(self, sp, fp, frames, &count);
        while (count > 0 && (frames[count - 1] & SEEP_FRAME_EXACT) == 0) {
            count--;
        }
        level = root == SEEP_NODE_COMPLETE && count == 0 ? 0 : level;
    }
    if (level == 0) {
        self->nest = 1; /* a handler from here on is on top of us */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        self->fast = SEEP_SELF_SLOW; /* it may have been one on the short way */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        seep_guard_drop_caches(self);
    }
    return level;
}

static uint32_t site_of_known(struct seep_self *self, struct leaf leaf,
                              enum seep_kind kind)
{
    uint64_t word = site_word(self->subsystem, kind);
    struct seep_known *known =
        seep_node_known(&self->nodes, seep_node_path(leaf.path, word), word, leaf.node);

    if (known->word != word || known->node != leaf.node) {
        *known = (struct seep_known){word, leaf.node,
                                     site_of_leaf(leaf, self->subsystem, kind)};
    }
    return known->value;
}

/* The way without the thread's caches: nested recordings, other stacks than its own,
 * stacks that cannot be remembered. Returns: as intern. */
static struct leaf node_plain(struct seep_self *self, uint32_t level, bool cached,
                              uintptr_t sp, uintptr_t fp)
{
    uint32_t count = 0;
    uint32_t root = seep_unwind_walk(self, sp, fp, self->frames[level], &count);

    if (root == SEEP_NODE_UNSUPPORTED || root == SEEP_NODE_BAD_FRAME) {
        root = seep_unwind_slow(self, sp, self->frames[level], &count, root);
    }
    count_incomplete(root);
    return intern(self, cached, self->frames[level], count, root);
}

static uint32_t site_of(struct leaf leaf, uint32_t subsystem, enum seep_kind kind)
{
    uint32_t site = 0;

    if (leaf.node == 0) {
        seep_segment_lose(SEEP_LOSS_NODES_FULL);
        leaf = unknown;
    }
    site = site_of_leaf(leaf, subsystem, kind);
    if (site == 0) {
        seep_segment_lose(SEEP_LOSS_SITES_FULL);
    }
    return site;
}

/* The thread is still inside the recording. */
static uint32_t checked(struct seep_self *self, uintptr_t sp, uint32_t site)
{
    if (__builtin_expect(seep_check_every != 0, 0)) {
        seep_unwind_check(self, sp, site);
    }
    return site;
}

/* Nothing is remembered any more where a handler has forked meanwhile, and this is the
 * child: the path is anybody's then, and the site is given up. */
static uint32_t path_of_last(const struct seep_self *self)
{
    uint32_t count = __atomic_load_n(&self->last.count, __ATOMIC_RELAXED);

    return count != 0 ? self->last.frames[count - 1].path : 0;
}

/* The site of a stack that the memo does not know (entry NULL), or not for this subsystem
 * and kind. */
static uint32_t missed(struct seep_self *self, struct seep_memo_entry *entry,
                       enum seep_kind kind, uintptr_t sp, uintptr_t fp)
{
    struct leaf leaf = {0};
    int64_t taken = SEEP_LAST_ELSEWHERE;
    uint32_t site = 0;

    if (entry != NULL) {
        self->memo.found++;
        taken = entry->node;
    } else if (!memo_off && on_own_stack(self, sp)) {
        taken = seep_last_take(self, sp, fp, site_word(self->subsystem, kind));
    }
    if (taken == SEEP_LAST_ELSEWHERE) {
        leaf = node_plain(self, 0, true, sp, fp);
    } else if (taken == SEEP_LAST_DEEP) {
        count_incomplete(SEEP_NODE_DEEP);
        leaf = intern(self, true, self->frames[0], SEEP_STACK_MAX_FRAMES, SEEP_NODE_DEEP);
    } else if (entry == NULL && taken != 0) {
        count_incomplete(self->last.end);
        leaf = (struct leaf){(uint32_t)taken, path_of_last(self)};
        entry = seep_memo_learn(self, sp, fp);
    } else if (entry != NULL) {
        count_incomplete(entry->end);
        leaf = (struct leaf){entry->node, entry->path};
    }
    if (leaf.node == 0) {
        return site_of(leaf, self->subsystem, kind);
    }
    site = site_of_known(self, leaf, kind);
    if (site == 0) {
        seep_segment_lose(SEEP_LOSS_SITES_FULL);
    } else if (entry != NULL && entry->end == SEEP_NODE_COMPLETE &&
               seep_check_every == 0) { /* the others all come here: counted, checked */
        entry->site = site;
        entry->site_key = seep_site_key(self, kind);
    }
    return checked(self, sp, site);
}

uint32_t seep_site_cached(struct seep_self *self, struct seep_memo_entry *known,
                          enum seep_kind kind, uintptr_t sp, uintptr_t fp)
{
    if (known == NULL) {
        known = seep_memo_find(&self->memo, sp, fp, *(const uintptr_t *)sp);
    } else if (known == &seep_memo_unknown) {
        known = NULL;
    }
    return seep_site_is_known(self, known, kind) ? known->site
                                                 : missed(self, known, kind, sp, fp);
}

bool seep_site_survives(struct seep_self *self, uint64_t fast)
{
    if (self->epoch != (uint32_t)fast) { /* a child that has begun on its own */
        self->nest = 1;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        seep_guard_drop_caches(self);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        self->nest = 0;
        self->fast = seep_guard_fast(self);
    }
    return seep_guard_epoch() == (uint32_t)fast;
}

/* Begins a recording on the long way. */
static void enter(struct seep_self *self, uint32_t level, uintptr_t sp)
{
    self->level_sp[level] = sp;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (level == 0) {
        self->nest = 1;
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* a handler before the next store takes
                                                    the short way, and finds no trace */
        self->fast = SEEP_SELF_SLOW;
    } else {
        self->nest = level + 1 - (self->fast == SEEP_SELF_BUSY);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void leave(struct seep_self *self, uint32_t level)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    /* What this is on top of may have been about to begin, with its sp noted. */
    self->level_sp[level] = SEEP_SELF_SP_UNKNOWN;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->nest = level - (self->fast == SEEP_SELF_BUSY);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (level == 0) {
        self->fast = seep_guard_fast(self);
    }
}

/* An event that may not take the short way. */
static uint32_t elsewhere(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                          uintptr_t fp)
{
    uint32_t level = seep_guard_levels(self) == 0 ? 0 : levels_under_way(self, sp, fp);
    uint32_t epoch = self->epoch;
    uint32_t site = 0;

    if (__builtin_expect(level >= SEEP_SELF_LEVELS, 0)) {
        seep_segment_lose(SEEP_LOSS_NESTED);
        return site_of_leaf(unknown, self->subsystem, kind);
    }
    enter(self, level, sp);
    if (level == 0 && caches_hold(self)) {
        site = seep_site_cached(self, NULL, kind, sp, fp);
    } else {
        site = site_of(node_plain(self, level, false, sp, fp), self->subsystem, kind);
        site = checked(self, sp, site);
    }
    if (__builtin_expect(epoch != self->epoch, 0)) { /* a child that has begun */
        seep_guard_drop_caches(self);
        site = 0;
    }
    leave(self, level);
    return site;
}

uint32_t seep_site_here(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                        uintptr_t fp)
{
    uint64_t fast = self->fast;
    uint32_t site = 0;

    if (fast != seep_guard_both()) {
        return elsewhere(self, kind, sp, fp);
    }
    seep_site_begin(self, sp);
    site = seep_site_cached(self, NULL, kind, sp, fp);
    return seep_site_end(self, fast) ? site : 0;
}
