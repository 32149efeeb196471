/* Learning stacks, and the memory for it.
 *
 * Design: slots and entries lie in one area that starts small, is thrown away and made
 * four times as large when full, as far as the process's budget goes, and emptied when
 * it cannot grow and serves few: what is hot is learned again at once. While it serves
 * many it is left alone, since stacks that do not fit together would else only push each
 * other out. Evicting single entries was rejected: it needs lists that every hit would
 * have to touch.
 *
 * The index tells stacks apart by a trie in the order in which unwinding reads the words
 * (M2). Hashing the innermost return addresses was rejected: stacks that differ only near
 * main thrash it, at twice the cost of no memo at all; hashing learned offsets too: a
 * return address of one shape is garbage in another (prototype, "index"). In front of the
 * trie such a hash is right (M4): garbage then only costs the look-up that follows, and
 * what depends on each other is one load instead of one for each branch.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stackmemo.h"

#include <string.h>

#include "cache_memory.h"
#include "guard.h"
#include "stack_read.h"

enum {
    AREA_FIRST_BYTES = 32768,
    AREA_GROWTH = 4,
    AREA_MOST_BYTES = 8 << 20,
    BYTES_PER_SLOT = 128,
    WORDS_MOST = 512,
    RELUCTANCE_FIRST = 3,
    RELUCTANCE_MOST = 8,
    FOUND_WORTH = 4, /* an entry pays when it is found this often */
    REST_MISSES = 4096,
    FRAMES_WORTH = 3, /* a miss that walks fewer is learned only when seen again */
    FAN_MISSES = 64,  /* of a fan until it is judged */
    FAN_REST = 1024,  /* look-ups that one is left alone for which found fewer */
    NEAR_MOST = 6,    /* stacks below a root whose hints it holds itself */
    LINE_BYTES = 64
};
#define FIRST_DOUBT (UINT32_C(3) * SEEP_MEMO_UNSURE)

static struct seep_memo_slot no_slots[2]; /* stays zero: finds nothing */
struct seep_memo_entry seep_memo_unknown; /* no site has its key */

/* Of slots and hints. */
static uint32_t index_bytes(const struct seep_memo *memo)
{
    return (memo->slots_mask + 1) *
           (uint32_t)(sizeof(struct seep_memo_slot) + sizeof(struct seep_memo_hint));
}

/* Slots and hints are zero. */
static void begin_again(struct seep_memo *memo)
{
    memo->used_bytes = index_bytes(memo);
    memo->learned = 0;
    memo->missed = 0;
    memo->found = 0;
    memo->resting = 0;
}

void seep_memo_forget(struct seep_memo *memo)
{
    if (memo->area_bytes != 0) {
        memset(memo->area, 0, index_bytes(memo));
        begin_again(memo);
    }
}

/* Owner thread; what of it a signal handler sees is whole: the new area is the larger. */
static void use_area(struct seep_memo *memo, void *area, uint32_t bytes)
{
    memo->area = area;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memo->area_bytes = bytes;
    memo->slots_mask = bytes / BYTES_PER_SLOT - 1;
    begin_again(memo);
}

/* Replaces the area by a larger, empty one. Returns: false when nothing changed. */
static bool grow(struct seep_memo *memo)
{
    uint32_t old_bytes = memo->area_bytes;
    uint32_t bytes = old_bytes * AREA_GROWTH;
    uint8_t *old = memo->area;
    void *area =
        bytes <= AREA_MOST_BYTES ? seep_cache_memory_grow(old_bytes, bytes) : NULL;

    if (area != NULL) {
        use_area(memo, area, bytes);
        seep_cache_memory_unmap(old, old_bytes);
    }
    return area != NULL;
}

void seep_memo_start(struct seep_memo *memo, uintptr_t stack_high)
{
    if (memo->area_bytes == 0) {
        void *area = seep_cache_memory_first(AREA_FIRST_BYTES);

        if (area != NULL) {
            use_area(memo, area, AREA_FIRST_BYTES);
        } else {
            memo->area = (uint8_t *)no_slots;
            memo->slots_mask = 0;
        }
    }
    if (memo->high != stack_high) {
        seep_memo_forget(memo);
        memo->high = stack_high;
        memo->reluctance = RELUCTANCE_FIRST;
    }
}

/* Full: grow; else learn nothing for a while, and then begin again unless one stack in
 * four is found. Whoever learned much and could not use it learns less. */
static void make_room(struct seep_memo *memo)
{
    if (memo->found < (uint64_t)memo->learned * FOUND_WORTH) {
        memo->reluctance += memo->reluctance < RELUCTANCE_MOST;
    } else {
        memo->reluctance -= memo->learned != 0 && memo->reluctance > RELUCTANCE_FIRST;
    }
    if (grow(memo)) {
        return;
    }
    if (memo->learned == 0 && memo->found < memo->missed / 3) {
        seep_memo_forget(memo);
        return;
    }
    memo->learned = 0; /* no more since it was full */
    memo->missed = 0;
    memo->found = 0;
    memo->resting = REST_MISSES;
}

