/* A recording in memory: opened, asked, freed.
 *
 * The file is read whole: at most 64 MiB by the writer's limit, and every question that a
 * report asks goes across all snapshots. Reading on demand was rejected: it would keep an
 * index per site and frame for no gain.
 *
 * I1: references between tables are in range (seep_recording_settle).
 * I2: a site's points ascend by snapshot, each below snapshot_count.
 * I3: snapshot times rise strictly.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/record_read.h"
#include "load/recording_build.h"
#include "load/recording_decode.h"

/* Takes the reader, also on error. */
static int read_all(struct seep_record_reader *reader, struct seep_progress *progress,
                    struct seep_recording **recording, struct seep_error *error)
{
    struct seep_recording *made = seep_recording_new();
    struct seep_record_frame frame;
    int n = 1;

    if (made == NULL) {
        n = seep_error_set(error, -ENOMEM, "%s: out of memory",
                           seep_record_reader_name(reader));
        goto fail_read;
    }
    while (n > 0) {
        uint64_t total_bytes = 0;
        uint64_t done_bytes = seep_record_reader_position(reader, &total_bytes);

        seep_progress_tell(progress, "reading", done_bytes, total_bytes);
        n = seep_record_reader_next(reader, &frame, error);
        if (n > 0 && seep_recording_decode_frame(
                         made, &frame, seep_record_reader_name(reader), error) < 0) {
            n = error->code;
        }
    }
    if (n < 0) {
        goto fail_read;
    }
    seep_age_writer_fini(&((struct seep_recording_store *)made->arena)->age_writer);
    made->truncated = seep_record_reader_truncated(reader, &made->truncated_at);
    if (seep_recording_settle(made) < 0) {
        n = seep_error_set(error, -ENOMEM,
                           "%s: too large: out of memory (Seep gives a recording up to "
                           "4 GiB)",
                           seep_record_reader_name(reader));
        goto fail_read;
    }
    seep_record_reader_close(reader);
    *recording = made;
    return 0;

fail_read:
    seep_recording_free(made);
    seep_record_reader_close(reader);
    return n;
}

int seep_recording_open(const char *path, struct seep_recording **recording,
                        struct seep_error *error)
{
    return seep_recording_open_telling(path, NULL, recording, error);
}

int seep_recording_open_telling(const char *path, struct seep_progress *progress,
                                struct seep_recording **recording,
                                struct seep_error *error)
{
    struct seep_error unseen;
    struct seep_record_reader *reader = NULL;
    int n = 0;

    error = error != NULL ? error : &unseen;
    n = seep_record_reader_open(path, &reader, error);
    return n < 0 ? n : read_all(reader, progress, recording, error);
}

int seep_recording_open_bytes(const char *name, const void *bytes, size_t len_bytes,
                              struct seep_recording **recording, struct seep_error *error)
{
    struct seep_error unseen;
    struct seep_record_reader *reader = NULL;
    int n = 0;

    error = error != NULL ? error : &unseen;
    n = seep_record_reader_open_bytes(name, bytes, len_bytes, &reader, error);
    return n < 0 ? n : read_all(reader, NULL, recording, error);
}

void seep_recording_free(struct seep_recording *recording)
{
    struct seep_recording_store *store = NULL;

    if (recording == NULL) {
        return;
    }
    store = recording->arena;
    seep_point_queue_fini(&store->points);
    free(recording->modules);
    free(recording->subsystems);
    free(recording->limits);
    free(recording->nodes);
    free(recording->sites);
    free(recording->snapshots);
    free(recording->ages);
    free(recording->children);
    free(recording->marks);
    free(recording->labels);
    free(recording->notes);
    free(recording->probes);
    seep_pool_fini(&store->pool);
    seep_pool_fini(&store->threads);
    seep_pool_fini(&store->descriptors);
    seep_pool_fini(&store->waits);
    seep_pool_fini(&store->lifetimes);
    seep_thin_fini(&store->thin);
    seep_age_writer_fini(&store->age_writer);
    free(store);
    free(recording);
}

void seep_recording_site_counters(const struct seep_recording *recording, uint32_t site,
                                  struct seep_counters *out)
{
    static const struct seep_rec_site none;
    const struct seep_rec_site *s =
        site < recording->site_count ? &recording->sites[site] : &none;
    struct seep_points_cursor cursor = seep_points_start(&s->points);
    struct seep_counters now = {0};
    bool more = seep_points_next(&cursor);

    for (size_t i = 0; i < recording->snapshot_count; i++) {
        if (more && cursor.now.snapshot == i) {
            now = cursor.now.counters;
            more = seep_points_next(&cursor);
        }
        out[i] = now;
    }
}

size_t seep_recording_stack(const struct seep_recording *recording, uint32_t site,
                            uint32_t *nodes, size_t capacity, uint32_t *root)
{
    uint32_t node =
        site < recording->site_count ? recording->sites[site].node : SEEP_NODE_NONE;
    size_t depth = 0;
    size_t written = 0;

    /* No stack of the shim is deeper, so a longer walk is a cycle: no mark per node is
     * needed to see it. */
    while (node >= SEEP_NODE_FIRST && node < recording->node_count &&
           depth < SEEP_STACK_MAX_FRAMES) {
        const struct seep_rec_node *n = &recording->nodes[node];

        if (n->parent == SEEP_NODE_NONE && n->module == 0 && n->offset == 0) {
            break; /* claimed by the shim, never filled in */
        }
        if (written < capacity) {
            nodes[written++] = node;
        }
        node = n->parent;
        depth++;
    }
    if (root != NULL) {
        *root = node >= SEEP_NODE_COMPLETE && node <= SEEP_NODE_UNKNOWN
                    ? node
                    : SEEP_NODE_UNKNOWN;
    }
    return written;
}

