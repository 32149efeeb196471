/* Two snapshots into one. Values are cumulative, so the later value of a site stands for
 * both, and every snapshot that is kept says exactly what it said before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/snapshot_merge.h"

#include <errno.h>

enum { PROCESS_FIELDS = 9, COUNTER_FIELDS = 4 };

struct snapshot {
    uint64_t t_ns, merged;
    uint64_t process[PROCESS_FIELDS];
    uint64_t left; /* entries not yet taken from `rest` */
    struct seep_cursor rest;
    uint64_t site; /* of the entry in hand; UINT64_MAX when none is left */
    uint64_t counters[COUNTER_FIELDS];
};

static void next_entry(struct snapshot *snapshot)
{
    if (snapshot->left == 0 || snapshot->rest.failed) {
        snapshot->site = UINT64_MAX;
        return;
    }
    snapshot->left--;
    snapshot->site += seep_cursor_varint(&snapshot->rest);
    for (int i = 0; i < COUNTER_FIELDS; i++) {
        snapshot->counters[i] = seep_cursor_varint(&snapshot->rest);
    }
}

static struct snapshot open_snapshot(const struct seep_buf *payload)
{
    struct snapshot snapshot = {.rest =
                                    seep_cursor_over(payload->data, payload->len_bytes)};

    snapshot.t_ns = seep_cursor_varint(&snapshot.rest);
    snapshot.merged = seep_cursor_varint(&snapshot.rest);
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        snapshot.process[i] = seep_cursor_varint(&snapshot.rest);
    }
    snapshot.left = seep_cursor_varint(&snapshot.rest);
    next_entry(&snapshot);
    return snapshot;
}

static void put_entry(struct seep_buf *entries, uint64_t *before,
                      const struct snapshot *snapshot)
{
    seep_buf_put_varint(entries, snapshot->site - *before);
    for (int i = 0; i < COUNTER_FIELDS; i++) {
        seep_buf_put_varint(entries, snapshot->counters[i]);
    }
    *before = snapshot->site;
}

/* Returns: the entries written. */
static uint64_t merge_entries(struct snapshot *earlier, struct snapshot *later,
                              struct seep_buf *entries)
{
    uint64_t before = 0;
    uint64_t n = 0;

    while (earlier->site != UINT64_MAX || later->site != UINT64_MAX) {
        if (earlier->site < later->site) {
            put_entry(entries, &before, earlier);
            next_entry(earlier);
        } else {
            put_entry(entries, &before, later);
            if (earlier->site == later->site) {
                next_entry(earlier);
            }
            next_entry(later);
        }
        n++;
    }
    return n;
}

int seep_snapshot_merge(const struct seep_buf *earlier, const struct seep_buf *later,
                        struct seep_buf *out, struct seep_buf *entries)
{
    struct snapshot a = open_snapshot(earlier);
    struct snapshot b = open_snapshot(later);

    seep_buf_reset(out);
    seep_buf_reset(entries);

    uint64_t n = merge_entries(&a, &b, entries);

    if (a.rest.failed || b.rest.failed) {
        return -EBADMSG;
    }
    seep_buf_put_varint(out, b.t_ns);
    seep_buf_put_varint(out, a.merged + b.merged + 1);
    for (int i = 0; i < PROCESS_FIELDS; i++) {
        seep_buf_put_varint(out, b.process[i]);
    }
    seep_buf_put_varint(out, n);
    seep_buf_put(out, entries->data, entries->len_bytes);
    seep_buf_put(out, b.rest.at, seep_cursor_left_bytes(&b.rest)); /* the losses */
    return out->failed || entries->failed ? -ENOMEM : 0;
}
