/* The segment, seen from the program: one sparse shared mapping of fixed layout.
 *
 * Design: the whole file is given its final size and mapped at once, so that no
 * descriptor stays open in the host (programs close descriptors that they do not know)
 * and no table ever moves. Only touched pages exist. Mapping tables one by one as they
 * grow was rejected: it needs the descriptor for ever, or a search for it, at a time when
 * the host may have reused its number.
 *
 * I1: nothing here calls an interposed function or touches errno.
 * I2: the mapping is never part of a core dump (260 GiB of holes), and is sealed against
 * shrinking, so that neither side can be hit by SIGBUS through the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include "segment_map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "arch.h"
#include "own_maps.h"
#include "seep/segment_layout.h"
#include "text.h"

enum {
    LEAVES_MIN = 16,
    MODE_FULL = 1,
    PAGE_BYTES = 4096,
    TRIM_SLACK = 2048,
    TRIM_LEAVES = 2
};

SEEP_HOT_DATA uint8_t *seep_segment_base;
static uint64_t mapped_bytes;
static uint64_t start_ns;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t seep_segment_now_ns(void)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC_COARSE);

    return now > start_ns ? now - start_ns : 0;
}

uint64_t seep_segment_now_exact_ns(void)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);

    return now > start_ns ? now - start_ns : 0;
}

static uint64_t limit_of(int resource)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

    (void)seep_arch_syscall4(SYS_prlimit64, 0, resource, 0, &limit);
    return limit.rlim_cur;
}

/* How many leaves fit: all of them, or a quarter of a limited address space. */
static uint32_t leaves_that_fit(uint32_t granule_shift)
{
    uint64_t limit = limit_of(RLIMIT_AS);
    uint64_t fixed = seep_segment_bytes(granule_shift, 0);
    uint64_t leaves = 0;

    if (limit == RLIM_INFINITY) {
        return SEEP_LEAVES_MAX;
    }
    limit /= SEEP_SEGMENT_ADDRESS_SHARE;
    leaves = limit > fixed ? (limit - fixed) / seep_leaf_bytes(granule_shift) : 0;
    return leaves < SEEP_LEAVES_MAX ? (uint32_t)leaves : SEEP_LEAVES_MAX;
}

static void fill_header(struct seep_segment_header *header, uint32_t granule_shift,
                        uint32_t leaves)
{
    size_t len = 0;

    header->magic = SEEP_SEGMENT_MAGIC;
    header->version = SEEP_SEGMENT_VERSION;
    header->pid = (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0);
    header->ppid = (uint32_t)seep_arch_syscall3(SYS_getppid, 0, 0, 0);
    header->start_realtime_ns = clock_ns(CLOCK_REALTIME);
    header->start_monotonic_ns = start_ns;
    header->start_proc_ticks = seep_text_stat_start_ticks();
    header->own_maps_at = seep_own_maps_address();
    header->mode = MODE_FULL;
    header->granule_shift = granule_shift;
    header->leaves_max = leaves;
    header->node_count = SEEP_NODE_FIRST;
    header->site_count = 1;
    header->module_count = 1;
    header->module_claims = 1;
    header->subsystem_count = 1;
    header->thread_count = 1; /* slot 0 is nobody */
    (void)seep_text_read_link("/proc/self/exe", header->exe, sizeof(header->exe));
    (void)seep_text_read_link("/proc/self/cwd", header->cwd, sizeof(header->cwd));
    len = seep_text_read_file("/proc/self/cmdline", header->cmdline,
                              sizeof(header->cmdline));
    header->cmdline_len = (uint32_t)len;
}

/* Returns: the descriptor of a sealed memfd of `bytes`; a negative enum seep_off_reason.
 */
