/* What a recording says of threads: the table, what each waits for, and what became of
 * those of each creation site.
 *
 * Each frame is a whole picture: the pool of the one before is emptied for it, so that a
 * recording of a thousand pictures takes the memory of one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_threads.h"

#include <string.h>

enum {
    /* fewest bytes of one entry: its number of fields, each at least one byte */
    THREAD_MIN_BYTES = 20,
    WAIT_MIN_BYTES = 12,
    LIFETIME_MIN_BYTES = 12,
    PROBE_FRAME_MIN_BYTES = 3,
    LETTERS = 128
};

static char take_state(struct seep_decoder *d)
{
    uint32_t state = seep_decode_u32(d);

    if (state >= LETTERS) {
        seep_decode_wrong(d, "a thread state that is no letter");
        return '\0';
    }
    return (char)state;
}

static void decode_thread(struct seep_decoder *d, struct seep_rec_thread *thread)
{
    uint32_t *const before_name[] = {
        &thread->slot, &thread->generation, &thread->tid,      &thread->state,
        &thread->site, &thread->creator,    &thread->subsystem};
    uint64_t *const after_start[] = {
        &thread->start_offset,       &thread->created_ns,          &thread->started_ns,
        &thread->ended_ns,           &thread->stack_bytes,         &thread->cpu_ns,
        &thread->voluntary_switches, &thread->involuntary_switches};

    for (size_t i = 0; i < sizeof(before_name) / sizeof(before_name[0]); i++) {
        *before_name[i] = seep_decode_u32(d);
    }
    thread->name = seep_decode_string(d, &d->store->threads);
    thread->start_module = seep_decode_u32(d);
    for (size_t i = 0; i < sizeof(after_start) / sizeof(after_start[0]); i++) {
        *after_start[i] = seep_decode_u(d);
    }
    thread->os_state = take_state(d);
    thread->unchanged_since_ns = seep_decode_u(d);
    thread->wait = seep_decode_string(d, &d->store->threads);
}

void seep_decode_threads(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;

    rec->threads = NULL;
    rec->thread_count = 0;
    seep_pool_fini(&d->store->threads);
    rec->threads_t_ns = seep_decode_u(d);
    rec->thread_count = seep_decode_count(d, THREAD_MIN_BYTES);
    rec->threads =
        seep_pool_take(&d->store->threads, rec->thread_count * sizeof(*rec->threads));
    d->no_memory |= rec->threads == NULL;
    for (size_t i = 0; i < rec->thread_count && !seep_decode_failed(d); i++) {
        decode_thread(d, &rec->threads[i]);
    }
}

static void decode_wait(struct seep_decoder *d, struct seep_rec_wait *wait)
{
    wait->tid = seep_decode_u32(d);
    wait->slot_plus_1 = seep_decode_u32(d);
    wait->name = seep_decode_string(d, &d->store->waits);
    wait->os_state = take_state(d);
    wait->cpu_ns = seep_decode_u(d);
    wait->voluntary_switches = seep_decode_u(d);
    wait->involuntary_switches = seep_decode_u(d);
    wait->unchanged_since_ns = seep_decode_u(d);
    wait->syscall_plus_1 = seep_decode_u32(d);
    wait->address = seep_decode_u(d);
    wait->fd_plus_1 = seep_decode_u32(d);
    wait->target = seep_decode_string(d, &d->store->waits);
}

void seep_decode_waits(struct seep_decoder *d)
{
    struct seep_rec_waits *waits = &d->recording->waits;

    *waits = (struct seep_rec_waits){0};
    seep_pool_fini(&d->store->waits);
    waits->t_ns = seep_decode_u(d);
    waits->count = seep_decode_count(d, WAIT_MIN_BYTES);
    waits->rows = seep_pool_take(&d->store->waits, waits->count * sizeof(*waits->rows));
    d->no_memory |= waits->rows == NULL;
    for (size_t i = 0; i < waits->count && !seep_decode_failed(d); i++) {
        decode_wait(d, &waits->rows[i]);
    }
}

