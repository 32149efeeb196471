/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_STACKMEMO_H
#define SEEP_SHIM_STACKMEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/segment.h"
#include "stack_last.h"
#include "word_compare.h"

/* Stacks that were taken before, each with the words that prove it is the same.
 *
 * M1: an entry is valid when sp, the return address, the fp (where it matters) and all
 * its words compare equal: unwinding reads nothing else (stack_last.h, L1).
 * M2: the index is a trie over a stack's words, read from the inside out: a slot found by
 * (sp, return address) leads to an entry, or to a branch that names the first word in
 * which the stacks below it differ; that word's value gives the next slot. So stacks that
 * differ only near main are told apart by one look-up each. Stacks that differ in no word
 * of both, only in the frame pointer, part at a branch that asks for that.
 * M3: a wrong or lost slot only costs time: every entry is proved before it is believed,
 * and a way through the index has SEEP_MEMO_PATH slots at most.
 * M4: a root with branches below it has a fan: the first few places in which its stacks
 * were seen to differ, whose words together lead to a hint, an entry to try before the
 * trie is asked. So the usual look-up has one step, however many branches there are. The
 * hints of a root with few stacks lie beside its fan, those of others in a table for all.
 */
struct seep_memo_slot {
    uint32_t tag; /* of the hash; 0 = empty */
    uint32_t at;  /* entry or branch: offset in the area / 8, a branch with BRANCH set */
    uint32_t recent; /* `at`; below a branch the entry that was found last, tried first
                        once nothing of it is above UNSURE: each time in a row takes one
                        off; 0 = none */
    int32_t offset;  /* the branch's, to save a look */
};
static_assert(sizeof(struct seep_memo_slot) == 16, "four to a cache line");

struct seep_memo_hint {
    uint32_t tag; /* of the hash; 0 = empty */
    uint32_t at;  /* an entry: offset in the area / 8 */
};

enum { SEEP_MEMO_FAN = 4, SEEP_MEMO_NEAR = 8 };
struct seep_memo_branch {
    int32_t offset; /* of the word, from the end of the stack; 0 = the frame pointer */
    uint32_t entry; /* one of the entries below */
    /* A root's fan. */
    uintptr_t sp;               /* its root's; 0 while it rests, and of other branches */
    int32_t fan[SEEP_MEMO_FAN]; /* as offset; what is not used repeats the first */
    uint32_t is_root;
    uint32_t stacks;  /* hung below it so far: at most NEAR_MOST: all hints are near */
    uint32_t count;   /* of the fan's places in use */
    uint32_t missed;  /* times that its hint was none or wrong ... */
    uint32_t found;   /* ... and right, since it was last judged */
    uint32_t resting; /* look-ups until it is tried again */
    struct seep_memo_hint near[SEEP_MEMO_NEAR]; /* of a root only: in pairs */
};
static_assert(sizeof(struct seep_memo_branch) == 120, "two cache lines");

struct seep_memo_entry {
    uintptr_t sp, ra, fp;
    uint32_t node;     /* leaf of the stack */
    uint32_t path;     /* seep_node_path of the stack */
    uint32_t site;     /* for the subsystem and kind asked for last ... */
    uint32_t site_key; /* ... which is this; 0 = none yet */
    uint32_t words_bytes;
    bool is_odd; /* the number of words' blocks */
    bool fp_live;
    uint8_t end; /* how the stack ends */
    uint8_t pad;
    struct seep_words words[]; /* filled up by repeating a word */
};
static_assert(sizeof(struct seep_memo_entry) == 48, "layout");

enum { SEEP_MEMO_PROBES = 4, SEEP_MEMO_PATH = 48, SEEP_MEMO_INDEX_SHIFT = 44 };
#define SEEP_MEMO_BRANCH (UINT32_C(1) << 31)
#define SEEP_MEMO_UNSURE (UINT32_C(1) << 30)

