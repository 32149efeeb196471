/* Writing a recording so that it is readable whatever happens next.
 *
 * Design: one write per frame, so that a killed collector leaves whole frames; a write
 * that fails half way is cut off again. No fsync per frame: it guards against a power
 * cut, which ends the program too, and would make the disk the collector's clock.
 *
 * Invariants
 * W1: tally.bytes is the length of the file (of magic and held frames, while held).
 * W2: the file never exceeds bytes_max, and never holds more than snapshots_max
 * snapshots.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/record_write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    PARTIAL_TRIES = 100,
    THIN_ROUNDS_MAX = 14,   /* 2^14 > SEEP_SNAPSHOTS_MAX */
    END_RESERVE_BYTES = 256 /* kept free for the END frame */
};

/* NAME, or NAME.partial while a file NAME exists, or NAME.partial.N while that one is
 * taken too. */
static int create_file(int dir_fd, const char *name, char **name_now)
{
    for (int try = 0; try < PARTIAL_TRIES; try++) {
        char *candidate = NULL;
        int n = try == 0   ? asprintf(&candidate, "%s", name)
                : try == 1 ? asprintf(&candidate, "%s.partial", name)
                           : asprintf(&candidate, "%s.partial.%d", name, try);

        if (n < 0) {
            return -ENOMEM;
        }
        int fd = openat(dir_fd, candidate, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        if (fd >= 0) {
            (void)flock(fd,
                        LOCK_EX | LOCK_NB); /* see record_write.h; not on all systems */
            *name_now = candidate;
            return fd;
        }
        free(candidate);
        if (errno != EEXIST) {
            return -errno;
        }
    }
    return -EEXIST;
}

static int start_file(struct seep_record *record, struct seep_error *error)
{
    char *name_now = NULL;
    int fd = create_file(record->options.dir_fd, record->name, &name_now);
    int err = 0;

    if (fd < 0) {
        return seep_error_set(error, fd, "cannot create '%s': %s", record->name,
                              strerrordesc_np(-fd));
    }
    err = seep_record_write_all(fd, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES);
    if (err == 0) {
        err = seep_record_write_all(fd, record->held.data, record->held.len_bytes);
    }
    if (err < 0) {
        (void)unlinkat(record->options.dir_fd, name_now, 0);
        close(fd);
        free(name_now);
        return seep_error_set(error, err, "cannot write '%s': %s", record->name,
                              strerrordesc_np(-err));
    }
    seep_buf_fini(&record->held);
    record->fd = fd;
    record->name_now = name_now;
    return 0;
}

int seep_record_open(struct seep_record *record, const char *name,
                     const struct seep_record_options *options,
                     struct seep_frame_coder *coder, struct seep_error *error)
{
    struct seep_record opened = {.options = *options, .coder = coder, .fd = -1};
    int err = 0;

    opened.tally.bytes = SEEP_RECORDING_MAGIC_BYTES;
    opened.name = strdup(name);
    if (opened.name == NULL) {
        return seep_error_set(error, -ENOMEM, "no memory for a recording");
    }
    if (!options->hold) {
        err = start_file(&opened, error);
    }
    if (err < 0) {
        free(opened.name);
        return err;
    }
    *record = opened;
    return 0;
}

/* Writes the file anew with half the snapshots, and lets it take the old one's place. */
static int thin_once(struct seep_record *record, bool newest_ages_only)
{
    struct seep_thinning thinning = {.in_fd = record->fd,
                                     .before = record->tally,
                                     .newest_ages_only = newest_ages_only};
    struct seep_record_tally after;
    char *beside = NULL;
    uint32_t merged = 0;
    int err = 0;

    if (asprintf(&beside, "%s.thin.%ld", record->name_now, (long)getpid()) < 0) {
        return -ENOMEM;
    }
    thinning.out_fd = openat(record->options.dir_fd, beside,
                             O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (thinning.out_fd < 0) {
        err = -errno;
        goto fail_create;
    }
    (void)flock(thinning.out_fd, LOCK_EX | LOCK_NB);
    err = seep_record_thin(record->coder, &thinning, &after, &merged);
    if (err < 0) {
        goto fail_thin;
    }
    if (renameat(record->options.dir_fd, beside, record->options.dir_fd,
                 record->name_now) < 0) {
        err = -errno;
        goto fail_thin;
    }
    close(record->fd);
    free(beside);
    record->fd = thinning.out_fd;
    record->tally = after;
    record->snapshots_merged += merged;
    return 0;

fail_thin:
    (void)unlinkat(record->options.dir_fd, beside, 0);
    close(thinning.out_fd);
fail_create:
    free(beside);
    return err;
}

static bool has_room(const struct seep_record *record, enum seep_frame type,
                     uint64_t bytes)
{
    uint64_t reserve = type == SEEP_FRAME_END ? 0 : END_RESERVE_BYTES;

    return record->tally.bytes + bytes + reserve <= record->options.bytes_max &&
           (type != SEEP_FRAME_SNAPSHOT ||
            record->tally.snapshots < record->options.snapshots_max);
}

/* Makes room for a frame, and for more like it: halving is worth its cost when it frees a
 * quarter. */
static int make_room(struct seep_record *record, enum seep_frame type, uint64_t bytes)
{
    const uint64_t enough = record->options.bytes_max / 4 * 3;

    for (int round = 0; round < THIN_ROUNDS_MAX && !record->thin_failed; round++) {
        bool stuck = record->tally.snapshots <= 2;
        bool few = record->tally.snapshots <= record->options.snapshots_max / 64 + 1;

        if (has_room(record, type, bytes) && (record->tally.bytes <= enough || few)) {
            break;
        }
        if (stuck && record->tally.ages <= 1) {
            break;
        }
        int err = thin_once(record, few || stuck);

        if (err == -EBADMSG || err == -ENODATA) {
            record->thin_failed = true;
        } else if (err < 0) {
            record->write_failures++;
            record->write_errno = -err;
            return err;
        }
    }
    return has_room(record, type, bytes) ? 0 : -ENOSPC;
}

static int hold_frame(struct seep_record *record)
{
    if (record->held.len_bytes + record->frame.len_bytes >
        record->options.held_bytes_max) {
        return -ENOSPC;
    }
    seep_buf_put(&record->held, record->frame.data, record->frame.len_bytes);
    if (record->held.failed) {
        record->held.failed = false;
        return -ENOMEM;
    }
    return 0;
}

static int append_frame(struct seep_record *record)
{
    int err = 0;

    if (lseek(record->fd, (off_t)record->tally.bytes, SEEK_SET) < 0) {
        return -errno;
    }
    err = seep_record_write_all(record->fd, record->frame.data, record->frame.len_bytes);
    if (err < 0) {
        /* When even this fails the file ends inside a frame: readers stop before it, and
         * the next frame overwrites it. */
        int cut = ftruncate(record->fd, (off_t)record->tally.bytes);

        (void)cut;
    }
    return err;
}

int seep_record_put(struct seep_record *record, enum seep_frame type,
                    const struct seep_buf *payload)
{
    int err = 0;

    if (payload->failed) {
        return -ENOMEM;
    }
    seep_buf_reset(&record->frame);
    err = seep_frame_append(record->coder, &record->frame, type, payload->data,
                            payload->len_bytes);
    if (err < 0) {
        return err;
    }
    if (record->fd < 0) {
        err = hold_frame(record);
    } else {
        if (!has_room(record, type, record->frame.len_bytes)) {
            err = make_room(record, type, record->frame.len_bytes);
            record->snapshots_dropped += err == -ENOSPC && type == SEEP_FRAME_SNAPSHOT;
        }
        if (err == 0) {
            err = append_frame(record);
            record->write_failures += err < 0;
            record->write_errno = err < 0 ? -err : record->write_errno;
        }
    }
    if (err < 0) {
        return err;
    }
    record->tally.bytes += record->frame.len_bytes;
    record->tally.type_bytes[type] += record->frame.len_bytes;
    record->tally.snapshots += type == SEEP_FRAME_SNAPSHOT;
    record->tally.ages += type == SEEP_FRAME_AGES;
    assert(record->tally.bytes <= record->options.bytes_max || record->fd < 0);
    return 0;
}

static bool is_locked(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

    if (fd >= 0) {
        close(fd);
    }
    return locked;
}

bool seep_record_is_growing(int dir_fd, const char *name)
{
    char *partial = NULL;
    bool growing = is_locked(dir_fd, name);

    if (!growing && asprintf(&partial, "%s.partial", name) >= 0) {
        growing = is_locked(dir_fd, partial);
        free(partial);
    }
    return growing;
}

int seep_record_release(struct seep_record *record, struct seep_error *error)
{
    return record->fd >= 0 ? 0 : start_file(record, error);
}

/* Reserves the new place first: a rename may not run over somebody's file. */
static int move_file(struct seep_record *record, const char *name)
{
    char *now = NULL;
    int fd = create_file(record->options.dir_fd, name, &now);

    if (now == NULL) {
        return fd;
    }
    close(fd);
    if (renameat(record->options.dir_fd, record->name_now, record->options.dir_fd, now) <
        0) {
        int err = -errno;

        (void)unlinkat(record->options.dir_fd, now, 0);
        free(now);
        return err;
    }
    free(record->name_now);
    record->name_now = now;
    return 0;
}

int seep_record_rename(struct seep_record *record, const char *name)
{
    char *final = strdup(name);
    int err = 0;

    if (final == NULL) {
        return -ENOMEM;
    }
    if (record->fd >= 0) {
        err = move_file(record, name);
    }
    if (err != 0) {
        free(final);
        return err;
    }
    free(record->name);
    record->name = final;
    return 0;
}

int seep_record_finish(struct seep_record *record)
{
    char *final = NULL;

    if (record->fd < 0 || strcmp(record->name, record->name_now) == 0) {
        return 0;
    }
    final = strdup(record->name);
    if (final == NULL) {
        return -ENOMEM;
    }
    /* The file that is replaced may be all there is until this one is on disk. */
    if (fdatasync(record->fd) < 0 || renameat(record->options.dir_fd, record->name_now,
                                              record->options.dir_fd, record->name) < 0) {
        int err = -errno;

        free(final);
        return err;
    }
    free(record->name_now);
    record->name_now = final;
    return 0;
}

void seep_record_close(struct seep_record *record, bool keep)
{
    if (record->fd >= 0) {
        if (!keep && record->name_now != NULL) {
            (void)unlinkat(record->options.dir_fd, record->name_now, 0);
        }
        close(record->fd);
    }
    free(record->name);
    free(record->name_now);
    seep_buf_fini(&record->held);
    seep_buf_fini(&record->frame);
    *record = (struct seep_record){.fd = -1};
}
