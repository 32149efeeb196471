/* Recordings made to order for tests.
 *
 * Written from docs/recording-format.md alone: it shares no code with the reader or the
 * collector, not even the varint, since an error shared by both sides of a test is
 * invisible. Bytes are put one by one, little endian, whatever the machine.
 *
 * SPDX-License-Identifier: MIT
 */
#include "recording_forge.h"
#include "recording_forge_marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

enum { REALTIME_2026_S = 1767225600, FORGED_PID = 4242 };

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "recording_forge: out of memory\n");
        abort();
    }
    return memory;
}

void seep_forge_put(struct seep_forge_bytes *bytes, const void *data, size_t len_bytes)
{
    size_t need = bytes->len_bytes + len_bytes;

    if (need > bytes->capacity_bytes) {
        bytes->capacity_bytes = need * 2;
        bytes->data = must(realloc(bytes->data, bytes->capacity_bytes));
    }
    if (len_bytes != 0) {
        memcpy(bytes->data + bytes->len_bytes, data, len_bytes);
    }
    bytes->len_bytes = need;
}

void seep_forge_put_fixed(struct seep_forge_bytes *bytes, uint64_t value,
                          size_t width_bytes)
{
    for (size_t i = 0; i < width_bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));

        seep_forge_put(bytes, &byte, 1);
    }
}

void seep_forge_put_u(struct seep_forge_bytes *bytes, uint64_t value)
{
    while (value > 127) {
        seep_forge_put_fixed(bytes, (value & 127) | 128, 1);
        value >>= 7;
    }
    seep_forge_put_fixed(bytes, value, 1);
}

static void put_all_u(struct seep_forge_bytes *bytes, const uint64_t *values,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        seep_forge_put_u(bytes, values[i]);
    }
}

void seep_forge_put_str(struct seep_forge_bytes *bytes, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    seep_forge_put_u(bytes, len);
    seep_forge_put(bytes, text, len);
}

static void bytes_fini(struct seep_forge_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct seep_forge_bytes){0};
}

void seep_forge_raw(struct seep_forge *forge, const struct seep_frame_header *header,
                    const void *stored)
{
    struct seep_forge_bytes bytes = {0};

    seep_forge_put_fixed(&bytes, header->type, 2);
    seep_forge_put_fixed(&bytes, header->flags, 2);
    seep_forge_put_fixed(&bytes, header->stored_bytes, 4);
    seep_forge_put_fixed(&bytes, header->payload_bytes, 4);
    seep_forge_put_fixed(&bytes, XXH3_64bits(bytes.data, bytes.len_bytes) & UINT32_MAX,
                         4);
    seep_forge_put(&forge->file, bytes.data, bytes.len_bytes);
    seep_forge_put(&forge->file, stored, header->stored_bytes);
    seep_forge_put_fixed(&forge->file, XXH3_64bits(stored, header->stored_bytes), 8);
    bytes_fini(&bytes);
}

void seep_forge_frame(struct seep_forge *forge, uint16_t type, const void *payload,
                      size_t payload_bytes)
{
    seep_forge_raw(forge,
                   &(struct seep_frame_header){.type = type,
                                               .stored_bytes = (uint32_t)payload_bytes,
                                               .payload_bytes = (uint32_t)payload_bytes},
                   payload);
}

/* Writes the frame as forge->compress says and empties the payload. */
static void finish_frame(struct seep_forge *forge, uint16_t type,
                         struct seep_forge_bytes *payload)
{
    if (forge->compress) {
        size_t room = ZSTD_compressBound(payload->len_bytes);
        void *stored = must(malloc(room));
        size_t n = ZSTD_compress(stored, room, payload->data, payload->len_bytes, 3);

        if (ZSTD_isError(n)) {
            abort();
        }
        seep_forge_raw(
            forge,
            &(struct seep_frame_header){.type = type,
                                        .flags = SEEP_FRAME_COMPRESSED,
                                        .stored_bytes = (uint32_t)n,
                                        .payload_bytes = (uint32_t)payload->len_bytes},
            stored);
        free(stored);
    } else {
        seep_forge_frame(forge, type, payload->data, payload->len_bytes);
    }
    bytes_fini(payload);
}

static void table_init(struct seep_forge_table *table, uint32_t first_id)
{
    *table = (struct seep_forge_table){.first_id = first_id, .next_id = first_id};
}

