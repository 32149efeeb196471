/* Marks, counted by label.
 *
 * A program marks each request: a mark has to cost little and none may be missing.
 *
 * Design: a hash table in the segment, claimed entry by entry by one compare-and-swap of
 * the label's hash. Who finds its hash there counts at once, and need not wait until the
 * label is written: nobody ever waits for anybody, so a signal handler may mark in the
 * middle of a mark. Labels are literals as a rule: a hint by the literal's address leads
 * to the entry without a hash. A hint may be wrong (a buffer that was written anew,
 * another segment after fork): the label itself decides. Counters of each thread were
 * rejected: one more table to be read and summed up, to save a contended add of some 20
 * ns on what takes a program microseconds.
 *
 * I1: a key is never changed once set; I2: two labels with one hash are told apart as
 * soon as the first is written (in the instant before, a 64-bit hash is).
 *
 * SPDX-License-Identifier: MIT
 */
#include "mark_count.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "segment_map.h"

enum {
    LABEL_BYTES = sizeof(((struct seep_mark_label *)0)->label),
    HINTS = 256,
    HINT_SHIFT = 56 /* of a 64-bit product: its upper 8 bits */
};
#define MIX       UINT64_C(0x9e3779b97f4a7c15)
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

_Static_assert(SEEP_MARK_LABELS_MAX <= 256, "a hint is one byte");

static _Atomic uint8_t hints[HINTS];

static _Atomic uint8_t *hint_of(const char *label)
{
    return &hints[((uintptr_t)label * MIX) >> HINT_SHIFT];
}

static bool is_ready(const struct seep_mark_label *entry)
{
    return atomic_load_explicit(&entry->ready, memory_order_acquire) != 0;
}

static bool says(const struct seep_mark_label *entry, const char *label)
{
    return strncmp(entry->label, label, LABEL_BYTES - 1) == 0;
}

/* FNV-1a, never 0. */
static uint64_t key_of(const char *label)
{
    uint64_t hash = FNV_START;

    for (unsigned i = 0; i < LABEL_BYTES - 1 && label[i] != '\0'; i++) {
        hash = (hash ^ (uint8_t)label[i]) * FNV_PRIME;
    }
    return hash != 0 ? hash : 1;
}

/* Whether the entry is the label's, claimed now or before. */
static bool claim(struct seep_mark_label *entry, uint64_t key, const char *label)
{
    uint64_t holder = atomic_load_explicit(&entry->key, memory_order_relaxed);

    if (holder == 0 && atomic_compare_exchange_strong_explicit(&entry->key, &holder, key,
                                                               memory_order_relaxed,
                                                               memory_order_relaxed)) {
        memcpy(entry->label, label, strnlen(label, LABEL_BYTES - 1));
        atomic_store_explicit(&entry->ready, 1, memory_order_release);
        atomic_fetch_add_explicit(&seep_segment_header()->mark_label_count, 1,
                                  memory_order_relaxed);
        return true;
    }
    return holder == key && (!is_ready(entry) || says(entry, label));
}

/* Returns: the label's entry; SEEP_MARK_LABELS_MAX: there is no room. */
static uint32_t find(const char *label)
{
    uint64_t key = key_of(label);
    uint32_t first = (uint32_t)((key * MIX) >> HINT_SHIFT);

    for (uint32_t i = 0; i < SEEP_MARK_LABELS_MAX; i++) {
        uint32_t slot = (first + i) % SEEP_MARK_LABELS_MAX;

        if (claim(&seep_segment_mark_labels()[slot], key, label)) {
            return slot;
        }
    }
    return SEEP_MARK_LABELS_MAX;
}

int seep_mark_count(const char *label, uint64_t *before)
{
    _Atomic uint8_t *hint = hint_of(label);
    uint32_t slot = atomic_load_explicit(hint, memory_order_relaxed);
    struct seep_mark_label *entry = &seep_segment_mark_labels()[slot];

    if (!is_ready(entry) || !says(entry, label)) {
        slot = find(label);
        if (slot == SEEP_MARK_LABELS_MAX) {
            seep_segment_lose(SEEP_LOSS_MARKS_FULL);
            return -ENOSPC;
        }
        atomic_store_explicit(hint, (uint8_t)slot, memory_order_relaxed);
        entry = &seep_segment_mark_labels()[slot];
    }
    *before = atomic_fetch_add_explicit(&entry->count, 1, memory_order_relaxed);
    return 0;
}
