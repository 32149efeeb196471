/* What a recording may not be: each contradiction gives one error that says where and
 * what, and nothing that a file asks for goes unbounded.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/recording_pool.h"
#include "recording_forge.h"
#include "recording_sample.h"

static void assert_refused(struct seep_forge *forge, int code, const char *needle)
{
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};

    seep_forge_flush(forge);
    assert_int_equal(seep_recording_open_bytes("forged", forge->file.data,
                                               forge->file.len_bytes, &recording, &error),
                     code);
    assert_null(recording);
    assert_int_equal(error.code, code);
    if (strstr(error.message, needle) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, needle);
    }
}

static void every_changed_byte_is_noticed(void **state)
{
    struct seep_forge forge;

    (void)state;
    seep_sample_forge(&forge, true);
    for (size_t at = SEEP_RECORDING_MAGIC_BYTES; at < forge.file.len_bytes; at++) {
        forge.file.data[at] ^= 0x10;
        assert_refused(&forge, -EBADMSG, "forged: corrupt at byte ");
        forge.file.data[at] ^= 0x10;
    }
    seep_forge_fini(&forge);
}

static void every_payload_cut_short_or_too_long_is_corrupt(void **state)
{
    struct seep_forge forge;
    size_t starts[64];
    size_t frames = 0;

    (void)state;
    seep_sample_forge(&forge, false);
    frames = seep_sample_frame_starts(&forge, starts);
    for (size_t i = 0; i < frames; i++) {
        size_t payload_bytes = starts[i + 1] - starts[i] - 24;
        uint8_t *payload = calloc(1, payload_bytes + 1);

        memcpy(payload, forge.file.data + starts[i] + 16, payload_bytes);
        for (size_t len = 0; len <= payload_bytes + 1; len++) {
            struct seep_forge cut;

            if (len == payload_bytes) {
                continue;
            }
            seep_forge_init(&cut);
            seep_forge_put(&cut.file, forge.file.data + SEEP_RECORDING_MAGIC_BYTES,
                           starts[i] - SEEP_RECORDING_MAGIC_BYTES);
            seep_forge_frame(&cut, forge.file.data[starts[i]], payload, len);
            assert_refused(&cut, -EBADMSG, ": malformed ");
            seep_forge_fini(&cut);
        }
        free(payload);
    }
    seep_forge_fini(&forge);
}

/* A file of one or two small frames whose numbers are given. */
static void assert_numbers_refused(uint16_t type, const uint64_t *numbers, size_t count,
                                   int code, const char *needle)
{
    struct seep_forge_bytes payload = {0};
    struct seep_forge forge;

    seep_forge_init(&forge);
    (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, 0);
    (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, 0);
    seep_forge_snapshot(&forge, 10, NULL);
    seep_forge_ages(&forge, 10, 1, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        seep_forge_put_u(&payload, numbers[i]);
    }
    seep_forge_frame(&forge, type, payload.data, payload.len_bytes);
    assert_refused(&forge, code, needle);
    free(payload.data);
    seep_forge_fini(&forge);
}

#define NUMBERS(...)                                                                     \
    ((uint64_t[]){__VA_ARGS__}), sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static void contradictions_are_corrupt_and_say_what(void **state)
{
    (void)state;
    assert_numbers_refused(SEEP_FRAME_SNAPSHOT,
                           NUMBERS(10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), -EBADMSG,
                           "malformed SNAPSHOT frame: a time that does not rise");
    assert_numbers_refused(SEEP_FRAME_AGES, NUMBERS(9, 1, 0), -EBADMSG,
                           "malformed AGES frame: a time that falls");
    assert_numbers_refused(SEEP_FRAME_AGES, NUMBERS(10, 1, 1, 3, 0, 0, 0, 0, 0), -EBADMSG,
                           "a site that no table has named");
    assert_numbers_refused(SEEP_FRAME_AGES, NUMBERS(10, 1, 1, UINT64_MAX, 0, 0, 0, 0, 0),
                           -EBADMSG, "a site that no table has named");
    assert_numbers_refused(SEEP_FRAME_AGES, NUMBERS(10, 1, 1, 0, 0, 0, 0, 0, 0), -EBADMSG,
                           "site ids that do not rise");
    assert_numbers_refused(SEEP_FRAME_DESCRIPTORS,
                           NUMBERS(1, 2, 3, 4, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), -EBADMSG,
                           "malformed DESCRIPTORS frame: descriptors that do not rise");
    assert_numbers_refused(
        SEEP_FRAME_DESCRIPTORS,
        NUMBERS(1, 2, 3, 4, 5, 1, UINT64_C(1) << 33, 0, 0, 0, 0, 0, 0, 0, 0), -EBADMSG,
        "descriptors that do not rise");
    assert_numbers_refused(SEEP_FRAME_DESCRIPTORS, NUMBERS(1, 2, 3, 4, 5, 2, 1), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_SAMPLES, NUMBERS(10, 64, 1, 3, 1, 1, 1), -EBADMSG,
                           "malformed SAMPLES frame: a site that no table has named");
    assert_numbers_refused(SEEP_FRAME_SAMPLES, NUMBERS(10, 64, 2, 1, 1, 1, 1), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_PEAK, NUMBERS(10, 1, 1, 1, 3, 1, 1), -EBADMSG,
                           "malformed PEAK frame: a site that no table has named");
    assert_numbers_refused(SEEP_FRAME_PEAK, NUMBERS(10, 1, 1, 1, 0, 1, 1), -EBADMSG,
                           "malformed PEAK frame: a site that no table has named");
    assert_numbers_refused(SEEP_FRAME_PEAK, NUMBERS(10, 1, 1, 9, 1, 1, 1), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_NODES, NUMBERS(17, 1, 1, 0, 5), -EBADMSG,
                           "malformed NODES frame: a table piece that leaves out ids");
    assert_numbers_refused(SEEP_FRAME_SITES, NUMBERS(3, 1, 1, 0, 256, 5), -EBADMSG,
                           "a resource kind beyond 255");
    assert_numbers_refused(SEEP_FRAME_NODES, NUMBERS(16, 1, UINT64_C(1) << 32, 0, 5),
                           -EBADMSG, "a number beyond 32 bits");
    assert_numbers_refused(SEEP_FRAME_SNAPSHOT,
                           NUMBERS(11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 64, 1),
                           -EBADMSG, "a loss reason beyond the list");
    assert_numbers_refused(SEEP_FRAME_PROGRAM, NUMBERS(2), -ENOTSUP,
                           "a recording of another version");
}