static void table_flush(struct seep_forge *forge, uint16_t type,
                        struct seep_forge_table *table)
{
    struct seep_forge_bytes payload = {0};

    if (table->next_id == table->first_id) {
        return;
    }
    seep_forge_put_u(&payload, table->first_id);
    seep_forge_put_u(&payload, table->next_id - table->first_id);
    seep_forge_put(&payload, table->entries.data, table->entries.len_bytes);
    table->entries.len_bytes = 0;
    table->first_id = table->next_id;
    finish_frame(forge, type, &payload);
}

void seep_forge_init(struct seep_forge *forge)
{
    *forge = (struct seep_forge){0};
    table_init(&forge->modules, 1);
    table_init(&forge->subsystems, 1);
    table_init(&forge->nodes, SEEP_NODE_FIRST);
    table_init(&forge->sites, 1);
    seep_forge_put(&forge->file, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES);
}

void seep_forge_fini(struct seep_forge *forge)
{
    bytes_fini(&forge->file);
    bytes_fini(&forge->modules.entries);
    bytes_fini(&forge->subsystems.entries);
    bytes_fini(&forge->nodes.entries);
    bytes_fini(&forge->sites.entries);
    free(forge->now);
    free(forge->written);
}

void seep_forge_flush(struct seep_forge *forge)
{
    table_flush(forge, SEEP_FRAME_MODULES, &forge->modules);
    table_flush(forge, SEEP_FRAME_SUBSYSTEMS, &forge->subsystems);
    table_flush(forge, SEEP_FRAME_NODES, &forge->nodes);
    table_flush(forge, SEEP_FRAME_SITES, &forge->sites);
}

void seep_forge_program_full(struct seep_forge *forge,
                             const struct seep_rec_program *program)
{
    struct seep_forge_bytes payload = {0};

    put_all_u(&payload,
              (uint64_t[]){1, program->pid, program->ppid, program->started_realtime_ns,
                           program->started_monotonic_ns, program->mode,
                           program->interval_ns, program->argc},
              8);
    for (size_t i = 0; i < program->argc; i++) {
        seep_forge_put_str(&payload, program->argv[i]);
    }
    seep_forge_put_str(&payload, program->exe);
    seep_forge_put_str(&payload, program->cwd);
    seep_forge_put_str(&payload, program->host);
    seep_forge_put_str(&payload, program->seep_version);
    put_all_u(&payload,
              (uint64_t[]){program->page_bytes, program->limit_as_bytes,
                           program->limit_nofile, program->limit_nproc,
                           program->cgroup_memory_max_bytes},
              5);
    finish_frame(forge, SEEP_FRAME_PROGRAM, &payload);
}

void seep_forge_program(struct seep_forge *forge, const char *exe, uint64_t interval_ns)
{
    char *argv[] = {(char *)exe};

    seep_forge_program_full(
        forge, &(struct seep_rec_program){
                   .pid = FORGED_PID,
                   .ppid = 1,
                   .mode = 1,
                   .started_realtime_ns = REALTIME_2026_S * SEEP_FORGE_SECOND,
                   .started_monotonic_ns = 1000 * SEEP_FORGE_SECOND,
                   .interval_ns = interval_ns,
                   .argc = 1,
                   .argv = argv,
                   .exe = (char *)exe,
                   .cwd = (char *)"/",
                   .host = (char *)"forge",
                   .seep_version = (char *)"0",
                   .page_bytes = 4096,
               });
}

uint32_t seep_forge_module(struct seep_forge *forge, const char *path,
                           const uint8_t *build_id, size_t build_id_bytes, uint64_t base,
                           uint64_t size_bytes)
{
    struct seep_forge_bytes *entries = &forge->modules.entries;

    seep_forge_put_str(entries, path);
    seep_forge_put_u(entries, build_id_bytes);
    seep_forge_put(entries, build_id, build_id_bytes);
    put_all_u(entries, (uint64_t[]){base, size_bytes, 0}, 3);
    return forge->modules.next_id++;
}

uint32_t seep_forge_subsystem(struct seep_forge *forge, const char *name)
{
    seep_forge_put_str(&forge->subsystems.entries, name);
    return forge->subsystems.next_id++;
}

