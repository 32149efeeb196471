/* Finding the stack that the thread is on among those that it has learned.
 *
 * Design: the index tells stacks apart by a trie in the order in which unwinding reads
 * the words (M2). Hashing the innermost return addresses was rejected: stacks that differ
 * only near main thrash it, at twice the cost of no memo at all; hashing learned offsets
 * too: a return address of one shape is garbage in another (prototype, "index"). In front
 * of the trie such a hash is right (M4): garbage then only costs the look-up that
 * follows, and what depends on each other is one load instead of one for each branch.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stackmemo.h"

#include "memo_index.h"

enum {
    FAN_MISSES = 64, /* of a fan until it is judged */
    FAN_REST = 1024  /* look-ups that one is left alone for which found fewer */
};
#define FIRST_DOUBT (UINT32_C(3) * SEEP_MEMO_UNSURE)

struct seep_memo_entry seep_memo_unknown; /* no site has its key */

/* Returns: the entry that the root's fan leads to, not proved; 0 = none. */
static inline uint32_t hinted(const struct seep_memo *memo, struct seep_memo_branch *root)
{
    uint64_t hash = seep_memo_fan_hash(memo, root);
    const struct seep_memo_hint *hints = seep_memo_hints_at(memo, root, hash);
    uint32_t tag = seep_memo_tag(hash);
    uint32_t first = -(uint32_t)(hints[0].tag == tag); /* no branch: none could tell */
    uint32_t second = -(uint32_t)(hints[1].tag == tag);

    return (hints[0].at & first) | (hints[1].at & second & ~first);
}

/* The fan did not lead to an entry that the trie knows: now it does. One that misses more
 * than it finds is left alone for a while. */
static void hint(const struct seep_memo *memo, struct seep_memo_branch *root,
                 uintptr_t sp, uint32_t at)
{
    if (root->resting != 0) {
        root->resting--;
        root->sp = root->resting == 0 ? seep_memo_entry_at(memo, root->entry)->sp : 0;
        return;
    }
    if (root->sp != sp) {
        return; /* no fan; or another root's, by the same hash */
    }
    root->missed++;
    if (root->missed == FAN_MISSES) {
        if (root->found < FAN_MISSES) {
            root->resting = FAN_REST;
            root->sp = 0;
        }
        root->missed = 0;
        root->found = 0;
    }
    seep_memo_put_hint(memo, root, at);
}

static struct seep_memo_entry *found(const struct seep_memo *memo,
                                     struct seep_memo_slot *root, uint32_t at)
{
    uint32_t doubt = root->recent & ~(SEEP_MEMO_UNSURE - 1);

    root->recent = root->recent == (at | doubt)
                       ? root->recent - (doubt != 0 ? SEEP_MEMO_UNSURE : 0)
                       : at | FIRST_DOUBT;
    return seep_memo_entry_at(memo, at);
}

/* From the root's branch down. Returns: where the entry is, proved; 0 = not known. */
static uint32_t by_trie(const struct seep_memo *memo, struct seep_memo_slot *root,
                        uintptr_t sp, uintptr_t fp, uintptr_t ra)
{
    struct seep_memo_slot *slot = root;

    for (uint32_t length = 1; (slot->at & SEEP_MEMO_BRANCH) != 0; length++) {
        slot = length < SEEP_MEMO_PATH ? seep_memo_follow(memo, slot, sp, fp)
                                       : NULL; /* M3: it may lead in a circle */
        if (slot == NULL) {
            return 0;
        }
    }
    return seep_memo_proves(memo, seep_memo_entry_at(memo, slot->at), sp, fp, ra)
               ? slot->at
               : 0;
}

struct seep_memo_entry *seep_memo_search(const struct seep_memo *memo,
                                         struct seep_memo_slot *root, uintptr_t sp,
                                         uintptr_t fp, uintptr_t ra)
{
    struct seep_memo_branch *branch = seep_memo_branch_at(memo, root->at);
    uint32_t at = 0;

    if (__builtin_expect(branch->sp == sp, 1)) {
        at = hinted(memo, branch);
        if (__builtin_expect(
                at != 0 &&
                    seep_memo_proves(memo, seep_memo_entry_at(memo, at), sp, fp, ra),
                1)) {
            branch->found++;
            return found(memo, root, at);
        }
    }
    at = by_trie(memo, root, sp, fp, ra);
    if (at == 0) {
        return NULL;
    }
    hint(memo, branch, sp, at);
    return found(memo, root, at);
}

struct seep_memo_entry *seep_memo_find(const struct seep_memo *memo, uintptr_t sp,
                                       uintptr_t fp, uintptr_t ra)
{
    struct seep_memo_slot *root = seep_memo_slot_of(memo, seep_memo_hash(sp, ra));
    struct seep_memo_entry *entry = NULL;

    if (root == NULL) {
        return NULL;
    }
    if (root->recent - 1 < SEEP_MEMO_UNSURE - 1) {
        entry = seep_memo_entry_at(memo, root->recent);
        if (seep_memo_proves(memo, entry, sp, fp, ra)) {
            return entry;
        }
    }
    return (root->at & SEEP_MEMO_BRANCH) != 0 ? seep_memo_search(memo, root, sp, fp, ra)
                                              : NULL;
}
