/* The frame reader: what it gives, where it stops, and what it refuses.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/record_read.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "recording_forge.h"

enum { MIB = 1 << 20 };

static char folder[] = "/tmp/seep-test-record-read-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static struct seep_record_reader *open_forged(const struct seep_forge *forge)
{
    struct seep_record_reader *reader = NULL;
    struct seep_error error = {0};

    assert_int_equal(seep_record_reader_open_bytes("forged", forge->file.data,
                                                   forge->file.len_bytes, &reader,
                                                   &error),
                     0);
    return reader;
}

/* Reads all frames: the last result, and the message when it is an error. */
static int read_all(const struct seep_forge *forge, struct seep_error *error,
                    size_t *frames)
{
    struct seep_record_reader *reader = open_forged(forge);
    struct seep_record_frame frame;
    int n = 0;

    *frames = 0;
    while ((n = seep_record_reader_next(reader, &frame, error)) > 0) {
        (*frames)++;
    }
    assert_int_equal(seep_record_reader_next(reader, &frame, error), n);
    seep_record_reader_close(reader);
    return n;
}

static void assert_refused(const struct seep_forge *forge, int code, const char *message)
{
    struct seep_error error = {0};
    size_t frames = 0;

    assert_int_equal(read_all(forge, &error, &frames), code);
    assert_int_equal(error.code, code);
    assert_string_equal(error.message, message);
}

static void frames_come_in_order_with_their_offsets(void **state)
{
    struct seep_forge forge;
    struct seep_record_reader *reader = NULL;
    struct seep_record_frame frame;

    (void)state;
    seep_forge_init(&forge);
    seep_forge_frame(&forge, SEEP_FRAME_MARK, "abc", 3);
    seep_forge_frame(&forge, SEEP_FRAME_NOTE, "", 0);
    reader = open_forged(&forge);
    assert_int_equal(seep_record_reader_next(reader, &frame, NULL), 1);
    assert_int_equal(frame.type, SEEP_FRAME_MARK);
    assert_int_equal(frame.at_offset, 8);
    assert_int_equal(frame.payload_bytes, 3);
    assert_memory_equal(frame.payload, "abc", 3);
    assert_int_equal(seep_record_reader_next(reader, &frame, NULL), 1);
    assert_int_equal(frame.type, SEEP_FRAME_NOTE);
    assert_int_equal(frame.at_offset, 8 + 16 + 3 + 8);
    assert_int_equal(frame.payload_bytes, 0);
    assert_int_equal(seep_record_reader_next(reader, &frame, NULL), 0);
    assert_false(seep_record_reader_truncated(reader, NULL));
    assert_string_equal(seep_record_reader_name(reader), "forged");
    seep_record_reader_close(reader);
    seep_forge_fini(&forge);
}

static void frames_of_unknown_types_are_skipped(void **state)
{
    struct seep_forge forge;
    struct seep_error error = {0};
    size_t frames = 0;

    (void)state;
    seep_forge_init(&forge);
    seep_forge_raw(
        &forge,
        &(struct seep_frame_header){
            .type = 900, .flags = 0x8000, .stored_bytes = 3, .payload_bytes = UINT32_MAX},
        "abc");
    seep_forge_frame(&forge, 0, "abc", 3);
    seep_forge_mark(&forge, 1, "here");
    assert_int_equal(read_all(&forge, &error, &frames), 0);
    assert_int_equal(frames, 1);
    forge.file.data[8 + 16] ^= 1;
    assert_refused(&forge, -EBADMSG,
                   "forged: corrupt at byte 8: wrong checksum of a frame's payload");
    seep_forge_fini(&forge);
}

