/* Learning stacks: which are worth it, and where they hang in the index.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memo_learn.h"

#include <string.h>

#include "memo_area.h"
#include "memo_index.h"

enum {
    WORDS_MOST = 512,
    FRAMES_WORTH = 3, /* a miss that walks fewer is learned only when seen again */
    LINE_BYTES = 64
};

/* The slot with this hash, taken from another when its places are full. */
static struct seep_memo_slot *claim(struct seep_memo *memo, uint64_t hash)
{
    struct seep_memo_slot *slots = (struct seep_memo_slot *)(void *)memo->area;
    struct seep_memo_slot *slot = NULL;
    uint32_t tag = seep_memo_tag(hash);

    for (uint32_t i = 0; i < SEEP_MEMO_PROBES; i++) {
        slot = &slots[((uint32_t)(hash >> SEEP_MEMO_INDEX_SHIFT) + i) & memo->slots_mask];
        if (slot->tag == tag || slot->tag == 0) {
            break;
        }
    }
    slot->tag = tag;
    return slot;
}

static void lead(const struct seep_memo *memo, struct seep_memo_slot *slot, uint32_t at)
{
    bool branch = (at & SEEP_MEMO_BRANCH) != 0;

    slot->at = at;
    slot->recent = branch ? 0 : at;
    slot->offset = branch ? seep_memo_branch_at(memo, at)->offset : 0;
}

/* Copies self->last. Returns: offset / 8; 0 when there is no room. */
static uint32_t entry_new(struct seep_self *self, uintptr_t sp, uintptr_t fp)
{
    const struct seep_last *last = &self->last;
    const struct seep_last_frame *leaf = &last->frames[last->count - 1];
    uint32_t blocks = (leaf->words + SEEP_COMPARE_BLOCK - 1U) / SEEP_COMPARE_BLOCK;
    uint32_t at = seep_memo_take_bytes(
        &self->memo, sizeof(struct seep_memo_entry) + blocks * sizeof(struct seep_words),
        16);
    struct seep_memo_entry *entry = seep_memo_entry_at(&self->memo, at);

    if (at == 0) {
        return 0;
    }
    entry->sp = sp;
    entry->fp = fp;
    entry->ra = *(const uintptr_t *)sp;
    entry->node = leaf->node;
    entry->path = leaf->path;
    entry->end = (uint8_t)last->end;
    entry->site_key = 0;
    entry->words_bytes = blocks * (uint32_t)sizeof(struct seep_words);
    entry->is_odd = blocks % 2 != 0;
    entry->fp_live = leaf->fp_live != 0;
    for (uint32_t i = 0; i < blocks; i++) {
        entry->words[i] = last->words[i];
    }
    for (uint32_t i = leaf->words; i < blocks * SEEP_COMPARE_BLOCK; i++) {
        seep_words_set(entry->words, i, seep_words_offset(last->words, leaf->words - 1U),
                       seep_words_value(last->words, leaf->words - 1U));
    }
    self->memo.learned++;
    return at;
}

/* The innermost word, from the inside out, that lies at the same place in an entry and in
 * self->last and is not the same. Returns: its offset; 0 when there is none. */
static int32_t first_difference(struct seep_memo_entry *entry, struct seep_last *last,
                                uint64_t *in_entry, uint64_t *in_last)
{
    uint32_t a =
        (uint32_t)(seep_memo_words_end(entry) - entry->words) * SEEP_COMPARE_BLOCK;
    uint32_t b = last->frames[last->count - 1].words;

    while (a > 0 && b > 0) {
        int32_t at = seep_words_offset(entry->words, a - 1);
        int32_t other = seep_words_offset(last->words, b - 1);

        uint64_t value = seep_words_value(entry->words, a - 1);
        uint64_t other_value = seep_words_value(last->words, b - 1);

        if (at == other && value != other_value) {
            *in_entry = value;
            *in_last = other_value;
            return at;
        }
        if (at > other) {
            b--;
        } else {
            a--; /* and not b: an entry may repeat its last word */
        }
    }
    return 0;
}

