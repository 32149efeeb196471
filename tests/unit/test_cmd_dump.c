/* `seep dump`: what its lines hold, where they go, and what it says when it cannot.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "recording_sample.h"

enum { LINES_MAX = 64, TEXT_MAX = 4096 };

static char folder[] = "/tmp/seep-test-cmd-dump-XXXXXX";
static char recording[64]; /* paths in folder */
static char out[64];
static char messages[64];

static int make_folder(void **state)
{
    struct seep_forge forge;

    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(recording, sizeof(recording), "%s/sample.seep", folder);
    (void)snprintf(out, sizeof(out), "%s/out", folder);
    (void)snprintf(messages, sizeof(messages), "%s/messages", folder);
    seep_sample_forge(&forge, true);
    seep_forge_write(&forge, recording);
    seep_forge_fini(&forge);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(recording);
    (void)unlink(out);
    (void)unlink(messages);
    return rmdir(folder); /* fails when something was left behind */
}

static void read_text(const char *path, char text[static TEXT_MAX])
{
    FILE *in = fopen(path, "rb");
    size_t n = 0;

    assert_non_null(in);
    n = fread(text, 1, TEXT_MAX - 1, in);
    text[n] = '\0';
    (void)fclose(in);
}

/* Runs the command; its standard error goes to `text`. */
static int dump(char text[static TEXT_MAX], const char *a, const char *b, const char *c,
                const char *d)
{
    char *argv[] = {(char *)"dump", (char *)a, (char *)b, (char *)c, (char *)d, NULL};
    int kept = dup(STDERR_FILENO);
    int fd = open(messages, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    int argc = 1;
    int status = 0;

    assert_true(kept >= 0 && fd >= 0);
    while (argv[argc] != NULL) {
        argc++;
    }
    (void)fflush(stderr);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    status = seep_cmd_dump(argc, argv);
    (void)fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    (void)close(fd);
    read_text(messages, text);
    return status;
}

static size_t read_lines(json_t *lines[static LINES_MAX])
{
    FILE *in = fopen(out, "rb");
    char *line = NULL;
    size_t room = 0;
    size_t count = 0;

    assert_non_null(in);
    while (getline(&line, &room, in) > 0) {
        assert_true(count < LINES_MAX);
        lines[count] = json_loads(line, 0, NULL);
        assert_non_null(lines[count++]);
    }
    free(line);
    (void)fclose(in);
    return count;
}

static void free_lines(json_t *lines[static LINES_MAX], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(lines[i]);
    }
}

/* The first line of a type. */
static json_t *line_of(json_t *lines[static LINES_MAX], size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(json_string_value(json_object_get(lines[i], "type")), type) == 0) {
            return lines[i];
        }
    }
    fail_msg("no line of type %s", type);
    return NULL;
}

static const char *string_of(const json_t *line, const char *key)
{
    const char *value = json_string_value(json_object_get(line, key));

    return value != NULL ? value : "(none)";
}

static json_int_t number_of(const json_t *line, const char *key)
{
    return json_integer_value(json_object_get(line, key));
}

static void lines_hold_the_whole_recording_in_order(void **state)
{
    static const char *const types[] = {
        "program",  "module",     "subsystem",   "site",       "site",       "snapshot",
        "snapshot", "snapshot",   "ages",        "thread",     "wait",       "wait",
        "lifetime", "probe",      "descriptors", "descriptor", "descriptor", "child",
        "mark",     "mark_count", "note",        "loss",       "no_symbols", "end"};
    json_t *lines[LINES_MAX] = {NULL};
    char text[TEXT_MAX];
    size_t count = 0;
    json_t *line = NULL;

    (void)state;
    assert_int_equal(dump(text, recording, "-o", out, NULL), SEEP_EXIT_OK);
    assert_string_equal(text, "");
    count = read_lines(lines);
    assert_int_equal(count, sizeof(types) / sizeof(types[0]));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(string_of(lines[i], "type"), types[i]);
    }
    line = line_of(lines, count, "program");
    assert_string_equal(string_of(line, "exe"), "/bin/leaky");
    assert_true(json_is_false(json_object_get(line, "truncated")));
    line = line_of(lines, count, "site");
    assert_string_equal(string_of(line, "kind"), "heap");
    assert_string_equal(string_of(line, "subsystem"), "websocket");
    assert_string_equal(string_of(line, "stack_end"), "complete");
    assert_int_equal(json_array_size(json_object_get(line, "stack")), 3);
    line = json_array_get(json_object_get(line, "stack"), 0);
    assert_int_equal(number_of(line, "offset"), 0x10);
    assert_string_equal(string_of(line, "function"), "??");
    line = line_of(lines, count, "descriptors");
    assert_int_equal(number_of(line, "gone"), 4);
    line = line_of(lines, count, "descriptor");
    assert_string_equal(string_of(line, "link"), "/dev/null");
    assert_true(json_is_true(json_object_get(line, "inherited")));
    line = line_of(lines, count, "wait");
    assert_int_equal(number_of(line, "slot_plus_1"), 4);
    assert_true(number_of(line, "address") == 0x7f0000001000);
    line = line_of(lines, count, "lifetime");
    assert_string_equal(string_of(line, "exit"), "exit");
    assert_int_equal(number_of(line, "joined"), 3);
    assert_int_equal(json_array_size(json_object_get(line, "buckets")), 21);
    line = line_of(lines, count, "probe");
    assert_string_equal(string_of(line, "object"), "02000000070000009310");
    assert_string_equal(string_of(line, "reach"), "nobody");
    assert_int_equal(json_array_size(json_object_get(line, "stack")), 2);
    line = line_of(lines, count, "mark_count");
    assert_string_equal(string_of(line, "text"), "http request");
    assert_int_equal(number_of(line, "count"), 1000000);
    line = json_array_get(json_object_get(line, "snapshots"), 0);
    assert_true(json_integer_value(json_array_get(line, 0)) == 2000000000);
    assert_int_equal(json_integer_value(json_array_get(line, 1)), 1000000);
    line = line_of(lines, count, "no_symbols");
    assert_non_null(strstr(string_of(line, "text"), "/bin/leaky: "));
    line = line_of(lines, count, "end");
    assert_string_equal(string_of(line, "ending"), "signalled");
    assert_int_equal(number_of(line, "status"), 9);
    free_lines(lines, count);
}

