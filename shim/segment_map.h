/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_SEGMENT_MAP_H
#define SEEP_SHIM_SEGMENT_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "seep/segment.h"
#include "seep/segment_layout.h"

/* Of a limited address space the segment takes one part in so many. */
enum { SEEP_SEGMENT_ADDRESS_SHARE = 4 };

/* Base of the mapped segment. Meaningful only between a successful attach and the next
 * fork. Written by seep_segment_create, under life.c's attach state. */
extern uint8_t *seep_segment_base __attribute__((visibility("hidden")));

/* Creates, seals and maps a fresh segment and fills its header.
 *
 * granule_shift:  4 or 5.
 * fd:             out; the caller hands it over and closes it.
 * Returns: 0; a negative enum seep_off_reason when the kernel refuses.
 * Thread-safety: one thread at a time (attach state). Allocates: no.
 */
int seep_segment_create(uint32_t granule_shift, int *fd);

/* Unmaps the segment at seep_segment_base (a forked child's view of its parent's). */
void seep_segment_unmap(void);

/* Address space that the segment takes; 0 when it takes none, or only what is in use. */
uint64_t seep_segment_mapped_bytes(void);

/* Gives back the address space of everything not in use, for threads that may still be in
 * the middle of an event. Nothing may be recorded afterwards. */
void seep_segment_trim(void);

/* Counts one loss. Thread-safety: any thread; async-signal-safe. */
void seep_segment_lose(enum seep_loss reason);

/* Nanoseconds since the segment's start; 4 ms resolution. async-signal-safe, keeps errno.
 */
uint64_t seep_segment_now_ns(void);
/* The same to the nanosecond, at five times the cost: for what is rare. */
uint64_t seep_segment_now_exact_ns(void);

static inline struct seep_segment_header *seep_segment_header(void)
{
    return (struct seep_segment_header *)seep_segment_base;
}
static inline const struct seep_tick *seep_segment_tick(void)
{
    return (const struct seep_tick *)(seep_segment_base + SEEP_AT_TICK);
}
static inline struct seep_module *seep_segment_modules(void)
{
    return (struct seep_module *)(seep_segment_base + SEEP_AT_MODULES);
}
static inline struct seep_subsystem *seep_segment_subsystems(void)
{
    return (struct seep_subsystem *)(seep_segment_base + SEEP_AT_SUBSYSTEMS);
}
static inline struct seep_limit *seep_segment_limits(void)
{
    return (struct seep_limit *)(seep_segment_base + SEEP_AT_LIMITS);
}
static inline struct seep_mark_entry *seep_segment_marks(void)
{
    return (struct seep_mark_entry *)(seep_segment_base + SEEP_AT_MARKS);
}
static inline struct seep_mark_label *seep_segment_mark_labels(void)
{
    return (struct seep_mark_label *)(seep_segment_base + SEEP_AT_MARK_LABELS);
}
static inline struct seep_thread *seep_segment_threads(void)
{
    return (struct seep_thread *)(seep_segment_base + SEEP_AT_THREADS);
}
static inline struct seep_holding *seep_segment_fds(void)
{
    return (struct seep_holding *)(seep_segment_base + SEEP_AT_FDS);
}
static inline struct seep_holding *seep_segment_timers(void)
{
    return (struct seep_holding *)(seep_segment_base + SEEP_AT_TIMERS);
}
static inline struct seep_holding *seep_segment_mappings(void)
{
    return (struct seep_holding *)(seep_segment_base + SEEP_AT_MAPPINGS);
}
static inline struct seep_lifetime *seep_segment_lifetimes(void)
{
    return (struct seep_lifetime *)(seep_segment_base + SEEP_AT_LIFETIMES);
}
static inline _Atomic uint32_t *seep_segment_node_buckets(void)
{
    return (_Atomic uint32_t *)(seep_segment_base + SEEP_AT_NODE_BUCKETS);
}
static inline _Atomic uint32_t *seep_segment_site_buckets(void)
{
    return (_Atomic uint32_t *)(seep_segment_base + SEEP_AT_SITE_BUCKETS);
}
static inline struct seep_node *seep_segment_nodes(void)
{
    return (struct seep_node *)(seep_segment_base + SEEP_AT_NODES);
}
static inline struct seep_site *seep_segment_sites(void)
{
    return (struct seep_site *)(seep_segment_base + SEEP_AT_SITES);
}
static inline struct seep_counters *seep_segment_shard(uint32_t shard)
{
    return (struct seep_counters *)(seep_segment_base + SEEP_AT_SHARDS +
                                    shard * SEEP_SHARD_BYTES);
}
static inline _Atomic uint32_t *seep_segment_top(void)
{
    return (_Atomic uint32_t *)(seep_segment_base + SEEP_AT_TOP);
}

#endif
