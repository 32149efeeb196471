/* From a file nobody vouches for to frames whose bytes are what was written.
 *
 * Read by pread, one frame at a time. A mapping was rejected: the collector may be
 * writing the file or somebody may cut it meanwhile, and a mapping answers that with
 * SIGBUS. The length is taken at open, so that a reading ends while the file grows; it is
 * taken anew when somebody asks to read on (seep_record_reader_resume).
 *
 * I1: a size is used only after the header's check, a payload only after its hash.
 * I2: stored bytes <= bytes left in the file, and payload bytes <= stored bytes *
 *     ZSTD_MAX_RATIO: the memory asked for is bounded by the bytes that are there.
 * I3: a frame that does not fit in the file is a cut, not an error: a killed writer
 *     leaves just that.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/record_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    HASH_BYTES = 8,
    CHECKED_HEADER_BYTES = 12,
    /* A zstd block gives at most 128 KiB and takes at least 4 bytes: its header and one
     * repeated byte. Source: RFC 8878, sections 3.1.1.2.3 and 3.1.1.2.4. */
    ZSTD_MAX_RATIO = (128 << 10) / 4
};

/* A fuzzer that has to guess checksums sees nothing behind them. The macro is the usual
 * one for that; only the libFuzzer program is built with it. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
static const bool checksums_count = false;
#else
static const bool checksums_count = true;
#endif

struct growing_bytes {
    uint8_t *data; /* owned */
    size_t capacity_bytes;
};

struct seep_record_reader {
    char *name;              /* owned */
    int fd;                  /* owned; -1: `memory` is read instead */
    const uint8_t *memory;   /* borrowed */
    uint64_t file_bytes;     /* when it was opened */
    uint64_t at_offset;      /* of the next frame */
    uint64_t payloads_bytes; /* given out so far */
    struct growing_bytes stored, payload;
    ZSTD_DCtx *zstd; /* owned; NULL until needed */
    bool finished;   /* `result` answers every later call */
    int result;      /* 0 or the code of `error` */
    struct seep_error error;
    bool truncated;
};

/* Header fields as numbers, whatever the machine's byte order. */
struct parsed_header {
    uint16_t type, flags;
    uint32_t stored_bytes, payload_bytes, check;
};

