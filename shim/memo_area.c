/* The memory of a thread's memo.
 *
 * Design: slots and entries lie in one area that starts small, is thrown away and made
 * four times as large when full, as far as the process's budget goes, and emptied when
 * it cannot grow and serves few: what is hot is learned again at once. While it serves
 * many it is left alone, since stacks that do not fit together would else only push each
 * other out. Evicting single entries was rejected: it needs lists that every hit would
 * have to touch.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memo_area.h"

#include <string.h>

#include "cache_memory.h"

enum {
    AREA_FIRST_BYTES = 32768,
    AREA_GROWTH = 4,
    AREA_MOST_BYTES = 8 << 20,
    BYTES_PER_SLOT = 128,
    SLOTS_PER_SEEN = 2, /* what is forgotten before it is seen again is walked again */
    RELUCTANCE_FIRST = 3,
    RELUCTANCE_MOST = 8,
    FOUND_WORTH = 4, /* an entry pays when it is found this often */
    REST_MISSES = 4096
};

static struct seep_memo_slot no_slots[2]; /* stays zero: finds nothing */

/* Of slots and hints. */
static uint32_t found_by_bytes(const struct seep_memo *memo)
{
    return (memo->slots_mask + 1) *
           (uint32_t)(sizeof(struct seep_memo_slot) + sizeof(struct seep_memo_hint));
}

static uint32_t seen_count(const struct seep_memo *memo)
{
    return (memo->slots_mask + 1) / SLOTS_PER_SEEN;
}

uint32_t *seep_memo_seen(const struct seep_memo *memo, uint32_t node)
{
    return (uint32_t *)(void *)(memo->area + found_by_bytes(memo)) +
           (node & (seen_count(memo) - 1));
}

/* Of what is zero in an empty memo. */
static uint32_t index_bytes(const struct seep_memo *memo)
{
    return found_by_bytes(memo) + seen_count(memo) * (uint32_t)sizeof(uint32_t);
}

/* The index is zero. */
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

void seep_memo_make_room(struct seep_memo *memo)
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

uint32_t seep_memo_take_bytes(struct seep_memo *memo, size_t bytes, uint32_t align)
{
    uint32_t at = (memo->used_bytes + align - 1) & ~(align - 1);

    bytes = (bytes + 15) & ~(size_t)15;
    if (at > memo->area_bytes || bytes > memo->area_bytes - at) {
        return 0;
    }
    memo->used_bytes = at + (uint32_t)bytes;
    return at / 8;
}