static void impossible_headers_are_refused_before_anything_is_allocated(void **state)
{
    static const struct {
        struct seep_frame_header header;
        const char *message;
    } cases[] = {
        {{.type = 1, .stored_bytes = SEEP_FRAME_MAX_BYTES + 1u},
         "forged: corrupt at byte 8: a frame longer than the format allows"},
        {{.type = 1, .flags = 1, .stored_bytes = 4, .payload_bytes = UINT32_MAX},
         "forged: corrupt at byte 8: a payload longer than the format allows"},
        {{.type = 1, .stored_bytes = 4, .payload_bytes = 5},
         "forged: corrupt at byte 8: two different lengths of one uncompressed payload"},
        {{.type = 1, .flags = 1, .stored_bytes = 100, .payload_bytes = 256 * MIB},
         "forged: corrupt at byte 8: a payload longer than its compressed bytes can "
         "give"},
        {{.type = 1, .flags = 2, .stored_bytes = 4, .payload_bytes = 4},
         "forged: corrupt at byte 8: unknown frame flags"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seep_frame_header small = cases[i].header;
        struct seep_forge forge;

        seep_forge_init(&forge);
        if (small.stored_bytes > SEEP_FRAME_MAX_BYTES) {
            void *zeros = calloc(1, small.stored_bytes);

            seep_forge_raw(&forge, &small, zeros);
            free(zeros);
        } else {
            static const char zeros[128];

            seep_forge_raw(&forge, &small, zeros);
        }
        assert_refused(&forge, -EBADMSG, cases[i].message);
        seep_forge_fini(&forge);
    }
}

static void compressed_bytes_that_are_none_are_refused(void **state)
{
    struct seep_forge forge;

    (void)state;
    seep_forge_init(&forge);
    seep_forge_raw(&forge,
                   &(struct seep_frame_header){.type = SEEP_FRAME_MARK,
                                               .flags = SEEP_FRAME_COMPRESSED,
                                               .stored_bytes = 8,
                                               .payload_bytes = 8},
                   "garbage!");
    assert_refused(&forge, -EBADMSG, "forged: corrupt at byte 8: Src size is incorrect");
    seep_forge_fini(&forge);
}

/* A frame whose zstd bytes give `real` zeros and whose header says `said`. */
static void put_zeros(struct seep_forge *forge, size_t real, uint32_t said)
{
    size_t room = ZSTD_compressBound(real);
    void *zeros = calloc(1, real);
    void *stored = malloc(room);
    size_t n = ZSTD_compress(stored, room, zeros, real, 1);

    assert_false(ZSTD_isError(n));
    seep_forge_raw(forge,
                   &(struct seep_frame_header){.type = SEEP_FRAME_MARK,
                                               .flags = SEEP_FRAME_COMPRESSED,
                                               .stored_bytes = (uint32_t)n,
                                               .payload_bytes = said},
                   stored);
    free(stored);
    free(zeros);
}

static void compressed_bytes_must_give_the_length_that_is_said(void **state)
{
    struct seep_forge forge;

    (void)state;
    seep_forge_init(&forge);
    put_zeros(&forge, 100, 101);
    assert_refused(
        &forge, -EBADMSG,
        "forged: corrupt at byte 8: compressed bytes that give less than the frame says");
    seep_forge_fini(&forge);
    seep_forge_init(&forge);
    put_zeros(&forge, 100, 99);
    assert_refused(&forge, -EBADMSG,
                   "forged: corrupt at byte 8: Destination buffer is too small");
    seep_forge_fini(&forge);
}

static void a_bomb_ends_at_four_gibibytes(void **state)
{
    struct seep_forge forge;
    struct seep_forge_bytes *file = &forge.file;
    struct seep_error error = {0};
    size_t frame_bytes = 0;
    size_t frames = 0;

    (void)state;
    seep_forge_init(&forge);
    put_zeros(&forge, 256 * MIB, 256 * MIB);
    frame_bytes = file->len_bytes - SEEP_RECORDING_MAGIC_BYTES;
    for (int i = 0; i < 19; i++) {
        uint8_t *copy = malloc(frame_bytes);

        memcpy(copy, file->data + SEEP_RECORDING_MAGIC_BYTES, frame_bytes);
        seep_forge_put(file, copy, frame_bytes);
        free(copy);
    }
    assert_int_equal(read_all(&forge, &error, &frames), -EFBIG);
    assert_int_equal(frames, 16);
    assert_non_null(strstr(error.message, "more than 4 GiB when decompressed"));
    seep_forge_fini(&forge);
}

static void a_cut_file_gives_the_frames_before_the_cut(void **state)
{
    struct seep_forge forge;
    size_t first_end = 0;

    (void)state;
    seep_forge_init(&forge);
    seep_forge_mark(&forge, 1, "one");
    first_end = forge.file.len_bytes;
    seep_forge_mark(&forge, 2, "two");
    for (size_t len = SEEP_RECORDING_MAGIC_BYTES; len <= forge.file.len_bytes; len++) {
        struct seep_record_reader *reader = NULL;
        struct seep_record_frame frame;
        uint64_t at = 0;
        size_t frames = 0;

        assert_int_equal(
            seep_record_reader_open_bytes("cut", forge.file.data, len, &reader, NULL), 0);
        while (seep_record_reader_next(reader, &frame, NULL) > 0) {
            frames++;
        }
        assert_int_equal(frames, (len >= first_end) + (len == forge.file.len_bytes));
        assert_int_equal(seep_record_reader_truncated(reader, &at),
                         len != 8 && len != first_end && len != forge.file.len_bytes);
        assert_true(at == 0 || at == 8 || at == first_end);
        seep_record_reader_close(reader);
    }
    seep_forge_fini(&forge);
}

static void assert_not_opened(const char *name, const char *content, size_t len_bytes,
                              int code, const char *message)
{
    struct seep_record_reader *reader = NULL;
    struct seep_error error = {0};
    char path[256];
    char expected[512];
    FILE *out = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (content != NULL) {
        out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(content, 1, len_bytes, out), len_bytes);
        assert_int_equal(fclose(out), 0);
    }
    assert_int_equal(seep_record_reader_open(path, &reader, &error), code);
    assert_null(reader);
    assert_int_equal(error.code, code);
    (void)snprintf(expected, sizeof(expected), "%s: %s", path, message);
    assert_string_equal(error.message, expected);
    (void)remove(path);
}

