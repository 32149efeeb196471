/* What seep/seep.h calls: subsystems, marks, totals, sites.
 *
 * Design: a subsystem's name is interned once into the segment; each call after that
 * compares the name with the table, which has tens of entries. New names take a lock that
 * nobody waits for: who finds it taken does without. The lock's value is the epoch of its
 * holder: a forked child sees a lock that its parent held as free.
 * A container of bounded size is a subsystem of its own with a limit beside it, so that
 * its sites are told from others without a word more on malloc's way. Its limit is
 * stored again each time that it is declared otherwise.
 * What enter returns names a segment as well as a subsystem: a child that was forked
 * inside a scope leaves it for none, and not for a stranger of the same number.
 * Sites and stacks are read where they lie in the segment, as the collector reads them:
 * nothing is copied, locked or allocated, and a table of the largest is the caller's.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "interpose.h"
#include "mark_count.h"
#include "seep/seep.h"
#include "segment_map.h"
#include "thread_table.h"

enum {
    NAME_BYTES = sizeof(struct seep_subsystem),
    CONTAINER_BYTES = sizeof(((struct seep_limit *)0)->container),
    SUBSYSTEM_BITS = 10,
    LABEL_BYTES = 64,
    LOCK_TRIES = 1000
};
static_assert(SEEP_SUBSYSTEMS_MAX == 1 << SUBSYSTEM_BITS, "ids fill their bits");

static_assert((int)SEEP_SITE_HEAP == (int)SEEP_KIND_HEAP &&
                  (int)SEEP_SITE_MAPPING == (int)SEEP_KIND_MAPPING &&
                  (int)SEEP_SITE_THREAD == (int)SEEP_KIND_THREAD &&
                  (int)SEEP_SITE_FD == (int)SEEP_KIND_FD &&
                  (int)SEEP_SITE_TIMER == (int)SEEP_KIND_TIMER,
              "kinds of seep.h");

static _Atomic uint32_t names_lock;

/* What is looked for: a subsystem, and where it is bounded its container. */
struct wanted {
    const char *name, *container; /* container NULL: not bounded */
    uint32_t plain;               /* bounded: the subsystem that is not */
};

static bool is_it(uint32_t id, const struct wanted *wanted)
{
    const struct seep_limit *limit = &seep_segment_limits()[id];
    bool bounded = atomic_load_explicit(&limit->most, memory_order_relaxed) != 0;

    if (bounded != (wanted->container != NULL) ||
        strncmp(seep_segment_subsystems()[id].name, wanted->name, NAME_BYTES - 1) != 0) {
        return false;
    }
    return !bounded ||
           strncmp(limit->container, wanted->container, CONTAINER_BYTES - 1) == 0;
}

