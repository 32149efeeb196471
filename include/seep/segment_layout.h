/* Where the segment's tables lie in the file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SEGMENT_LAYOUT_H
#define SEEP_SEGMENT_LAYOUT_H

#include <stdint.h>

#include "seep/segment.h"

#define SEEP_ALIGN_(x)  (((uint64_t)(x) + 65535) & ~UINT64_C(65535))
#define SEEP_AT_HEADER  UINT64_C(0)
#define SEEP_TICK_BYTES UINT64_C(4096) /* a page with nothing else in it */
#define SEEP_AT_TICK    (SEEP_AT_MODULES - SEEP_TICK_BYTES)
#define SEEP_AT_MODULES SEEP_ALIGN_(sizeof(struct seep_segment_header) + SEEP_TICK_BYTES)
#define SEEP_AT_SUBSYSTEMS                                                               \
    (SEEP_AT_MODULES + (uint64_t)SEEP_MODULES_MAX * sizeof(struct seep_module))
#define SEEP_AT_LIMITS                                                                   \
    (SEEP_AT_SUBSYSTEMS + (uint64_t)SEEP_SUBSYSTEMS_MAX * sizeof(struct seep_subsystem))
#define SEEP_AT_MARKS                                                                    \
    (SEEP_AT_LIMITS + (uint64_t)SEEP_SUBSYSTEMS_MAX * sizeof(struct seep_limit))
#define SEEP_AT_MARK_LABELS                                                              \
    (SEEP_AT_MARKS + (uint64_t)SEEP_MARKS_MAX * sizeof(struct seep_mark_entry))
#define SEEP_AT_THREADS                                                                  \
    (SEEP_AT_MARK_LABELS +                                                               \
     (uint64_t)SEEP_MARK_LABELS_MAX * sizeof(struct seep_mark_label))
#define SEEP_AT_FDS                                                                      \
    (SEEP_AT_THREADS + (uint64_t)SEEP_THREADS_MAX * sizeof(struct seep_thread))
#define SEEP_AT_TIMERS                                                                   \
    (SEEP_AT_FDS + (uint64_t)SEEP_FDS_MAX * sizeof(struct seep_holding))
#define SEEP_AT_MAPPINGS                                                                 \
    (SEEP_AT_TIMERS + (uint64_t)SEEP_TIMERS_MAX * sizeof(struct seep_holding))
#define SEEP_AT_LIFETIMES                                                                \
    (SEEP_AT_MAPPINGS + (uint64_t)SEEP_MAPPINGS_MAX * sizeof(struct seep_holding))
#define SEEP_AT_NODE_BUCKETS                                                             \
    (SEEP_AT_LIFETIMES + (uint64_t)SEEP_LIFETIMES_MAX * sizeof(struct seep_lifetime))
#define SEEP_AT_SITE_BUCKETS (SEEP_AT_NODE_BUCKETS + (uint64_t)SEEP_NODE_BUCKETS * 4)
#define SEEP_AT_NODES        SEEP_ALIGN_(SEEP_AT_SITE_BUCKETS + (uint64_t)SEEP_SITE_BUCKETS * 4)
#define SEEP_AT_SITES                                                                    \
    (SEEP_AT_NODES + (uint64_t)SEEP_NODES_MAX * sizeof(struct seep_node))
#define SEEP_AT_SHARDS                                                                   \
    (SEEP_AT_SITES + (uint64_t)SEEP_SITES_MAX * sizeof(struct seep_site))
#define SEEP_SHARD_BYTES ((uint64_t)SEEP_SITES_MAX * sizeof(struct seep_counters))
#define SEEP_AT_TOP      (SEEP_AT_SHARDS + SEEP_SHARDS * SEEP_SHARD_BYTES)
#define SEEP_TOP_ENTRIES (UINT64_C(1) << (SEEP_ADDRESS_BITS - SEEP_LEAF_BITS))
#define SEEP_AT_LEAVES   SEEP_ALIGN_(SEEP_AT_TOP + SEEP_TOP_ENTRIES * 4)

/* Bytes of one leaf: an 8-byte entry per granule. Leaf id n (1-based) lies at
 * SEEP_AT_LEAVES + (n - 1) * seep_leaf_bytes(shift); top[address >> SEEP_LEAF_BITS] holds
 * its id, 0 = none. */
static inline uint64_t seep_leaf_bytes(uint32_t granule_shift)
{
    return (UINT64_C(1) << (SEEP_LEAF_BITS - granule_shift)) * 8;
}

static inline uint64_t seep_segment_bytes(uint32_t granule_shift, uint32_t leaves_max)
{
    return SEEP_AT_LEAVES + leaves_max * seep_leaf_bytes(granule_shift);
}

#endif