static void snapshots_hold_the_sites_that_changed(void **state)
{
    static const char *const changes[] = {"[[1,10,4,320,128]]", "[[2,1,0,8,0]]",
                                          "[[1,12,4,384,128]]"};
    json_t *lines[LINES_MAX] = {NULL};
    char text[TEXT_MAX];
    size_t count = 0;

    (void)state;
    assert_int_equal(dump(text, "--output", out, "--no-symbols", recording), 0);
    count = read_lines(lines);
    for (size_t i = 0; i < 3; i++) {
        char *sites = json_dumps(json_object_get(lines[5 + i], "sites"), JSON_COMPACT);

        assert_string_equal(sites, changes[i]);
        free(sites);
    }
    free_lines(lines, count);
}

static void without_symbols_no_line_has_names(void **state)
{
    json_t *lines[LINES_MAX] = {NULL};
    char text[TEXT_MAX];
    size_t count = 0;
    json_t *frame = NULL;

    (void)state;
    assert_int_equal(dump(text, recording, "--no-symbols", "-o", out), 0);
    count = read_lines(lines);
    frame = json_array_get(json_object_get(line_of(lines, count, "site"), "stack"), 0);
    assert_null(json_object_get(frame, "function"));
    assert_null(json_object_get(line_of(lines, count, "thread"), "start_function"));
    free_lines(lines, count);
}

static void numbers_and_text_beyond_json_are_still_json(void **state)
{
    struct seep_forge forge;
    json_t *lines[LINES_MAX] = {NULL};
    char text[TEXT_MAX];
    char path[96];
    size_t count = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/odd.seep", folder);
    seep_forge_init(&forge);
    (void)seep_forge_subsystem(&forge, "caf\xe9 \xc3\xa9 \"q\"\n");
    seep_forge_mark(&forge, UINT64_MAX, "\xff");
    seep_forge_write(&forge, path);
    assert_int_equal(dump(text, path, "-o", out, NULL), 0);
    count = read_lines(lines);
    assert_string_equal(string_of(line_of(lines, count, "subsystem"), "name"),
                        "caf\xef\xbf\xbd \xc3\xa9 \"q\"\n");
    assert_string_equal(string_of(line_of(lines, count, "mark"), "text"), "\xef\xbf\xbd");
    assert_true(json_real_value(json_object_get(line_of(lines, count, "mark"), "t_ns")) >
                1.8e19);
    free_lines(lines, count);
    seep_forge_fini(&forge);
    assert_int_equal(unlink(path), 0);
}

static void a_cut_recording_says_where(void **state)
{
    struct seep_forge forge;
    json_t *lines[LINES_MAX] = {NULL};
    char text[TEXT_MAX];
    char path[96];
    size_t count = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/cut.seep", folder);
    seep_forge_init(&forge);
    seep_forge_program(&forge, "/bin/leaky", 1);
    seep_forge_write(&forge, path);
    assert_int_equal(truncate(path, (off_t)forge.file.len_bytes - 1), 0);
    assert_int_equal(dump(text, path, "-o", out, NULL), 0);
    count = read_lines(lines);
    assert_int_equal(count, 1);
    assert_true(json_is_true(json_object_get(lines[0], "truncated")));
    assert_int_equal(number_of(lines[0], "truncated_at"), 8);
    free_lines(lines, count);
    seep_forge_fini(&forge);
    assert_int_equal(unlink(path), 0);
}