static int make_file(uint64_t bytes)
{
    uint64_t limit = limit_of(RLIMIT_FSIZE);
    int fd = 0;

    if (limit != RLIM_INFINITY && limit < bytes) { /* ftruncate would raise SIGXFSZ */
        return -SEEP_OFF_FILE_SIZE;
    }
    fd = (int)seep_arch_syscall3(SYS_memfd_create, "seep",
                                 MFD_CLOEXEC | MFD_ALLOW_SEALING, 0);
    if (fd < 0) {
        return -SEEP_OFF_NO_SEGMENT;
    }
    if (seep_arch_syscall3(SYS_ftruncate, fd, bytes, 0) < 0 ||
        seep_arch_syscall3(SYS_fcntl, fd, F_ADD_SEALS,
                           F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        (void)seep_arch_syscall3(SYS_close, fd, 0, 0);
        return -SEEP_OFF_NO_SEGMENT;
    }
    return fd;
}

int seep_segment_create(uint32_t granule_shift, int *fd)
{
    uint32_t leaves = leaves_that_fit(granule_shift);
    uint64_t bytes = seep_segment_bytes(granule_shift, leaves);
    int file = 0;
    long at = 0;

    if (leaves < LEAVES_MIN) {
        return -SEEP_OFF_ADDRESS_SPACE;
    }
    file = make_file(bytes);
    if (file < 0) {
        return file;
    }
    at = seep_arch_syscall6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_NORESERVE, file, 0);
    if (at < 0 && at > -4096) {
        (void)seep_arch_syscall3(SYS_close, file, 0, 0);
        return -SEEP_OFF_ADDRESS_SPACE;
    }
    (void)seep_arch_syscall3(SYS_madvise, at, bytes, MADV_DONTDUMP);
    (void)seep_arch_syscall3(SYS_madvise, at, bytes, MADV_NOHUGEPAGE); /* sparse: with
                     shmem_enabled=always each touched page would cost two megabytes */
    seep_segment_base = (uint8_t *)at;
    mapped_bytes = bytes;
    start_ns = clock_ns(CLOCK_MONOTONIC);
    fill_header(seep_segment_header(), granule_shift, leaves);
    /* The page exists from now on: the collector's writing to it cannot fail. */
    atomic_store_explicit(&((struct seep_tick *)(seep_segment_base + SEEP_AT_TICK))->tick,
                          0, memory_order_relaxed);
    *fd = file;
    return 0;
}

void seep_segment_unmap(void)
{
    if (seep_segment_base != NULL) {
        (void)seep_arch_syscall3(SYS_munmap, seep_segment_base, mapped_bytes, 0);
        seep_segment_base = NULL;
    }
}

uint64_t seep_segment_mapped_bytes(void)
{
    return seep_segment_base != NULL ? mapped_bytes : 0;
}

/* Unmaps what lies between two offsets, whole pages only. */
static void unmap_between(uint64_t from, uint64_t to)
{
    from = (from + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    if (from < to) {
        (void)seep_arch_syscall3(SYS_munmap, seep_segment_base + from, to - from, 0);
    }
}

/* The slack is for events under way. */
void seep_segment_trim(void)
{
    struct seep_segment_header *header = seep_segment_header();
    uint32_t leaves = atomic_load_explicit(&header->leaf_count, memory_order_relaxed);
    uint64_t nodes = atomic_load_explicit(&header->node_count, memory_order_relaxed);
    uint64_t sites = atomic_load_explicit(&header->site_count, memory_order_relaxed);

    header->leaves_max = leaves;
    unmap_between(SEEP_AT_NODES + (nodes + TRIM_SLACK) * sizeof(struct seep_node),
                  SEEP_AT_SITES);
    unmap_between(SEEP_AT_SITES + (sites + TRIM_SLACK) * sizeof(struct seep_site),
                  SEEP_AT_SHARDS);
    for (uint64_t shard = 0; shard < SEEP_SHARDS; shard++) {
        uint64_t at = SEEP_AT_SHARDS + shard * SEEP_SHARD_BYTES;

        unmap_between(at + (sites + TRIM_SLACK) * sizeof(struct seep_counters),
                      at + SEEP_SHARD_BYTES);
    }
    unmap_between(SEEP_AT_LEAVES +
                      (leaves + TRIM_LEAVES) * seep_leaf_bytes(header->granule_shift),
                  mapped_bytes);
    mapped_bytes = 0; /* others may map something in the holes: never unmap it all */
}

void seep_segment_lose(enum seep_loss reason)
{
    atomic_fetch_add_explicit(&seep_segment_header()->lost[reason], 1,
                              memory_order_relaxed);
}
