/* Sampling by bytes: which blocks are recorded.
 *
 * Design: each thread draws how many bytes it may allocate until the next sample, from an
 * exponential distribution, so that points are a Poisson process along its bytes whatever
 * the sizes; what was not sampled costs a subtraction on acquisition and, on release, a
 * look at one byte. A sampled block goes through the same live table, with its plain
 * size; its weight is computed anew at its release (seep/sampling.h), so nothing more
 * has to be kept.
 *
 * Every Nth byte (no randomness) was rejected: programs with a period are seen askew. A
 * flat table by address >> 14 (8 GiB of address space) was rejected: hosts limit their
 * address space, some while they run. By leaf it is 16 KiB per 256 MiB of heap, for one
 * load more. Floating point was rejected: it would leave marks in the host's status word,
 * raise exceptions that the host has unmasked, and depend on its rounding mode.
 *
 * I1: the counts are wiped in a forked child, as the live table is new there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sample.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch.h"

enum { PAGE_BYTES = 4096, REGION_FULL = 255, LOG_BITS = 40, TRIM_LEAVES = 2 };

/* ln 2 as a fraction of 2^32. */
static const uint64_t LN_2 = UINT64_C(2977044472);
static const uint64_t GOLDEN = UINT64_C(0x9e3779b97f4a7c15);

SEEP_HOT_DATA uint64_t seep_sample_mean_bytes;
SEEP_HOT_DATA uint8_t *seep_sample_regions;

static uint64_t regions_bytes;
static uint64_t seed;
static uint64_t seed_given; /* by the option, for tests; 0 = none */
static uint64_t attached;   /* processes, from the first image down */
static _Atomic uint64_t started;

static uint64_t random_of(uint64_t *state)
{
    uint64_t z = *state += GOLDEN;

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* -log2(u / 2^64) as a fraction of 2^LOG_BITS, bit by bit. u > 0. */
static uint64_t minus_log2(uint64_t u)
{
    unsigned zeros = (unsigned)__builtin_clzll(u);
    uint64_t m = u << zeros; /* [1, 2), 63 bits of fraction */
    uint64_t fraction = 0;

    for (unsigned i = 0; i < LOG_BITS; i++) {
        seep_uint128 square = (seep_uint128)m * m; /* 126 bits of fraction */
        bool two = square >> 127 != 0;

        m = (uint64_t)(square >> (two ? 64 : 63));
        fraction = fraction << 1 | two;
    }
    return ((uint64_t)(zeros + 1) << LOG_BITS) - fraction;
}

void seep_sample_draw(struct seep_self *self)
{
    uint64_t u = random_of(&self->sample_random);
    seep_uint128 distance =
        (seep_uint128)minus_log2(u | (u == 0)) * LN_2 * seep_sample_mean_bytes;

    self->sample_left_bytes = (int64_t)(distance >> (32 + LOG_BITS));
}

void seep_sample_start(struct seep_self *self)
{
    if (seep_sample_mean_bytes != 0) {
        uint64_t nth = atomic_fetch_add_explicit(&started, 1, memory_order_relaxed);
        uint64_t state = seed + nth * UINT64_C(0xd1342543de82ef95);

        self->sample_random = random_of(&state);
        seep_sample_draw(self);
    }
}

struct seep_sample_weight seep_sample_weight_of(uint64_t entry, uint64_t index,
                                                uint64_t bytes)
{
    return seep_sample_weigh(bytes, seep_sample_mean_bytes,
                             seep_sample_token(entry, index));
}

void seep_sample_note(uintptr_t address)
{
    uint8_t *count = seep_sample_regions != NULL ? seep_sample_region(address) : NULL;
    uint8_t now = count != NULL ? __atomic_load_n(count, __ATOMIC_RELAXED) : REGION_FULL;

    while (now != REGION_FULL &&
           !__atomic_compare_exchange_n(count, &now, (uint8_t)(now + 1), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

void seep_sample_forget(uintptr_t address)
{
    uint8_t *count = seep_sample_regions != NULL ? seep_sample_region(address) : NULL;
    uint8_t now = count != NULL ? __atomic_load_n(count, __ATOMIC_RELAXED) : 0;

    while (now != 0 && now != REGION_FULL &&
           !__atomic_compare_exchange_n(count, &now, (uint8_t)(now - 1), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* The words of SEEP_OPTIONS that matter here; the last of a kind counts, a wrong one is
 * the collector's to tell of. */
static void read_options(void)
{
    const char *at = getenv("SEEP_OPTIONS");

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ",");

        if (strncmp(at, "mode=", 5) == 0) {
            (void)seep_sample_parse_mode(at + 5, len - 5, &seep_sample_mean_bytes);
        } else if (strncmp(at, "sample-seed=", 12) == 0) {
            seed_given = 0;
            for (size_t i = 12; i < len && at[i] >= '0' && at[i] <= '9'; i++) {
                seed_given = seed_given * 10 + (uint64_t)(at[i] - '0');
            }
        }
        at += len;
        at += *at == ',';
    }
}

static void make_regions(uint32_t leaves_max)
{
    uint64_t bytes = ((uint64_t)leaves_max + 1)
                     << (SEEP_LEAF_BITS - SEEP_SAMPLE_REGION_BITS);
    long at = 0;

    if (seep_sample_regions != NULL && regions_bytes >= bytes) {
        return; /* I1 */
    }
    at = seep_arch_syscall6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at < 0 && at > -4096) {
        seep_sample_regions = NULL;
        return;
    }
    if (seep_arch_syscall3(SYS_madvise, at, bytes, MADV_WIPEONFORK) < 0) {
        (void)seep_arch_syscall3(SYS_munmap, at, bytes, 0);
        seep_sample_regions = NULL;
        return;
    }
    (void)seep_arch_syscall3(SYS_madvise, at, bytes, MADV_DONTDUMP);
    (void)seep_arch_syscall3(SYS_madvise, at, bytes, MADV_NOHUGEPAGE);
    seep_sample_regions = (uint8_t *)at;
    regions_bytes = bytes;
}

void seep_sample_attach(struct seep_segment_header *header)
{
    if (attached++ == 0) {
        read_options();
    }
    if (seep_sample_mean_bytes == 0) {
        return;
    }
    seed = seed_given != 0 ? seed_given + (attached - 1) * GOLDEN
                           : header->start_monotonic_ns ^ (uint64_t)header->pid << 40;
    atomic_store_explicit(&started, 0, memory_order_relaxed);
    header->mode = SEEP_MODE_SAMPLED;
    header->sample_bytes = seep_sample_mean_bytes;
    make_regions(header->leaves_max);
}

void seep_sample_trim(uint32_t leaves)
{
    uint64_t used = ((uint64_t)leaves + 1 + TRIM_LEAVES)
                    << (SEEP_LEAF_BITS - SEEP_SAMPLE_REGION_BITS);

    if (seep_sample_regions != NULL && used < regions_bytes) {
        (void)seep_arch_syscall3(SYS_munmap, seep_sample_regions + used,
                                 regions_bytes - used, 0);
        regions_bytes = used;
    }
}