static void put_marks(struct seep_forge *forge, const char *label, size_t rows)
{
    struct seep_forge_bytes payload = {0};

    seep_forge_put_u(&payload, 10);
    seep_forge_put_u(&payload, rows);
    for (size_t i = 0; i < rows; i++) {
        seep_forge_put_str(&payload, label);
        seep_forge_put_u(&payload, 7);
    }
    seep_forge_frame(forge, SEEP_FRAME_MARK_COUNTS, payload.data, payload.len_bytes);
    free(payload.data);
}

static void a_limit_is_of_a_known_subsystem_and_not_zero(void **state)
{
    static const char *const messages[] = {
        "malformed LIMITS frame: a limit of an unknown subsystem",
        "malformed LIMITS frame: a limit of an unknown subsystem",
        "malformed LIMITS frame: a limit of 0"};
    struct seep_forge forge;

    (void)state;
    for (size_t wrong = 0; wrong < 3; wrong++) {
        seep_forge_init(&forge);
        seep_forge_program(&forge, "/bin/x", 1);
        (void)seep_forge_subsystem(&forge, "log");
        seep_forge_limit(&forge, (uint32_t[]){0, 2, 1}[wrong], wrong == 2 ? 0 : 5,
                         "ring");
        assert_refused(&forge, -EBADMSG, messages[wrong]);
        seep_forge_fini(&forge);
    }
}

static void a_row_of_marks_keeps_its_label(void **state)
{
    struct seep_forge forge;

    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        seep_forge_init(&forge);
        seep_forge_program(&forge, "/bin/x", 1);
        put_marks(&forge, "request", 1);
        put_marks(&forge, wrong == 0 ? "request 2" : "reques", 1);
        assert_refused(&forge, -EBADMSG,
                       "malformed MARK_COUNTS frame: another label in the same row");
        seep_forge_fini(&forge);
    }
    seep_forge_init(&forge);
    seep_forge_program(&forge, "/bin/x", 1);
    put_marks(&forge, "request", SEEP_MARK_LABELS_MAX + 1);
    assert_refused(&forge, -EBADMSG, "more labels than there may be");
    seep_forge_fini(&forge);
}

static void counts_that_the_bytes_cannot_hold_are_refused_at_once(void **state)
{
    static const uint16_t tables[] = {SEEP_FRAME_MODULES, SEEP_FRAME_SUBSYSTEMS,
                                      SEEP_FRAME_NODES, SEEP_FRAME_SITES};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_numbers_refused(tables[i], NUMBERS(0, UINT64_C(1) << 40, 0, 0, 0),
                               -EBADMSG, "more entries than its bytes can hold");
        assert_numbers_refused(tables[i], NUMBERS(0, UINT64_MAX, 0, 0, 0), -EBADMSG,
                               "more entries than its bytes can hold");
    }
    assert_numbers_refused(SEEP_FRAME_AGES, NUMBERS(10, 1, UINT64_MAX / 48 + 1), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_THREADS, NUMBERS(10, UINT32_MAX), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_WAITS, NUMBERS(10, UINT32_MAX), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_LIFETIMES, NUMBERS(10, 0, UINT32_MAX), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_PROGRAM,
                           NUMBERS(1, 1, 1, 1, 1, 1, 1, UINT64_C(1) << 60), -EBADMSG,
                           "more entries than its bytes can hold");
    assert_numbers_refused(SEEP_FRAME_MARK, NUMBERS(1, UINT64_MAX), -EBADMSG,
                           "ends too early");
}

