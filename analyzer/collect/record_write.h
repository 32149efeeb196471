/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_RECORD_WRITE_H
#define SEEP_ANALYZER_COLLECT_RECORD_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "collect/frame.h"
#include "collect/record_thin.h"

/* One recording on its way to disk: append-only, bounded, whole after every frame.
 *
 * A recording may be *held*: its frames wait in memory until it is known whether the file
 * is wanted. An existing file of the final name is never touched before
 * seep_record_finish: the recording grows as NAME.partial then, and replaces it at the
 * end. A file that grows is locked (flock), so that others see that somebody writes it.
 */
struct seep_record_options {
    int dir_fd;             /* borrowed, outlives the record: where names are looked up */
    bool hold;              /* no file before seep_record_release */
    uint32_t snapshots_max; /* SEEP_SNAPSHOTS_MAX */
    uint64_t bytes_max;     /* SEEP_RECORDING_MAX_BYTES */
    uint64_t held_bytes_max; /* frames beyond this are refused while held */
};

struct seep_record {
    struct seep_record_options options;
    struct seep_frame_coder *coder; /* borrowed */
    char *name;                     /* owned; final file name, without directory */
    char *name_now;                 /* owned; where the frames are; NULL while held */
    int fd;                         /* -1 while held */
    struct seep_buf held;           /* whole frames */
    struct seep_buf frame;          /* working memory */
    struct seep_record_tally tally;
    uint64_t snapshots_merged;  /* by thinning, so far */
    uint64_t snapshots_dropped; /* that found no room even after thinning */
    uint64_t write_failures;    /* frames refused by the file system */
    int write_errno;            /* of the newest; 0 = none */
    bool thin_failed; /* the file cannot be read back: it only grows up to its bound */
};

/* Starts a recording.
 *
 * name:   borrowed; without '/'.
 * coder:  borrowed, outlives the record.
 * record: out; untouched on failure.
 * Returns: 0; -ENOMEM; -errno of openat, write (message says which file).
 */
int seep_record_open(struct seep_record *record, const char *name,
                     const struct seep_record_options *options,
                     struct seep_frame_coder *coder, struct seep_error *error);

/* Appends one frame by one write. Thins first when a bound would be crossed.
 *
 * payload: borrowed; its `failed` flag is looked at.
 * Returns: 0; -ENOSPC the file system or the bound has no room; other -errno of write;
 * -ENOMEM. After a failure the recording is what it was before.
 */
int seep_record_put(struct seep_record *record, enum seep_frame type,
                    const struct seep_buf *payload);

/* Whether a recording of this final name is being written, by whatever process. */
bool seep_record_is_growing(int dir_fd, const char *name);

/* Gives a held recording its file. Returns: 0 (also when it has one); as
 * seep_record_open. */
int seep_record_release(struct seep_record *record, struct seep_error *error);

/* Gives the file another final name; a file of that name is not touched until the end.
 * Returns: 0; -ENOMEM; -errno of renameat (the recording keeps its former name then). */
int seep_record_rename(struct seep_record *record, const char *name);

/* Brings the file to its final name. The record stays open for seep_record_close.
 * Returns: 0 (also while held, which does nothing); -errno of renameat. */
int seep_record_finish(struct seep_record *record);

/* Closes it and frees the memory; `keep` false removes the file too. */
void seep_record_close(struct seep_record *record, bool keep);

#endif