static uint64_t little_endian(const uint8_t *bytes, size_t width_bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static int corrupt(struct seep_record_reader *reader, const char *what)
{
    return seep_error_set(&reader->error, -EBADMSG, "%s: corrupt at byte %" PRIu64 ": %s",
                          reader->name, reader->at_offset, what);
}

/* Leaves the old bytes alone when memory is out; does not keep them otherwise. */
static int make_room(struct seep_record_reader *reader, struct growing_bytes *bytes,
                     size_t need_bytes)
{
    if (need_bytes <= bytes->capacity_bytes) {
        return 0;
    }
    uint8_t *data = malloc(need_bytes);

    if (data == NULL) {
        return seep_error_set(&reader->error, -ENOMEM,
                              "%s: out of memory at byte %" PRIu64 " (%zu bytes wanted)",
                              reader->name, reader->at_offset, need_bytes);
    }
    free(bytes->data);
    *bytes = (struct growing_bytes){.data = data, .capacity_bytes = need_bytes};
    return 0;
}

/* Returns: 1; 0 when the file ends before, since it was cut after it had been opened;
 * -errno, error set. */
static int read_at(struct seep_record_reader *reader, uint64_t offset, void *out,
                   size_t want_bytes)
{
    size_t done = 0;

    if (want_bytes == 0) {
        return 1; /* memory may be NULL then */
    }
    if (reader->fd < 0) {
        memcpy(out, reader->memory + offset, want_bytes);
        return 1;
    }
    while (done < want_bytes) {
        ssize_t n = pread(reader->fd, (uint8_t *)out + done, want_bytes - done,
                          (off_t)(offset + done));

        if (n == 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            int code = -errno;

            return seep_error_set(&reader->error, code,
                                  "%s: cannot read at byte %" PRIu64 ": %s", reader->name,
                                  offset + done, strerrordesc_np(-code));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 1;
}

static bool is_known(uint16_t type)
{
    return type > SEEP_FRAME_NONE && type <= SEEP_FRAME_LAST;
}

static int check_header(struct seep_record_reader *reader,
                        const struct parsed_header *header)
{
    bool compressed = (header->flags & SEEP_FRAME_COMPRESSED) != 0;

    if (header->stored_bytes > SEEP_FRAME_MAX_BYTES) {
        return corrupt(reader, "a frame longer than the format allows");
    }
    if (!is_known(header->type)) {
        return 0; /* its flags and payload are its own business */
    }
    if ((header->flags & ~SEEP_FRAME_COMPRESSED) != 0) {
        return corrupt(reader, "unknown frame flags");
    }
    if (header->payload_bytes > SEEP_FRAME_MAX_BYTES) {
        return corrupt(reader, "a payload longer than the format allows");
    }
    if (!compressed && header->payload_bytes != header->stored_bytes) {
        return corrupt(reader, "two different lengths of one uncompressed payload");
    }
    if (compressed &&
        header->payload_bytes > (uint64_t)header->stored_bytes * ZSTD_MAX_RATIO) {
        return corrupt(reader, "a payload longer than its compressed bytes can give");
    }
    return 0;
}

/* Reads the header at at_offset. Returns: 1; 0 when the file ends inside it; a negative
 * errno. */
static int read_header(struct seep_record_reader *reader, struct parsed_header *header)
{
    uint8_t raw[sizeof(struct seep_frame_header)];
    int n = 0;

    if (reader->file_bytes - reader->at_offset < sizeof(raw)) {
        return 0;
    }
    n = read_at(reader, reader->at_offset, raw, sizeof(raw));
    if (n <= 0) {
        return n;
    }
    *header = (struct parsed_header){
        .type = (uint16_t)little_endian(raw, 2),
        .flags = (uint16_t)little_endian(raw + 2, 2),
        .stored_bytes = (uint32_t)little_endian(raw + 4, 4),
        .payload_bytes = (uint32_t)little_endian(raw + 8, 4),
        .check = (uint32_t)little_endian(raw + 12, 4),
    };
    if (checksums_count &&
        header->check != (uint32_t)XXH3_64bits(raw, CHECKED_HEADER_BYTES)) {
        if (memcmp(raw, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES) == 0) {
            return corrupt(reader, "another recording begins here: two files in one?");
        }
        return corrupt(reader, "wrong checksum of a frame header");
    }
    n = check_header(reader, header);
    return n < 0 ? n : 1;
}

/* Reads the stored payload and compares its hash. Returns: 1; 0 when the file ends
 * before; a negative errno. */
static int read_stored(struct seep_record_reader *reader,
                       const struct parsed_header *header)
{
    size_t need_bytes = (size_t)header->stored_bytes + HASH_BYTES;
    uint64_t offset = reader->at_offset + sizeof(struct seep_frame_header);
    int n = 0;

    if (reader->file_bytes - offset < need_bytes) {
        return 0;
    }
    n = make_room(reader, &reader->stored, need_bytes);
    if (n < 0) {
        return n;
    }
    n = read_at(reader, offset, reader->stored.data, need_bytes);
    if (n <= 0) {
        return n;
    }
    if (checksums_count &&
        XXH3_64bits(reader->stored.data, header->stored_bytes) !=
            little_endian(reader->stored.data + header->stored_bytes, HASH_BYTES)) {
        return corrupt(reader, "wrong checksum of a frame's payload");
    }
    return 1;
}

static int decompress(struct seep_record_reader *reader,
                      const struct parsed_header *header)
{
    size_t made_bytes = 0;
    int n = make_room(reader, &reader->payload, header->payload_bytes);

    if (n < 0) {
        return n;
    }
    if (reader->zstd == NULL) {
        reader->zstd = ZSTD_createDCtx();
        if (reader->zstd == NULL) {
            return seep_error_set(&reader->error, -ENOMEM, "%s: out of memory for zstd",
                                  reader->name);
        }
    }
    made_bytes =
        ZSTD_decompressDCtx(reader->zstd, reader->payload.data, header->payload_bytes,
                            reader->stored.data, header->stored_bytes);
    if (ZSTD_isError(made_bytes)) {
        return corrupt(reader, ZSTD_getErrorName(made_bytes));
    }
    if (made_bytes != header->payload_bytes) {
        return corrupt(reader, "compressed bytes that give less than the frame says");
    }
    return 0;
}

/* Gives the frame whose stored bytes have been read. Returns: 1; a negative errno. */
static int give(struct seep_record_reader *reader, const struct parsed_header *header,
                struct seep_record_frame *frame)
{
    const uint8_t *payload = reader->stored.data;

    reader->payloads_bytes += header->payload_bytes;
    if (reader->payloads_bytes > SEEP_READ_PAYLOADS_MAX_BYTES) {
        return seep_error_set(
            &reader->error, -EFBIG,
            "%s: too large: more than 4 GiB when decompressed, at byte %" PRIu64,
            reader->name, reader->at_offset);
    }
    if ((header->flags & SEEP_FRAME_COMPRESSED) != 0) {
        int n = decompress(reader, header);

        if (n < 0) {
            return n;
        }
        payload = reader->payload.data;
    }
    *frame = (struct seep_record_frame){.type = (enum seep_frame)header->type,
                                        .at_offset = reader->at_offset,
                                        .payload = payload,
                                        .payload_bytes = header->payload_bytes};
    return 1;
}

/* Returns: 1 with a known frame; 0 at the end or at a cut; a negative errno. */
static int next_known(struct seep_record_reader *reader, struct seep_record_frame *frame)
{
    while (reader->at_offset < reader->file_bytes) {
        struct parsed_header header = {0};
        int n = read_header(reader, &header);

        if (n > 0) {
            n = read_stored(reader, &header);
        }
        if (n <= 0) {
            reader->truncated = n == 0;
            return n;
        }
        if (is_known(header.type)) {
            n = give(reader, &header, frame);
        }
        if (n < 0) {
            return n;
        }
        reader->at_offset +=
            sizeof(struct seep_frame_header) + header.stored_bytes + HASH_BYTES;
        if (is_known(header.type)) {
            return 1;
        }
    }
    return 0;
}

int seep_record_reader_next(struct seep_record_reader *reader,
                            struct seep_record_frame *frame, struct seep_error *error)
{
    if (!reader->finished) {
        int n = next_known(reader, frame);

        if (n > 0) {
            return n;
        }
        reader->finished = true;
        reader->result = n;
    }
    if (reader->result < 0 && error != NULL) {
        *error = reader->error;
    }
    return reader->result;
}

/* Says what the file starts with instead of the magic. Returns: -EPROTO. */
static int not_a_recording(const struct seep_record_reader *reader, const uint8_t *start,
                           struct seep_error *error)
{
    char hex[SEEP_RECORDING_MAGIC_BYTES * 3 + 1] = "";
    size_t shown = reader->file_bytes < 4 ? (size_t)reader->file_bytes : 4;

    if (reader->file_bytes == 0) {
        return seep_error_set(
            error, -EPROTO, "%s: not a Seep recording (the file is empty)", reader->name);
    }
    if (reader->file_bytes >= SEEP_RECORDING_MAGIC_BYTES &&
        memcmp(start, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES - 1) == 0 &&
        start[SEEP_RECORDING_MAGIC_BYTES - 1] >= '2' &&
        start[SEEP_RECORDING_MAGIC_BYTES - 1] <= '9') {
        return seep_error_set(
            error, -EPROTO,
            "%s: a Seep recording of another format (starts with '%.8s'; this "
            "seep reads '" SEEP_RECORDING_MAGIC "')",
            reader->name, (const char *)start);
    }
    for (size_t i = 0; i < shown; i++) {
        (void)snprintf(hex + 3 * i, sizeof(hex) - 3 * i, " %02x", start[i]);
    }
    return seep_error_set(error, -EPROTO, "%s: not a Seep recording (starts with%s)",
                          reader->name, hex);
}

static int check_magic(struct seep_record_reader *reader, struct seep_error *error)
{
    uint8_t start[SEEP_RECORDING_MAGIC_BYTES] = {0};
    size_t have =
        reader->file_bytes < sizeof(start) ? (size_t)reader->file_bytes : sizeof(start);
    int n = read_at(reader, 0, start, have);

    if (n < 0) {
        if (error != NULL) {
            *error = reader->error;
        }
        return n;
    }
    if (have < sizeof(start) || memcmp(start, SEEP_RECORDING_MAGIC, sizeof(start)) != 0) {
        return not_a_recording(reader, start, error);
    }
    reader->at_offset = SEEP_RECORDING_MAGIC_BYTES;
    return 0;
}

/* Takes fd, also on error. */
static int open_source(const char *name, int fd, const void *memory, uint64_t file_bytes,
                       struct seep_record_reader **reader, struct seep_error *error)
{
    struct seep_record_reader *made = calloc(1, sizeof(*made));
    int code = -ENOMEM;

    if (made == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return seep_error_set(error, -ENOMEM, "%s: out of memory", name);
    }
    made->fd = fd;
    made->memory = memory;
    made->file_bytes = file_bytes;
    made->name = strdup(name);
    if (made->name == NULL) {
        (void)seep_error_set(error, code, "%s: out of memory", name);
        goto fail_open;
    }
    code = check_magic(made, error);
    if (code < 0) {
        goto fail_open;
    }
    *reader = made;
    return 0;

fail_open:
    seep_record_reader_close(made);
    return code;
}

int seep_record_reader_open(const char *path, struct seep_record_reader **reader,
                            struct seep_error *error)
{
    struct stat status;
    /* O_NONBLOCK: opening a named pipe must not wait for a writer */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) < 0) {
        int code = -errno;

        if (fd >= 0) {
            (void)close(fd);
        }
        return seep_error_set(error, code, "%s: cannot open: %s", path,
                              strerrordesc_np(-code));
    }
    if (!S_ISREG(status.st_mode)) {
        bool directory = S_ISDIR(status.st_mode);

        (void)close(fd);
        return seep_error_set(error, directory ? -EISDIR : -EINVAL,
                              "%s: %s, not a Seep recording", path,
                              directory ? "a directory" : "a device, pipe or socket");
    }
    return open_source(path, fd, NULL, (uint64_t)status.st_size, reader, error);
}

int seep_record_reader_open_bytes(const char *name, const void *bytes, size_t len_bytes,
                                  struct seep_record_reader **reader,
                                  struct seep_error *error)
{
    return open_source(name, -1, bytes, len_bytes, reader, error);
}

int seep_record_reader_resume(struct seep_record_reader *reader)
{
    struct stat mine;
    struct stat named;

    if (reader->fd < 0 || fstat(reader->fd, &mine) < 0) {
        return 0;
    }
    if (reader->result == 0) {
        reader->file_bytes = (uint64_t)mine.st_size;
        reader->finished = false;
        reader->truncated = false;
    }
    return stat(reader->name, &named) == 0 &&
                   (named.st_ino != mine.st_ino || named.st_dev != mine.st_dev)
               ? -ESTALE
               : 0;
}

bool seep_record_reader_truncated(const struct seep_record_reader *reader,
                                  uint64_t *at_offset)
{
    if (reader->truncated && at_offset != NULL) {
        *at_offset = reader->at_offset;
    }
    return reader->truncated;
}

uint64_t seep_record_reader_position(const struct seep_record_reader *reader,
                                     uint64_t *total_bytes)
{
    if (total_bytes != NULL) {
        *total_bytes = reader->file_bytes;
    }
    return reader->at_offset;
}

const char *seep_record_reader_name(const struct seep_record_reader *reader)
{
    return reader->name;
}

void seep_record_reader_close(struct seep_record_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    (void)ZSTD_freeDCtx(reader->zstd);
    free(reader->stored.data);
    free(reader->payload.data);
    free(reader->name);
    free(reader);
}