static void a_build_id_of_33_bytes_is_corrupt(void **state)
{
    static const uint8_t id[33];
    struct seep_forge forge;

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_module(&forge, "/bin/x", id, sizeof(id), 0, 0);
    assert_refused(&forge, -EBADMSG, "a build id longer than 32 bytes");
    seep_forge_fini(&forge);
}

static void references_to_nowhere_are_mended_and_counted(void **state)
{
    /* each one beyond the last row */
    const struct seep_rec_thread thread = {.site = 3, .subsystem = 1, .start_module = 1};
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    uint32_t root = 0;

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_node(&forge, SEEP_NODE_FIRST + 1, 1, 0x10);
    (void)seep_forge_site(&forge, SEEP_NODE_FIRST + 1, 1, SEEP_KIND_HEAP, 0);
    (void)seep_forge_site(&forge, SEEP_NODE_FIRST, 0, SEEP_KIND_HEAP, 0);
    seep_forge_threads(&forge, 1, &thread, 1);
    rec = seep_sample_open(&forge);
    assert_int_equal(rec->dangling_references, 7);
    assert_int_equal(rec->nodes[SEEP_NODE_FIRST].module, 0);
    assert_int_equal(rec->sites[1].node, SEEP_NODE_UNKNOWN);
    assert_int_equal(rec->sites[1].subsystem, 0);
    assert_int_equal(rec->threads[0].site, 0);
    assert_int_equal(seep_recording_stack(rec, 1, NULL, 0, &root), 0);
    assert_int_equal(root, SEEP_NODE_UNKNOWN);
    assert_int_equal(seep_recording_stack(rec, 2, NULL, 0, &root), 0);
    assert_int_equal(root, SEEP_NODE_UNKNOWN);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void a_cycle_ends_a_stack(void **state)
{
    static uint32_t nodes[2 * SEEP_STACK_MAX_FRAMES];
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    uint32_t root = 0;

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_node(&forge, SEEP_NODE_FIRST + 1, 0, 1);
    (void)seep_forge_node(&forge, SEEP_NODE_FIRST, 0, 2);
    (void)seep_forge_site(&forge, SEEP_NODE_FIRST, 0, SEEP_KIND_HEAP, 0);
    rec = seep_sample_open(&forge);
    assert_int_equal(
        seep_recording_stack(rec, 1, nodes, 2 * SEEP_STACK_MAX_FRAMES, &root),
        SEEP_STACK_MAX_FRAMES);
    assert_int_equal(root, SEEP_NODE_UNKNOWN);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void a_node_never_filled_in_is_no_frame(void **state)
{
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    uint32_t root = 0;

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_site(&forge, seep_forge_node(&forge, 0, 0, 0), 0, SEEP_KIND_HEAP, 0);
    rec = seep_sample_open(&forge);
    assert_int_equal(seep_recording_stack(rec, 1, &root, 1, &root), 0);
    assert_int_equal(root, SEEP_NODE_UNKNOWN);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void memory_ends_at_the_budget(void **state)
{
    struct seep_pool_budget budget = {.left_bytes = 1100000};
    struct seep_pool pool = {.budget = &budget};
    void *table = NULL;
    size_t capacity = 0;

    (void)state;
    assert_non_null(seep_pool_take(&pool, 500000));
    assert_null(seep_pool_take(&pool, 600001));
    assert_null(seep_pool_take(&pool, SIZE_MAX));
    assert_int_equal(seep_pool_grow_table(&budget, &table, &capacity, 300, 1000), 0);
    assert_int_equal(capacity, 512);
    assert_int_equal(seep_pool_grow_table(&budget, &table, &capacity, 600, 1000),
                     -ENOMEM);
    assert_int_equal(seep_pool_grow_table(&budget, &table, &capacity, SIZE_MAX, 1000),
                     -ENOMEM);
    assert_int_equal(capacity, 512);
    free(table);
    seep_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(every_payload_cut_short_or_too_long_is_corrupt),
        cmocka_unit_test(contradictions_are_corrupt_and_say_what),
        cmocka_unit_test(a_limit_is_of_a_known_subsystem_and_not_zero),
        cmocka_unit_test(a_row_of_marks_keeps_its_label),
        cmocka_unit_test(counts_that_the_bytes_cannot_hold_are_refused_at_once),
        cmocka_unit_test(a_build_id_of_33_bytes_is_corrupt),
        cmocka_unit_test(references_to_nowhere_are_mended_and_counted),
        cmocka_unit_test(a_cycle_ends_a_stack),
        cmocka_unit_test(a_node_never_filled_in_is_no_frame),
        cmocka_unit_test(memory_ends_at_the_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