void seep_forge_limit(struct seep_forge *forge, uint32_t subsystem, uint64_t most,
                      const char *container)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    put_all_u(&payload, (uint64_t[]){1, subsystem, most}, 3);
    seep_forge_put_str(&payload, container);
    finish_frame(forge, SEEP_FRAME_LIMITS, &payload);
}

uint32_t seep_forge_node(struct seep_forge *forge, uint32_t parent, uint32_t module,
                         uint64_t offset)
{
    put_all_u(&forge->nodes.entries, (uint64_t[]){parent, module, offset}, 3);
    return forge->nodes.next_id++;
}

uint32_t seep_forge_stack(struct seep_forge *forge, uint32_t module,
                          const uint64_t *offsets, size_t count)
{
    uint32_t node = SEEP_NODE_COMPLETE;

    for (size_t i = count; i-- > 0;) {
        node = seep_forge_node(forge, node, module, offsets[i]);
    }
    return node;
}

uint32_t seep_forge_site(struct seep_forge *forge, uint32_t node, uint32_t subsystem,
                         enum seep_kind kind, uint64_t first_ns)
{
    uint32_t site = forge->sites.next_id++;

    put_all_u(&forge->sites.entries, (uint64_t[]){node, subsystem, kind, first_ns}, 4);
    if (site >= forge->counters_capacity) {
        size_t old = forge->counters_capacity;
        size_t capacity = old == 0 ? 64 : old * 2;

        forge->now = must(realloc(forge->now, capacity * sizeof(*forge->now)));
        forge->written =
            must(realloc(forge->written, capacity * sizeof(*forge->written)));
        memset(forge->now + old, 0, (capacity - old) * sizeof(*forge->now));
        memset(forge->written + old, 0, (capacity - old) * sizeof(*forge->written));
        forge->counters_capacity = capacity;
    }
    return site;
}

void seep_forge_count(struct seep_forge *forge, uint32_t site, uint64_t acquired,
                      uint64_t released, uint64_t acquired_bytes, uint64_t released_bytes)
{
    if (site == 0 || site >= forge->sites.next_id) {
        fprintf(stderr, "recording_forge: no site %u\n", site);
        abort();
    }
    forge->now[site] =
        (struct seep_counters){acquired, released, acquired_bytes, released_bytes};
}

void seep_forge_lost(struct seep_forge *forge, enum seep_loss reason, uint64_t count)
{
    forge->lost[reason] = count;
}

static void put_changed_sites(struct seep_forge *forge, struct seep_forge_bytes *payload)
{
    struct seep_forge_bytes entries = {0};
    uint64_t count = 0;
    uint32_t before = 0;

    for (uint32_t site = 1; site < forge->sites.next_id; site++) {
        const struct seep_counters *c = &forge->now[site];

        if (memcmp(c, &forge->written[site], sizeof(*c)) != 0) {
            put_all_u(&entries,
                      (uint64_t[]){site - before, c->acquired, c->released,
                                   c->acquired_bytes, c->released_bytes},
                      5);
            forge->written[site] = *c;
            before = site;
            count++;
        }
    }
    seep_forge_put_u(payload, count);
    seep_forge_put(payload, entries.data, entries.len_bytes);
    bytes_fini(&entries);
}

void seep_forge_snapshot(struct seep_forge *forge, uint64_t t_ns,
                         const struct seep_rec_snapshot *process)
{
    static const struct seep_rec_snapshot usual = {
        .rss_bytes = 64 << 20, .vsize_bytes = 128 << 20, .threads = 1, .fds = 5};
    const struct seep_rec_snapshot *p = process != NULL ? process : &usual;
    struct seep_forge_bytes payload = {0};
    uint64_t reasons = 0;

    seep_forge_flush(forge);
    if (forge->labels_changed) {
        struct seep_forge_bytes counts = {0};

        seep_forge_put_mark_counts(forge, t_ns, &counts);
        finish_frame(forge, SEEP_FRAME_MARK_COUNTS, &counts);
    }
    put_all_u(&payload,
              (uint64_t[]){t_ns, p->merged, p->rss_bytes, p->pss_bytes, p->vsize_bytes,
                           p->threads, p->fds, p->user_ns, p->system_ns, p->minor_faults,
                           p->major_faults},
              11);
    put_changed_sites(forge, &payload);
    for (int reason = 0; reason < SEEP_LOSS_MAX; reason++) {
        reasons += forge->lost[reason] != 0;
    }
    seep_forge_put_u(&payload, reasons);
    for (uint64_t reason = 0; reason < SEEP_LOSS_MAX; reason++) {
        if (forge->lost[reason] != 0) {
            put_all_u(&payload, (uint64_t[]){reason, forge->lost[reason]}, 2);
        }
    }
    forge->snapshots++;
    finish_frame(forge, SEEP_FRAME_SNAPSHOT, &payload);
}

