/* Tables of the segment into the recording, each entry once.
 *
 * Entries never change (S2), so what was copied is done with; only the two claimed tables
 * need care. A claim that is never finished (a thread cancelled inside the shim) may not
 * hold back all that follow: after some patience it is taken as the zeros it is, and
 * readers show an unknown stack there.
 *
 * Nodes go first, then sites, then modules and subsystems, whose counts are read last: so
 * whatever an entry names is in the same round.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/table_copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/payload.h"
#include "seep/segment_layout.h"

enum {
    SCRATCH_BYTES = 1 << 16,
    PATIENCE = 10,
    NODES_SHARE = 2, /* of the file's bound, for all nodes */
    SITES_SHARE = 8
};

void seep_tables_fini(struct seep_tables *tables)
{
    free(tables->kinds);
    free(tables->limits);
    *tables = (struct seep_tables){0};
}

/* Whether an unfinished entry is to be taken as it is. */
static bool give_up_waiting(uint32_t id, uint32_t *awaited, uint32_t *patience)
{
    if (*awaited != id) {
        *awaited = id;
        *patience = 0;
    }
    return ++*patience > PATIENCE;
}

static int put_piece(struct seep_record *record, enum seep_frame type, uint32_t first,
                     uint32_t count, const struct seep_buf *entries)
{
    struct seep_buf payload = {0};
    int err = 0;

    if (count == 0) {
        return 0;
    }
    if (entries->failed) {
        return -ENOMEM;
    }
    seep_payload_piece(&payload, first, count);
    seep_buf_put(&payload, entries->data, entries->len_bytes);
    err = seep_record_put(record, type, &payload);
    seep_buf_fini(&payload);
    return err;
}

static int copy_nodes(struct seep_tables *tables, const struct seep_segment *segment,
                      struct seep_record *record, uint32_t claimed, bool at_rest,
                      struct seep_node *scratch)
{
    struct seep_buf entries = {0};
    bool stop = false;
    int err = 0;

    while (err == 0 && !stop && !tables->nodes_closed && tables->nodes < claimed) {
        uint32_t first = tables->nodes;
        uint32_t n = claimed - first;
        uint32_t i = 0;

        n = n < SCRATCH_BYTES / sizeof(*scratch) ? n : SCRATCH_BYTES / sizeof(*scratch);
        err = seep_segment_read(segment, SEEP_AT_NODES + first * sizeof(*scratch),
                                scratch, n * sizeof(*scratch));
        seep_buf_reset(&entries);
        for (; err == 0 && i < n; i++) {
            if (scratch[i].parent == SEEP_NODE_NONE && first + i >= SEEP_NODE_FIRST &&
                !at_rest &&
                !give_up_waiting(first + i, &tables->nodes_awaited,
                                 &tables->nodes_patience)) {
                stop = true;
                break;
            }
            seep_payload_node(&entries, &scratch[i]);
        }
        if (err == 0) {
            err = put_piece(record, SEEP_FRAME_NODES, first, i, &entries);
        }
        if (err == 0) {
            tables->nodes += i;
            tables->nodes_closed = record->tally.type_bytes[SEEP_FRAME_NODES] >
                                   record->options.bytes_max / NODES_SHARE;
        }
    }
    seep_buf_fini(&entries);
    return err;
}

static int reserve_kinds(struct seep_tables *tables, uint32_t sites)
{
    uint32_t capacity = tables->kinds_capacity > 0 ? tables->kinds_capacity : 1024;

    if (sites <= tables->kinds_capacity) {
        return 0;
    }
    while (capacity < sites) {
        capacity *= 2;
    }
    uint8_t *kinds = realloc(tables->kinds, capacity);

    if (kinds == NULL) {
        return -ENOMEM;
    }
    tables->kinds = kinds;
    tables->kinds_capacity = capacity;
    return 0;
}