/* Returns: its id in the table; 0 when it is not there. */
static uint32_t find(const struct wanted *wanted)
{
    uint32_t count = atomic_load_explicit(&seep_segment_header()->subsystem_count,
                                          memory_order_acquire);

    for (uint32_t id = 1; id < count; id++) {
        if (is_it(id, wanted)) {
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

/* Writes the entry behind the last. Under the lock. */
static void write_entry(uint32_t id, const struct wanted *wanted, uint64_t most)
{
    struct seep_limit *limit = &seep_segment_limits()[id];

    memcpy(seep_segment_subsystems()[id].name, wanted->name,
           strnlen(wanted->name, NAME_BYTES - 1));
    if (wanted->container != NULL) {
        memcpy(limit->container, wanted->container,
               strnlen(wanted->container, CONTAINER_BYTES - 1));
        limit->plain = wanted->plain;
        atomic_store_explicit(&limit->most, most, memory_order_relaxed);
    }
}

static uint32_t add(const struct seep_self *self, const struct wanted *wanted,
                    uint64_t most)
{
    _Atomic uint32_t *count = &seep_segment_header()->subsystem_count;
    uint32_t id = 0;

    if (!lock_names(self->epoch)) {
        seep_segment_lose(SEEP_LOSS_SUBSYSTEMS_FULL);
        return 0;
    }
    id = find(wanted);
    if (id == 0 &&
        atomic_load_explicit(count, memory_order_relaxed) < SEEP_SUBSYSTEMS_MAX) {
        id = atomic_load_explicit(count, memory_order_relaxed);
        write_entry(id, wanted, most);
        atomic_store_explicit(count, id + 1, memory_order_release);
    }
    atomic_store_explicit(&names_lock, 0, memory_order_release);
    if (id == 0) {
        seep_segment_lose(SEEP_LOSS_SUBSYSTEMS_FULL);
    }
    return id;
}

/* The subsystem's id, made when new; 0 for "" and where there is no room. */
static uint32_t subsystem_of(const struct seep_self *self, const char *name)
{
    const struct wanted wanted = {.name = name};
    uint32_t id = name[0] != '\0' ? find(&wanted) : 0;

    return id != 0 || name[0] == '\0' ? id : add(self, &wanted, 0);
}

/* The subsystem in which the thread is, without any bound. */
static uint32_t plain_of(uint32_t id)
{
    const struct seep_limit *limit = &seep_segment_limits()[id];

    return atomic_load_explicit(&limit->most, memory_order_relaxed) != 0 ? limit->plain
                                                                         : id;
}

static uint32_t bounded_of(const struct seep_self *self, uint32_t plain,
                           const char *container, uint64_t most)
{
    const struct wanted wanted = {.name = seep_segment_subsystems()[plain].name,
                                  .container = container,
                                  .plain = plain};
    uint32_t id = find(&wanted);
    bool is_new = id == 0;

    id = is_new ? add(self, &wanted, most) : id;
    if (id == 0) {
        return plain; /* without its limit, and counted as lost */
    }
    _Atomic uint64_t *declared = &seep_segment_limits()[id].most;

    if (is_new || atomic_load_explicit(declared, memory_order_relaxed) != most) {
        atomic_store_explicit(declared, most, memory_order_relaxed);
        atomic_fetch_add_explicit(&seep_segment_header()->limit_changes, 1,
                                  memory_order_release);
    }
    return id;
}

/* What leave is given back. */
static uint32_t token_of(const struct seep_self *self, uint32_t subsystem)
{
    return self->epoch << SUBSYSTEM_BITS | subsystem;
}

SEEP_EXPORT uint32_t seep_shim_enter(const char *name)
{
    struct seep_self *self = seep_guard_self();
    uint32_t previous = 0;

    if (self == NULL || name == NULL) {
        return 0;
    }
    previous = self->subsystem;
    self->subsystem = subsystem_of(self, name);
    return token_of(self, previous);
}

SEEP_EXPORT uint32_t seep_shim_enter_bounded(const char *name, const char *container,
                                             uint64_t most)
{
    struct seep_self *self = seep_guard_self();
    uint32_t previous = 0;
    uint32_t plain = 0;

    if (self == NULL || container == NULL) {
        return 0;
    }
    previous = self->subsystem;
    plain = name != NULL ? subsystem_of(self, name) : plain_of(previous);
    self->subsystem = most != 0 ? bounded_of(self, plain, container, most) : plain;
    return token_of(self, previous);
}

SEEP_EXPORT void seep_shim_leave(uint32_t previous)
{
    struct seep_self *self = seep_guard_self();
    uint32_t subsystem = previous & (SEEP_SUBSYSTEMS_MAX - 1);

    if (self != NULL && previous != 0) {
        self->subsystem = previous == token_of(self, subsystem) ? subsystem : 0;
    }
}

/* The first marks of a label keep their times, as long as there is room. */
static void keep_time(const char *label)
{
    _Atomic uint32_t *count = &seep_segment_header()->mark_count;
    uint32_t id = atomic_load_explicit(count, memory_order_relaxed);

    do {
        if (id >= SEEP_MARKS_MAX) {
            return;
        }
    } while (!atomic_compare_exchange_weak_explicit(
        count, &id, id + 1, memory_order_relaxed, memory_order_relaxed));
    struct seep_mark_entry *mark = &seep_segment_marks()[id];

    mark->t_ns = seep_segment_now_ns();
    memcpy(mark->label, label, strnlen(label, LABEL_BYTES - 1));
    atomic_store_explicit(&mark->ready, 1, memory_order_release);
}

SEEP_EXPORT int seep_shim_mark(const char *label)
{
    uint64_t before = 0;
    int err = 0;

    if (seep_guard_self() == NULL || label == NULL) {
        return 0;
    }
    err = seep_mark_count(label, &before);
    if (err == 0 && before < SEEP_MARK_TIMES_OF_A_LABEL) {
        keep_time(label);
    }
    return err;
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

/* How many sites the table has; those still being written are among them (S1). */
static uint32_t site_count(void)
{
    uint32_t count =
        atomic_load_explicit(&seep_segment_header()->site_count, memory_order_acquire);

    return count < SEEP_SITES_MAX ? count : SEEP_SITES_MAX;
}

static void add_site(uint32_t shard, uint32_t site, struct seep_site_figures *figures)
{
    const struct seep_counters *counters = &seep_segment_shard(shard)[site];

    figures->acquired += counters->acquired;
    figures->released += counters->released;
    figures->acquired_bytes += counters->acquired_bytes;
    figures->released_bytes += counters->released_bytes;
}

static void read_site(uint32_t site, struct seep_site_figures *figures)
{
    const struct seep_site *entry = &seep_segment_sites()[site];
    uint32_t shards = seep_thread_table_shards_used();

    *figures = (struct seep_site_figures){
        .site = site,
        .kind = entry->kind,
        .subsystem = seep_segment_subsystems()[entry->subsystem].name};
    for (uint32_t shard = 0; shard < shards; shard++) {
        add_site(shard, site, figures);
    }
    for (uint32_t shard = SEEP_SHARDS_OWN; shard < SEEP_SHARDS; shard++) {
        add_site(shard, site, figures);
    }
}

/* The leaf of a site's stack; 0 while the site is being written. */
static uint32_t node_of(uint32_t site)
{
    return __atomic_load_n(&seep_segment_sites()[site].node, __ATOMIC_ACQUIRE);
}

SEEP_EXPORT int
seep_shim_sites(uint32_t kind,
                int (*visit)(void *arg, const struct seep_site_figures *site), void *arg)
{
    int result = 0;

    if (seep_guard_self() == NULL) {
        return -ENODEV;
    }
    for (uint32_t site = 1; site < site_count() && result == 0; site++) {
        if (node_of(site) != 0 && seep_segment_sites()[site].kind == kind) {
            struct seep_site_figures figures;

            read_site(site, &figures);
            result = visit(arg, &figures);
        }
    }
    return result;
}

SEEP_EXPORT int seep_shim_stack(uint32_t site, uintptr_t *addresses, int capacity)
{
    int depth = 0;

    if (seep_guard_self() == NULL) {
        return -ENODEV;
    }
    if (site == 0 || site >= site_count() || node_of(site) == 0) {
        return -ENOENT;
    }
    for (uint32_t id = node_of(site); id >= SEEP_NODE_FIRST;) {
        const struct seep_node *node = &seep_segment_nodes()[id];
        uint64_t base = node->module != 0 ? seep_segment_modules()[node->module].base : 0;

        if (depth < capacity) {
            addresses[depth] = base + node->offset;
        }
        depth++;
        id = node->parent;
    }
    return depth;
}