static void wrong_use_is_told_in_one_line(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    assert_int_equal(dump(text, NULL, NULL, NULL, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(text, "seep dump: which recording? (see: seep help dump)\n");
    assert_int_equal(dump(text, "a", "b", NULL, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(text, "seep dump: two files: a and b (see: seep help dump)\n");
    assert_int_equal(dump(text, "a", "--no-symbol", NULL, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(text, "seep dump: unknown option --no-symbol; did you mean "
                              "--no-symbols? (see: seep help dump)\n");
    assert_int_equal(dump(text, "a", "-o", NULL, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(text, "seep dump: -o needs a file (see: seep help dump)\n");
    assert_int_equal(dump(text, "a", "--output=", NULL, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(text, "seep dump: -o needs a file (see: seep help dump)\n");
    assert_int_equal(dump(text, "--", "-o", NULL, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(text, "seep dump: -o: cannot open: No such file or directory\n");
}

static void an_unreadable_recording_leaves_the_output_alone(void **state)
{
    char text[TEXT_MAX];
    char kept[TEXT_MAX];
    FILE *old = fopen(out, "wb");

    (void)state;
    assert_non_null(old);
    assert_true(fputs("old", old) >= 0);
    assert_int_equal(fclose(old), 0);
    assert_int_equal(dump(text, "/bin/sh", "-o", out, NULL), SEEP_EXIT_USAGE);
    assert_string_equal(
        text, "seep dump: /bin/sh: not a Seep recording (starts with 7f 45 4c 46)\n");
    read_text(out, kept);
    assert_string_equal(kept, "old");
}

static void an_output_that_cannot_be_written_is_told(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    assert_int_equal(dump(text, recording, "-o", "/nonexistent/x", NULL),
                     SEEP_EXIT_FAILED);
    assert_string_equal(
        text, "seep dump: cannot write /nonexistent/x: No such file or directory\n");
    assert_int_equal(dump(text, recording, "-o", "/dev/full", NULL), SEEP_EXIT_FAILED);
    assert_string_equal(text,
                        "seep dump: cannot write /dev/full: No space left on device\n");
}

static void a_full_disk_leaves_the_old_output_and_no_other_file(void **state)
{
    struct rlimit kept;
    struct rlimit small;
    char text[TEXT_MAX];
    char old[TEXT_MAX];
    FILE *file = fopen(out, "wb");

    (void)state;
    assert_non_null(file);
    assert_true(fputs("old", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    small = kept;
    small.rlim_cur = 512; /* the message fits, the lines do not */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(dump(text, recording, "-o", out, NULL), SEEP_EXIT_FAILED);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
    assert_non_null(strstr(text, "/out: File too large"));
    read_text(out, old);
    assert_string_equal(old, "old");
}

static void a_device_stays_a_device(void **state)
{
    char text[TEXT_MAX];
    struct stat status;

    (void)state;
    assert_int_equal(dump(text, recording, "-o", "/dev/null", NULL), SEEP_EXIT_OK);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

static void a_new_output_has_the_usual_mode(void **state)
{
    char text[TEXT_MAX];
    struct stat status;
    mode_t mask = umask(022);

    (void)state;
    (void)unlink(out);
    assert_int_equal(dump(text, recording, "-o", out, NULL), SEEP_EXIT_OK);
    assert_int_equal(stat(out, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    (void)umask(mask);
}

static void the_help_page_names_every_option(void **state)
{
    (void)state;
    assert_non_null(strstr(seep_help_dump, "--no-symbols"));
    assert_non_null(strstr(seep_help_dump, "-o, --output OUT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_hold_the_whole_recording_in_order),
        cmocka_unit_test(snapshots_hold_the_sites_that_changed),
        cmocka_unit_test(without_symbols_no_line_has_names),
        cmocka_unit_test(numbers_and_text_beyond_json_are_still_json),
        cmocka_unit_test(a_cut_recording_says_where),
        cmocka_unit_test(wrong_use_is_told_in_one_line),
        cmocka_unit_test(an_unreadable_recording_leaves_the_output_alone),
        cmocka_unit_test(an_output_that_cannot_be_written_is_told),
        cmocka_unit_test(a_full_disk_leaves_the_old_output_and_no_other_file),
        cmocka_unit_test(a_device_stays_a_device),
        cmocka_unit_test(a_new_output_has_the_usual_mode),
        cmocka_unit_test(the_help_page_names_every_option),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