/* Slots from the root down to where the stack's words lead no further. */
struct path {
    struct seep_memo_slot *slot[SEEP_MEMO_PATH];
    uint32_t count;
};

static void descend(const struct seep_memo *memo, uintptr_t sp, uintptr_t fp,
                    struct path *path)
{
    while ((path->slot[path->count - 1]->at & SEEP_MEMO_BRANCH) != 0 &&
           path->count < SEEP_MEMO_PATH) {
        struct seep_memo_slot *next =
            seep_memo_follow(memo, path->slot[path->count - 1], sp, fp);

        if (next == NULL) {
            break;
        }
        path->slot[path->count++] = next;
    }
}

/* The place of a new branch below a root is one more for the root's fan to look at. */
static void widen(struct seep_memo_branch *root, uintptr_t sp, int32_t offset)
{
    for (uint32_t i = 0; i < root->count; i++) {
        if (root->fan[i] == offset) {
            return;
        }
    }
    if (offset == 0 || root->count == SEEP_MEMO_FAN) {
        return;
    }
    for (uint32_t i = root->count; i < SEEP_MEMO_FAN; i++) {
        root->fan[i] = root->count == 0 || i == root->count ? offset : root->fan[0];
    }
    root->count++;
    root->sp = root->resting == 0 ? sp : 0;
}

/* Puts a new branch in the place of what the slot leads to, and that below it. */
static void part(struct seep_memo *memo, struct seep_memo_slot *slot,
                 struct seep_memo_branch made, uint64_t theirs, uint64_t ours,
                 uint32_t fresh)
{
    size_t bytes = made.is_root ? sizeof(made) : offsetof(struct seep_memo_branch, near);
    uint32_t old = slot->at;
    uint32_t branch = seep_memo_take_bytes(memo, bytes, made.is_root ? LINE_BYTES : 16);

    if (branch == 0) {
        return;
    }
    memcpy(seep_memo_branch_at(memo, branch), &made, bytes);
    if ((old & SEEP_MEMO_BRANCH) != 0) {
        seep_memo_branch_at(memo, old)->sp = 0; /* no root any more */
    }
    branch |= SEEP_MEMO_BRANCH;
    lead(memo, slot, branch);
    lead(memo, claim(memo, seep_memo_word_hash(branch, theirs)), old);
    lead(memo, claim(memo, seep_memo_word_hash(branch, ours)), fresh);
}

