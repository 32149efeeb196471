/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_FRAME_H
#define SEEP_ANALYZER_COLLECT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "seep/recording.h"

/* Turns payloads into frames and back: compression and checksums, nothing of what they
 * mean. One per collector; owner thread.
 */
struct seep_frame_coder {
    void *compressor;   /* ZSTD_CCtx */
    void *decompressor; /* ZSTD_DCtx */
};

/* Bytes of a frame beside its stored payload: the header and the hash behind it. */
enum { SEEP_FRAME_EXTRA_BYTES = sizeof(struct seep_frame_header) + 8 };

/* Returns: 0; -ENOMEM. */
int seep_frame_coder_init(struct seep_frame_coder *coder);
void seep_frame_coder_fini(struct seep_frame_coder *coder);

/* Appends one whole frame to `out`.
 *
 * payload: borrowed; payload_bytes <= SEEP_FRAME_MAX_BYTES.
 * Returns: 0; -EMSGSIZE payload too large; -ENOMEM. On failure `out` has its former
 * length.
 */
int seep_frame_append(struct seep_frame_coder *coder, struct seep_buf *out,
                      enum seep_frame type, const void *payload, size_t payload_bytes);

/* Reads the frame at `offset` of a file of `file_bytes` bytes: header, stored payload,
 * hash.
 *
 * frame:  out; replaced by the whole frame, as it stands in the file.
 * Returns: 0; -ENODATA no further frame (also one cut by the file's end); -EBADMSG
 * checksum or sizes are wrong; -ENOMEM; -errno of pread.
 */
int seep_frame_read(int fd, uint64_t offset, uint64_t file_bytes, struct seep_buf *frame);

/* A hash of bytes, to tell whether they changed. Thread-safety: pure. */
uint64_t seep_frame_hash(const void *bytes, size_t len_bytes);

/* The header of a frame that seep_frame_read or seep_frame_append made. */
struct seep_frame_header seep_frame_header_of(const void *frame);

/* Unpacks the payload of a whole frame.
 *
 * payload: out; replaced.
 * Returns: 0; -EBADMSG; -ENOMEM.
 */
int seep_frame_unpack(struct seep_frame_coder *coder, const struct seep_buf *frame,
                      struct seep_buf *payload);

#endif
