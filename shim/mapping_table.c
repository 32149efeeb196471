/* Address ranges that come, go, and are cut to pieces.
 *
 * Design: a hash of first addresses into buckets of eight entries, two buckets to choose
 * from, in the segment's own table; no index beside it. The exact munmap is found there
 * at once; a cut in the middle looks at the entries added last (allocators map too much
 * and trim it) and then reads the table through. The first thousand entries are a small
 * table of their own, so that most processes touch eight pages. A tree was rejected: it
 * needs a lock, which a fork, a signal handler or a cancelled thread may leave taken.
 *
 * An entry is claimed by compare-and-swap on its flags and never changed while others can
 * see it: to cut it is to take it, add what is left, and free it. A release takes its
 * part out before the real call and puts it back when that fails, as with blocks
 * (record.c). Taking it afterwards was tried: of two entries that then overlap for an
 * instant, the wrong one was cut.
 *
 * I1: state FREE -> FILLING -> LIVE -> TAKEN -> FREE; id, bytes and birth change in
 * FILLING only, and FILLING and TAKEN belong to one thread. I2: what is in the table is
 * mapped, so entries do not overlap, unless a release went past us. I3: nobody waits
 * without bound; what a wait gives up is counted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mapping_table.h"

#include <time.h>

#include "arch.h"
#include "counters.h"
#include "segment_map.h"

enum {
    PAGE_SHIFT = 12,
    BUCKET = 8,
    SMALL_SLOTS = 1024, /* the table that most processes never outgrow */
    SMALL_BUCKETS = SMALL_SLOTS / BUCKET,
    LARGE_BUCKETS = (SEEP_MAPPINGS_MAX - SMALL_SLOTS) / BUCKET,
    RECENT = 8,
    PASSES = 64, /* over the table, while others hold what we want */
    YIELDS = 48, /* of these passes; the others wait a millisecond each: whoever holds it
                    may have lost its processor */
    NO_SLOT = -1
};
enum { FREE = 0, FILLING = 1, TAKEN = 2, LIVE = 3 };

struct range {
    uintptr_t from;
    uintptr_t to;
};

static _Atomic uint32_t pieces_made;     /* times that pieces went back into the table */
static _Atomic uint32_t recent[RECENT];  /* entries filled last, plus 1: hints */
static _Atomic uint32_t recent_position; /* relaxed */

static uint32_t flags_of(const struct seep_holding *entry)
{
    return __atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE);
}

static struct range range_of(const struct seep_holding *entry)
{
    uintptr_t from = __atomic_load_n(&entry->id, __ATOMIC_RELAXED);

    return (struct range){from, from + __atomic_load_n(&entry->bytes, __ATOMIC_RELAXED)};
}

/* The two buckets of an address in the small table (level 0) or the large one; first
 * entries. */
