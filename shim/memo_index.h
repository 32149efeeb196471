/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_MEMO_INDEX_H
#define SEEP_SHIM_MEMO_INDEX_H

#include "stack_read.h"
#include "stackmemo.h"

/* The ways through a memo's index (stackmemo.h, M2 and M4), for looking up and for
 * learning. Owner thread. */

enum { SEEP_MEMO_NEAR_MOST = 6 /* stacks below a root whose hints it holds itself */ };

static inline struct seep_memo_branch *seep_memo_branch_at(const struct seep_memo *memo,
                                                           uint32_t at)
{
    return (struct seep_memo_branch *)(void *)(memo->area +
                                               (size_t)(at & ~SEEP_MEMO_BRANCH) * 8);
}

static inline uint64_t seep_memo_word_hash(uint32_t branch, uint64_t word)
{
    return seep_memo_hash(branch, word);
}

/* The slot with this hash; NULL when there is none. */
static inline struct seep_memo_slot *seep_memo_slot_of(const struct seep_memo *memo,
                                                       uint64_t hash)
{
    struct seep_memo_slot *slots = (struct seep_memo_slot *)(void *)memo->area;
    uint32_t tag = seep_memo_tag(hash);

    for (uint32_t i = 0; i < SEEP_MEMO_PROBES; i++) {
        struct seep_memo_slot *slot =
            &slots[((uint32_t)(hash >> SEEP_MEMO_INDEX_SHIFT) + i) & memo->slots_mask];

        if (__builtin_expect(slot->tag == tag, 1)) {
            return slot;
        }
        if (slot->tag == 0) {
            break;
        }
    }
    return NULL;
}

/* From a branch to the slot for this stack's word. Returns: NULL when it has none. */
SEEP_READS_ANY_STACK static inline struct seep_memo_slot *
seep_memo_follow(const struct seep_memo *memo, const struct seep_memo_slot *slot,
                 uintptr_t sp, uintptr_t fp)
{
    uintptr_t address = memo->high + (uintptr_t)(intptr_t)slot->offset;

    if (slot->offset == 0) {
        return seep_memo_slot_of(memo, seep_memo_word_hash(slot->at, fp));
    }
    if (address <= sp) {
        return NULL; /* the slot was another stack's */
    }
    return seep_memo_slot_of(memo,
                             seep_memo_word_hash(slot->at, *(const uint64_t *)address));
}

SEEP_READS_ANY_STACK static inline uint64_t
seep_memo_fan_word(const struct seep_memo *memo, const struct seep_memo_branch *root,
                   int number)
{
    return *(const uint64_t *)(memo->high + (uintptr_t)(intptr_t)root->fan[number]);
}

/* A hash of the words in a root's fan, which lie above its sp. Code addresses: their
 * upper bits say little. */
static inline uint64_t seep_memo_fan_hash(const struct seep_memo *memo,
                                          const struct seep_memo_branch *root)
{
    enum { APART = 24 };

    static_assert(SEEP_MEMO_FAN == 4, "each is taken");
    return (seep_memo_fan_word(memo, root, 0) +
            (seep_memo_fan_word(memo, root, 1) << APART) + root->sp) *
               UINT64_C(0x9e3779b97f4a7c15) +
           (seep_memo_fan_word(memo, root, 2) +
            (seep_memo_fan_word(memo, root, 3) << APART)) *
               UINT64_C(0xbf58476d1ce4e5b9);
}

/* The pair of hints that a hash leads to: the root's own, or of as many as slots. */
static inline struct seep_memo_hint *seep_memo_hints_at(const struct seep_memo *memo,
                                                        struct seep_memo_branch *root,
                                                        uint64_t hash)
{
    uint32_t pair = (uint32_t)(hash >> 40) & ~UINT32_C(1);
    struct seep_memo_slot *slots = (struct seep_memo_slot *)(void *)memo->area;

    return __builtin_expect(root->stacks <= SEEP_MEMO_NEAR_MOST, 1)
               ? &root->near[pair % SEEP_MEMO_NEAR]
               : (struct seep_memo_hint *)(void *)&slots[memo->slots_mask + (size_t)1] +
                     (pair & memo->slots_mask);
}

/* From now on the root's fan leads to this entry. */
static inline void seep_memo_put_hint(const struct seep_memo *memo,
                                      struct seep_memo_branch *root, uint32_t at)
{
    uint64_t hash = seep_memo_fan_hash(memo, root);
    struct seep_memo_hint *hints = seep_memo_hints_at(memo, root, hash);

    hints[1] = hints[0];
    hints[0] = (struct seep_memo_hint){seep_memo_tag(hash), at};
}

#endif
