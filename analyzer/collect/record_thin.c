/* Old snapshots give way so that a recording stays bounded however long the run.
 *
 * Design: halving. After k rounds the early part of the run has one snapshot where there
 * were 2^k, the newest are as dense as ever, and the work per snapshot stays constant on
 * average. Dropping the oldest was rejected: growth is judged over the whole run. The
 * file is rewritten beside itself, never in place: a collector killed meanwhile leaves
 * the old one whole.
 *
 * Invariants
 * T1: a snapshot that stays says what it said before: cumulative values at its time.
 * T2: a site's table piece comes before the first snapshot or ages frame that names the
 * site.
 * T3: counted marks stay before the first snapshot that is kept from theirs on.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/record_thin.h"

#include <errno.h>
#include <unistd.h>

#include "collect/snapshot_merge.h"

enum {
    AGES_KEPT_ALL = 64,        /* scans up to which none is dropped */
    PIECE_MAX_BYTES = 4 << 20, /* a joined piece is closed beyond this */
    FLUSH_BYTES = 1 << 18,
    TABLES = SEEP_FRAME_SITES - SEEP_FRAME_MODULES + 1
};

/* Pieces of one table, joined while their ids follow each other. */
struct joined {
    uint64_t first, count;
    struct seep_buf entries;
};

struct thinner {
    struct seep_frame_coder *coder;
    const struct seep_thinning *thinning;
    struct seep_record_tally *after;
    uint32_t *merged;
    uint64_t newest_at[SEEP_FRAME_LAST + 1]; /* offset of the newest frame of a type */
    uint32_t snapshots_seen, ages_seen;
    bool holding; /* `held` is a snapshot that waits for its partner */
    struct seep_buf frame, payload, held, joint, entries, out;
    struct seep_buf marks, held_marks; /* whole frames of counted marks not yet written,
                                          behind and before `held`; empty: none */
    struct joined tables[TABLES];
};

int seep_record_write_all(int fd, const void *bytes, size_t len_bytes)
{
    const uint8_t *at = bytes;

    while (len_bytes > 0) {
        ssize_t n = write(fd, at, len_bytes);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        at += n;
        len_bytes -= (size_t)n;
    }
    return 0;
}

static int flush_out(struct thinner *t, size_t beyond_bytes)
{
    int err = 0;

    if (t->out.len_bytes > beyond_bytes) {
        err = seep_record_write_all(t->thinning->out_fd, t->out.data, t->out.len_bytes);
        seep_buf_reset(&t->out);
    }
    return err;
}

static int put(struct thinner *t, enum seep_frame type, const struct seep_buf *payload)
{
    size_t before = t->out.len_bytes;
    int err = payload->failed ? -ENOMEM
                              : seep_frame_append(t->coder, &t->out, type, payload->data,
                                                  payload->len_bytes);

    if (err < 0) {
        return err;
    }
    t->after->bytes += t->out.len_bytes - before;
    t->after->type_bytes[type] += t->out.len_bytes - before;
    t->after->snapshots += type == SEEP_FRAME_SNAPSHOT;
    t->after->ages += type == SEEP_FRAME_AGES;
    return flush_out(t, FLUSH_BYTES);
}

/* The frame in hand, as it stands. */
static int copy(struct thinner *t, enum seep_frame type)
{
    seep_buf_put(&t->out, t->frame.data, t->frame.len_bytes);
    if (t->out.failed) {
        return -ENOMEM;
    }
    t->after->bytes += t->frame.len_bytes;
    t->after->type_bytes[type] += t->frame.len_bytes;
    t->after->ages += type == SEEP_FRAME_AGES;
    return flush_out(t, FLUSH_BYTES);
}

static int close_piece(struct thinner *t, enum seep_frame type)
{
    struct joined *table = &t->tables[type - SEEP_FRAME_MODULES];
    int err = 0;

    if (table->count > 0) {
        seep_buf_reset(&t->joint);
        seep_buf_put_varint(&t->joint, table->first);
        seep_buf_put_varint(&t->joint, table->count);
        seep_buf_put(&t->joint, table->entries.data, table->entries.len_bytes);
        err = put(t, type, &t->joint);
        table->count = 0;
        seep_buf_reset(&table->entries);
    }
    return err;
}

static int close_pieces(struct thinner *t)
{
    int err = 0;

    for (unsigned type = SEEP_FRAME_MODULES; err == 0 && type <= SEEP_FRAME_SITES;
         type++) {
        err = close_piece(t, (enum seep_frame)type);
    }
    return err;
}

static int join_piece(struct thinner *t, enum seep_frame type)
{
    struct joined *table = &t->tables[type - SEEP_FRAME_MODULES];
    struct seep_cursor in = seep_cursor_over(t->payload.data, t->payload.len_bytes);
    uint64_t first = seep_cursor_varint(&in);
    uint64_t count = seep_cursor_varint(&in);
    int err = 0;

    if (in.failed) {
        return -EBADMSG;
    }
    if (first != table->first + table->count ||
        table->entries.len_bytes > PIECE_MAX_BYTES) {
        err = close_piece(t, type);
    }
    if (table->count == 0) {
        table->first = first;
    }
    table->count += count;
    seep_buf_put(&table->entries, in.at, seep_cursor_left_bytes(&in));
    return table->entries.failed ? -ENOMEM : err;
}

/* Writes counted marks that wait, and forgets them. */
static int put_marks(struct thinner *t, struct seep_buf *frame)
{
    size_t bytes = frame->len_bytes;

    if (bytes == 0) {
        return 0;
    }
    seep_buf_put(&t->out, frame->data, bytes);
    if (t->out.failed) {
        return -ENOMEM;
    }
    t->after->bytes += bytes;
    t->after->type_bytes[SEEP_FRAME_MARK_COUNTS] += bytes;
    seep_buf_reset(frame);
    return 0;
}