struct seep_memo {
    uint8_t *area;  /* slots, hints in pairs, leaf nodes missed lately, then entries,
                       branches and fans */
    uintptr_t high; /* end of the stack that it is about */
    uint64_t found; /* stacks found since it was last empty; written by the caller */
    uint32_t slots_mask;
    uint32_t used_bytes; /* of the area */
    uint32_t area_bytes; /* 0: an area that stays empty */
    uint32_t learned;    /* entries since it was last empty */
    uint32_t missed;     /* stacks not found, in that time */
    uint32_t reluctance; /* a stack not seen lately is learned once in 2^this */
    uint32_t resting;    /* misses until learning is tried again */
};

/* All bits of the product's upper half depend on both. */
static inline uint64_t seep_memo_hash(uint64_t a, uint64_t b)
{
    return ((a << 24) + (a >> 40) + b) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t seep_memo_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 24) | 1;
}

static inline struct seep_memo_entry *seep_memo_entry_at(const struct seep_memo *memo,
                                                         uint32_t at)
{
    return (struct seep_memo_entry *)(void *)(memo->area + (size_t)at * 8);
}

static inline const struct seep_words *
seep_memo_words_end(const struct seep_memo_entry *entry)
{
    return (const struct seep_words *)(const void *)((const uint8_t *)entry->words +
                                                     entry->words_bytes);
}

/* Whether this is the entry of the stack that the thread is on (M1). */
static inline __attribute__((always_inline)) bool
seep_memo_proves(const struct seep_memo *memo, struct seep_memo_entry *entry,
                 uintptr_t sp, uintptr_t fp, uintptr_t ra)
{
    return entry->sp == sp && entry->ra == ra && (!entry->fp_live || entry->fp == fp) &&
           seep_compare((const uint8_t *)memo->high, entry->words,
                        seep_memo_words_end(entry), entry->is_odd);
}

/* The entry of the stack that the thread is on, proved.
 *
 * sp, fp:  as seep_unwind_walk, on the stack that the memo is about; ra: the word at sp.
 * Returns: borrowed, until the memo learns or forgets; NULL: not known. Owner thread.
 */
struct seep_memo_entry *seep_memo_find(const struct seep_memo *memo, uintptr_t sp,
                                       uintptr_t fp, uintptr_t ra);

/* The part of it below a root with branches: by its fan, or from its branch down. */
struct seep_memo_entry *seep_memo_search(const struct seep_memo *memo,
                                         struct seep_memo_slot *root, uintptr_t sp,
                                         uintptr_t fp, uintptr_t ra);

/* No entry: the stack is not known, and need not be looked for again. */
extern struct seep_memo_entry seep_memo_unknown __attribute__((visibility("hidden")));

/* As seep_memo_find, but looks only where it is most likely. Returns: NULL: it may be
 * elsewhere; seep_memo_unknown. */
static inline __attribute__((always_inline)) struct seep_memo_entry *
seep_memo_likely(const struct seep_memo *memo, uintptr_t sp, uintptr_t fp, uintptr_t ra)
{
    uint64_t hash = seep_memo_hash(sp, ra);
    struct seep_memo_slot *root =
        (struct seep_memo_slot *)(void *)memo->area +
        ((uint32_t)(hash >> SEEP_MEMO_INDEX_SHIFT) & memo->slots_mask);
    struct seep_memo_entry *entry = NULL;

    if (__builtin_expect(root->tag != seep_memo_tag(hash), 0)) {
        return NULL;
    }
    if (__builtin_expect(root->recent - 1 < SEEP_MEMO_UNSURE - 1, 1)) {
        entry = seep_memo_entry_at(memo, root->recent);
        return __builtin_expect(seep_memo_proves(memo, entry, sp, fp, ra), 1) ? entry
                                                                              : NULL;
    }
    entry = (root->at & SEEP_MEMO_BRANCH) != 0 ? seep_memo_search(memo, root, sp, fp, ra)
                                               : NULL;
    return entry != NULL ? entry : &seep_memo_unknown;
}

/* Makes the memo be about the stack that ends at stack_high, and gives it its first area;
 * when the kernel refuses, one that stays empty. Owner thread. */
void seep_memo_start(struct seep_memo *memo, uintptr_t stack_high);

/* Forgets all; keeps the memory. Owner thread. */
void seep_memo_forget(struct seep_memo *memo);

#endif