/* Encodes sites until one is unfinished. Returns: how many were encoded. */
static uint32_t encode_sites(struct seep_tables *tables, struct seep_site *sites,
                             uint32_t n, bool at_rest, struct seep_buf *entries,
                             uint64_t *stacks_cut)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = tables->sites + i;
        bool unfinished = sites[i].node == SEEP_NODE_NONE && id > 0;

        if ((unfinished || (sites[i].node >= tables->nodes && !tables->nodes_closed)) &&
            !at_rest &&
            !give_up_waiting(id, &tables->sites_awaited, &tables->sites_patience)) {
            return i;
        }
        if (sites[i].node >= tables->nodes) {
            sites[i].node = SEEP_NODE_UNKNOWN;
            *stacks_cut += 1;
        }
        tables->kinds[id] = sites[i].kind;
        seep_payload_site(entries, &sites[i]);
    }
    return n;
}

static int copy_sites(struct seep_tables *tables, const struct seep_segment *segment,
                      struct seep_record *record, uint32_t claimed, bool at_rest,
                      struct seep_site *scratch)
{
    const uint32_t chunk = SCRATCH_BYTES / sizeof(*scratch);
    struct seep_buf entries = {0};
    bool stop = false;
    int err = reserve_kinds(tables, claimed);

    while (err == 0 && !stop && !tables->sites_closed && tables->sites < claimed) {
        uint32_t first = tables->sites;
        uint32_t n = claimed - first < chunk ? claimed - first : chunk;
        uint64_t cut = 0;

        err = seep_segment_read(segment, SEEP_AT_SITES + first * sizeof(*scratch),
                                scratch, n * sizeof(*scratch));
        if (err < 0) {
            break;
        }
        seep_buf_reset(&entries);

        uint32_t encoded = encode_sites(tables, scratch, n, at_rest, &entries, &cut);

        stop = encoded < n;
        err = put_piece(record, SEEP_FRAME_SITES, first, encoded, &entries);
        if (err == 0) {
            tables->sites += encoded;
            tables->stacks_cut += cut;
            tables->sites_closed = record->tally.type_bytes[SEEP_FRAME_SITES] >
                                   record->options.bytes_max / SITES_SHARE;
        }
    }
    seep_buf_fini(&entries);
    return err;
}

static int copy_modules(struct seep_tables *tables, const struct seep_segment *segment,
                        struct seep_record *record, uint32_t count,
                        struct seep_module *scratch)
{
    const uint32_t chunk = SCRATCH_BYTES / sizeof(*scratch);
    struct seep_buf entries = {0};
    int err = 0;

    while (err == 0 && tables->modules < count) {
        uint32_t first = tables->modules;
        uint32_t n = count - first < chunk ? count - first : chunk;

        err = seep_segment_read(segment, SEEP_AT_MODULES + first * sizeof(*scratch),
                                scratch, n * sizeof(*scratch));
        seep_buf_reset(&entries);
        for (uint32_t i = 0; err == 0 && i < n; i++) {
            seep_payload_module(&entries, &scratch[i]);
        }
        if (err == 0) {
            err = put_piece(record, SEEP_FRAME_MODULES, first, n, &entries);
        }
        tables->modules += err == 0 ? n : 0;
    }
    seep_buf_fini(&entries);
    return err;
}

static int copy_subsystems(struct seep_tables *tables, const struct seep_segment *segment,
                           struct seep_record *record, uint32_t count,
                           struct seep_subsystem *scratch)
{
    struct seep_buf entries = {0};
    uint32_t first = tables->subsystems;
    int err = 0;

    if (count <= first) {
        return 0;
    }
    err = seep_segment_read(segment, SEEP_AT_SUBSYSTEMS + first * sizeof(*scratch),
                            scratch, (count - first) * sizeof(*scratch));
    for (uint32_t i = 0; err == 0 && i < count - first; i++) {
        seep_payload_subsystem(&entries, &scratch[i]);
    }
    if (err == 0) {
        err = put_piece(record, SEEP_FRAME_SUBSYSTEMS, first, count - first, &entries);
    }
    tables->subsystems = err == 0 ? count : first;
    seep_buf_fini(&entries);
    return err;
}
_Static_assert(SEEP_SUBSYSTEMS_MAX * sizeof(struct seep_subsystem) <= SCRATCH_BYTES,
               "all subsystems at once");

