/* Which file a module's names come from: what becomes of files that are gone, replaced or
 * stripped, and where their debug files are found.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/symbol_file.h"

#include <arpa/inet.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbol_scene.h"

#define SERVER_VARIABLE "SEEP_TEST_DEBUGINFOD"

static atomic_int asked; /* calls at our server; raised by its thread */

static void assert_missing(struct seep_scene *scene, const char *needle)
{
    const char *const *reasons = NULL;
    size_t count = seep_symbolizer_missing(scene->symbolizer, &reasons);

    assert_int_equal(count, 1);
    if (strstr(reasons[0], needle) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", reasons[0], needle);
    }
}

static void a_file_of_another_build_is_not_used(void **state)
{
    struct seep_scene_span span = seep_scene_find_span(SUBJECTS "/pie", "subject_outer");
    struct seep_scene_build_id other = seep_scene_build_id_of(SUBJECTS "/fixed");
    struct seep_scene scene;
    struct seep_symbol_frame frame =
        seep_scene_one_frame(&scene, SUBJECTS "/pie", &other, span.start + 8);

    (void)state;
    assert_string_equal(frame.function, "??");
    assert_string_equal(frame.file, "");
    assert_string_equal(frame.module, "pie");
    assert_int_equal(strlen(frame.build_id), 40);
    assert_missing(&scene, SUBJECTS "/pie: the file is another build now (build id ");
    seep_scene_end(&scene);
}

