/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_SEGMENT_FORGE_H
#define SEEP_TESTS_SEGMENT_FORGE_H

#include <stdint.h>

#include "seep/segment.h"

/* A segment made by hand, for tests of its reader: what the shim would write, written one
 * by one. Failures end the test by abort(): a forge that cannot write is no result.
 */
struct segment_forge {
    int fd;       /* the memfd; dup it to give it away */
    uint8_t *map; /* the whole file */
    uint64_t bytes;
    struct seep_segment_header *header; /* in the map */
};

/* granule_shift 4 or 5; leaves_max >= 1. The pid is the caller's, its start ticks are
 * left 0. */
void segment_forge_open(struct segment_forge *forge, uint32_t granule_shift,
                        uint32_t leaves_max);
void segment_forge_close(struct segment_forge *forge);

/* Each returns the id of what it added. */
uint32_t segment_forge_module(struct segment_forge *forge, const char *path);
uint32_t segment_forge_subsystem(struct segment_forge *forge, const char *name);
/* Declares, or declares anew, the limit of a container. */
void segment_forge_limit(struct segment_forge *forge, uint32_t subsystem, uint64_t most,
                         const char *container);
uint32_t segment_forge_node(struct segment_forge *forge, uint32_t parent, uint32_t module,
                            uint64_t offset);
uint32_t segment_forge_site(struct segment_forge *forge, uint32_t node,
                            enum seep_kind kind);
uint32_t segment_forge_thread(struct segment_forge *forge, uint32_t tid, uint32_t site,
                              uint64_t stack_bytes);
void segment_forge_mark(struct segment_forge *forge, uint64_t t_ns, const char *label);
/* A slot of the counted labels. */
void segment_forge_mark_label(struct segment_forge *forge, uint32_t slot,
                              const char *label, uint64_t count);

/* Fills one slot of a table (its offset in the segment: SEEP_AT_FDS ...) and raises the
 * header's count; site 0 frees it. Returns: the slot, writable. */
struct seep_holding *segment_forge_holding(struct segment_forge *forge, uint64_t table_at,
                                           uint32_t slot, uint32_t site, uint64_t bytes,
                                           uint64_t acquired_ns);

/* The counters of a site in one shard; writable. */
struct seep_counters *segment_forge_counters(struct segment_forge *forge, uint32_t shard,
                                             uint32_t site);

/* Makes a block live: its entry, and its size word when it is large. size24 is used as it
 * is for threads (their slot). */
void segment_forge_block(struct segment_forge *forge, uint64_t address, uint32_t site,
                         uint64_t size_bytes, uint64_t birth_ns);
/* The entry of an address; makes its leaf when there is none. */
uint64_t *segment_forge_entry(struct segment_forge *forge, uint64_t address);

#endif
