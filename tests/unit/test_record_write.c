/* Recordings as they are written: whole after every frame, never over somebody's file.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/payload.h"
#include "collect/record_write.h"
#include "load/recording.h"

struct scene {
    char dir[64];
    struct seep_record_options options;
    struct seep_frame_coder coder;
    struct seep_buf payload;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    strcpy(scene->dir, "/tmp/seep-record-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    scene->options = (struct seep_record_options){.dir_fd = open(scene->dir, O_DIRECTORY),
                                                  .snapshots_max = SEEP_SNAPSHOTS_MAX,
                                                  .bytes_max = SEEP_RECORDING_MAX_BYTES,
                                                  .held_bytes_max = 1 << 20};
    assert_int_equal(seep_frame_coder_init(&scene->coder), 0);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -r '%s'", scene->dir);
    assert_int_equal(system(command), 0);
    close(scene->options.dir_fd);
    seep_frame_coder_fini(&scene->coder);
    seep_buf_fini(&scene->payload);
    free(scene);
    return 0;
}

static bool exists(const struct scene *scene, const char *name)
{
    return faccessat(scene->options.dir_fd, name, F_OK, 0) == 0;
}

static struct seep_recording *load(const struct scene *scene, const char *name)
{
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", scene->dir, name);
    if (seep_recording_open(path, &recording, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return recording;
}

static void begin(struct scene *scene, struct seep_record *record, const char *name)
{
    static const struct seep_program_facts facts = {.pid = 7,
                                                    .cmdline = "a\0b",
                                                    .cmdline_bytes = 4,
                                                    .exe = "/bin/a",
                                                    .cwd = "/",
                                                    .host = "h"};

    assert_int_equal(seep_record_open(record, name, &scene->options, &scene->coder, NULL),
                     0);
    seep_buf_reset(&scene->payload);
    seep_payload_program(&scene->payload, &facts);
    assert_int_equal(seep_record_put(record, SEEP_FRAME_PROGRAM, &scene->payload), 0);
}

static int put_note(struct scene *scene, struct seep_record *record, uint64_t t_ns,
                    const char *text)
{
    seep_buf_reset(&scene->payload);
    seep_payload_text(&scene->payload, t_ns, text, strlen(text));
    return seep_record_put(record, SEEP_FRAME_NOTE, &scene->payload);
}

static void what_is_written_is_read_back(void **state)
{
    struct scene *scene = *state;
    struct seep_record record;
    struct seep_recording *recording = NULL;
    struct seep_child_facts child = {.pid = 9,
                                     .command = "cc -c x.c",
                                     .file = "",
                                     .duration_ns = 5,
                                     .ending_kind = SEEP_ENDING_SIGNALLED,
                                     .ending_status = 11,
                                     .heap_live_bytes = 300};
    struct seep_end_facts end = {
        .t_ns = 99, .ending_kind = SEEP_ENDING_EXITED, .ending_status = 3};

    begin(scene, &record, "x.seep");
    assert_int_equal(put_note(scene, &record, 4, "a note"), 0);
    seep_buf_reset(&scene->payload);
    seep_payload_child(&scene->payload, &child);
    assert_int_equal(seep_record_put(&record, SEEP_FRAME_CHILD, &scene->payload), 0);
    seep_buf_reset(&scene->payload);
    seep_payload_end(&scene->payload, &end);
    assert_int_equal(seep_record_put(&record, SEEP_FRAME_END, &scene->payload), 0);
    assert_int_equal(seep_record_finish(&record), 0);
    seep_record_close(&record, true);

    recording = load(scene, "x.seep");
    assert_int_equal(recording->program.argc, 2);
    assert_string_equal(recording->program.argv[1], "b");
    assert_string_equal(recording->program.exe, "/bin/a");
    assert_string_equal(recording->notes[0].text, "a note");
    assert_int_equal(recording->children[0].ending_status, 11);
    assert_int_equal(recording->children[0].heap_live_bytes, 300);
    assert_string_equal(recording->children[0].command, "cc -c x.c");
    assert_true(recording->ended);
    assert_int_equal(recording->ending_status, 3);
    seep_recording_free(recording);
}

static void an_existing_file_stays_until_the_new_one_is_complete(void **state)
{
    struct scene *scene = *state;
    struct seep_record record;
    char old[4] = "";
    int fd = openat(scene->options.dir_fd, "x.seep", O_CREAT | O_WRONLY, 0600);

    assert_int_equal(write(fd, "old", 3), 3);
    close(fd);
    begin(scene, &record, "x.seep");
    assert_true(exists(scene, "x.seep.partial"));
    fd = openat(scene->options.dir_fd, "x.seep", O_RDONLY);
    assert_int_equal(read(fd, old, sizeof(old)), 3);
    close(fd);
    assert_string_equal(old, "old");
    assert_int_equal(seep_record_finish(&record), 0);
    seep_record_close(&record, true);
    assert_false(exists(scene, "x.seep.partial"));
    seep_recording_free(load(scene, "x.seep"));
}

static void a_partial_file_of_an_earlier_run_stays_too(void **state)
{
    struct scene *scene = *state;
    struct seep_record first;
    struct seep_record second;
    struct seep_record third;

    begin(scene, &first, "x.seep");
    begin(scene, &second, "x.seep");
    begin(scene, &third, "x.seep");
    assert_true(exists(scene, "x.seep"));
    assert_true(exists(scene, "x.seep.partial"));
    assert_true(exists(scene, "x.seep.partial.2"));
    seep_record_close(&first, true);
    seep_record_close(&second, true);
    seep_record_close(&third, true);
}

static void a_file_that_cannot_be_created_is_named(void **state)
{
    struct scene *scene = *state;
    struct seep_record record = {.fd = -5};
    struct seep_error error = {0};

    assert_int_equal(
        seep_record_open(&record, "no/x.seep", &scene->options, &scene->coder, &error),
        -ENOENT);
    assert_non_null(strstr(error.message, "no/x.seep"));
    assert_int_equal(record.fd, -5);
}

static void a_full_disk_costs_frames_and_nothing_else(void **state)
{
    struct scene *scene = *state;
    struct seep_record record;
    struct seep_recording *recording = NULL;
    struct rlimit before;
    struct rlimit small;
    int written = 0;
    char noise[2000];

    signal(SIGXFSZ, SIG_IGN);
    begin(scene, &record, "x.seep");
    for (size_t i = 0; i < sizeof(noise) - 1; i++) {
        noise[i] = (char)('a' + random() % 26);
    }
    noise[sizeof(noise) - 1] = '\0';
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 10000;
    setrlimit(RLIMIT_FSIZE, &small);
    while (put_note(scene, &record, (uint64_t)written, noise) == 0) {
        written++;
    }
    assert_int_equal(put_note(scene, &record, 1, noise), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_in_range(written, 2, 8);
    assert_int_equal(record.write_failures, 2);
    assert_int_equal(record.write_errno, EFBIG);
    recording = load(scene, "x.seep");
    assert_int_equal(recording->note_count, written);
    assert_false(recording->truncated);
    seep_recording_free(recording);

    assert_int_equal(put_note(scene, &record, 100, "room again"), 0);
    recording = load(scene, "x.seep");
    assert_int_equal(recording->note_count, written + 1);
    seep_recording_free(recording);
    seep_record_close(&record, true);
}

static void held_frames_get_their_file_later_or_never(void **state)
{
    struct scene *scene = *state;
    struct seep_record record;
    struct seep_recording *recording = NULL;

    scene->options.hold = true;
    begin(scene, &record, "never.seep");
    seep_record_close(&record, false);
    assert_false(exists(scene, "never.seep"));

    begin(scene, &record, "x.seep");
    assert_int_equal(put_note(scene, &record, 1, "held"), 0);
    assert_false(exists(scene, "x.seep"));
    assert_int_equal(seep_record_rename(&record, "y.seep"), 0);
    assert_int_equal(seep_record_release(&record, NULL), 0);
    assert_int_equal(put_note(scene, &record, 2, "direct"), 0);
    seep_record_close(&record, true);
    recording = load(scene, "y.seep");
    assert_int_equal(recording->note_count, 2);
    assert_string_equal(recording->notes[0].text, "held");
    seep_recording_free(recording);
}

static void held_frames_are_bounded(void **state)
{
    struct scene *scene = *state;
    struct seep_record record;
    int err = 0;

    scene->options.hold = true;
    scene->options.held_bytes_max = 4096;
    begin(scene, &record, "x.seep");
    for (int i = 0; i < 1000 && err == 0; i++) {
        err = put_note(scene, &record, 1, "some forty bytes of text for this frame");
    }
    assert_int_equal(err, -ENOSPC);
    assert_true(record.held.len_bytes <= 4096);
    seep_record_close(&record, false);
}

static void a_renamed_recording_goes_on_under_its_new_name(void **state)
{
    struct scene *scene = *state;
    struct seep_record record;
    struct seep_record other;

    begin(scene, &other, "y.seep");
    begin(scene, &record, "x.seep");
    assert_int_equal(seep_record_rename(&record, "z.seep"), 0);
    assert_false(exists(scene, "x.seep"));
    assert_true(exists(scene, "z.seep"));
    assert_int_equal(seep_record_rename(&record, "y.seep"), 0); /* taken by the other */
    assert_true(exists(scene, "y.seep.partial"));
    assert_int_equal(put_note(scene, &record, 2, "n"), 0);
    seep_record_close(&record, false);
    assert_false(exists(scene, "y.seep.partial"));
    assert_true(exists(scene, "y.seep"));
    seep_record_close(&other, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_existing_file_stays_until_the_new_one_is_complete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_partial_file_of_an_earlier_run_stays_too,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_created_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_costs_frames_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(held_frames_get_their_file_later_or_never, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(held_frames_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_renamed_recording_goes_on_under_its_new_name,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
