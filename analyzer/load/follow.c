/* A recording that grows, at the cost of what was appended.
 *
 * The reader stays open and goes on behind the last whole frame. Reading the file anew
 * each time was rejected: 64 MiB a second for a run that has lasted. inotify was
 * rejected: it says that something was written, not that a frame is whole, and a look a
 * second costs one stat.
 *
 * I1: the recording is only ever seen between frames that need no piece behind them. The
 *     writer puts nodes before the modules that they name, so pieces of tables wait in
 *     memory until another frame comes; then all references lead somewhere.
 * I2: a file of another process is never taken for the one that was opened: names are
 *     used again by the next run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "load/record_read.h"
#include "load/recording_build.h"
#include "load/recording_decode.h"

/* Pieces that wait may take this much; beyond, they wait no longer. */
enum { WAITING_MAX_BYTES = 256 << 20 };

struct waiting_frame {
    enum seep_frame type;
    uint64_t at_offset;
    size_t payload_bytes; /* of `payloads` of the follow, in order */
};

struct seep_follow {
    struct seep_record_reader *reader; /* owned */
    struct seep_recording *recording;  /* owned */
    struct seep_buf frames;            /* struct waiting_frame */
    struct seep_buf payloads;
    uint64_t points_most; /* 0: no bound */
};

/* The bound is passed: a return value of read_on, nobody else's. */
enum { OVER = -E2BIG };
/* Newest snapshots that never give way: what a live view looks back to. */
enum { DENSE = 64 };

static struct seep_thin *thin_of(const struct seep_follow *follow)
{
    struct seep_recording_store *store = follow->recording->arena;

    return &store->thin;
}

static bool is_piece(enum seep_frame type)
{
    return type >= SEEP_FRAME_MODULES && type <= SEEP_FRAME_SITES;
}

static int out_of_memory(const struct seep_follow *follow, struct seep_error *error)
{
    return seep_error_set(error, -ENOMEM, "%s: out of memory",
                          seep_record_reader_name(follow->reader));
}

static int put_aside(struct seep_follow *follow, const struct seep_record_frame *frame,
                     struct seep_error *error)
{
    struct waiting_frame waiting = {.type = frame->type,
                                    .at_offset = frame->at_offset,
                                    .payload_bytes = frame->payload_bytes};

    seep_buf_put(&follow->frames, &waiting, sizeof(waiting));
    seep_buf_put(&follow->payloads, frame->payload, frame->payload_bytes);
    return follow->frames.failed || follow->payloads.failed ? out_of_memory(follow, error)
                                                            : 0;
}

static int take(struct seep_follow *follow, const struct seep_record_frame *frame,
                struct seep_error *error)
{
    return seep_recording_decode_frame(follow->recording, frame,
                                       seep_record_reader_name(follow->reader), error);
}

static int take_waiting(struct seep_follow *follow, struct seep_error *error)
{
    const uint8_t *payload = follow->payloads.data;
    struct waiting_frame waiting;
    int n = 0;

    for (size_t at = 0; n == 0 && at < follow->frames.len_bytes; at += sizeof(waiting)) {
        memcpy(&waiting, follow->frames.data + at, sizeof(waiting));
        n = take(follow,
                 &(struct seep_record_frame){.type = waiting.type,
                                             .at_offset = waiting.at_offset,
                                             .payload = payload,
                                             .payload_bytes = waiting.payload_bytes},
                 error);
        payload += waiting.payload_bytes;
    }
    seep_buf_reset(&follow->frames);
    seep_buf_reset(&follow->payloads);
    return n;
}

/* Reads up to the file's end. Returns: whether the recording has changed; negative errno.
 */
static int read_on(struct seep_follow *follow, struct seep_error *error)
{
    struct seep_recording *recording = follow->recording;
    struct seep_record_frame frame;
    bool changed = false;
    int n = 1;

    while (n > 0) {
        n = seep_record_reader_next(follow->reader, &frame, error);
        if (n <= 0) {
            break;
        }
        if (is_piece(frame.type) && follow->payloads.len_bytes < WAITING_MAX_BYTES) {
            n = put_aside(follow, &frame, error);
        } else {
            n = take_waiting(follow, error);
            n = n < 0 ? n : take(follow, &frame, error);
            changed = true;
        }
        n = n < 0 ? n : 1;
        if (n > 0 && follow->points_most != 0 &&
            thin_of(follow)->points > follow->points_most) {
            n = OVER;
        }
    }
    if (n < 0) {
        return n;
    }
    recording->truncated =
        seep_record_reader_truncated(follow->reader, &recording->truncated_at);
    if (changed && seep_recording_settle(recording) < 0) {
        return out_of_memory(follow, error);
    }
    return changed;
}

/* One attempt. thin: which snapshots to keep. Returns: as seep_follow_open; OVER. */
static int open_thinned(const char *path, uint64_t points_most,
                        const struct seep_thin *thin, struct seep_follow **follow,
                        struct seep_error *error)
{
    struct seep_follow *made = calloc(1, sizeof(*made));
    int n = -ENOMEM;

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "%s: out of memory", path);
    }
    n = seep_record_reader_open(path, &made->reader, error);
    if (n < 0) {
        goto fail_open;
    }
    made->points_most = points_most;
    made->recording = seep_recording_new();
    if (made->recording != NULL) {
        thin_of(made)->stride = thin->stride;
        thin_of(made)->dense_from = thin->dense_from;
    }
    n = made->recording != NULL ? read_on(made, error) : out_of_memory(made, error);
    if (n < 0) {
        goto fail_open;
    }
    *follow = made;
    return 0;

