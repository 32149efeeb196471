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
 * I3: a point is made only where a site's counters changed: 50,000 sites and 4,096
 *     snapshots cost what changes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording_decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum {
    RECORDING_VERSION = 1,
    /* fewest bytes of one entry: its number of fields, each at least one byte */
    MODULE_MIN_BYTES = 5,
    SUBSYSTEM_MIN_BYTES = 1,
    NODE_MIN_BYTES = 3,
    SITE_MIN_BYTES = 4,
    POINT_MIN_BYTES = 5,
    LOSS_MIN_BYTES = 2,
    AGE_MIN_BYTES = 6,
    THREAD_MIN_BYTES = 20,
    ARGUMENT_MIN_BYTES = 1
};

struct decoder {
    struct seep_recording *recording;
    struct seep_recording_store *store;
    struct seep_cursor in;
    const char *wrong; /* what contradicts the format; NULL = nothing yet */
    bool no_memory;
    bool other_version;
};

static bool failed(const struct decoder *d)
{
    return d->in.failed || d->wrong != NULL || d->no_memory || d->other_version;
}

static void is_wrong(struct decoder *d, const char *what)
{
    if (!failed(d)) {
        d->wrong = what;
    }
}

static uint64_t take_u(struct decoder *d)
{
    return seep_cursor_varint(&d->in);
}

static uint32_t take_u32(struct decoder *d)
{
    uint64_t value = seep_cursor_varint(&d->in);

    if (value > UINT32_MAX) {
        is_wrong(d, "a number beyond 32 bits");
        return 0;
    }
    return (uint32_t)value;
}

/* Never NULL but on failure. */
static char *take_string(struct decoder *d, struct seep_pool *pool)
{
    size_t len_bytes = 0;
    const char *text = seep_cursor_string(&d->in, &len_bytes);
    char *copy = NULL;

    if (failed(d)) {
        return NULL;
    }
    copy = seep_pool_take_string(pool, text, len_bytes);
    d->no_memory |= copy == NULL;
    return copy;
}

/* A count of entries that the rest of the payload has room for; 0 on failure. */
static size_t take_count(struct decoder *d, size_t entry_min_bytes)
{
    uint64_t count = take_u(d);

    if (count > seep_cursor_left_bytes(&d->in) / entry_min_bytes) {
        is_wrong(d, "more entries than its bytes can hold");
        return 0;
    }
    return failed(d) ? 0 : (size_t)count;
}

/* The head of a table's piece. Grows the table to hold it. Returns: entries to read; 0 on
 * failure. */
static size_t take_piece(struct decoder *d, void **table, size_t *capacity, size_t *known,
                         const size_t sizes[static 2], uint32_t *first)
{
    uint64_t first_id = take_u(d);
    size_t count = take_count(d, sizes[1]);

    if (failed(d)) {
        return 0;
    }
    if (first_id > *known) {
        is_wrong(d, "a table piece that leaves out ids");
        return 0;
    }
    if (first_id + count > UINT32_MAX) {
        is_wrong(d, "ids beyond 32 bits");
        return 0;
    }
    if (seep_pool_grow_table(&d->store->budget, table, capacity, first_id + count,
                             sizes[0]) < 0) {
        d->no_memory = true;
        return 0;
    }
    *first = (uint32_t)first_id;
    *known = *known > first_id + count ? *known : first_id + count;
    return count;
}

/* Room for one more row. Returns: false when memory is out. */
static bool add_row(struct decoder *d, void **table, size_t *capacity, size_t count,
                    size_t row_bytes)
{
    if (failed(d)) {
        return false;
    }
    d->no_memory = seep_pool_grow_table(&d->store->budget, table, capacity, count + 1,
                                        row_bytes) < 0;
    return !d->no_memory;
}