static void files_that_cannot_be_used_are_named_with_the_reason(void **state)
{
    static const struct {
        const char *path, *reason;
    } cases[] = {
        {"/nonexistent/libgone.so", "/nonexistent/libgone.so: No such file or directory"},
        {"/etc/passwd", "/etc/passwd: not an ELF file"},
        {"/tmp", "/tmp: not an ELF file"},
        {"/dev/zero", "/dev/zero: not an ELF file"},
        {"[vdso]", "[vdso]: code without a file"},
        {"", "(no path): code without a file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seep_scene scene;
        struct seep_symbol_frame frame =
            seep_scene_one_frame(&scene, cases[i].path, NULL, 0x1000);

        assert_string_equal(frame.function, "??");
        assert_missing(&scene, cases[i].reason);
        seep_scene_end(&scene);
    }
}

static void a_module_asked_for_twice_is_missing_once(void **state)
{
    struct seep_scene scene;
    struct seep_symbol_frame frame =
        seep_scene_one_frame(&scene, "/nonexistent/libgone.so", NULL, 16);

    (void)state;
    assert_string_equal(frame.module, "libgone.so");
    (void)seep_symbol_function(scene.symbolizer, scene.module, 99);
    assert_missing(&scene, "libgone.so");
    seep_scene_end(&scene);
}

static void a_deleted_file_that_is_back_is_found_by_its_build_id(void **state)
{
    struct seep_scene_span span = seep_scene_find_span(SUBJECTS "/pie", "subject_outer");
    struct seep_scene_build_id id = seep_scene_build_id_of(SUBJECTS "/pie");
    struct seep_scene scene;
    struct seep_symbol_frame frame =
        seep_scene_one_frame(&scene, SUBJECTS "/pie (deleted)", &id, span.start + 8);

    (void)state;
    assert_string_equal(frame.function, "subject_outer");
    assert_string_equal(frame.module, "pie");
    seep_scene_end(&scene);
    frame = seep_scene_one_frame(&scene, SUBJECTS "/pie (deleted)", NULL, span.start + 8);
    assert_string_equal(frame.function, "??");
    seep_scene_end(&scene);
}

static void a_stripped_file_finds_its_debug_file_by_link(void **state)
{
    struct seep_scene_span span = seep_scene_find_span(SUBJECTS "/shared.so", "hidden");
    struct seep_scene_build_id id = seep_scene_build_id_of(SUBJECTS "/split/linked.so");
    struct seep_scene scene;
    struct seep_symbol_frame frame =
        seep_scene_one_frame(&scene, SUBJECTS "/split/linked.so", &id, span.start + 8);

    (void)state;
    assert_string_equal(frame.function, "hidden");
    assert_non_null(strstr(frame.file, "symbol_subject.c"));
    assert_int_not_equal(frame.line, 0);
    seep_scene_end(&scene);
}

static void a_stripped_file_alone_names_what_it_exports_and_nothing_else(void **state)
{
    struct seep_scene_span hidden = seep_scene_find_span(SUBJECTS "/shared.so", "hidden");
    struct seep_scene_span exported =
        seep_scene_find_span(SUBJECTS "/shared.so", "subject_outer");
    struct seep_scene scene;
    struct seep_symbol_frame frame = seep_scene_one_frame(
        &scene, SUBJECTS "/split/stripped.so", NULL, hidden.start + 8);

    (void)state;
    assert_string_equal(frame.function, "??");
    seep_scene_end(&scene);
    frame = seep_scene_one_frame(&scene, SUBJECTS "/split/stripped.so", NULL,
                                 exported.start + 8);
    assert_string_equal(frame.function, "subject_outer");
    assert_int_equal(frame.line, 0);
    seep_scene_end(&scene);
}

static int find_libc(struct dl_phdr_info *info, size_t bytes, void *out)
{
    (void)bytes;
    if (strstr(info->dlpi_name, "/libc.so.6") == NULL) {
        return 0;
    }
    (void)snprintf(out, 256, "%s", info->dlpi_name);
    return 1;
}

static void a_debug_file_is_found_by_build_id(void **state)
{
    char path[256] = "";
    char debug[256] = "/usr/lib/debug/.build-id/";
    struct seep_scene_build_id id;
    struct seep_scene scene;
    struct seep_symbol_frame frame;

    (void)state;
    (void)dl_iterate_phdr(find_libc, path);
    if (path[0] == '\0') {
        skip();
    }
    id = seep_scene_build_id_of(path);
    for (size_t i = 0; i < id.len_bytes; i++) {
        (void)snprintf(debug + strlen(debug), 5, i == 0 ? "%02x/" : "%02x", id.bytes[i]);
    }
    (void)snprintf(debug + strlen(debug), 7, ".debug");
    if (access(debug, R_OK) != 0) {
        skip(); /* libc6-dbg is not installed */
    }
    frame = seep_scene_one_frame(&scene, path, &id,
                                 seep_scene_find_span(debug, "qsort").start + 6);
    assert_string_equal(frame.function, "qsort");
    assert_int_not_equal(frame.line, 0);
    seep_scene_end(&scene);
    frame = seep_scene_one_frame(&scene, "/nonexistent/libc.so.6", &id,
                                 seep_scene_find_span(debug, "qsort").start + 6);
    assert_string_equal(frame.function, "qsort");
    seep_scene_end(&scene);
}

static void debuginfod_is_never_asked(void **state)
{
    struct seep_scene_build_id id = seep_scene_build_id_of(SUBJECTS "/split/stripped.so");
    struct seep_scene scene;
    struct seep_symbol_frame frame =
        seep_scene_one_frame(&scene, SUBJECTS "/split/stripped.so", &id, 0x1200);

    (void)state;
    assert_string_equal(frame.file, "");
    seep_scene_end(&scene);
    frame = seep_scene_one_frame(&scene, "/nonexistent/gone.so", &id, 0x1200);
    assert_string_equal(frame.function, "??");
    seep_scene_end(&scene);
    assert_int_equal(atomic_load(&asked), 0);
}

/* Hangs up on whoever calls, and counts. */
static void *serve(void *argument)
{
    int server = *(const int *)argument;
    int client = 0;

    while ((client = accept(server, NULL, NULL)) >= 0) {
        atomic_fetch_add(&asked, 1);
        (void)close(client);
    }
    return NULL;
}

/* Starts this program again with a server of ours, whose descriptor is in
 * SERVER_VARIABLE, as debuginfod: libdw looks at the environment when it is loaded. */
static int start_with_server(char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    int server = socket(AF_INET, SOCK_STREAM, 0);
    char text[64];

    if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(server, 4) < 0 ||
        getsockname(server, (struct sockaddr *)&address, &address_bytes) < 0) {
        perror("server");
        return 1;
    }
    (void)snprintf(text, sizeof(text), "http://127.0.0.1:%d/", ntohs(address.sin_port));
    (void)setenv("DEBUGINFOD_URLS", text, 1);
    (void)setenv("DEBUGINFOD_CACHE_PATH", SUBJECTS "/debuginfod", 1);
    (void)snprintf(text, sizeof(text), "%d", server);
    (void)setenv(SERVER_VARIABLE, text, 1);
    (void)execv("/proc/self/exe", argv);
    perror("/proc/self/exe");
    return 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_another_build_is_not_used),
        cmocka_unit_test(files_that_cannot_be_used_are_named_with_the_reason),
        cmocka_unit_test(a_module_asked_for_twice_is_missing_once),
        cmocka_unit_test(a_deleted_file_that_is_back_is_found_by_its_build_id),
        cmocka_unit_test(a_stripped_file_finds_its_debug_file_by_link),
        cmocka_unit_test(a_stripped_file_alone_names_what_it_exports_and_nothing_else),
        cmocka_unit_test(a_debug_file_is_found_by_build_id),
        cmocka_unit_test(debuginfod_is_never_asked),
    };

    const char *given = getenv(SERVER_VARIABLE);
    pthread_t thread;
    int server = -1;

    (void)argc;
    if (given == NULL) {
        return start_with_server(argv);
    }
    server = atoi(given);
    if (pthread_create(&thread, NULL, serve, &server) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
