/* From the payload of a frame to rows of the model. docs/recording-format.md is the
 * specification.
 *
 * One function per frame type over a cursor that fails once and stays failed, so that
 * each function reads as the byte table does; the check is made once, after it.
 *
 * I1: an entry count is compared with the bytes left before anything is allocated.
 * I2: ids that are used while decoding (sites in snapshots and ages) must be known: the
 *     writer puts a table's piece before the first use. References between tables are
 *     checked at the end, since pieces may come later.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording_decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "load/decode_limits.h"
#include "load/decode_marks.h"
#include "load/decode_snapshot.h"
#include "load/decode_take.h"
#include "load/decode_threads.h"

enum {
    RECORDING_VERSION = 1,
    /* fewest bytes of one entry: its number of fields, each at least one byte */
    MODULE_MIN_BYTES = 5,
    SUBSYSTEM_MIN_BYTES = 1,
    NODE_MIN_BYTES = 3,
    SITE_MIN_BYTES = 4,
    AGE_MIN_BYTES = 6,
    SAMPLES_MIN_BYTES = 4,
    HOLDER_MIN_BYTES = 3,
    DESCRIPTOR_MIN_BYTES = 9,
    ARGUMENT_MIN_BYTES = 1
};

static void decode_program(struct seep_decoder *d)
{
    struct seep_rec_program *program = &d->recording->program;
    struct seep_pool *pool = &d->store->pool;

    d->other_version = seep_decode_u(d) != RECORDING_VERSION && !d->in.failed;
    program->pid = seep_decode_u32(d);
    program->ppid = seep_decode_u32(d);
    program->started_realtime_ns = seep_decode_u(d);
    program->started_monotonic_ns = seep_decode_u(d);
    program->mode = seep_decode_u32(d);
    program->interval_ns = seep_decode_u(d);
    program->argc = seep_decode_count(d, ARGUMENT_MIN_BYTES);
    program->argv = seep_pool_take(pool, (program->argc + 1) * sizeof(*program->argv));
    d->no_memory |= program->argv == NULL;
    for (size_t i = 0; i < program->argc && !seep_decode_failed(d); i++) {
        program->argv[i] = seep_decode_string(d, pool);
    }
    program->exe = seep_decode_string(d, pool);
    program->cwd = seep_decode_string(d, pool);
    program->host = seep_decode_string(d, pool);
    program->seep_version = seep_decode_string(d, pool);
    program->page_bytes = seep_decode_u(d);
    program->limit_as_bytes = seep_decode_u(d);
    program->limit_nofile = seep_decode_u(d);
    program->limit_nproc = seep_decode_u(d);
    program->cgroup_memory_max_bytes = seep_decode_u(d);
}