fail_open:
    seep_follow_close(made);
    return n;
}

/* How many snapshots a file has. Returns: 0; as seep_record_reader_next. */
static int count_snapshots(const char *path, uint64_t *count, struct seep_error *error)
{
    struct seep_record_reader *reader = NULL;
    struct seep_record_frame frame;
    int n = seep_record_reader_open(path, &reader, error);

    *count = 0;
    if (n < 0) {
        return n;
    }
    while ((n = seep_record_reader_next(reader, &frame, error)) > 0) {
        *count += frame.type == SEEP_FRAME_SNAPSHOT;
    }
    seep_record_reader_close(reader);
    return n;
}

/* Reads with strides that double until half of the bound is enough. */
static int open_within(const char *path, uint64_t points_most,
                       struct seep_follow **follow, struct seep_error *error)
{
    struct seep_thin thin = {0};
    uint64_t count = 0;
    int n = count_snapshots(path, &count, error);

    thin.dense_from = count > DENSE ? count - DENSE : 0;
    for (thin.stride = 2; n == 0; thin.stride *= 2) {
        /* The last attempt takes what comes: the newest alone may be more. */
        bool last = thin.stride > count;

        n = open_thinned(path, last ? 0 : points_most / 2, &thin, follow, error);
        if (n != OVER) {
            break;
        }
        n = 0;
    }
    if (n == 0) {
        (*follow)->points_most = points_most;
        if (thin_of(*follow)->points > points_most) {
            (*follow)->points_most = 2 * thin_of(*follow)->points;
        }
    }
    return n;
}

int seep_follow_open_bounded(const char *path, uint64_t points_most,
                             struct seep_follow **follow, struct seep_error *error)
{
    const struct seep_thin all = {0};
    struct seep_error unseen;
    int n = 0;

    error = error != NULL ? error : &unseen;
    n = open_thinned(path, points_most, &all, follow, error);
    return n == OVER ? open_within(path, points_most, follow, error) : n;
}

int seep_follow_open(const char *path, struct seep_follow **follow,
                     struct seep_error *error)
{
    return seep_follow_open_bounded(path, 0, follow, error);
}

static bool is_same_process(const struct seep_recording *a,
                            const struct seep_recording *b)
{
    return a->program.pid == b->program.pid &&
           a->program.started_realtime_ns == b->program.started_realtime_ns;
}

/* The file under the name is not the one that is open: takes it when it is what the old
 * one became. Returns: whether it was; negative errno. */
static int open_anew(struct seep_follow *follow, struct seep_error *error)
{
    struct seep_follow *anew = NULL;
    struct seep_follow old = *follow;
    struct seep_error gone;

    if (seep_follow_open_bounded(seep_record_reader_name(follow->reader),
                                 follow->points_most, &anew, &gone) < 0) {
        if (gone.code == -ENOMEM) {
            *error = gone;
            return gone.code;
        }
        return false; /* something else lies there now */
    }
    if (!is_same_process(follow->recording, anew->recording)) {
        seep_follow_close(anew);
        return false;
    }
    *follow = *anew;
    *anew = old;
    seep_follow_close(anew);
    return true;
}

int seep_follow_refresh(struct seep_follow *follow, struct seep_error *error)
{
    struct seep_error unseen;
    int other = 0;
    int n = 0;

    error = error != NULL ? error : &unseen;
    if (follow->recording->ended) {
        return SEEP_FOLLOW_SAME;
    }
    other = seep_record_reader_resume(follow->reader);
    n = read_on(follow, error);
    if (n == OVER) {
        int taken = open_anew(follow, error);

        if (taken != 0) {
            return taken < 0 ? taken : SEEP_FOLLOW_ANEW;
        }
        follow->points_most = 0; /* it lies under another name: no way to thin it */
        n = read_on(follow, error);
        if (n == 0) {
            n = seep_recording_settle(follow->recording) < 0
                    ? out_of_memory(follow, error)
                    : true;
        }
    }
    if (n < 0) {
        return n;
    }
    if (other < 0 && !follow->recording->ended) {
        int taken = open_anew(follow, error);

        if (taken != 0) {
            return taken < 0 ? taken : SEEP_FOLLOW_ANEW;
        }
    }
    return n > 0 ? SEEP_FOLLOW_MORE : SEEP_FOLLOW_SAME;
}

const struct seep_recording *seep_follow_recording(const struct seep_follow *follow)
{
    return follow->recording;
}

void seep_follow_close(struct seep_follow *follow)
{
    if (follow == NULL) {
        return;
    }
    seep_record_reader_close(follow->reader);
    seep_recording_free(follow->recording);
    seep_buf_fini(&follow->frames);
    seep_buf_fini(&follow->payloads);
    free(follow);
}