/* Returns: offset / 8 of the bytes; 0 when there is no room. */
static uint32_t take_bytes(struct seep_memo *memo, size_t bytes, uint32_t align)
{
    uint32_t at = (memo->used_bytes + align - 1) & ~(align - 1);

    bytes = (bytes + 15) & ~(size_t)15;
    if (at > memo->area_bytes || bytes > memo->area_bytes - at) {
        return 0;
    }
    memo->used_bytes = at + (uint32_t)bytes;
    return at / 8;
}

static struct seep_memo_branch *branch_at(const struct seep_memo *memo, uint32_t at)
{
    return (struct seep_memo_branch *)(void *)(memo->area +
                                               (size_t)(at & ~SEEP_MEMO_BRANCH) * 8);
}

static uint64_t word_hash(uint32_t branch, uint64_t word)
{
    return seep_memo_hash(branch, word);
}

/* The slot with this hash; NULL when there is none. */
static inline struct seep_memo_slot *slot_of(const struct seep_memo *memo, uint64_t hash)
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
follow(const struct seep_memo *memo, const struct seep_memo_slot *slot, uintptr_t sp,
       uintptr_t fp)
{
    uintptr_t address = memo->high + (uintptr_t)(intptr_t)slot->offset;

    if (slot->offset == 0) {
        return slot_of(memo, word_hash(slot->at, fp));
    }
    if (address <= sp) {
        return NULL; /* the slot was another stack's */
    }
    return slot_of(memo, word_hash(slot->at, *(const uint64_t *)address));
}

SEEP_READS_ANY_STACK static inline uint64_t
fan_word(const struct seep_memo *memo, const struct seep_memo_branch *root, int number)
{
    return *(const uint64_t *)(memo->high + (uintptr_t)(intptr_t)root->fan[number]);
}

/* A hash of the words in a root's fan, which lie above its sp. Code addresses: their
 * upper bits say little. */
static inline uint64_t fan_hash(const struct seep_memo *memo,
                                const struct seep_memo_branch *root)
{
    enum { APART = 24 };

    static_assert(SEEP_MEMO_FAN == 4, "each is taken");
    return (fan_word(memo, root, 0) + (fan_word(memo, root, 1) << APART) + root->sp) *
               UINT64_C(0x9e3779b97f4a7c15) +
           (fan_word(memo, root, 2) + (fan_word(memo, root, 3) << APART)) *
               UINT64_C(0xbf58476d1ce4e5b9);
}

/* The pair of hints that a hash leads to: the root's own, or of as many as slots. */
static inline struct seep_memo_hint *
hints_at(const struct seep_memo *memo, struct seep_memo_branch *root, uint64_t hash)
{
    uint32_t pair = (uint32_t)(hash >> 40) & ~UINT32_C(1);
    struct seep_memo_slot *slots = (struct seep_memo_slot *)(void *)memo->area;

    return __builtin_expect(root->stacks <= NEAR_MOST, 1)
               ? &root->near[pair % SEEP_MEMO_NEAR]
               : (struct seep_memo_hint *)(void *)&slots[memo->slots_mask + (size_t)1] +
                     (pair & memo->slots_mask);
}

/* Returns: the entry that the root's fan leads to, not proved; 0 = none. */
static inline uint32_t hinted(const struct seep_memo *memo, struct seep_memo_branch *root)
{
    uint64_t hash = fan_hash(memo, root);
    const struct seep_memo_hint *hints = hints_at(memo, root, hash);
    uint32_t tag = seep_memo_tag(hash);
    uint32_t first = -(uint32_t)(hints[0].tag == tag); /* no branch: none could tell */
    uint32_t second = -(uint32_t)(hints[1].tag == tag);

    return (hints[0].at & first) | (hints[1].at & second & ~first);
}

/* From now on the root's fan leads to this entry. */
static void put_hint(const struct seep_memo *memo, struct seep_memo_branch *root,
                     uint32_t at)
{
    uint64_t hash = fan_hash(memo, root);
    struct seep_memo_hint *hints = hints_at(memo, root, hash);

    hints[1] = hints[0];
    hints[0] = (struct seep_memo_hint){seep_memo_tag(hash), at};
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
    put_hint(memo, root, at);
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
        slot = length < SEEP_MEMO_PATH ? follow(memo, slot, sp, fp)
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
    struct seep_memo_branch *branch = branch_at(memo, root->at);
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
    struct seep_memo_slot *root = slot_of(memo, seep_memo_hash(sp, ra));
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
    slot->offset = branch ? branch_at(memo, at)->offset : 0;
}