static void decode_buckets(struct seep_decoder *d, struct seep_rec_lifetime *row)
{
    size_t count = seep_decode_count(d, 1);

    if (count > SEEP_LIFETIME_BUCKETS) {
        seep_decode_wrong(d, "lifetimes beyond their buckets");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        row->buckets[i] = seep_decode_u(d);
    }
}

void seep_decode_lifetimes(struct seep_decoder *d)
{
    struct seep_rec_lifetimes *lifetimes = &d->recording->lifetimes;
    uint32_t site = 0;

    *lifetimes = (struct seep_rec_lifetimes){0};
    seep_pool_fini(&d->store->lifetimes);
    lifetimes->t_ns = seep_decode_u(d);
    lifetimes->exit_way = seep_decode_u32(d);
    lifetimes->count = seep_decode_count(d, LIFETIME_MIN_BYTES);
    lifetimes->rows =
        seep_pool_take(&d->store->lifetimes, lifetimes->count * sizeof(*lifetimes->rows));
    d->no_memory |= lifetimes->rows == NULL;
    for (size_t i = 0; i < lifetimes->count && !seep_decode_failed(d); i++) {
        struct seep_rec_lifetime *row = &lifetimes->rows[i];
        uint64_t *const fields[] = {&row->created,
                                    &row->started,
                                    &row->ended,
                                    &row->joined,
                                    &row->detached,
                                    &row->left,
                                    &row->cancelled,
                                    &row->cpu_ns,
                                    &row->stack_mapped_bytes,
                                    &row->stack_resident_bytes};

        site = seep_decode_site(d, site);
        row->site = site;
        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            *fields[k] = seep_decode_u(d);
        }
        decode_buckets(d, row);
    }
}

static void decode_object(struct seep_decoder *d, struct seep_rec_probe *probe)
{
    const char *bytes = NULL;

    probe->object_at = seep_decode_u(d);
    bytes = seep_cursor_string(&d->in, &probe->object_bytes);
    if (probe->object_bytes > SEEP_PROBE_OBJECT_MAX_BYTES) {
        seep_decode_wrong(d, "an object of a wait that is too long");
        probe->object_bytes = 0;
        return;
    }
    probe->object = seep_pool_take(&d->store->pool, probe->object_bytes + 1);
    d->no_memory |= probe->object == NULL;
    if (probe->object != NULL && probe->object_bytes > 0) {
        memcpy(probe->object, bytes, probe->object_bytes);
    }
}

static void decode_probe_frames(struct seep_decoder *d, struct seep_rec_probe *probe)
{
    probe->end = seep_decode_u32(d);
    probe->frame_count = seep_decode_count(d, PROBE_FRAME_MIN_BYTES);
    probe->frames =
        seep_pool_take(&d->store->pool, probe->frame_count * sizeof(*probe->frames));
    d->no_memory |= probe->frames == NULL;
    for (size_t i = 0; i < probe->frame_count && !seep_decode_failed(d); i++) {
        struct seep_rec_probe_frame *frame = &probe->frames[i];

        frame->module = seep_decode_u32(d);
        frame->offset = seep_decode_u(d);
        frame->exact = seep_decode_u(d) != 0;
    }
}

void seep_decode_probe(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_rec_probe probe = {.t_ns = seep_decode_u(d)};

    probe.tid = seep_decode_u32(d);
    probe.slot_plus_1 = seep_decode_u32(d);
    probe.why = seep_decode_u32(d);
    probe.stop_ns = seep_decode_u(d);
    probe.unchanged_since_ns = seep_decode_u(d);
    probe.syscall_plus_1 = seep_decode_u32(d);
    for (size_t i = 0; i < sizeof(probe.arguments) / sizeof(probe.arguments[0]); i++) {
        probe.arguments[i] = seep_decode_u(d);
    }
    decode_object(d, &probe);
    probe.reach = seep_decode_u32(d);
    probe.searches = seep_decode_u32(d);
    probe.scanned_bytes = seep_decode_u(d);
    decode_probe_frames(d, &probe);
    if (!seep_decode_failed(d) && !d->no_memory &&
        seep_decode_add_row(d, (void **)&rec->probes, &d->store->probes, rec->probe_count,
                            sizeof(probe))) {
        rec->probes[rec->probe_count++] = probe;
    }
}