static void buckets_of(uintptr_t address, unsigned level, uint32_t out[2])
{
    uint64_t one = (address >> PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t two = (one ^ (one >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    uint32_t count = level == 0 ? SMALL_BUCKETS : LARGE_BUCKETS;
    uint32_t first = level == 0 ? 0 : SMALL_SLOTS;

    out[0] = first + (uint32_t)(((one >> 32) * count) >> 32) * BUCKET;
    out[1] = first + (uint32_t)(((two >> 32) * count) >> 32) * BUCKET;
}

static uint32_t slots_used(void)
{
    return atomic_load_explicit(&seep_segment_header()->mapping_count,
                                memory_order_acquire);
}

static void raise_slots_used(uint32_t used)
{
    _Atomic uint32_t *count = &seep_segment_header()->mapping_count;
    uint32_t before = atomic_load_explicit(count, memory_order_relaxed);

    while (before < used &&
           !atomic_compare_exchange_weak_explicit(
               count, &before, used, memory_order_release, memory_order_relaxed)) {
    }
}

static unsigned free_in(uint32_t bucket)
{
    unsigned count = 0;

    for (uint32_t i = bucket; i < bucket + BUCKET; i++) {
        count += flags_of(&seep_segment_mappings()[i]) == FREE;
    }
    return count;
}

/* Returns: a slot in state FILLING, or NO_SLOT. */
static int32_t claim_in(uint32_t bucket)
{
    for (uint32_t i = bucket; i < bucket + BUCKET; i++) {
        uint32_t expected = FREE;

        if (__atomic_compare_exchange_n(&seep_segment_mappings()[i].flags, &expected,
                                        FILLING, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return (int32_t)i;
        }
    }
    return NO_SLOT;
}

static int32_t claim(uintptr_t address)
{
    int32_t slot = NO_SLOT;

    for (unsigned level = 0; level < 2 && slot == NO_SLOT; level++) {
        uint32_t buckets[2];
        unsigned better = 0;

        buckets_of(address, level, buckets);
        better = free_in(buckets[1]) > free_in(buckets[0]);
        slot = claim_in(buckets[better]);
        slot = slot != NO_SLOT ? slot : claim_in(buckets[1 - better]);
    }
    return slot;
}

/* Returns: false when the table has no room (counted). */
static bool insert(struct range range, uint32_t site, uint64_t acquired_ns)
{
    struct seep_holding *entry = NULL;
    int32_t slot = claim(range.from);

    if (slot == NO_SLOT) {
        seep_segment_lose(SEEP_LOSS_HOLDINGS_FULL);
        return false;
    }
    raise_slots_used((uint32_t)slot + 1);
    entry = &seep_segment_mappings()[slot];
    __atomic_store_n(&entry->id, range.from, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->bytes, range.to - range.from, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->acquired_ns, acquired_ns, __ATOMIC_RELAXED);
    atomic_store_explicit(&entry->site, site, memory_order_release);
    __atomic_store_n(&entry->flags, LIVE, __ATOMIC_RELEASE); /* acquired by flags_of */
    atomic_store_explicit(
        &recent[atomic_fetch_add_explicit(&recent_position, 1, memory_order_relaxed) %
                RECENT],
        (uint32_t)slot + 1, memory_order_relaxed);
    return true;
}

/* The live entry that begins at an address; NO_SLOT when there is none. */
static int32_t find(uintptr_t address)
{
    unsigned levels = slots_used() > SMALL_SLOTS ? 2 : 1;

    for (unsigned level = 0; level < levels; level++) {
        uint32_t buckets[2];

        buckets_of(address, level, buckets);
        for (unsigned i = 0; i < 2 * BUCKET; i++) {
            uint32_t slot = buckets[i / BUCKET] + i % BUCKET;
            const struct seep_holding *entry = &seep_segment_mappings()[slot];

            if (__atomic_load_n(&entry->id, __ATOMIC_RELAXED) == address &&
                flags_of(entry) == LIVE) {
                return (int32_t)slot;
            }
        }
    }
    return NO_SLOT;
}

static bool hold(struct seep_holding *entry)
{
    uint32_t expected = LIVE;

    return __atomic_compare_exchange_n(&entry->flags, &expected, TAKEN, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void settle(const struct seep_self *self, uint32_t site, uint64_t bytes,
                   int32_t entries)
{
    struct seep_counters *counters = &self->counters[site];

    seep_counters_add(self, &counters->released_bytes, bytes);
    if (entries != 0) {
        seep_counters_add(self, entries < 0 ? &counters->released : &counters->acquired,
                          1);
    }
}

static void note(const struct seep_self *self, struct range range,
                 const struct seep_holding *entry, uint32_t site, int32_t entries,
                 struct seep_mapping_taken *taken)
{
    if (taken->count == SEEP_MAPPING_PARTS) {
        taken->forgotten++;
        settle(self, site, range.to - range.from, entries);
        return;
    }
    taken->parts[taken->count].from = range.from;
    taken->parts[taken->count].to = range.to;
    taken->parts[taken->count].whole_from = range_of(entry).from;
    taken->parts[taken->count].whole_to = range_of(entry).to;
    taken->parts[taken->count].acquired_ns =
        __atomic_load_n(&entry->acquired_ns, __ATOMIC_RELAXED);
    taken->parts[taken->count].site = site;
    taken->parts[taken->count].entries = entries;
    taken->count++;
}

/* Cuts an entry that is held; what is left of it goes back as entries of their own.
 * Returns: bytes taken; 0: the entry was another one by then, and is as it was. */
static uint64_t cut(const struct seep_self *self, struct seep_holding *entry,
                    struct range wanted, struct seep_mapping_taken *taken)
{
    struct range whole = range_of(entry);
    struct range part = {whole.from > wanted.from ? whole.from : wanted.from,
                         whole.to < wanted.to ? whole.to : wanted.to};
    struct range rests[2] = {{whole.from, part.from}, {part.to, whole.to}};
    uint32_t site = atomic_load_explicit(&entry->site, memory_order_relaxed);
    uint64_t born_ns = __atomic_load_n(&entry->acquired_ns, __ATOMIC_RELAXED);
    int32_t entries = -1;

    if (part.from >= part.to) {
        __atomic_store_n(&entry->flags, LIVE, __ATOMIC_RELEASE);
        return 0;
    }
    atomic_store_explicit(&entry->site, 0, memory_order_release);
    for (unsigned i = 0; i < 2; i++) {
        if (rests[i].from >= rests[i].to) {
            continue;
        }
        if (insert(rests[i], site, born_ns)) {
            entries++;
        } else { /* lost, and balanced */
            settle(self, site, rests[i].to - rests[i].from, 0);
        }
    }
    note(self, part, entry, site, entries, taken);
    if (entries >= 0) {
        atomic_fetch_add_explicit(&pieces_made, 1, memory_order_release);
    }
    __atomic_store_n(&entry->flags, FREE, __ATOMIC_RELEASE); /* acquired by sweep */
    return part.to - part.from;
}

/* Whether one entry held all that is wanted, and gave it. */
static bool cut_whole(const struct seep_self *self, uint32_t slot, struct range wanted,
                      struct seep_mapping_taken *taken)
{
    struct seep_holding *entry = &seep_segment_mappings()[slot];
    uint32_t flags = flags_of(entry);
    struct range range = range_of(entry);

    return flags == LIVE && range.from <= wanted.from && wanted.to <= range.to &&
           hold(entry) && cut(self, entry, wanted, taken) == wanted.to - wanted.from;
}

/* One pass over the table. Returns: whether everything is done; false when another thread
 * holds an entry that overlaps, or put pieces where the pass had been already. */
static bool sweep(const struct seep_self *self, struct range wanted,
                  struct seep_mapping_taken *taken)
{
    struct seep_holding *entries = seep_segment_mappings();
    uint32_t made = atomic_load_explicit(&pieces_made, memory_order_acquire);
    uint64_t missing = wanted.to - wanted.from;
    bool done = true;

    for (uint32_t i = 0, used = slots_used(); i < used && missing > 0; i++) {
        uint32_t flags = flags_of(&entries[i]);
        struct range range = {0};

        if (flags != LIVE && flags != TAKEN) {
            continue;
        }
        range = range_of(&entries[i]);
        if (range.from >= wanted.to || range.to <= wanted.from) {
            continue;
        }
        if (flags == LIVE && hold(&entries[i])) {
            uint64_t bytes = cut(self, &entries[i], wanted, taken);

            made += bytes != 0 && bytes != range.to - range.from; /* by ourselves */
            missing -= bytes;
        } else {
            done = false;
        }
    }
    return missing == 0 ||
           (done && made == atomic_load_explicit(&pieces_made, memory_order_acquire));
}

static void pause_before(unsigned pass)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};

    if (pass < YIELDS) {
        (void)seep_arch_syscall3(SYS_sched_yield, 0, 0, 0);
    } else {
        (void)seep_arch_syscall3(SYS_nanosleep, (long)&millisecond, 0, 0);
    }
}

void seep_mapping_take(const struct seep_self *self, uintptr_t address, uint64_t bytes,
                       struct seep_mapping_taken *taken)
{
    struct range wanted = {address, address + bytes};
    int32_t slot = slots_used() != 0 ? find(address) : NO_SLOT;

    if (slots_used() == 0 || wanted.to <= wanted.from ||
        (slot != NO_SLOT && cut_whole(self, (uint32_t)slot, wanted, taken))) {
        return;
    }
    for (unsigned i = 0; i < RECENT; i++) {
        uint32_t hint = atomic_load_explicit(&recent[i], memory_order_relaxed);

        if (hint != 0 && cut_whole(self, hint - 1, wanted, taken)) {
            return;
        }
    }
    for (unsigned pass = 0; pass < PASSES; pass++) {
        if (sweep(self, wanted, taken)) {
            return;
        }
        pause_before(pass);
    }
    seep_segment_lose(SEEP_LOSS_NESTED);
}

void seep_mapping_settle(const struct seep_self *self,
                         const struct seep_mapping_taken *taken)
{
    for (unsigned i = 0; i < taken->count; i++) {
        settle(self, taken->parts[i].site, taken->parts[i].to - taken->parts[i].from,
               taken->parts[i].entries);
    }
}

/* Whether a rest of the same mapping was there, and is no longer. */
static bool join(struct range rest, uint32_t site, uint64_t acquired_ns)
{
    int32_t slot = rest.from < rest.to ? find(rest.from) : NO_SLOT;
    struct seep_holding *entry = &seep_segment_mappings()[slot != NO_SLOT ? slot : 0];
    bool same = false;

    if (slot == NO_SLOT || !hold(entry)) {
        return false;
    }
    same = range_of(entry).from == rest.from && range_of(entry).to == rest.to &&
           atomic_load_explicit(&entry->site, memory_order_relaxed) == site &&
           __atomic_load_n(&entry->acquired_ns, __ATOMIC_RELAXED) == acquired_ns;
    if (same) {
        atomic_store_explicit(&entry->site, 0, memory_order_release);
    }
    __atomic_store_n(&entry->flags, same ? FREE : LIVE, __ATOMIC_RELEASE);
    return same;
}

void seep_mapping_restore(const struct seep_self *self,
                          const struct seep_mapping_taken *taken)
{
    for (unsigned i = 0; i < taken->count; i++) {
        struct range range = {taken->parts[i].from, taken->parts[i].to};
        struct range before = {taken->parts[i].whole_from, range.from};
        struct range after = {range.to, taken->parts[i].whole_to};
        uint32_t site = taken->parts[i].site;
        uint64_t born_ns = taken->parts[i].acquired_ns;
        int32_t entries = taken->parts[i].entries;

        if (join(before, site, born_ns)) {
            range.from = before.from;
            entries--;
        }
        if (join(after, site, born_ns)) {
            range.to = after.to;
            entries--;
        }
        if (!insert(range, site, born_ns)) {
            settle(self, site, range.to - range.from, entries);
        } else if (++entries > 0) {
            seep_counters_add(self, &self->counters[site].acquired, (uint64_t)entries);
        }
    }
    for (unsigned i = 0; i < taken->forgotten; i++) {
        seep_segment_lose(SEEP_LOSS_HOLDINGS_FULL);
    }
}

void seep_mapping_add(const struct seep_self *self, uintptr_t address, uint64_t bytes,
                      uint32_t site)
{
    struct range range = {address, address + bytes};
    struct seep_mapping_taken stale = {0};
    int32_t slot = find(address);

    if (slot != NO_SLOT && hold(&seep_segment_mappings()[slot])) {
        (void)cut(self, &seep_segment_mappings()[slot], range, &stale);
        seep_mapping_settle(self, &stale);
    }
    if (insert(range, site, seep_segment_now_ns())) {
        seep_counters_acquire(self, site, bytes);
    }
}

uint64_t seep_mapping_bytes_at(uintptr_t address)
{
    int32_t slot = find(address);

    return slot != NO_SLOT
               ? __atomic_load_n(&seep_segment_mappings()[slot].bytes, __ATOMIC_RELAXED)
               : 0;
}

bool seep_mapping_is_valid(void)
{
    const struct seep_holding *entries = seep_segment_mappings();
    uint32_t used = slots_used();

    for (uint32_t i = 0; i < used; i++) {
        struct range one = range_of(&entries[i]);
        uint32_t state = flags_of(&entries[i]);

        if (state == FREE) {
            continue;
        }
        if (state != LIVE || one.from >= one.to || entries[i].site == 0 ||
            find(one.from) != (int32_t)i) {
            return false;
        }
        for (uint32_t k = i + 1; k < used; k++) {
            struct range two = range_of(&entries[k]);

            if (flags_of(&entries[k]) != FREE && one.from < two.to && two.from < one.to) {
                return false;
            }
        }
    }
    return true;
}
