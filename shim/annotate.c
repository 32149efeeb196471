/* What seep/seep.h calls: subsystems, marks, totals.
 *
 * Design: a subsystem's name is interned once into the segment; each call after that
 * compares the name with the table, which has tens of entries. New names take a lock that
 * nobody waits for: who finds it taken does without. The lock's value is the epoch of its
 * holder: a forked child sees a lock that its parent held as free.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "interpose.h"
#include "seep/seep.h"
#include "segment_map.h"
#include "thread_table.h"

enum { NAME_BYTES = sizeof(struct seep_subsystem), LABEL_BYTES = 64, LOCK_TRIES = 1000 };

static _Atomic uint32_t names_lock;

/* Returns: the id of a name in the table; 0 when it is not there. */
static uint32_t find(const char *name, uint32_t from)
{
    uint32_t count = atomic_load_explicit(&seep_segment_header()->subsystem_count,
                                          memory_order_acquire);

    for (uint32_t id = from; id < count; id++) {
        if (strncmp(seep_segment_subsystems()[id].name, name, NAME_BYTES - 1) == 0) {
            return id;
        }
    }
    return 0;
}

static bool lock_names(uint32_t epoch)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        uint32_t holder = atomic_load_explicit(&names_lock, memory_order_relaxed);

        if (holder != epoch && atomic_compare_exchange_weak_explicit(
                                   &names_lock, &holder, epoch, memory_order_acquire,
                                   memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static uint32_t add(const struct seep_self *self, const char *name)
{
    _Atomic uint32_t *count = &seep_segment_header()->subsystem_count;
    uint32_t id = 0;

    if (!lock_names(self->epoch)) {
        seep_segment_lose(SEEP_LOSS_SUBSYSTEMS_FULL);
        return 0;
    }
    id = find(name, 1);
    if (id == 0 &&
        atomic_load_explicit(count, memory_order_relaxed) < SEEP_SUBSYSTEMS_MAX) {
        id = atomic_load_explicit(count, memory_order_relaxed);
        memcpy(seep_segment_subsystems()[id].name, name, strnlen(name, NAME_BYTES - 1));
        atomic_store_explicit(count, id + 1, memory_order_release);
    }
    atomic_store_explicit(&names_lock, 0, memory_order_release);
    if (id == 0) {
        seep_segment_lose(SEEP_LOSS_SUBSYSTEMS_FULL);
    }
    return id;
}

SEEP_EXPORT uint32_t seep_shim_enter(const char *name)
{
    struct seep_self *self = seep_guard_self();
    uint32_t previous = 0;
    uint32_t id = 0;

    if (self == NULL || name == NULL) {
        return 0;
    }
    previous = self->subsystem;
    if (name[0] != '\0') {
        id = find(name, 1);
        id = id != 0 ? id : add(self, name);
    }
    self->subsystem = id;
    return previous;
}

SEEP_EXPORT void seep_shim_leave(uint32_t previous)
{
    struct seep_self *self = seep_guard_self();

    if (self != NULL && previous < SEEP_SUBSYSTEMS_MAX) {
        self->subsystem = previous;
    }
}

SEEP_EXPORT int seep_shim_mark(const char *label)
{
    _Atomic uint32_t *count = NULL;
    uint32_t id = 0;

    if (seep_guard_self() == NULL || label == NULL) {
        return 0;
    }
    count = &seep_segment_header()->mark_count;
    id = atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
    if (id >= SEEP_MARKS_MAX) {
        atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
        seep_segment_lose(SEEP_LOSS_MARKS_FULL);
        return -ENOSPC;
    }
    struct seep_mark_entry *mark = &seep_segment_marks()[id];

    mark->t_ns = seep_segment_now_ns();
    memcpy(mark->label, label, strnlen(label, LABEL_BYTES - 1));
    atomic_store_explicit(&mark->ready, 1, memory_order_release);
    return 0;
}

/* Adds one shard's counters of every site to the totals. */
static void add_shard(uint32_t shard, uint32_t sites, struct seep_totals *totals)
{
    const struct seep_counters *counters = seep_segment_shard(shard);

    for (uint32_t id = 1; id < sites; id++) {
        uint8_t kind = seep_segment_sites()[id].kind;

        if (kind == SEEP_KIND_HEAP) {
            totals->heap_live_blocks += counters[id].acquired - counters[id].released;
            totals->heap_live_bytes +=
                counters[id].acquired_bytes - counters[id].released_bytes;
        } else if (kind == SEEP_KIND_THREAD) {
            totals->threads_live += counters[id].acquired - counters[id].released;
        }
    }
}

SEEP_EXPORT int seep_shim_totals(struct seep_totals *out)
{
    struct seep_totals totals = {0};
    struct seep_segment_header *header = NULL;
    uint32_t sites = 0;
    uint32_t shards = 0;

    if (seep_guard_self() == NULL) {
        return -ENODEV;
    }
    header = seep_segment_header();
    sites = atomic_load_explicit(&header->site_count, memory_order_acquire);
    sites = sites < SEEP_SITES_MAX ? sites : SEEP_SITES_MAX;
    shards = seep_thread_table_shards_used();
    for (uint32_t shard = 0; shard < shards; shard++) {
        add_shard(shard, sites, &totals);
    }
    for (uint32_t shard = SEEP_SHARDS_OWN; shard < SEEP_SHARDS; shard++) {
        add_shard(shard, sites, &totals);
    }
    for (uint32_t reason = 1; reason < SEEP_LOSS_FIRST_STACK; reason++) {
        totals.lost_events +=
            atomic_load_explicit(&header->lost[reason], memory_order_relaxed);
    }
    *out = totals;
    return 0;
}