static void decode_program(struct decoder *d)
{
    struct seep_rec_program *program = &d->recording->program;
    struct seep_pool *pool = &d->store->pool;

    d->other_version = take_u(d) != RECORDING_VERSION && !d->in.failed;
    program->pid = take_u32(d);
    program->ppid = take_u32(d);
    program->started_realtime_ns = take_u(d);
    program->started_monotonic_ns = take_u(d);
    program->mode = take_u32(d);
    program->interval_ns = take_u(d);
    program->argc = take_count(d, ARGUMENT_MIN_BYTES);
    program->argv = seep_pool_take(pool, (program->argc + 1) * sizeof(*program->argv));
    d->no_memory |= program->argv == NULL;
    for (size_t i = 0; i < program->argc && !failed(d); i++) {
        program->argv[i] = take_string(d, pool);
    }
    program->exe = take_string(d, pool);
    program->cwd = take_string(d, pool);
    program->host = take_string(d, pool);
    program->seep_version = take_string(d, pool);
    program->page_bytes = take_u(d);
    program->limit_as_bytes = take_u(d);
    program->limit_nofile = take_u(d);
    program->limit_nproc = take_u(d);
    program->cgroup_memory_max_bytes = take_u(d);
}

static void decode_modules(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count =
        take_piece(d, (void **)&rec->modules, &d->store->modules, &rec->module_count,
                   (size_t[]){sizeof(*rec->modules), MODULE_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !failed(d); i++) {
        struct seep_rec_module *module = &rec->modules[first + i];
        size_t id_bytes = 0;
        const char *id = NULL;

        *module = (struct seep_rec_module){.path = take_string(d, &d->store->pool)};
        id = seep_cursor_string(&d->in, &id_bytes);
        if (id_bytes > sizeof(module->build_id)) {
            is_wrong(d, "a build id longer than 32 bytes");
            return;
        }
        memcpy(module->build_id, id, id_bytes);
        module->build_id_len = (uint32_t)id_bytes;
        module->base = take_u(d);
        module->size_bytes = take_u(d);
        module->loaded_ns = take_u(d);
    }
}

static void decode_subsystems(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count = take_piece(
        d, (void **)&rec->subsystems, &d->store->subsystems, &rec->subsystem_count,
        (size_t[]){sizeof(*rec->subsystems), SUBSYSTEM_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !failed(d); i++) {
        rec->subsystems[first + i] = take_string(d, &d->store->pool);
    }
}

static void decode_nodes(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count = take_piece(d, (void **)&rec->nodes, &d->store->nodes, &rec->node_count,
                              (size_t[]){sizeof(*rec->nodes), NODE_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !failed(d); i++) {
        struct seep_rec_node *node = &rec->nodes[first + i];

        node->parent = take_u32(d);
        node->module = take_u32(d);
        node->offset = take_u(d);
    }
}

static void decode_sites(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    uint32_t first = 0;
    size_t count = take_piece(d, (void **)&rec->sites, &d->store->sites, &rec->site_count,
                              (size_t[]){sizeof(*rec->sites), SITE_MIN_BYTES}, &first);

    for (size_t i = 0; i < count && !failed(d); i++) {
        struct seep_rec_site *site = &rec->sites[first + i];
        uint32_t kind = 0;

        site->node = take_u32(d);
        site->subsystem = take_u32(d);
        kind = take_u32(d);
        if (kind > UINT8_MAX) {
            is_wrong(d, "a resource kind beyond 255");
        }
        site->kind = (uint8_t)kind;
        site->first_ns = take_u(d);
    }
}

/* The next site id of an ascending list of differences; 0 on failure. */
static uint32_t take_site(struct decoder *d, uint32_t before)
{
    uint64_t delta = take_u(d);

    if (delta == 0) {
        is_wrong(d, "site ids that do not rise");
        return 0;
    }
    if (delta >= d->recording->site_count || before + delta >= d->recording->site_count) {
        is_wrong(d, "a site that no table has named");
        return 0;
    }
    return failed(d) ? 0 : before + (uint32_t)delta;
}

/* Rows that a table of points has room for, which follows from their number (see
 * seep_pool_grow_table). */
static size_t point_capacity(size_t count)
{
    return count <= 1 ? count : (size_t)1 << (64 - __builtin_clzll(count - 1));
}

static void add_point(struct decoder *d, struct seep_rec_site *site,
                      const struct seep_counters *counters)
{
    static const struct seep_counters none;
    size_t capacity = point_capacity(site->point_count);
    const struct seep_counters *last =
        site->point_count != 0 ? &site->points[site->point_count - 1].counters : &none;

    if (failed(d) || memcmp(last, counters, sizeof(*last)) == 0) {
        return;
    }
    if (!add_row(d, (void **)&site->points, &capacity, site->point_count,
                 sizeof(*site->points))) {
        return;
    }
    site->points[site->point_count++] = (struct seep_rec_point){
        .snapshot = (uint32_t)d->recording->snapshot_count, .counters = *counters};
}

static void decode_losses(struct decoder *d)
{
    size_t count = take_count(d, LOSS_MIN_BYTES);

    for (size_t i = 0; i < count && !failed(d); i++) {
        uint64_t reason = take_u(d);
        uint64_t lost = take_u(d);

        if (reason >= SEEP_LOSS_MAX) {
            is_wrong(d, "a loss reason beyond the list");
            return;
        }
        d->recording->lost[reason] = lost;
    }
}

static void decode_snapshot(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_rec_snapshot snapshot = {.t_ns = take_u(d), .merged = take_u32(d)};
    uint64_t *const process[] = {
        &snapshot.rss_bytes, &snapshot.pss_bytes,    &snapshot.vsize_bytes,
        &snapshot.threads,   &snapshot.fds,          &snapshot.user_ns,
        &snapshot.system_ns, &snapshot.minor_faults, &snapshot.major_faults};
    size_t count = 0;
    uint32_t site = 0;

    for (size_t i = 0; i < sizeof(process) / sizeof(process[0]); i++) {
        *process[i] = take_u(d);
    }
    if (rec->snapshot_count != 0 &&
        snapshot.t_ns <= rec->snapshots[rec->snapshot_count - 1].t_ns) {
        is_wrong(d, "a time that does not rise");
    }
    count = take_count(d, POINT_MIN_BYTES);
    for (size_t i = 0; i < count && !failed(d); i++) {
        struct seep_counters counters;

        site = take_site(d, site);
        counters.acquired = take_u(d);
        counters.released = take_u(d);
        counters.acquired_bytes = take_u(d);
        counters.released_bytes = take_u(d);
        if (!failed(d)) {
            add_point(d, &rec->sites[site], &counters);
        }
    }
    decode_losses(d);
    if (add_row(d, (void **)&rec->snapshots, &d->store->snapshots, rec->snapshot_count,
                sizeof(*rec->snapshots))) {
        rec->snapshots[rec->snapshot_count++] = snapshot;
    }
}

static void decode_ages(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_rec_ages scan = {.t_ns = take_u(d), .generation_width_ns = take_u(d)};
    uint32_t site = 0;

    if (rec->ages_count != 0 && scan.t_ns < rec->ages[rec->ages_count - 1].t_ns) {
        is_wrong(d, "a time that falls");
    }
    scan.count = take_count(d, AGE_MIN_BYTES);
    scan.entries = seep_pool_take(&d->store->pool, scan.count * sizeof(*scan.entries));
    d->no_memory |= scan.entries == NULL;
    for (size_t i = 0; i < scan.count && !failed(d); i++) {
        struct seep_rec_age *age = &scan.entries[i];

        site = take_site(d, site);
        age->site = site;
        age->live = take_u(d);
        age->live_bytes = take_u(d);
        age->oldest_birth_ns = take_u(d);
        age->newest_birth_ns = take_u(d);
        age->generations = take_u(d);
    }
    if (add_row(d, (void **)&rec->ages, &d->store->ages, rec->ages_count,
                sizeof(*rec->ages))) {
        rec->ages[rec->ages_count++] = scan;
    }
}

static void decode_thread(struct decoder *d, struct seep_rec_thread *thread)
{
    uint32_t *const before_name[] = {
        &thread->slot, &thread->generation, &thread->tid,      &thread->state,
        &thread->site, &thread->creator,    &thread->subsystem};
    uint64_t *const after_start[] = {
        &thread->start_offset,       &thread->created_ns,          &thread->started_ns,
        &thread->ended_ns,           &thread->stack_bytes,         &thread->cpu_ns,
        &thread->voluntary_switches, &thread->involuntary_switches};
    uint32_t os_state = 0;

    for (size_t i = 0; i < sizeof(before_name) / sizeof(before_name[0]); i++) {
        *before_name[i] = take_u32(d);
    }
    thread->name = take_string(d, &d->store->threads);
    thread->start_module = take_u32(d);
    for (size_t i = 0; i < sizeof(after_start) / sizeof(after_start[0]); i++) {
        *after_start[i] = take_u(d);
    }
    os_state = take_u32(d);
    if (os_state >= 128) {
        is_wrong(d, "a thread state that is no letter");
    }
    thread->os_state = (char)os_state;
    thread->unchanged_since_ns = take_u(d);
    thread->wait = take_string(d, &d->store->threads);
}

static void decode_threads(struct decoder *d)
{
    struct seep_recording *rec = d->recording;

    rec->threads = NULL;
    rec->thread_count = 0;
    seep_pool_fini(&d->store->threads);
    rec->threads_t_ns = take_u(d);
    rec->thread_count = take_count(d, THREAD_MIN_BYTES);
    rec->threads =
        seep_pool_take(&d->store->threads, rec->thread_count * sizeof(*rec->threads));
    d->no_memory |= rec->threads == NULL;
    for (size_t i = 0; i < rec->thread_count && !failed(d); i++) {
        decode_thread(d, &rec->threads[i]);
    }
}

static void decode_child(struct decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_rec_child child = {.pid = take_u32(d)};

    child.command = take_string(d, &d->store->pool);
    child.started_ns = take_u(d);
    child.duration_ns = take_u(d);
    child.ending_kind = take_u32(d);
    child.ending_status = take_u32(d);
    child.file = take_string(d, &d->store->pool);
    child.heap_acquired = take_u(d);
    child.heap_released = take_u(d);
    child.heap_live_bytes = take_u(d);
    child.threads_acquired = take_u(d);
    child.threads_released = take_u(d);
    if (add_row(d, (void **)&rec->children, &d->store->children, rec->child_count,
                sizeof(child))) {
        rec->children[rec->child_count++] = child;
    }
}

static void decode_text(struct decoder *d, struct seep_rec_text **texts, size_t *capacity,
                        size_t *count)
{
    struct seep_rec_text text = {.t_ns = take_u(d)};

    text.text = take_string(d, &d->store->pool);
    if (add_row(d, (void **)texts, capacity, *count, sizeof(text))) {
        (*texts)[(*count)++] = text;
    }
}

static void decode_mark(struct decoder *d)
{
    struct seep_recording *rec = d->recording;

    decode_text(d, &rec->marks, &d->store->marks, &rec->mark_count);
}

static void decode_note(struct decoder *d)
{
    struct seep_recording *rec = d->recording;

    decode_text(d, &rec->notes, &d->store->notes, &rec->note_count);
}

static void decode_end(struct decoder *d)
{
    struct seep_recording *rec = d->recording;

    rec->ended_ns = take_u(d);
    rec->ending_kind = take_u32(d);
    rec->ending_status = take_u32(d);
    rec->peak_live_heap_bytes = take_u(d);
    rec->peak_threads = take_u(d);
    rec->snapshots_taken = take_u(d);
    rec->ended = !failed(d);
}

static const struct {
    const char *name;
    void (*decode)(struct decoder *d);
} types[] = {
    [SEEP_FRAME_PROGRAM] = {"PROGRAM", decode_program},
    [SEEP_FRAME_MODULES] = {"MODULES", decode_modules},
    [SEEP_FRAME_SUBSYSTEMS] = {"SUBSYSTEMS", decode_subsystems},
    [SEEP_FRAME_NODES] = {"NODES", decode_nodes},
    [SEEP_FRAME_SITES] = {"SITES", decode_sites},
    [SEEP_FRAME_SNAPSHOT] = {"SNAPSHOT", decode_snapshot},
    [SEEP_FRAME_AGES] = {"AGES", decode_ages},
    [SEEP_FRAME_THREADS] = {"THREADS", decode_threads},
    [SEEP_FRAME_CHILD] = {"CHILD", decode_child},
    [SEEP_FRAME_MARK] = {"MARK", decode_mark},
    [SEEP_FRAME_NOTE] = {"NOTE", decode_note},
    [SEEP_FRAME_END] = {"END", decode_end},
};

int seep_recording_decode_frame(struct seep_recording *recording,
                                const struct seep_record_frame *frame, const char *name,
                                struct seep_error *error)
{
    struct decoder d = {.recording = recording,
                        .store = recording->arena,
                        .in = seep_cursor_over(frame->payload, frame->payload_bytes)};
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
    } else if (!failed(&d) && seep_cursor_left_bytes(&d.in) != 0) {
        d.wrong = "bytes left over behind its fields";
    }
    if (d.wrong != NULL) {
        return seep_error_set(error, -EBADMSG,
                              "%s: corrupt at byte %" PRIu64 ": malformed %s frame: %s",
                              name, frame->at_offset, type, d.wrong);
    }
    return 0;
}