void seep_forge_ages(struct seep_forge *forge, uint64_t t_ns,
                     uint64_t generation_width_ns, const struct seep_rec_age *entries,
                     size_t count)
{
    struct seep_forge_bytes payload = {0};
    uint32_t before = 0;

    seep_forge_flush(forge);
    put_all_u(&payload, (uint64_t[]){t_ns, generation_width_ns, count}, 3);
    for (size_t i = 0; i < count; i++) {
        const struct seep_rec_age *a = &entries[i];

        put_all_u(&payload,
                  (uint64_t[]){a->site - before, a->live, a->live_bytes,
                               a->oldest_birth_ns, a->newest_birth_ns, a->generations},
                  6);
        before = a->site;
    }
    finish_frame(forge, SEEP_FRAME_AGES, &payload);
}

void seep_forge_threads(struct seep_forge *forge, uint64_t t_ns,
                        const struct seep_rec_thread *threads, size_t count)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    put_all_u(&payload, (uint64_t[]){t_ns, count}, 2);
    for (size_t i = 0; i < count; i++) {
        const struct seep_rec_thread *t = &threads[i];

        put_all_u(&payload,
                  (uint64_t[]){t->slot, t->generation, t->tid, t->state, t->site,
                               t->creator, t->subsystem},
                  7);
        seep_forge_put_str(&payload, t->name);
        put_all_u(&payload,
                  (uint64_t[]){t->start_module, t->start_offset, t->created_ns,
                               t->started_ns, t->ended_ns, t->stack_bytes, t->cpu_ns,
                               t->voluntary_switches, t->involuntary_switches,
                               (uint8_t)t->os_state, t->unchanged_since_ns},
                  11);
        seep_forge_put_str(&payload, t->wait);
    }
    finish_frame(forge, SEEP_FRAME_THREADS, &payload);
}

void seep_forge_waits(struct seep_forge *forge, const struct seep_rec_waits *waits)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    put_all_u(&payload, (uint64_t[]){waits->t_ns, waits->count}, 2);
    for (size_t i = 0; i < waits->count; i++) {
        const struct seep_rec_wait *w = &waits->rows[i];

        put_all_u(&payload, (uint64_t[]){w->tid, w->slot_plus_1}, 2);
        seep_forge_put_str(&payload, w->name);
        put_all_u(&payload,
                  (uint64_t[]){(uint8_t)w->os_state, w->cpu_ns, w->voluntary_switches,
                               w->involuntary_switches, w->unchanged_since_ns,
                               w->syscall_plus_1, w->address, w->fd_plus_1},
                  8);
        seep_forge_put_str(&payload, w->target);
    }
    finish_frame(forge, SEEP_FRAME_WAITS, &payload);
}

void seep_forge_lifetimes(struct seep_forge *forge,
                          const struct seep_rec_lifetimes *lifetimes)
{
    struct seep_forge_bytes payload = {0};
    uint32_t before = 0;

    seep_forge_flush(forge);
    put_all_u(&payload,
              (uint64_t[]){lifetimes->t_ns, lifetimes->exit_way, lifetimes->count}, 3);
    for (size_t i = 0; i < lifetimes->count; i++) {
        const struct seep_rec_lifetime *l = &lifetimes->rows[i];
        size_t buckets = SEEP_LIFETIME_BUCKETS;

        while (buckets > 0 && l->buckets[buckets - 1] == 0) {
            buckets--;
        }
        put_all_u(&payload,
                  (uint64_t[]){l->site - before, l->created, l->started, l->ended,
                               l->joined, l->detached, l->left, l->cancelled, l->cpu_ns,
                               l->stack_mapped_bytes, l->stack_resident_bytes, buckets},
                  12);
        put_all_u(&payload, l->buckets, buckets);
        before = l->site;
    }
    finish_frame(forge, SEEP_FRAME_LIFETIMES, &payload);
}