static bool tables_are_valid(const struct seep_recording *rec)
{
    for (size_t i = 0; i < rec->node_count; i++) {
        if (rec->nodes[i].parent >= rec->node_count ||
            rec->nodes[i].module >= rec->module_count) {
            return false;
        }
    }
    for (size_t i = 0; i < rec->module_count; i++) {
        if (rec->modules[i].path == NULL || rec->modules[i].build_id_len > 32) {
            return false;
        }
    }
    for (size_t i = 0; i < rec->subsystem_count; i++) {
        if (rec->subsystems[i] == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < rec->thread_count; i++) {
        const struct seep_rec_thread *t = &rec->threads[i];

        if (t->site >= rec->site_count || t->subsystem >= rec->subsystem_count ||
            t->start_module >= rec->module_count || t->name == NULL || t->wait == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < rec->descriptors.count; i++) {
        const struct seep_rec_descriptor *row = &rec->descriptors.rows[i];

        if (row->site >= rec->site_count || row->link == NULL || row->state == NULL ||
            (i != 0 && row->fd <= rec->descriptors.rows[i - 1].fd)) {
            return false;
        }
    }
    return rec->node_count >= SEEP_NODE_FIRST && rec->module_count >= 1 &&
           rec->subsystem_count >= 1 && rec->site_count >= 1;
}

static bool thread_pictures_are_valid(const struct seep_recording *rec)
{
    for (size_t i = 0; i < rec->waits.count; i++) {
        if (rec->waits.rows[i].name == NULL || rec->waits.rows[i].target == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < rec->lifetimes.count; i++) {
        uint32_t site = rec->lifetimes.rows[i].site;

        if (site == 0 || site >= rec->site_count ||
            (i != 0 && site <= rec->lifetimes.rows[i - 1].site)) {
            return false;
        }
    }
    return true;
}

static bool probes_are_valid(const struct seep_recording *rec)
{
    for (size_t i = 0; i < rec->probe_count; i++) {
        const struct seep_rec_probe *probe = &rec->probes[i];

        if (probe->object == NULL || probe->object_bytes > SEEP_PROBE_OBJECT_MAX_BYTES) {
            return false;
        }
        for (size_t k = 0; k < probe->frame_count; k++) {
            if (probe->frames[k].module >= rec->module_count) {
                return false;
            }
        }
    }
    return true;
}

static bool site_is_valid(const struct seep_recording *rec,
                          const struct seep_rec_site *site)
{
    struct seep_points_cursor cursor = seep_points_start(&site->points);
    uint64_t least = 0;

    while (seep_points_next(&cursor)) {
        if (cursor.now.snapshot >= rec->snapshot_count || cursor.now.snapshot < least) {
            return false;
        }
        least = cursor.now.snapshot + UINT64_C(1);
    }
    return (site->points.count == 0 || memcmp(&cursor.now.counters, &site->points.last,
                                              sizeof(site->points.last)) == 0) &&
           site->node < rec->node_count && site->subsystem < rec->subsystem_count &&
           (site->limit == 0 || site->limit < rec->limit_count);
}

static bool labels_are_valid(const struct seep_recording *rec)
{
    for (size_t i = 0; i < rec->label_count; i++) {
        struct seep_points_cursor cursor = seep_points_start(&rec->labels[i].points);
        uint64_t least = 0;

        while (seep_points_next(&cursor)) {
            if (cursor.now.snapshot >= rec->snapshot_count ||
                cursor.now.snapshot < least) {
                return false;
            }
            least = cursor.now.snapshot + UINT64_C(1);
        }
        if (rec->labels[i].text == NULL) {
            return false;
        }
    }
    return rec->label_count <= SEEP_MARK_LABELS_MAX;
}

static bool ages_are_valid(const struct seep_recording *rec)
{
    for (size_t i = 0; i < rec->ages_count; i++) {
        const struct seep_rec_ages *scan = &rec->ages[i];

        struct seep_age_cursor at = seep_age_scan_start(scan);
        uint32_t before = 0;
        size_t listed = 0;

        for (; seep_age_scan_next(&at); before = at.now.site, listed++) {
            if (at.now.site >= rec->site_count || at.now.site <= before) {
                return false;
            }
        }
        if (listed != scan->count) {
            return false;
        }
        if (i != 0 && scan->t_ns < rec->ages[i - 1].t_ns) {
            return false;
        }
    }
    return true;
}

bool seep_recording_is_valid(const struct seep_recording *recording)
{
    for (size_t i = 1; i < recording->snapshot_count; i++) {
        if (recording->snapshots[i].t_ns <= recording->snapshots[i - 1].t_ns) {
            return false;
        }
    }
    for (size_t i = 0; i < recording->site_count; i++) {
        if (!site_is_valid(recording, &recording->sites[i])) {
            return false;
        }
    }
    return tables_are_valid(recording) && ages_are_valid(recording) &&
           thread_pictures_are_valid(recording) && probes_are_valid(recording) &&
           labels_are_valid(recording);
}