static void decode_modules(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count = seep_decode_piece(
        d, (void **)&rec->modules, &d->store->modules, &rec->module_count,
        (size_t[]){sizeof(*rec->modules), MODULE_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        struct seep_rec_module *module = &rec->modules[first + i];
        size_t id_bytes = 0;
        const char *id = NULL;

        *module =
            (struct seep_rec_module){.path = seep_decode_string(d, &d->store->pool)};
        id = seep_cursor_string(&d->in, &id_bytes);
        if (id_bytes > sizeof(module->build_id)) {
            seep_decode_wrong(d, "a build id longer than 32 bytes");
            return;
        }
        memcpy(module->build_id, id, id_bytes);
        module->build_id_len = (uint32_t)id_bytes;
        module->base = seep_decode_u(d);
        module->size_bytes = seep_decode_u(d);
        module->loaded_ns = seep_decode_u(d);
    }
}

static void decode_subsystems(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count = seep_decode_piece(
        d, (void **)&rec->subsystems, &d->store->subsystems, &rec->subsystem_count,
        (size_t[]){sizeof(*rec->subsystems), SUBSYSTEM_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        rec->subsystems[first + i] = seep_decode_string(d, &d->store->pool);
    }
}

static void decode_nodes(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count =
        seep_decode_piece(d, (void **)&rec->nodes, &d->store->nodes, &rec->node_count,
                          (size_t[]){sizeof(*rec->nodes), NODE_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        struct seep_rec_node *node = &rec->nodes[first + i];

        node->parent = seep_decode_u32(d);
        node->module = seep_decode_u32(d);
        node->offset = seep_decode_u(d);
    }
}

static void decode_sites(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;

    /* The table may move. */
    d->no_memory |= seep_point_queue_wait(&d->store->points) < 0;

    size_t count =
        seep_decode_piece(d, (void **)&rec->sites, &d->store->sites, &rec->site_count,
                          (size_t[]){sizeof(*rec->sites), SITE_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        struct seep_rec_site *site = &rec->sites[first + i];
        uint32_t kind = 0;

        site->node = seep_decode_u32(d);
        site->subsystem = seep_decode_u32(d);
        site->limit = 0; /* until it is settled, also of a row that comes again */
        kind = seep_decode_u32(d);
        if (kind > UINT8_MAX) {
            seep_decode_wrong(d, "a resource kind beyond 255");
        }
        site->kind = (uint8_t)kind;
        site->first_ns = seep_decode_u(d);
    }
}

static void decode_ages(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_age_writer *writer = &d->store->age_writer;
    struct seep_rec_ages scan = {.t_ns = seep_decode_u(d),
                                 .generation_width_ns = seep_decode_u(d)};
    uint32_t site = 0;

    if (rec->ages_count != 0 && scan.t_ns < rec->ages[rec->ages_count - 1].t_ns) {
        seep_decode_wrong(d, "a time that falls");
    }
    seep_age_writer_begin(writer);
    for (size_t left = seep_decode_count(d, AGE_MIN_BYTES);
         left > 0 && !seep_decode_failed(d); left--) {
        struct seep_rec_age age = {.site = seep_decode_near_site(d, site)};

        site = age.site;
        age.live = seep_cursor_varint(&d->in);
        age.live_bytes = seep_cursor_varint(&d->in);
        age.oldest_birth_ns = seep_cursor_varint(&d->in);
        age.newest_birth_ns = seep_cursor_varint(&d->in);
        age.generations = seep_cursor_varint(&d->in);
        d->no_memory |= !seep_decode_failed(d) && seep_age_writer_add(writer, &age) < 0;
    }
    d->no_memory |=
        !seep_decode_failed(d) && seep_age_writer_end(writer, &d->store->pool, &scan) < 0;
    if (seep_decode_add_row(d, (void **)&rec->ages, &d->store->ages, rec->ages_count,
                            sizeof(*rec->ages))) {
        rec->ages[rec->ages_count++] = scan;
    }
}

static void decode_samples(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t site = 0;
    size_t count = 0;

    (void)seep_decode_u(d); /* when: the newest speaks */
    rec->sample_bytes = seep_decode_u(d);
    count = seep_decode_count(d, SAMPLES_MIN_BYTES);
    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        site = seep_decode_site(d, site);
        rec->sites[site].samples = seep_decode_u(d);
        rec->sites[site].live_spread = seep_decode_u(d);
        rec->sites[site].bytes_spread = seep_decode_u(d);
    }
}

static void decode_peak(struct seep_decoder *d)
{
    struct seep_rec_peak *peak = &d->recording->peak;

    peak->t_ns = seep_decode_u(d);
    peak->live = seep_decode_u(d);
    peak->live_bytes = seep_decode_u(d);
    peak->count = seep_decode_count(d, HOLDER_MIN_BYTES);
    peak->holders = seep_pool_take(&d->store->pool, peak->count * sizeof(*peak->holders));
    d->no_memory |= peak->holders == NULL;
    for (size_t i = 0; i < peak->count && !seep_decode_failed(d); i++) {
        struct seep_rec_holder *holder = &peak->holders[i];

        holder->site = seep_decode_u32(d);
        holder->live = seep_decode_u(d);
        holder->live_bytes = seep_decode_u(d);
        if (holder->site == 0 || holder->site >= d->recording->site_count) {
            seep_decode_wrong(d, "a site that no table has named");
        }
    }
}

/* fd: 1 + the number of the row before, 0 for the first. */
static void decode_descriptor(struct seep_decoder *d, struct seep_rec_descriptor *row,
                              uint64_t *fd)
{
    char **const texts[] = {&row->link, &row->protocol, &row->local, &row->peer,
                            &row->state};
    uint64_t delta = seep_decode_u(d);

    if (delta == 0 || delta > UINT32_MAX || *fd + delta > UINT32_MAX) {
        seep_decode_wrong(d, "descriptors that do not rise");
        return;
    }
    *fd += delta;
    row->fd = (uint32_t)(*fd - 1);
    row->site = seep_decode_u32(d);
    row->acquired_ns = seep_decode_u(d);
    row->flags = seep_decode_u32(d);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = seep_decode_string(d, &d->store->descriptors);
    }
}

static void decode_descriptors(struct seep_decoder *d)
{
    struct seep_rec_descriptors *table = &d->recording->descriptors;
    uint64_t fd = 0;

    *table = (struct seep_rec_descriptors){0};
    seep_pool_fini(&d->store->descriptors);
    table->t_ns = seep_decode_u(d);
    table->open = seep_decode_u(d);
    table->recorded = seep_decode_u(d);
    table->inherited = seep_decode_u(d);
    table->gone = seep_decode_u(d);
    table->count = seep_decode_count(d, DESCRIPTOR_MIN_BYTES);
    table->rows =
        seep_pool_take(&d->store->descriptors, table->count * sizeof(*table->rows));
    d->no_memory |= table->rows == NULL;
    for (size_t i = 0; i < table->count && !seep_decode_failed(d); i++) {
        decode_descriptor(d, &table->rows[i], &fd);
    }
}

static void decode_child(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_rec_child child = {.pid = seep_decode_u32(d)};

    child.command = seep_decode_string(d, &d->store->pool);
    child.started_ns = seep_decode_u(d);
    child.duration_ns = seep_decode_u(d);
    child.ending_kind = seep_decode_u32(d);
    child.ending_status = seep_decode_u32(d);
    child.file = seep_decode_string(d, &d->store->pool);
    child.heap_acquired = seep_decode_u(d);
    child.heap_released = seep_decode_u(d);
    child.heap_live_bytes = seep_decode_u(d);
    child.threads_acquired = seep_decode_u(d);
    child.threads_released = seep_decode_u(d);
    if (seep_decode_add_row(d, (void **)&rec->children, &d->store->children,
                            rec->child_count, sizeof(child))) {
        rec->children[rec->child_count++] = child;
    }
}

static void decode_text(struct seep_decoder *d, struct seep_rec_text **texts,
                        size_t *capacity, size_t *count)
{
    struct seep_rec_text text = {.t_ns = seep_decode_u(d)};

    text.text = seep_decode_string(d, &d->store->pool);
    if (seep_decode_add_row(d, (void **)texts, capacity, *count, sizeof(text))) {
        (*texts)[(*count)++] = text;
    }
}

static void decode_mark(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;

    decode_text(d, &rec->marks, &d->store->marks, &rec->mark_count);
}

static void decode_note(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;

    decode_text(d, &rec->notes, &d->store->notes, &rec->note_count);
}

static void decode_end(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;

    rec->ended_ns = seep_decode_u(d);
    rec->ending_kind = seep_decode_u32(d);
    rec->ending_status = seep_decode_u32(d);
    rec->peak_live_heap_bytes = seep_decode_u(d);
    rec->peak_threads = seep_decode_u(d);
    rec->snapshots_taken = seep_decode_u(d);
    rec->ended = !seep_decode_failed(d);
}

static const struct {
    const char *name;
    void (*decode)(struct seep_decoder *d);
} types[] = {
    [SEEP_FRAME_PROGRAM] = {"PROGRAM", decode_program},
    [SEEP_FRAME_MODULES] = {"MODULES", decode_modules},
    [SEEP_FRAME_SUBSYSTEMS] = {"SUBSYSTEMS", decode_subsystems},
    [SEEP_FRAME_NODES] = {"NODES", decode_nodes},
    [SEEP_FRAME_SITES] = {"SITES", decode_sites},
    [SEEP_FRAME_SNAPSHOT] = {"SNAPSHOT", seep_decode_snapshot},
    [SEEP_FRAME_AGES] = {"AGES", decode_ages},
    [SEEP_FRAME_THREADS] = {"THREADS", seep_decode_threads},
    [SEEP_FRAME_CHILD] = {"CHILD", decode_child},
    [SEEP_FRAME_MARK] = {"MARK", decode_mark},
    [SEEP_FRAME_NOTE] = {"NOTE", decode_note},
    [SEEP_FRAME_END] = {"END", decode_end},
    [SEEP_FRAME_SAMPLES] = {"SAMPLES", decode_samples},
    [SEEP_FRAME_PEAK] = {"PEAK", decode_peak},
    [SEEP_FRAME_DESCRIPTORS] = {"DESCRIPTORS", decode_descriptors},
    [SEEP_FRAME_WAITS] = {"WAITS", seep_decode_waits},
    [SEEP_FRAME_LIFETIMES] = {"LIFETIMES", seep_decode_lifetimes},
    [SEEP_FRAME_PROBE] = {"PROBE", seep_decode_probe},
    [SEEP_FRAME_MARK_COUNTS] = {"MARK_COUNTS", seep_decode_mark_counts},
    [SEEP_FRAME_LIMITS] = {"LIMITS", seep_decode_limits},
};

int seep_recording_decode_frame(struct seep_recording *recording,
                                const struct seep_record_frame *frame, const char *name,
                                struct seep_error *error)
{
    struct seep_decoder d = {.recording = recording,
                             .store = recording->arena,
                             .in =
                                 seep_cursor_over(frame->payload, frame->payload_bytes)};
    const char *type = types[frame->type].name;

    types[frame->type].decode(&d);

    if (d.no_memory) {
        return seep_error_set(
            error, -ENOMEM,
            "%s: too large: out of memory in the %s frame at byte %" PRIu64
            " (Seep gives a recording up to 4 GiB)",
            name, type, frame->at_offset);
    }
    if (d.other_version) {
        return seep_error_set(error, -ENOTSUP,
                              "%s: a recording of another version, at byte %" PRIu64
                              " (this seep reads version 1)",
                              name, frame->at_offset);
    }
    if (d.in.failed && d.wrong == NULL) {
        d.wrong = "ends too early";
    } else if (!seep_decode_failed(&d) && seep_cursor_left_bytes(&d.in) != 0) {
        d.wrong = "bytes left over behind its fields";
    }
    if (d.wrong != NULL) {
        return seep_error_set(error, -EBADMSG,
                              "%s: corrupt at byte %" PRIu64 ": malformed %s frame: %s",
                              name, frame->at_offset, type, d.wrong);
    }
    return 0;
}