void seep_forge_probe(struct seep_forge *forge, const struct seep_rec_probe *probe)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    put_all_u(&payload,
              (uint64_t[]){probe->t_ns, probe->tid, probe->slot_plus_1, probe->why,
                           probe->stop_ns, probe->unchanged_since_ns,
                           probe->syscall_plus_1},
              7);
    put_all_u(&payload, probe->arguments, 6);
    put_all_u(&payload, (uint64_t[]){probe->object_at, probe->object_bytes}, 2);
    seep_forge_put(&payload, probe->object, probe->object_bytes);
    put_all_u(&payload,
              (uint64_t[]){probe->reach, probe->searches, probe->scanned_bytes,
                           probe->end, probe->frame_count},
              5);
    for (size_t i = 0; i < probe->frame_count; i++) {
        const struct seep_rec_probe_frame *frame = &probe->frames[i];

        put_all_u(&payload, (uint64_t[]){frame->module, frame->offset, frame->exact}, 3);
    }
    finish_frame(forge, SEEP_FRAME_PROBE, &payload);
}

void seep_forge_descriptors(struct seep_forge *forge,
                            const struct seep_rec_descriptors *table)
{
    struct seep_forge_bytes payload = {0};
    uint64_t before = 0;

    seep_forge_flush(forge);
    put_all_u(&payload,
              (uint64_t[]){table->t_ns, table->open, table->recorded, table->inherited,
                           table->gone, table->count},
              6);
    for (size_t i = 0; i < table->count; i++) {
        const struct seep_rec_descriptor *row = &table->rows[i];

        put_all_u(&payload,
                  (uint64_t[]){row->fd + UINT64_C(1) - before, row->site,
                               row->acquired_ns, row->flags},
                  4);
        seep_forge_put_str(&payload, row->link);
        seep_forge_put_str(&payload, row->protocol);
        seep_forge_put_str(&payload, row->local);
        seep_forge_put_str(&payload, row->peer);
        seep_forge_put_str(&payload, row->state);
        before = row->fd + UINT64_C(1);
    }
    finish_frame(forge, SEEP_FRAME_DESCRIPTORS, &payload);
}

void seep_forge_child(struct seep_forge *forge, const struct seep_rec_child *child)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    seep_forge_put_u(&payload, child->pid);
    seep_forge_put_str(&payload, child->command);
    put_all_u(&payload,
              (uint64_t[]){child->started_ns, child->duration_ns, child->ending_kind,
                           child->ending_status},
              4);
    seep_forge_put_str(&payload, child->file);
    put_all_u(&payload,
              (uint64_t[]){child->heap_acquired, child->heap_released,
                           child->heap_live_bytes, child->threads_acquired,
                           child->threads_released},
              5);
    finish_frame(forge, SEEP_FRAME_CHILD, &payload);
}

static void put_text(struct seep_forge *forge, uint16_t type, uint64_t t_ns,
                     const char *text)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    seep_forge_put_u(&payload, t_ns);
    seep_forge_put_str(&payload, text);
    finish_frame(forge, type, &payload);
}

void seep_forge_mark(struct seep_forge *forge, uint64_t t_ns, const char *label)
{
    put_text(forge, SEEP_FRAME_MARK, t_ns, label);
}

void seep_forge_note(struct seep_forge *forge, uint64_t t_ns, const char *text)
{
    put_text(forge, SEEP_FRAME_NOTE, t_ns, text);
}

void seep_forge_end_full(struct seep_forge *forge, uint64_t t_ns, enum seep_ending kind,
                         uint32_t status, uint64_t peak_live_heap_bytes,
                         uint64_t peak_threads)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_flush(forge);
    put_all_u(&payload,
              (uint64_t[]){t_ns, kind, status, peak_live_heap_bytes, peak_threads,
                           forge->snapshots},
              6);
    finish_frame(forge, SEEP_FRAME_END, &payload);
}

void seep_forge_end(struct seep_forge *forge, uint64_t t_ns, enum seep_ending kind,
                    uint32_t status)
{
    seep_forge_end_full(forge, t_ns, kind, status, 0, 0);
}

void seep_forge_write(struct seep_forge *forge, const char *path)
{
    FILE *out = fopen(path, "wb");

    seep_forge_flush(forge);
    if (out == NULL || fwrite(forge->file.data, 1, forge->file.len_bytes, out) !=
                           forge->file.len_bytes) {
        perror(path);
        abort();
    }
    if (fclose(out) != 0) {
        perror(path);
        abort();
    }
}
