/* Names and lines of real files, compared with what binutils' addr2line and nm say of
 * them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/symbol.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/symbol_name.h"
#include "symbol_scene.h"

enum { TEXT_BYTES = 4 << 20 };

/* What addr2line prints for each address, of all addresses of the span. */
static char *ask_addr2line(const char *path, struct seep_scene_span span)
{
    char name[] = "/tmp/seep-test-symbol-XXXXXX";
    int fd = mkstemp(name);
    char command[512];
    size_t capacity = TEXT_BYTES;
    char *text = calloc(1, capacity);
    FILE *in = NULL;
    FILE *out = NULL;

    assert_true(fd >= 0);
    in = fdopen(fd, "w");
    assert_non_null(in);
    for (uint64_t i = 0; i < span.bytes; i++) {
        fprintf(in, "0x%" PRIx64 "\n", span.start + i);
    }
    assert_int_equal(fclose(in), 0);
    (void)snprintf(command, sizeof(command), ADDR2LINE " -a -f -i -C -e %s < %s", path,
                   name);
    out = popen(command, "r");
    assert_non_null(out);
    assert_true(fread(text, 1, capacity - 1, out) > 0);
    assert_int_equal(pclose(out), 0);
    (void)unlink(name);
    return text;
}

/* One address as addr2line would print it. */
static size_t print_like_addr2line(struct seep_scene *scene, uint32_t node,
                                   uint64_t address, char *out, size_t out_bytes)
{
    struct seep_symbol_frame frames[SEEP_SCENE_FRAMES_MAX];
    size_t count =
        seep_symbol_frames(scene->symbolizer, node, frames, SEEP_SCENE_FRAMES_MAX);
    size_t n = (size_t)snprintf(out, out_bytes, "0x%016" PRIx64 "\n", address);

    for (size_t i = 0; i < count; i++) {
        n += (size_t)snprintf(out + n, out_bytes - n, "%s\n%s:%.0u%s\n",
                              frames[i].function, frames[i].file, frames[i].line,
                              frames[i].line == 0 ? "?" : "");
        assert_int_equal(frames[i].inlined, i + 1 < count);
    }
    return n;
}

static void cut_discriminators(char *text)
{
    for (char *at = strstr(text, " (discriminator"); at != NULL;
         at = strstr(at, " (discriminator")) {
        char *end = strchr(at, ')') + 1;

        memmove(at, end, strlen(end) + 1);
    }
}

/* Every byte of a function: our frames and addr2line's are the same text. */
static void compare_function(const char *path, const char *function)
{
    struct seep_scene_span span = seep_scene_find_span(path, function);
    struct seep_scene_build_id id = seep_scene_build_id_of(path);
    char *theirs = ask_addr2line(path, span);
    char *ours = calloc(1, TEXT_BYTES);
    uint32_t *nodes = calloc(span.bytes, sizeof(*nodes));
    struct seep_scene scene;
    size_t n = 0;

    seep_scene_start(&scene, path, &id);
    for (uint64_t i = 0; i < span.bytes; i++) {
        nodes[i] = seep_forge_node(&scene.forge, SEEP_NODE_COMPLETE, scene.module,
                                   span.start + i + 1);
    }
    seep_scene_open(&scene);
    for (uint64_t i = 0; i < span.bytes; i++) {
        n += print_like_addr2line(&scene, nodes[i], span.start + i, ours + n,
                                  TEXT_BYTES - n);
    }
    cut_discriminators(theirs);
    assert_string_equal(ours, theirs);
    seep_scene_end(&scene);
    free(nodes);
    free(ours);
    free(theirs);
}

static void every_address_of_an_executable_reads_as_addr2line_says(void **state)
{
    static const char *const functions[] = {
        "subject_take",         "subject_outer", "subject_stops", "subject_block",
        "subject_calls_hidden", "hidden",        "main"};

    (void)state;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        compare_function(SUBJECTS "/pie", functions[i]);
    }
}

static void every_address_of_a_fixed_executable_reads_as_addr2line_says(void **state)
{
    (void)state;
    compare_function(SUBJECTS "/fixed", "subject_outer");
    compare_function(SUBJECTS "/fixed", "subject_block");
}

static void every_address_of_a_shared_library_reads_as_addr2line_says(void **state)
{
    (void)state;
    compare_function(SUBJECTS "/shared.so", "subject_outer");
    compare_function(SUBJECTS "/shared.so", "hidden");
}