/* Copies self->last. Returns: offset / 8; 0 when there is no room. */
static uint32_t entry_new(struct seep_self *self, uintptr_t sp, uintptr_t fp)
{
    const struct seep_last *last = &self->last;
    const struct seep_last_frame *leaf = &last->frames[last->count - 1];
    uint32_t blocks = (leaf->words + SEEP_COMPARE_BLOCK - 1U) / SEEP_COMPARE_BLOCK;
    uint32_t at = take_bytes(
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
    entry->end = last->end;
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
        struct seep_memo_slot *next = follow(memo, path->slot[path->count - 1], sp, fp);

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
    uint32_t branch = take_bytes(memo, bytes, made.is_root ? LINE_BYTES : 16);

    if (branch == 0) {
        return;
    }
    memcpy(branch_at(memo, branch), &made, bytes);
    if ((old & SEEP_MEMO_BRANCH) != 0) {
        branch_at(memo, old)->sp = 0; /* no root any more */
    }
    branch |= SEEP_MEMO_BRANCH;
    lead(memo, slot, branch);
    lead(memo, claim(memo, word_hash(branch, theirs)), old);
    lead(memo, claim(memo, word_hash(branch, ours)), fresh);
}

/* Hangs a new entry into the trie where it first differs from what is there. */
SEEP_READS_ANY_STACK static void hang(struct seep_memo *memo, struct seep_last *last,
                                      const struct path *path, uint32_t fresh)
{
    const struct seep_memo_entry *entry = seep_memo_entry_at(memo, fresh);
    struct seep_memo_slot *deepest = path->slot[path->count - 1];
    uint32_t like = (deepest->at & SEEP_MEMO_BRANCH) != 0
                        ? branch_at(memo, deepest->at)->entry
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
    while (i + 1 < path->count && branch_at(memo, path->slot[i]->at)->offset < offset) {
        i++;
    }
    uint32_t old = path->slot[i]->at;

    if ((old & SEEP_MEMO_BRANCH) != 0 && branch_at(memo, old)->offset <= offset &&
        path->count < SEEP_MEMO_PATH) {
        int32_t asked =
            branch_at(memo, old)->offset; /* its slot for us is new, or lost */
        uint64_t word =
            asked == 0 ? entry->fp
                       : *(const uint64_t *)(memo->high + (uintptr_t)(intptr_t)asked);

        lead(memo, claim(memo, word_hash(old, word)), fresh);
    } else if (theirs == ours || i + 1 == SEEP_MEMO_PATH) {
        lead(memo, path->slot[i],
             fresh); /* the same stack; or there are too many to tell */
    } else {
        struct seep_memo_branch made = {.offset = offset, .entry = like};

        if (i == 0 && (old & SEEP_MEMO_BRANCH) != 0 &&
            branch_at(memo, old)->is_root) { /* the fan stays at the root */
            made = *branch_at(memo, old);
            made.offset = offset;
        }
        made.is_root = i == 0;
        part(memo, path->slot[i], made, theirs, ours, fresh);
        old = path->slot[0]->at;
        if ((old & SEEP_MEMO_BRANCH) != 0 && branch_at(memo, old)->is_root) {
            widen(branch_at(memo, old), entry->sp, offset);
        }
    }
}

/* A new entry hangs below this slot: its root's fan leads to it. */
static void count_stack(const struct seep_memo *memo, const struct seep_memo_slot *root,
                        uintptr_t sp, uint32_t fresh)
{
    struct seep_memo_branch *branch = NULL;

    if ((root->at & SEEP_MEMO_BRANCH) == 0 || !branch_at(memo, root->at)->is_root) {
        return;
    }
    branch = branch_at(memo, root->at);
    branch->stacks++;
    if (branch->sp == sp) {
        put_hint(memo, branch, fresh);
    }
}

/* Whether a stack that was missed shall be remembered. */
static bool worth(struct seep_memo *memo, uint32_t node, uint32_t walked)
{
    uint32_t *seen = &memo->seen[node % SEEP_MEMO_SEEN];
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
        make_room(memo);
        fresh = entry_new(self, sp, fp);
        if (fresh == 0) {
            return NULL;
        }
    }
    hash = seep_memo_hash(sp, seep_memo_entry_at(memo, fresh)->ra);
    path.slot[0] = slot_of(memo, hash);
    if (path.slot[0] == NULL) {
        lead(memo, claim(memo, hash), fresh);
        return seep_memo_entry_at(memo, fresh);
    }
    descend(memo, sp, fp, &path);
    hang(memo, last, &path, fresh);
    count_stack(memo, path.slot[0], sp, fresh);
    return seep_memo_entry_at(memo, fresh);
}
