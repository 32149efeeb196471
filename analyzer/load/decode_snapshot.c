/* A snapshot: changes of sites' counters for the queue that makes points of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_snapshot.h"

#include "load/decode_marks.h"

enum {
    /* fewest bytes of one entry: its number of fields, each at least one byte */
    POINT_MIN_BYTES = 5,
    LOSS_MIN_BYTES = 2
};

/* A change goes to the points of its site, or is held for a snapshot that is kept. */
static void put_change(struct seep_decoder *d, const struct seep_point_change *change)
{
    struct seep_thin *thin = &d->store->thin;

    if (d->holds) {
        d->no_memory |= seep_thin_hold(thin, change->site, d->recording->site_count,
                                       &change->counters) < 0;
    } else {
        thin->points++; /* one that says nothing new is rare */
        d->no_memory |=
            seep_point_queue_put(&d->store->points, d->recording->sites, change) < 0;
    }
}

static void decode_changes(struct seep_decoder *d, size_t count)
{
    struct seep_point_change change = {.snapshot =
                                           (uint32_t)d->recording->snapshot_count};

    for (; count > 0 && !seep_decode_failed(d); count--) {
        change.site = seep_decode_near_site(d, change.site);
        change.counters.acquired = seep_cursor_varint(&d->in);
        change.counters.released = seep_cursor_varint(&d->in);
        change.counters.acquired_bytes = seep_cursor_varint(&d->in);
        change.counters.released_bytes = seep_cursor_varint(&d->in);
        if (!seep_decode_failed(d)) {
            put_change(d, &change);
        }
    }
}

/* What was held goes to the snapshot that is kept. */
static void take_held(struct seep_decoder *d)
{
    struct seep_thin *thin = &d->store->thin;

    d->holds = false;
    for (size_t i = 0; i < thin->held_count && !seep_decode_failed(d); i++) {
        put_change(d, &(struct seep_point_change){
                          .site = thin->held[i],
                          .snapshot = (uint32_t)d->recording->snapshot_count,
                          .counters = thin->counters[thin->held[i]]});
    }
    seep_thin_release(thin);
}

static void decode_losses(struct seep_decoder *d)
{
    size_t count = seep_decode_count(d, LOSS_MIN_BYTES);

    for (size_t i = 0; i < count && !seep_decode_failed(d); i++) {
        uint64_t reason = seep_decode_u(d);
        uint64_t lost = seep_decode_u(d);

        if (reason >= SEEP_LOSS_MAX) {
            seep_decode_wrong(d, "a loss reason beyond the list");
            return;
        }
        d->recording->lost[reason] = lost;
    }
}

void seep_decode_snapshot(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;
    struct seep_rec_snapshot snapshot = {.t_ns = seep_decode_u(d),
                                         .merged = seep_decode_u32(d)};
    uint64_t *const process[] = {
        &snapshot.rss_bytes, &snapshot.pss_bytes,    &snapshot.vsize_bytes,
        &snapshot.threads,   &snapshot.fds,          &snapshot.user_ns,
        &snapshot.system_ns, &snapshot.minor_faults, &snapshot.major_faults};

    for (size_t i = 0; i < sizeof(process) / sizeof(process[0]); i++) {
        *process[i] = seep_decode_u(d);
    }
    if (rec->snapshot_count != 0 &&
        snapshot.t_ns <= rec->snapshots[rec->snapshot_count - 1].t_ns) {
        seep_decode_wrong(d, "a time that does not rise");
    }
    struct seep_thin *thin = &d->store->thin;
    bool left_out = seep_thin_leaves_out(thin);

    d->holds = seep_thin_is_on(thin);
    decode_changes(d, seep_decode_count(d, POINT_MIN_BYTES));
    decode_losses(d);
    thin->seen++;
    if (left_out) {
        thin->merged += snapshot.merged + 1;
        return;
    }
    snapshot.merged += thin->merged;
    if (d->holds) {
        take_held(d);
    }
    thin->merged = 0;
    seep_decode_marks_settle(d);
    if (seep_decode_add_row(d, (void **)&rec->snapshots, &d->store->snapshots,
                            rec->snapshot_count, sizeof(*rec->snapshots))) {
        rec->snapshots[rec->snapshot_count++] = snapshot;
    }
}