/* Declared limits that are new or another than before. Looked at only when the shim has
 * said so, or subsystems were copied that may have been bounded when it did. */
static int copy_limits(struct seep_tables *tables, const struct seep_segment *segment,
                       struct seep_record *record, uint32_t changes,
                       struct seep_limit *scratch)
{
    struct seep_buf payload = {0};
    struct seep_buf rows = {0};
    uint32_t count = tables->subsystems;
    uint32_t n = 0;
    int err = 0;

    if (changes == tables->limit_changes && count == tables->limit_subsystems) {
        return 0;
    }
    if (tables->limits == NULL) {
        tables->limits = calloc(SEEP_SUBSYSTEMS_MAX, sizeof(*tables->limits));
    }
    if (tables->limits == NULL) {
        return -ENOMEM;
    }
    err = seep_segment_read(segment, SEEP_AT_LIMITS, scratch, count * sizeof(*scratch));
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        if (scratch[i].most != 0 && scratch[i].most != tables->limits[i]) {
            seep_payload_limit(&rows, i, &scratch[i]);
            n++;
        }
    }
    if (err == 0 && n > 0) {
        seep_buf_put_varint(&payload, n);
        seep_buf_put(&payload, rows.data, rows.len_bytes);
        err =
            rows.failed ? -ENOMEM : seep_record_put(record, SEEP_FRAME_LIMITS, &payload);
    }
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        tables->limits[i] = scratch[i].most;
    }
    if (err == 0) {
        tables->limit_changes = changes;
        tables->limit_subsystems = count;
    }
    seep_buf_fini(&rows);
    seep_buf_fini(&payload);
    return err;
}
_Static_assert(SEEP_SUBSYSTEMS_MAX * sizeof(struct seep_limit) <= SCRATCH_BYTES,
               "all limits at once");

/* Marks are claimed too, but each says when it is ready. */
static int copy_marks(struct seep_tables *tables, const struct seep_segment *segment,
                      struct seep_record *record, uint32_t claimed)
{
    struct seep_buf payload = {0};
    int err = 0;

    while (err == 0 && tables->marks < claimed) {
        struct seep_mark_entry mark;

        err = seep_segment_read(segment, SEEP_AT_MARKS + tables->marks * sizeof(mark),
                                &mark, sizeof(mark));
        if (err < 0 || mark.ready == 0) {
            break;
        }
        seep_buf_reset(&payload);
        seep_payload_text(&payload, mark.t_ns, mark.label, sizeof(mark.label));
        err = seep_record_put(record, SEEP_FRAME_MARK, &payload);
        tables->marks += err == 0;
    }
    seep_buf_fini(&payload);
    return err;
}

int seep_tables_copy(struct seep_tables *tables, const struct seep_segment *segment,
                     struct seep_record *record, bool at_rest, void *scratch)
{
    struct seep_segment_counts counts;
    int err = seep_segment_read_counts(segment, &counts);

    if (err == 0) {
        err = copy_nodes(tables, segment, record, counts.nodes, at_rest, scratch);
    }
    if (err == 0) {
        err = copy_sites(tables, segment, record, counts.sites, at_rest, scratch);
    }
    if (err == 0) {
        err = seep_segment_read_counts(segment, &counts);
    }
    if (err == 0) {
        err = copy_modules(tables, segment, record, counts.modules, scratch);
    }
    if (err == 0) {
        err = copy_subsystems(tables, segment, record, counts.subsystems, scratch);
    }
    if (err == 0) {
        err = copy_limits(tables, segment, record, counts.limit_changes, scratch);
    }
    return err < 0 ? err : copy_marks(tables, segment, record, counts.marks);
}