static void files_that_are_no_recordings_are_told_in_one_line(void **state)
{
    char path[256];

    (void)state;
    assert_not_opened("elf", "\177ELF\2\1\1\0\0\0", 10, -EPROTO,
                      "not a Seep recording (starts with 7f 45 4c 46)");
    assert_not_opened("text", "hello, world\n", 13, -EPROTO,
                      "not a Seep recording (starts with 68 65 6c 6c)");
    assert_not_opened("empty", "", 0, -EPROTO,
                      "not a Seep recording (the file is empty)");
    assert_not_opened("short", "SEE", 3, -EPROTO,
                      "not a Seep recording (starts with 53 45 45)");
    assert_not_opened("nearly", "SEEPREC\n and so on", 18, -EPROTO,
                      "not a Seep recording (starts with 53 45 45 50)");
    assert_not_opened("later", "SEEPREC2 and so on", 18, -EPROTO,
                      "a Seep recording of another format (starts with 'SEEPREC2'; this "
                      "seep reads 'SEEPREC1')");
    assert_not_opened("gone", NULL, 0, -ENOENT, "cannot open: No such file or directory");
    (void)snprintf(path, sizeof(path), "%s/folder", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_not_opened("folder", NULL, 0, -EISDIR, "a directory, not a Seep recording");
    (void)snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_not_opened("pipe", NULL, 0, -EINVAL,
                      "a device, pipe or socket, not a Seep recording");
}

static void no_bytes_at_all_are_no_recording(void **state)
{
    struct seep_record_reader *reader = NULL;
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(seep_record_reader_open_bytes("none", NULL, 0, &reader, &error),
                     -EPROTO);
    assert_string_equal(error.message, "none: not a Seep recording (the file is empty)");
}

static void a_file_that_may_not_be_read_is_told(void **state)
{
    struct seep_record_reader *reader = NULL;
    struct seep_error error = {0};
    uid_t user = geteuid();
    char path[256];
    int fd = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/secret", folder);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)close(fd);
    if (user == 0) {
        assert_int_equal(seteuid(65534), 0); /* root may read anything */
    }
    assert_int_equal(seep_record_reader_open(path, &reader, &error), -EACCES);
    assert_int_equal(seteuid(user), 0);
    assert_non_null(strstr(error.message, "/secret: cannot open: Permission denied"));
    assert_int_equal(unlink(path), 0);
}

static void a_file_cut_while_it_is_read_is_truncated(void **state)
{
    struct seep_forge forge;
    struct seep_record_reader *reader = NULL;
    struct seep_record_frame frame;
    char path[256];
    uint64_t at = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/shrinking", folder);
    seep_forge_init(&forge);
    seep_forge_mark(&forge, 1, "one");
    seep_forge_mark(&forge, 2, "two");
    seep_forge_write(&forge, path);
    assert_int_equal(seep_record_reader_open(path, &reader, NULL), 0);
    assert_int_equal(truncate(path, (off_t)forge.file.len_bytes - 1), 0);
    assert_int_equal(seep_record_reader_next(reader, &frame, NULL), 1);
    assert_int_equal(seep_record_reader_next(reader, &frame, NULL), 0);
    assert_true(seep_record_reader_truncated(reader, &at));
    assert_int_equal(at, 8 + 16 + 5 + 8);
    seep_record_reader_close(reader);
    seep_forge_fini(&forge);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_order_with_their_offsets),
        cmocka_unit_test(frames_of_unknown_types_are_skipped),
        cmocka_unit_test(impossible_headers_are_refused_before_anything_is_allocated),
        cmocka_unit_test(compressed_bytes_that_are_none_are_refused),
        cmocka_unit_test(compressed_bytes_must_give_the_length_that_is_said),
        cmocka_unit_test(a_bomb_ends_at_four_gibibytes),
        cmocka_unit_test(a_cut_file_gives_the_frames_before_the_cut),
        cmocka_unit_test(files_that_are_no_recordings_are_told_in_one_line),
        cmocka_unit_test(no_bytes_at_all_are_no_recording),
        cmocka_unit_test(a_file_that_may_not_be_read_is_told),
        cmocka_unit_test(a_file_cut_while_it_is_read_is_truncated),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