/* Each frame has all labels: the newer one stands for the older, too. */
static int take_marks(struct thinner *t)
{
    seep_buf_reset(&t->marks);
    seep_buf_put(&t->marks, t->frame.data, t->frame.len_bytes);
    return t->marks.failed ? -ENOMEM : 0;
}

static void swap(struct seep_buf *a, struct seep_buf *b)
{
    struct seep_buf kept = *a;

    *a = *b;
    *b = kept;
}

static int take_snapshot(struct thinner *t)
{
    int err = 0;

    if (t->snapshots_seen++ > 0 && !t->holding) {
        swap(&t->held, &t->payload);
        swap(&t->held_marks, &t->marks);
        t->holding = true;
        return 0;
    }
    err = close_pieces(t);
    if (t->marks.len_bytes == 0) {
        swap(&t->held_marks, &t->marks);
    }
    seep_buf_reset(&t->held_marks);
    err = err < 0 ? err : put_marks(t, &t->marks);
    if (err == 0 && t->holding) {
        t->holding = false;
        (*t->merged)++;
        err = seep_snapshot_merge(&t->held, &t->payload, &t->joint, &t->entries);
        return err < 0 ? err : put(t, SEEP_FRAME_SNAPSHOT, &t->joint);
    }
    return err < 0 ? err : put(t, SEEP_FRAME_SNAPSHOT, &t->payload);
}

static int take_ages(struct thinner *t)
{
    uint32_t all = t->thinning->before.ages;
    uint32_t number = ++t->ages_seen;
    bool keep = number == all;
    int err = 0;

    if (!t->thinning->newest_ages_only) {
        keep = keep || all <= AGES_KEPT_ALL || number % 2 == 1;
    }
    if (keep) {
        err = close_pieces(t);
    }
    return keep && err == 0 ? copy(t, SEEP_FRAME_AGES) : err;
}

/* Of these the newest replaces those before. */
static bool is_state(enum seep_frame type)
{
    return type == SEEP_FRAME_THREADS || type == SEEP_FRAME_DESCRIPTORS ||
           type == SEEP_FRAME_PEAK || type == SEEP_FRAME_SAMPLES ||
           type == SEEP_FRAME_LIFETIMES || type == SEEP_FRAME_WAITS;
}

/* These add up, and name modules or subsystems. */
static bool adds_up(enum seep_frame type)
{
    return type == SEEP_FRAME_PROBE || type == SEEP_FRAME_LIMITS;
}

static int take_frame(struct thinner *t, uint64_t at)
{
    enum seep_frame type = (enum seep_frame)seep_frame_header_of(t->frame.data).type;
    int err = 0;

    if (type == SEEP_FRAME_AGES) {
        return take_ages(t);
    }
    if (type == SEEP_FRAME_MARK_COUNTS) {
        return take_marks(t);
    }
    if (is_state(type) && at != t->newest_at[type]) {
        return 0;
    }
    if (is_state(type) || adds_up(type)) {
        err = close_pieces(t); /* of what it names */
        return err < 0 ? err : copy(t, type);
    }
    if (type != SEEP_FRAME_SNAPSHOT &&
        (type < SEEP_FRAME_MODULES || type > SEEP_FRAME_SITES)) {
        return type <= SEEP_FRAME_LAST ? copy(t, type) : -EBADMSG;
    }
    err = seep_frame_unpack(t->coder, &t->frame, &t->payload);
    if (err < 0) {
        return err;
    }
    return type == SEEP_FRAME_SNAPSHOT ? take_snapshot(t) : join_piece(t, type);
}

/* Calls take_frame on each frame; or, with `scout`, only notes the newest of each type.
 */
static int walk(struct thinner *t, bool scout)
{
    uint64_t at = SEEP_RECORDING_MAGIC_BYTES;
    int err = 0;

    while (err == 0) {
        err =
            seep_frame_read(t->thinning->in_fd, at, t->thinning->before.bytes, &t->frame);
        if (err < 0) {
            break;
        }
        uint16_t type = seep_frame_header_of(t->frame.data).type;

        if (!scout) {
            err = take_frame(t, at);
        } else if (type <= SEEP_FRAME_LAST) {
            t->newest_at[type] = at;
        }
        at += t->frame.len_bytes;
    }
    return err == -ENODATA ? 0 : err;
}

static int thin(struct thinner *t)
{
    int err = walk(t, true);

    seep_buf_put(&t->out, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES);
    t->after->bytes = SEEP_RECORDING_MAGIC_BYTES;
    if (err == 0) {
        err = walk(t, false);
    }
    if (err == 0) {
        err = close_pieces(t);
    }
    if (err == 0 && t->holding) {
        err = put_marks(t, &t->held_marks);
        err = err < 0 ? err : put(t, SEEP_FRAME_SNAPSHOT, &t->held);
    }
    if (err == 0) {
        err = put_marks(t, &t->marks);
    }
    return err < 0 ? err : flush_out(t, 0);
}

int seep_record_thin(struct seep_frame_coder *coder, const struct seep_thinning *thinning,
                     struct seep_record_tally *after, uint32_t *merged)
{
    struct thinner t = {
        .coder = coder, .thinning = thinning, .after = after, .merged = merged};
    struct seep_buf *const buffers[] = {&t.frame,   &t.payload, &t.held,  &t.joint,
                                        &t.entries, &t.out,     &t.marks, &t.held_marks};

    *after = (struct seep_record_tally){0};
    *merged = 0;

    int err = thin(&t);

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        seep_buf_fini(buffers[i]);
    }
    for (size_t i = 0; i < TABLES; i++) {
        seep_buf_fini(&t.tables[i].entries);
    }
    return err;
}
