/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_RECORD_THIN_H
#define SEEP_ANALYZER_COLLECT_RECORD_THIN_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/frame.h"

/* What a recording holds, kept by its writer frame by frame. */
struct seep_record_tally {
    uint64_t bytes; /* of the whole file, its magic included */
    uint32_t snapshots;
    uint32_t ages;
    uint64_t type_bytes[SEEP_FRAME_LAST + 1]; /* of whole frames, by type */
};

struct seep_thinning {
    int in_fd;                       /* borrowed; readable */
    struct seep_record_tally before; /* of the file behind in_fd */
    int out_fd;                      /* borrowed; empty file, written from its start */
    bool newest_ages_only;           /* else every second scan goes when there are many */
};

/* Writes a recording anew with half the snapshots. The first stays as it is; from there
 * on two neighbours become one at the later's time (seep_snapshot_merge), so that the
 * last one's values stay too. Pieces of tables that follow each other become one; of
 * thread and descriptor tables the newest stays.
 *
 * after:  out; what was written.
 * merged: out; snapshots that went.
 * Returns: 0; -EBADMSG the file was changed by somebody else; -ENOMEM; -errno of pread
 * and write. On failure out_fd holds part of the recording. Thread-safety: owner thread
 * of coder. Cost: O(file).
 */
int seep_record_thin(struct seep_frame_coder *coder, const struct seep_thinning *thinning,
                     struct seep_record_tally *after, uint32_t *merged);

/* Writes all of it. Returns: 0; -errno of write (part of it may be in the file then). */
int seep_record_write_all(int fd, const void *bytes, size_t len_bytes);

#endif
