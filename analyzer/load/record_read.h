/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORD_READ_H
#define SEEP_ANALYZER_LOAD_RECORD_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "seep/recording.h"

/* The frames of a recording, one after the other: checked, decompressed, bounded.
 * What is in them is not looked at.
 *
 * Nothing of the file is believed before its checksum was right, and nothing is allocated
 * that the file does not pay for: stored bytes are limited by the file's length, payload
 * bytes by what zstd can make of the stored ones, and the sum of all payloads by
 * SEEP_READ_PAYLOADS_MAX_BYTES.
 */
struct seep_record_reader;

/* Decompressed bytes that one recording may hold in total. The writer stops at 64 MiB of
 * file, which real counters compress to from well below 1 GiB. */
#define SEEP_READ_PAYLOADS_MAX_BYTES (UINT64_C(4) << 30)

struct seep_record_frame {
    enum seep_frame type;   /* one of the named values; others are skipped */
    uint64_t at_offset;     /* of the frame's header in the file */
    const uint8_t *payload; /* borrowed until the next call on the reader */
    size_t payload_bytes;
};

/* Opens a file and checks its magic.
 *
 * path:   borrowed during the call.
 * reader: out, owned (seep_record_reader_close); untouched on error.
 * Returns: 0; errno of open and read (-ENOENT, -EACCES ...); -EISDIR; -EINVAL another
 *   thing than a file; -EPROTO not a recording (empty, shorter than the magic, another
 *   magic); -ENOMEM.
 * Thread-safety: any thread. Allocates: yes.
 */
int seep_record_reader_open(const char *path, struct seep_record_reader **reader,
                            struct seep_error *error);

/* The same over bytes in memory, borrowed until close. name: the path in messages. */
int seep_record_reader_open_bytes(const char *name, const void *bytes, size_t len_bytes,
                                  struct seep_record_reader **reader,
                                  struct seep_error *error);

/* Gives the next frame of a known type. Frames of other types are checked and skipped.
 *
 * frame:   out.
 * Returns: 1 with a frame; 0 at the end, also where the file is cut inside a frame
 *   (see truncated); -EBADMSG corrupt (checksum, impossible sizes or flags, compressed
 *   bytes that zstd refuses); -EFBIG more than SEEP_READ_PAYLOADS_MAX_BYTES; errno of
 *   read; -ENOMEM. After 0 or an error every later call gives the same.
 * Thread-safety: owner thread. Allocates: yes, at most one frame at a time.
 */
int seep_record_reader_next(struct seep_record_reader *reader,
                            struct seep_record_frame *frame, struct seep_error *error);

/* Takes the file's length anew: after next has returned 0 (at the end, or at a cut), it
 * goes on where it had stopped, with what was appended meanwhile. After an error nothing
 * changes; bytes in memory stay as long as they were.
 *
 * Returns: 0; -ESTALE the file's name leads to another file by now (this one can be read
 *   on nevertheless). A name that leads nowhere is no matter: the file was renamed.
 * Thread-safety: owner thread.
 */
int seep_record_reader_resume(struct seep_record_reader *reader);

/* Whether the file ends inside a frame; known once next has returned 0.
 * at_offset: out, that frame's offset; may be NULL. */
bool seep_record_reader_truncated(const struct seep_record_reader *reader,
                                  uint64_t *at_offset);

/* How far the frames given so far reach, in bytes of the file.
 * total_bytes: out, of the file when it was opened; may be NULL. */
uint64_t seep_record_reader_position(const struct seep_record_reader *reader,
                                     uint64_t *total_bytes);

/* The file's name, for messages; borrowed. */
const char *seep_record_reader_name(const struct seep_record_reader *reader);

void seep_record_reader_close(struct seep_record_reader *reader);

#endif
