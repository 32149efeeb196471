/* Frames of a recording: header with its own check, payload, hash of what is stored.
 *
 * The header has a check of its own so that a reader never believes a length that a
 * damaged sector made up. Payloads that compression does not shorten are stored as they
 * are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>
#include <zstd.h>

enum {
    COMPRESSION_LEVEL =
        3, /* the level above it costs twice the time for 3 % of the bytes */
    COMPRESS_FROM_BYTES = 64,
    HEADER_BYTES = sizeof(struct seep_frame_header),
    HEADER_CHECKED_BYTES = 12,
    HASH_BYTES = 8
};

int seep_frame_coder_init(struct seep_frame_coder *coder)
{
    coder->compressor = ZSTD_createCCtx();
    coder->decompressor = ZSTD_createDCtx();
    if (coder->compressor == NULL || coder->decompressor == NULL) {
        seep_frame_coder_fini(coder);
        return -ENOMEM;
    }
    return 0;
}

void seep_frame_coder_fini(struct seep_frame_coder *coder)
{
    ZSTD_freeCCtx(coder->compressor);
    ZSTD_freeDCtx(coder->decompressor);
    *coder = (struct seep_frame_coder){0};
}

uint64_t seep_frame_hash(const void *bytes, size_t len_bytes)
{
    return XXH3_64bits(bytes, len_bytes);
}

struct seep_frame_header seep_frame_header_of(const void *frame)
{
    struct seep_frame_header header;

    memcpy(&header, frame, sizeof(header));
    return header;
}

/* Compressed into `to` when that is shorter. Returns: stored bytes; 0 when it is not
 * shorter. */
static size_t compress_shorter(struct seep_frame_coder *coder, void *to,
                               const void *payload, size_t payload_bytes)
{
    size_t bytes = 0;

    if (payload_bytes < COMPRESS_FROM_BYTES) {
        return 0;
    }
    bytes = ZSTD_compressCCtx(coder->compressor, to, payload_bytes - 1, payload,
                              payload_bytes, COMPRESSION_LEVEL);
    return ZSTD_isError(bytes) ? 0 : bytes;
}

int seep_frame_append(struct seep_frame_coder *coder, struct seep_buf *out,
                      enum seep_frame type, const void *payload, size_t payload_bytes)
{
    struct seep_frame_header header = {.type = (uint16_t)type};

    if (payload_bytes > SEEP_FRAME_MAX_BYTES) {
        return -EMSGSIZE;
    }
    if (seep_buf_reserve(out, payload_bytes + SEEP_FRAME_EXTRA_BYTES) < 0) {
        out->failed = false;
        return -ENOMEM;
    }
    uint8_t *stored = out->data + out->len_bytes + HEADER_BYTES;
    size_t stored_bytes = compress_shorter(coder, stored, payload, payload_bytes);

    if (stored_bytes > 0) {
        header.flags = SEEP_FRAME_COMPRESSED;
    } else {
        stored_bytes = payload_bytes;
        if (payload_bytes > 0) {
            memcpy(stored, payload, payload_bytes);
        }
    }
    header.stored_bytes = (uint32_t)stored_bytes;
    header.payload_bytes = (uint32_t)payload_bytes;
    header.check = (uint32_t)XXH3_64bits(&header, HEADER_CHECKED_BYTES);
    memcpy(out->data + out->len_bytes, &header, sizeof(header));

    uint64_t hash = XXH3_64bits(stored, stored_bytes);

    memcpy(stored + stored_bytes, &hash, sizeof(hash));
    out->len_bytes += stored_bytes + SEEP_FRAME_EXTRA_BYTES;
    return 0;
}

static int read_whole(int fd, uint64_t offset, uint8_t *to, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = pread(fd, to, bytes, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENODATA;
        }
        to += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

int seep_frame_read(int fd, uint64_t offset, uint64_t file_bytes, struct seep_buf *frame)
{
    struct seep_frame_header header;
    int err = 0;

    seep_buf_reset(frame);
    if (offset > file_bytes || file_bytes - offset < SEEP_FRAME_EXTRA_BYTES) {
        return -ENODATA;
    }
    err = read_whole(fd, offset, (uint8_t *)&header, sizeof(header));
    if (err < 0) {
        return err;
    }
    if (header.check != (uint32_t)XXH3_64bits(&header, HEADER_CHECKED_BYTES) ||
        header.stored_bytes > SEEP_FRAME_MAX_BYTES ||
        header.payload_bytes > SEEP_FRAME_MAX_BYTES) {
        return -EBADMSG;
    }
    if (file_bytes - offset - SEEP_FRAME_EXTRA_BYTES < header.stored_bytes) {
        return -ENODATA;
    }
    if (seep_buf_reserve(frame, header.stored_bytes + SEEP_FRAME_EXTRA_BYTES) < 0) {
        return -ENOMEM;
    }
    err =
        read_whole(fd, offset, frame->data, header.stored_bytes + SEEP_FRAME_EXTRA_BYTES);
    if (err < 0) {
        return err;
    }
    frame->len_bytes = header.stored_bytes + SEEP_FRAME_EXTRA_BYTES;

    uint64_t hash = 0;

    memcpy(&hash, frame->data + HEADER_BYTES + header.stored_bytes, HASH_BYTES);
    return hash == XXH3_64bits(frame->data + HEADER_BYTES, header.stored_bytes)
               ? 0
               : -EBADMSG;
}

int seep_frame_unpack(struct seep_frame_coder *coder, const struct seep_buf *frame,
                      struct seep_buf *payload)
{
    struct seep_frame_header header = seep_frame_header_of(frame->data);
    const uint8_t *stored = frame->data + HEADER_BYTES;
    size_t bytes = header.payload_bytes;

    seep_buf_reset(payload);
    if (seep_buf_reserve(payload, bytes) < 0) {
        return -ENOMEM;
    }
    if ((header.flags & SEEP_FRAME_COMPRESSED) == 0) {
        seep_buf_put(payload, stored, header.stored_bytes);
        return header.stored_bytes == bytes ? 0 : -EBADMSG;
    }
    size_t n = ZSTD_decompressDCtx(coder->decompressor, payload->data, bytes, stored,
                                   header.stored_bytes);

    if (ZSTD_isError(n) || n != bytes) {
        return -EBADMSG;
    }
    payload->len_bytes = bytes;
    return 0;
}
