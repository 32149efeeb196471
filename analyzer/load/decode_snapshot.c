/* A snapshot, into points of its sites.
 *
 * Most of the time that a large recording takes to load goes here, and would go by
 * waiting for memory: each entry touches a site and the end of its points, which lie
 * anywhere in some hundred MB. So entries are decoded some way ahead of being added, and
 * what they will touch is asked for meanwhile: first the site, then what it points to.
 * Measured on 100,000 sites and 2,000 snapshots with 10 million points.
 *
 * I1: a point is made only where a site's counters changed: 50,000 sites and 4,096
 *     snapshots cost what changes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_snapshot.h"

#include <string.h>

#include "load/decode_marks.h"

enum {
    /* fewest bytes of one entry: its number of fields, each at least one byte */
    POINT_MIN_BYTES = 5,
    LOSS_MIN_BYTES = 2,
    AHEAD = 32 /* entries; a power of two */
};

struct change {
    uint32_t site;
    struct seep_counters counters;
};

static void add_point(struct seep_decoder *d, const struct change *change)
{
    struct seep_points *points = &d->recording->sites[change->site].points;

    if (memcmp(&points->last, &change->counters, sizeof(change->counters)) != 0) {
        d->no_memory |= seep_points_add(points, &d->store->pool,
                                        (uint32_t)d->recording->snapshot_count,
                                        &change->counters) < 0;
    }
}

/* Reads an entry. before: the site of the one before. */
static struct change take_change(struct seep_decoder *d, uint32_t before)
{
    struct change change = {.site = seep_decode_near_site(d, before)};
    const uint8_t *site = (const uint8_t *)&d->recording->sites[change.site].points;

    __builtin_prefetch(site, 1);
    __builtin_prefetch(site + sizeof(struct seep_points) - 1, 1);
    change.counters.acquired = seep_cursor_varint(&d->in);
    change.counters.released = seep_cursor_varint(&d->in);
    change.counters.acquired_bytes = seep_cursor_varint(&d->in);
    change.counters.released_bytes = seep_cursor_varint(&d->in);
    return change;
}

static void decode_changes(struct seep_decoder *d, size_t count)
{
    struct change waiting[AHEAD] = {0};
    uint32_t site = 0;
    size_t taken = 0;
    size_t added = 0;

    for (; taken < count && !seep_decode_failed(d); taken++) {
        if (taken - added == AHEAD) {
            add_point(d, &waiting[added++ % AHEAD]);
        }
        waiting[taken % AHEAD] = take_change(d, site);
        site = waiting[taken % AHEAD].site;
        if (taken >= AHEAD / 2) {
            uint32_t near = waiting[(taken - AHEAD / 2) % AHEAD].site;

            seep_points_prefetch(&d->recording->sites[near].points);
        }
    }
    while (added < taken && !seep_decode_failed(d)) {
        add_point(d, &waiting[added++ % AHEAD]);
    }
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
    decode_changes(d, seep_decode_count(d, POINT_MIN_BYTES));
    decode_losses(d);
    seep_decode_marks_settle(d);
    if (seep_decode_add_row(d, (void **)&rec->snapshots, &d->store->snapshots,
                            rec->snapshot_count, sizeof(*rec->snapshots))) {
        rec->snapshots[rec->snapshot_count++] = snapshot;
    }
}