/* Hangs a new entry into the trie where it first differs from what is there. */
SEEP_READS_ANY_STACK static void hang(struct seep_memo *memo, struct seep_last *last,
                                      const struct path *path, uint32_t fresh)
{
    const struct seep_memo_entry *entry = seep_memo_entry_at(memo, fresh);
    struct seep_memo_slot *deepest = path->slot[path->count - 1];
    uint32_t like = (deepest->at & SEEP_MEMO_BRANCH) != 0
                        ? seep_memo_branch_at(memo, deepest->at)->entry
                        : deepest->at;
    struct seep_memo_entry *neighbour = seep_memo_entry_at(memo, like);
    uint64_t theirs = neighbour->fp;
    uint64_t ours = entry->fp;
    int32_t offset = 0; /* the frame pointer, when no word differs */
    uint32_t i = 0;

    if (neighbour->sp != entry->sp || neighbour->ra != entry->ra) {
        lead(memo, path->slot[0], fresh); /* another stack's slot by the same hash */
        return;
    }
    offset = first_difference(neighbour, last, &theirs, &ours);
    while (i + 1 < path->count &&
           seep_memo_branch_at(memo, path->slot[i]->at)->offset < offset) {
        i++;
    }
    uint32_t old = path->slot[i]->at;

    if ((old & SEEP_MEMO_BRANCH) != 0 &&
        seep_memo_branch_at(memo, old)->offset <= offset &&
        path->count < SEEP_MEMO_PATH) {
        int32_t asked =
            seep_memo_branch_at(memo, old)->offset; /* its slot for us is new, or lost */
        uint64_t word =
            asked == 0 ? entry->fp
                       : *(const uint64_t *)(memo->high + (uintptr_t)(intptr_t)asked);

        lead(memo, claim(memo, seep_memo_word_hash(old, word)), fresh);
    } else if (theirs == ours || i + 1 == SEEP_MEMO_PATH) {
        lead(memo, path->slot[i],
             fresh); /* the same stack; or there are too many to tell */
    } else {
        struct seep_memo_branch made = {.offset = offset, .entry = like};

        if (i == 0 && (old & SEEP_MEMO_BRANCH) != 0 &&
            seep_memo_branch_at(memo, old)->is_root) { /* the fan stays at the root */
            made = *seep_memo_branch_at(memo, old);
            made.offset = offset;
        }
        made.is_root = i == 0;
        part(memo, path->slot[i], made, theirs, ours, fresh);
        old = path->slot[0]->at;
        if ((old & SEEP_MEMO_BRANCH) != 0 && seep_memo_branch_at(memo, old)->is_root) {
            widen(seep_memo_branch_at(memo, old), entry->sp, offset);
        }
    }
}

/* A new entry hangs below this slot: its root's fan leads to it. */
static void count_stack(const struct seep_memo *memo, const struct seep_memo_slot *root,
                        uintptr_t sp, uint32_t fresh)
{
    struct seep_memo_branch *branch = NULL;

    if ((root->at & SEEP_MEMO_BRANCH) == 0 ||
        !seep_memo_branch_at(memo, root->at)->is_root) {
        return;
    }
    branch = seep_memo_branch_at(memo, root->at);
    branch->stacks++;
    if (branch->sp == sp) {
        seep_memo_put_hint(memo, branch, fresh);
    }
}

/* Whether a stack that was missed shall be remembered. */
static bool worth(struct seep_memo *memo, uint32_t node, uint32_t walked)
{
    uint32_t *seen = seep_memo_seen(memo, node);
    bool again = *seen == node;

    *seen = node;
    memo->missed++;
    if (memo->resting != 0) {
        memo->resting--;
        return false;
    }
    return again || (walked >= FRAMES_WORTH &&
                     (memo->missed & ((1U << memo->reluctance) - 1)) == 0);
}

struct seep_memo_entry *seep_memo_learn(struct seep_self *self, uintptr_t sp,
                                        uintptr_t fp)
{
    struct seep_memo *memo = &self->memo;
    struct seep_last *last = &self->last;
    uint64_t hash = 0;
    struct path path = {.count = 1};
    uint32_t fresh = 0;

    if (memo->area_bytes == 0 || last->count == 0 ||
        last->frames[last->count - 1].words == 0 ||
        last->frames[last->count - 1].words > WORDS_MOST ||
        !worth(memo, last->frames[last->count - 1].node, last->walked)) {
        return NULL;
    }
    fresh = entry_new(self, sp, fp);
    if (fresh == 0) {
        seep_memo_make_room(memo);
        fresh = entry_new(self, sp, fp);
        if (fresh == 0) {
            return NULL;
        }
    }
    hash = seep_memo_hash(sp, seep_memo_entry_at(memo, fresh)->ra);
    path.slot[0] = seep_memo_slot_of(memo, hash);
    if (path.slot[0] == NULL) {
        lead(memo, claim(memo, hash), fresh);
        return seep_memo_entry_at(memo, fresh);
    }
    descend(memo, sp, fp, &path);
    hang(memo, last, &path, fresh);
    count_stack(memo, path.slot[0], sp, fresh);
    return seep_memo_entry_at(memo, fresh);
}
