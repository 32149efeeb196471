/* Segments made by hand. Independent of the shim and of the collector: only
 * seep/segment.h is shared.
 *
 * SPDX-License-Identifier: MIT
 */
#include "segment_forge.h"
#include "seep/live_entry.h"
#include "seep/segment_layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void need(int good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void segment_forge_open(struct segment_forge *forge, uint32_t granule_shift,
                        uint32_t leaves_max)
{
    forge->bytes = seep_segment_bytes(granule_shift, leaves_max);
    forge->fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    need(forge->fd >= 0, "memfd_create");
    need(ftruncate(forge->fd, (off_t)forge->bytes) == 0, "ftruncate");
    need(fcntl(forge->fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0, "F_ADD_SEALS");
    forge->map = mmap(NULL, forge->bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_NORESERVE, forge->fd, 0);
    need(forge->map != MAP_FAILED, "mmap");
    forge->header = (struct seep_segment_header *)(void *)forge->map;
    forge->header->magic = SEEP_SEGMENT_MAGIC;
    forge->header->version = SEEP_SEGMENT_VERSION;
    forge->header->state = SEEP_SEGMENT_READY;
    forge->header->pid = (uint32_t)getpid();
    forge->header->ppid = (uint32_t)getppid();
    forge->header->start_realtime_ns = clock_ns(CLOCK_REALTIME);
    forge->header->start_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
    forge->header->mode = 1;
    forge->header->granule_shift = granule_shift;
    forge->header->leaves_max = leaves_max;
    forge->header->node_count = SEEP_NODE_FIRST;
    forge->header->site_count = 1;
    forge->header->module_count = 1;
    forge->header->subsystem_count = 1;
    forge->header->thread_count = 1;
    strcpy(forge->header->exe, "/usr/bin/forged");
    strcpy(forge->header->cwd, "/tmp");
    memcpy(forge->header->cmdline, "forged\0--now", 13);
    forge->header->cmdline_len = 13;
}

void segment_forge_close(struct segment_forge *forge)
{
    munmap(forge->map, forge->bytes);
    close(forge->fd);
}

uint32_t segment_forge_module(struct segment_forge *forge, const char *path)
{
    uint32_t id = forge->header->module_count;
    struct seep_module *module =
        (void *)(forge->map + SEEP_AT_MODULES + id * sizeof(*module));

    snprintf(module->path, sizeof(module->path), "%s", path);
    module->base = UINT64_C(0x400000) * id;
    module->size_bytes = 4096;
    module->build_id_len = 2;
    module->build_id[0] = 0xab;
    module->build_id[1] = (uint8_t)id;
    forge->header->module_count = id + 1;
    return id;
}

uint32_t segment_forge_subsystem(struct segment_forge *forge, const char *name)
{
    uint32_t id = forge->header->subsystem_count;
    struct seep_subsystem *entry =
        (void *)(forge->map + SEEP_AT_SUBSYSTEMS + id * sizeof(*entry));

    snprintf(entry->name, sizeof(entry->name), "%s", name);
    forge->header->subsystem_count = id + 1;
    return id;
}

void segment_forge_limit(struct segment_forge *forge, uint32_t subsystem, uint64_t most,
                         const char *container)
{
    struct seep_limit *limit =
        (void *)(forge->map + SEEP_AT_LIMITS + subsystem * sizeof(*limit));

    snprintf(limit->container, sizeof(limit->container), "%s", container);
    limit->most = most;
    forge->header->limit_changes++;
}

uint32_t segment_forge_node(struct segment_forge *forge, uint32_t parent, uint32_t module,
                            uint64_t offset)
{
    uint32_t id = forge->header->node_count;
    struct seep_node *node = (void *)(forge->map + SEEP_AT_NODES + id * sizeof(*node));

    node->parent = parent;
    node->module = module;
    node->offset = offset;
    forge->header->node_count = id + 1;
    return id;
}

uint32_t segment_forge_site(struct segment_forge *forge, uint32_t node,
                            enum seep_kind kind)
{
    uint32_t id = forge->header->site_count;
    struct seep_site *site = (void *)(forge->map + SEEP_AT_SITES + id * sizeof(*site));

    site->node = node;
    site->kind = (uint8_t)kind;
    site->first_ns = id;
    forge->header->site_count = id + 1;
    return id;
}

uint32_t segment_forge_thread(struct segment_forge *forge, uint32_t tid, uint32_t site,
                              uint64_t stack_bytes)
{
    uint32_t slot = forge->header->thread_count;
    struct seep_thread *thread =
        (void *)(forge->map + SEEP_AT_THREADS + slot * sizeof(*thread));

    thread->state = SEEP_THREAD_USED | SEEP_THREAD_STARTED;
    thread->generation = 1;
    thread->tid = tid;
    thread->site = site;
    thread->stack_bytes = stack_bytes;
    strcpy(thread->name, "forged");
    forge->header->thread_count = slot + 1;
    return slot;
}

void segment_forge_mark(struct segment_forge *forge, uint64_t t_ns, const char *label)
{
    uint32_t id = forge->header->mark_count;
    struct seep_mark_entry *mark =
        (void *)(forge->map + SEEP_AT_MARKS + id * sizeof(*mark));

    mark->t_ns = t_ns;
    snprintf(mark->label, sizeof(mark->label), "%s", label);
    mark->ready = 1;
    forge->header->mark_count = id + 1;
}

void segment_forge_mark_label(struct segment_forge *forge, uint32_t slot,
                              const char *label, uint64_t count)
{
    struct seep_mark_label *entry =
        (void *)(forge->map + SEEP_AT_MARK_LABELS + slot * sizeof(*entry));

    forge->header->mark_label_count += entry->ready == 0;
    entry->key = slot + 1;
    snprintf(entry->label, sizeof(entry->label), "%s", label);
    entry->count = count;
    entry->ready = 1;
}

struct seep_counters *segment_forge_counters(struct segment_forge *forge, uint32_t shard,
                                             uint32_t site)
{
    struct seep_counters *shards =
        (void *)(forge->map + SEEP_AT_SHARDS + shard * SEEP_SHARD_BYTES);

    return &shards[site];
}

struct seep_holding *segment_forge_holding(struct segment_forge *forge, uint64_t table_at,
                                           uint32_t slot, uint32_t site, uint64_t bytes,
                                           uint64_t acquired_ns)
{
    struct seep_holding *held = (void *)(forge->map + table_at + slot * sizeof(*held));
    _Atomic uint32_t *count = table_at == SEEP_AT_FDS ? &forge->header->fd_count
                              : table_at == SEEP_AT_TIMERS
                                  ? &forge->header->timer_count
                                  : &forge->header->mapping_count;

    held->id = slot;
    held->bytes = bytes;
    held->acquired_ns = acquired_ns;
    held->site = site;
    if (*count <= slot) {
        *count = slot + 1;
    }
    return held;
}

uint64_t *segment_forge_entry(struct segment_forge *forge, uint64_t address)
{
    uint32_t *top = (void *)(forge->map + SEEP_AT_TOP);
    uint32_t shift = forge->header->granule_shift;
    uint64_t in_leaf = address & ((UINT64_C(1) << SEEP_LEAF_BITS) - 1);

    if (top[address >> SEEP_LEAF_BITS] == 0) {
        need(forge->header->leaf_count < forge->header->leaves_max, "leaves");
        top[address >> SEEP_LEAF_BITS] = ++forge->header->leaf_count;
    }
    uint64_t *leaf =
        (void *)(forge->map + SEEP_AT_LEAVES +
                 (top[address >> SEEP_LEAF_BITS] - 1) * seep_leaf_bytes(shift));

    return &leaf[in_leaf >> shift];
}

void segment_forge_block(struct segment_forge *forge, uint64_t address, uint32_t site,
                         uint64_t size_bytes, uint64_t birth_ns)
{
    uint32_t size24 =
        size_bytes < SEEP_LIVE_LARGE ? (uint32_t)size_bytes : SEEP_LIVE_LARGE;

    if (size24 == SEEP_LIVE_LARGE) {
        *segment_forge_entry(forge, address + (1U << forge->header->granule_shift)) =
            size_bytes;
    }
    *segment_forge_entry(forge, address) =
        seep_live_pack(site, size24, seep_birth_encode(birth_ns));
}