static void files_without_an_address_index_read_the_same(void **state)
{
    (void)state;
    compare_function(SUBJECTS "/no-aranges", "subject_outer");
    compare_function(SUBJECTS "/no-aranges", "subject_calls_hidden");
}

static void every_address_of_cxx_code_reads_as_addr2line_says(void **state)
{
    (void)state;
    compare_function(SUBJECTS "/cxx", "main");
    compare_function(SUBJECTS "/cxx", "bool subject::Registry::add<double>(double, int)");
    compare_function(SUBJECTS "/cxx", "subject::Registry::count(char const*) const");
}

static void a_return_address_behind_the_last_instruction_is_still_the_caller(void **state)
{
    struct seep_scene_span span = seep_scene_find_span(SUBJECTS "/pie", "subject_stops");
    struct seep_scene scene;
    struct seep_symbol_frame frame =
        seep_scene_one_frame(&scene, SUBJECTS "/pie", NULL, span.start + span.bytes);

    (void)state;
    assert_string_equal(frame.function, "subject_stops");
    assert_string_equal(frame.module, "pie");
    assert_string_equal(frame.module_path, SUBJECTS "/pie");
    assert_string_equal(frame.build_id, "");
    assert_int_equal(frame.offset, span.start + span.bytes);
    seep_scene_end(&scene);
}

/* The frames of a stack whose middle is a signal trampoline at `trampoline`. */
static void assert_interrupted(uint64_t interrupted, uint64_t trampoline,
                               const char *function)
{
    struct seep_symbol_frame frame;
    struct seep_scene scene;
    uint32_t below = 0;
    uint32_t middle = 0;

    seep_scene_start(&scene, SUBJECTS "/pie", NULL);
    below = seep_forge_node(&scene.forge, SEEP_NODE_COMPLETE, scene.module, interrupted);
    middle = seep_forge_node(&scene.forge, below, scene.module, trampoline);
    seep_scene_open(&scene);
    (void)seep_symbol_frames(scene.symbolizer, below, &frame, 1);
    assert_string_equal(frame.function, function);
    (void)seep_symbol_frames(scene.symbolizer, middle, &frame, 1);
    assert_string_equal(frame.function, "subject_trampoline");
    seep_scene_end(&scene);
}

static void an_interrupted_address_is_exact(void **state)
{
    struct seep_scene_span take = seep_scene_find_span(SUBJECTS "/pie", "subject_take");
    struct seep_scene_span trampoline =
        seep_scene_find_span(SUBJECTS "/pie", "subject_trampoline");
    struct seep_symbol_frame frame;
    struct seep_scene scene;

    (void)state;
    assert_interrupted(take.start, trampoline.start, "subject_take");
    frame = seep_scene_one_frame(&scene, SUBJECTS "/pie", NULL, take.start);
    assert_string_not_equal(frame.function, "subject_take");
    seep_scene_end(&scene);
}

static void an_address_that_calls_return_to_stays_one_with_a_signal_beside(void **state)
{
    struct seep_scene_span take = seep_scene_find_span(SUBJECTS "/pie", "subject_take");
    struct seep_scene_span trampoline =
        seep_scene_find_span(SUBJECTS "/pie", "subject_trampoline");
    uint64_t callees[] = {trampoline.start, take.start + 4};

    (void)state;
    for (size_t first = 0; first < 2; first++) {
        struct seep_symbol_frame frame;
        struct seep_scene scene;
        uint32_t node = 0;

        seep_scene_start(&scene, SUBJECTS "/pie", NULL);
        node = seep_forge_node(&scene.forge, SEEP_NODE_COMPLETE, scene.module,
                               take.start + take.bytes);
        (void)seep_forge_node(&scene.forge, node, scene.module, callees[first]);
        (void)seep_forge_node(&scene.forge, node, scene.module, callees[1 - first]);
        seep_scene_open(&scene);
        (void)seep_symbol_frames(scene.symbolizer, node, &frame, 1);
        assert_string_equal(frame.function, "subject_take");
        seep_scene_end(&scene);
    }
}

