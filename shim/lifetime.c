/* Lifetimes of threads, counted where they happen.
 *
 * Design: an entry per creation site, found by a hash of the site and a few steps beyond,
 * claimed by one compare-and-swap and never given back: sites are not either. A thread
 * looks its entry up once, when it is created, and keeps the number. Counters are
 * relaxed adds: making a thread costs tens of microseconds, five adds are nothing.
 * Counters in the shards of all threads were rejected: a site has four of them there,
 * for all kinds, and a histogram for each of a million sites is too much.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lifetime.h"

#include "segment_map.h"

enum { STEPS = 64, NS_PER_US = 1000 };

_Static_assert((SEEP_LIFETIMES_MAX & (SEEP_LIFETIMES_MAX - 1)) == 0, "a mask");

static void add(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static struct seep_lifetime *at(uint32_t entry)
{
    return &seep_segment_lifetimes()[entry - 1];
}

uint32_t seep_lifetime_of(uint32_t site)
{
    uint32_t first =
        (uint32_t)((site * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % SEEP_LIFETIMES_MAX;

    if (site == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t entry = (first + i) % SEEP_LIFETIMES_MAX + 1;
        uint32_t holder = atomic_load_explicit(&at(entry)->site, memory_order_relaxed);

        if (holder == site ||
            (holder == 0 && (atomic_compare_exchange_strong_explicit(
                                 &at(entry)->site, &holder, site, memory_order_relaxed,
                                 memory_order_relaxed) ||
                             holder == site))) {
            return entry;
        }
    }
    seep_segment_lose(SEEP_LOSS_LIFETIMES_FULL);
    return 0;
}

void seep_lifetime_created(uint32_t entry, bool detached)
{
    if (entry != 0) {
        add(&at(entry)->created, 1);
        add(&at(entry)->detached, detached);
    }
}

void seep_lifetime_started(uint32_t entry)
{
    if (entry != 0) {
        add(&at(entry)->started, 1);
    }
}

void seep_lifetime_joined(uint32_t entry)
{
    if (entry != 0) {
        add(&at(entry)->joined, 1);
    }
}

void seep_lifetime_detached(uint32_t entry)
{
    if (entry != 0) {
        add(&at(entry)->detached, 1);
    }
}

/* floor(log2(microseconds)), 0 below two. */
static uint32_t bucket_of(uint64_t lived_ns)
{
    uint64_t lived_us = lived_ns / NS_PER_US;
    uint32_t bucket = lived_us > 1 ? 63 - (uint32_t)__builtin_clzll(lived_us) : 0;

    return bucket < SEEP_LIFETIME_BUCKETS ? bucket : SEEP_LIFETIME_BUCKETS - 1;
}

void seep_lifetime_ended(uint32_t entry, uint32_t state, uint64_t lived_ns,
                         uint64_t cpu_ns)
{
    bool left = (state & SEEP_THREAD_LEFT) != 0;
    bool cancelled =
        (state & (SEEP_THREAD_ENDED | SEEP_THREAD_LEFT | SEEP_THREAD_RETURNED)) ==
        SEEP_THREAD_ENDED;

    if (entry != 0) {
        add(&at(entry)->left, left);
        add(&at(entry)->cancelled, cancelled);
        add(&at(entry)->cpu_ns, cpu_ns);
        add(&at(entry)->buckets[bucket_of(lived_ns)], 1);
        add(&at(entry)->ended, 1);
    }
}
