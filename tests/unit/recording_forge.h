/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_RECORDING_FORGE_H
#define SEEP_TESTS_RECORDING_FORGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"

/* Makes recordings for tests, byte by byte as docs/recording-format.md says: an encoder
 * of its own, so that the reader and the collector's writer are each tested against
 * something else than each other.
 *
 *     struct seep_forge forge;
 *     seep_forge_init(&forge);
 *     seep_forge_program(&forge, "/bin/leaky", SEEP_FORGE_SECOND);
 *     uint32_t module = seep_forge_module(&forge, "/bin/leaky", NULL, 0, 0, 0x10000);
 *     uint32_t leaf = seep_forge_stack(&forge, module, (uint64_t[]){0x1010, 0x1200}, 2);
 *     uint32_t site = seep_forge_site(&forge, leaf, 0, SEEP_KIND_HEAP, 0);
 *
 *     for (uint64_t s = 1; s <= 60; s++) {
 *         seep_forge_count(&forge, site, s, 0, s * 512, 0);
 *         seep_forge_snapshot(&forge, s * SEEP_FORGE_SECOND, NULL);
 *     }
 *     seep_forge_end(&forge, 60 * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
 *     seep_forge_write(&forge, path);
 *     seep_forge_fini(&forge);
 *
 * Ids count up from 1 (nodes from SEEP_NODE_FIRST) in the order of the calls. Table
 * entries are kept back and written, as one piece per table, before the next frame of
 * another kind. Any trouble (no memory, wrong use) aborts the test.
 * Thread-safety: owner thread.
 */
#define SEEP_FORGE_SECOND UINT64_C(1000000000)

struct seep_forge_bytes {
    uint8_t *data; /* owned */
    size_t len_bytes, capacity_bytes;
};

struct seep_forge_label {
    const char *text; /* borrowed */
    uint64_t count;
};

struct seep_forge_table {
    struct seep_forge_bytes entries; /* not yet written */
    uint32_t first_id, next_id;
};

struct seep_forge {
    struct seep_forge_bytes file; /* complete after seep_forge_flush */
    struct seep_forge_table modules, subsystems, nodes, sites;
    struct seep_counters *now; /* owned; by site id */
    struct seep_counters *written;
    size_t counters_capacity;
    uint64_t lost[SEEP_LOSS_MAX];
    struct seep_forge_label labels[SEEP_MARK_LABELS_MAX];
    size_t label_count;
    bool labels_changed;
    uint64_t snapshots;
    bool compress; /* set it before the frames that shall be compressed; false at first */
};

/* Starts with the magic alone. */
void seep_forge_init(struct seep_forge *forge);
void seep_forge_fini(struct seep_forge *forge);

/* A PROGRAM frame with pid 4242, argv {exe}, started 2026-01-01T00:00:00Z, mode full. */
void seep_forge_program(struct seep_forge *forge, const char *exe, uint64_t interval_ns);
/* A PROGRAM frame with every field as given. */
void seep_forge_program_full(struct seep_forge *forge,
                             const struct seep_rec_program *program);

/* Each returns the new id. build_id may be NULL with 0 bytes; base does not matter to
 * readers. */
uint32_t seep_forge_module(struct seep_forge *forge, const char *path,
                           const uint8_t *build_id, size_t build_id_bytes, uint64_t base,
                           uint64_t size_bytes);
uint32_t seep_forge_subsystem(struct seep_forge *forge, const char *name);
/* A LIMITS frame of one row; the subsystem's name must have been flushed, or is now. */
void seep_forge_limit(struct seep_forge *forge, uint32_t subsystem, uint64_t most,
                      const char *container);
uint32_t seep_forge_node(struct seep_forge *forge, uint32_t parent, uint32_t module,
                         uint64_t offset);
/* Nodes of a whole stack below SEEP_NODE_COMPLETE; offsets innermost first. Returns: the
 * leaf. */
uint32_t seep_forge_stack(struct seep_forge *forge, uint32_t module,
                          const uint64_t *offsets, size_t count);
uint32_t seep_forge_site(struct seep_forge *forge, uint32_t node, uint32_t subsystem,
                         enum seep_kind kind, uint64_t first_ns);

/* A site's cumulative counters from the next snapshot on. */
void seep_forge_count(struct seep_forge *forge, uint32_t site, uint64_t acquired,
                      uint64_t released, uint64_t acquired_bytes,
                      uint64_t released_bytes);
/* Losses so far of one reason, from the next snapshot on. */
void seep_forge_lost(struct seep_forge *forge, enum seep_loss reason, uint64_t count);
/* A SNAPSHOT frame with the sites whose counters changed. process: only the process
 * fields and `merged` are read; NULL gives rss 64 MiB, vsize 128 MiB, 1 thread, 5 fds. */
void seep_forge_snapshot(struct seep_forge *forge, uint64_t t_ns,
                         const struct seep_rec_snapshot *process);

/* entries: ascending by site. */
void seep_forge_ages(struct seep_forge *forge, uint64_t t_ns,
                     uint64_t generation_width_ns, const struct seep_rec_age *entries,
                     size_t count);
/* name and wait may be NULL. */
void seep_forge_threads(struct seep_forge *forge, uint64_t t_ns,
                        const struct seep_rec_thread *threads, size_t count);
/* rows' texts may be NULL. */
void seep_forge_waits(struct seep_forge *forge, const struct seep_rec_waits *waits);
/* rows: ascending by site. */
void seep_forge_lifetimes(struct seep_forge *forge,
                          const struct seep_rec_lifetimes *lifetimes);
void seep_forge_probe(struct seep_forge *forge, const struct seep_rec_probe *probe);
/* rows' texts may be NULL. */
void seep_forge_descriptors(struct seep_forge *forge,
                            const struct seep_rec_descriptors *table);
void seep_forge_child(struct seep_forge *forge, const struct seep_rec_child *child);
void seep_forge_mark(struct seep_forge *forge, uint64_t t_ns, const char *label);
void seep_forge_note(struct seep_forge *forge, uint64_t t_ns, const char *text);
/* END with peaks 0. */
void seep_forge_end(struct seep_forge *forge, uint64_t t_ns, enum seep_ending kind,
                    uint32_t status);
void seep_forge_end_full(struct seep_forge *forge, uint64_t t_ns, enum seep_ending kind,
                         uint32_t status, uint64_t peak_live_heap_bytes,
                         uint64_t peak_threads);

/* Any frame, right or wrong; its check and hash are right. raw: header->check is not
 * read. */
void seep_forge_raw(struct seep_forge *forge, const struct seep_frame_header *header,
                    const void *stored);
/* The same, uncompressed. */
void seep_forge_frame(struct seep_forge *forge, uint16_t type, const void *payload,
                      size_t payload_bytes);

/* Writes the table entries kept back. */
void seep_forge_flush(struct seep_forge *forge);
/* Flushes and writes the whole file; an existing one is replaced. */
void seep_forge_write(struct seep_forge *forge, const char *path);

/* Pieces for hand-made payloads. */
void seep_forge_put(struct seep_forge_bytes *bytes, const void *data, size_t len_bytes);
void seep_forge_put_u(struct seep_forge_bytes *bytes, uint64_t value);
void seep_forge_put_str(struct seep_forge_bytes *bytes, const char *text);
void seep_forge_put_fixed(struct seep_forge_bytes *bytes, uint64_t value,
                          size_t width_bytes);

#endif