static void a_start_routine_is_named_by_its_exact_offset(void **state)
{
    struct seep_scene_span span = seep_scene_find_span(SUBJECTS "/pie", "subject_outer");
    struct seep_scene scene;

    (void)state;
    seep_scene_start(&scene, SUBJECTS "/pie", NULL);
    seep_scene_open(&scene);
    assert_string_equal(seep_symbol_function(scene.symbolizer, scene.module, span.start),
                        "subject_outer");
    assert_string_equal(seep_symbol_function(scene.symbolizer, 0, span.start), "??");
    assert_string_equal(seep_symbol_function(scene.symbolizer, 77, span.start), "??");
    seep_scene_end(&scene);
}

static void nodes_without_a_module_or_out_of_range_are_unknown(void **state)
{
    struct seep_symbol_frame frames[2];
    struct seep_scene scene;
    uint32_t node = 0;

    (void)state;
    seep_scene_start(&scene, SUBJECTS "/pie", NULL);
    node = seep_forge_node(&scene.forge, SEEP_NODE_COMPLETE, 0, 0x7fff12345678);
    seep_scene_open(&scene);
    assert_int_equal(seep_symbol_frames(scene.symbolizer, node, frames, 2), 1);
    assert_string_equal(frames[0].function, "??");
    assert_string_equal(frames[0].module, "??");
    assert_int_equal(frames[0].offset, 0x7fff12345678);
    for (uint32_t other = 0; other < SEEP_NODE_FIRST; other++) {
        assert_int_equal(seep_symbol_frames(scene.symbolizer, other, frames, 2), 1);
        assert_string_equal(frames[0].function, "??");
    }
    assert_int_equal(seep_symbol_frames(scene.symbolizer, UINT32_MAX, frames, 2), 1);
    assert_string_equal(frames[0].function, "??");
    seep_scene_end(&scene);
}

static void a_short_array_gets_the_innermost_frames(void **state)
{
    struct seep_scene_span span = seep_scene_find_span(SUBJECTS "/pie", "subject_outer");
    struct seep_symbol_frame all[SEEP_SCENE_FRAMES_MAX];
    struct seep_symbol_frame one;
    struct seep_scene scene;
    size_t deepest = 0;

    (void)state;
    seep_scene_start(&scene, SUBJECTS "/pie", NULL);
    for (uint64_t i = 1; i <= span.bytes; i++) {
        (void)seep_forge_node(&scene.forge, SEEP_NODE_COMPLETE, scene.module,
                              span.start + i);
    }
    seep_scene_open(&scene);
    for (uint32_t node = SEEP_NODE_FIRST; node < scene.recording->node_count; node++) {
        size_t count =
            seep_symbol_frames(scene.symbolizer, node, all, SEEP_SCENE_FRAMES_MAX);

        deepest = count > deepest ? count : deepest;
        assert_int_equal(seep_symbol_frames(scene.symbolizer, node, &one, 1), 1);
        assert_string_equal(one.function, all[0].function);
        assert_int_equal(one.line, all[0].line);
    }
    assert_int_equal(deepest, 3);
    seep_scene_end(&scene);
}

static void names_are_demangled_and_rust_hashes_cut(void **state)
{
    static const struct {
        const char *linkage, *name;
    } cases[] = {
        {"_Z3foov", "foo()"},
        {"_ZNSt6vectorIiSaIiEE9push_backEOi",
         "std::vector<int, std::allocator<int> >::push_back(int&&)"},
        {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
        {"i", NULL},
        {"main", NULL},
        {"_Znot a name", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *name = seep_symbol_name_demangle(cases[i].linkage);

        if (cases[i].name == NULL) {
            assert_null(name);
        } else {
            assert_string_equal(name, cases[i].name);
        }
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_of_an_executable_reads_as_addr2line_says),
        cmocka_unit_test(every_address_of_a_fixed_executable_reads_as_addr2line_says),
        cmocka_unit_test(every_address_of_a_shared_library_reads_as_addr2line_says),
        cmocka_unit_test(files_without_an_address_index_read_the_same),
        cmocka_unit_test(every_address_of_cxx_code_reads_as_addr2line_says),
        cmocka_unit_test(
            a_return_address_behind_the_last_instruction_is_still_the_caller),
        cmocka_unit_test(an_interrupted_address_is_exact),
        cmocka_unit_test(an_address_that_calls_return_to_stays_one_with_a_signal_beside),
        cmocka_unit_test(a_start_routine_is_named_by_its_exact_offset),
        cmocka_unit_test(nodes_without_a_module_or_out_of_range_are_unknown),
        cmocka_unit_test(a_short_array_gets_the_innermost_frames),
        cmocka_unit_test(names_are_demangled_and_rust_hashes_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
