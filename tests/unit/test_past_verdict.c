/* Descriptors past the wrappers, and the totals and exits of what is held.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "verdict/verdict.h"

enum { RUN_S = 60, ROWS_MAX = 128 };
#define S SEEP_FORGE_SECOND

struct fixture {
    struct seep_forge forge;
    uint32_t fd, timer, mapping;
    struct seep_rec_descriptor rows[ROWS_MAX];
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

static struct fixture f;

static void begin(void)
{
    memset(&f, 0, sizeof(f));
    seep_forge_init(&f.forge);
    seep_forge_program(&f.forge, "/nowhere/server", S);

    uint32_t module = seep_forge_module(&f.forge, "/nowhere/server", NULL, 0, 0, 0x10000);
    uint32_t leaf = seep_forge_stack(&f.forge, module, (uint64_t[]){0x100, 0x900}, 2);

    f.fd = seep_forge_site(&f.forge, leaf, 0, SEEP_KIND_FD, 0);
    f.timer = seep_forge_site(&f.forge, leaf, 0, SEEP_KIND_TIMER, 0);
    f.mapping = seep_forge_site(&f.forge, leaf, 0, SEEP_KIND_MAPPING, 0);
}

static void tick(uint64_t second, uint64_t fds)
{
    seep_forge_snapshot(&f.forge, second * S,
                        &(struct seep_rec_snapshot){.vsize_bytes = 1 << 20, .fds = fds});
}

/* `recorded` descriptors of the site, then `past` of nobody's. */
static void descriptors(uint32_t recorded, uint32_t past)
{
    const struct seep_rec_descriptors table = {.t_ns = (RUN_S - 2) * S,
                                               .open = recorded + past,
                                               .recorded = recorded,
                                               .rows = f.rows,
                                               .count = recorded + past};

    for (uint32_t i = 0; i < recorded + past; i++) {
        f.rows[i] = (struct seep_rec_descriptor){.fd = i, .link = (char *)"/dev/full"};
        if (i < recorded) {
            f.rows[i].site = f.fd;
            f.rows[i].flags = SEEP_DESCRIPTOR_RECORDED;
            f.rows[i].link = (char *)"pipe:[1]";
        }
    }
    seep_forge_descriptors(&f.forge, &table);
}

static void judge(void)
{
    struct seep_error error = {0};

    seep_forge_flush(&f.forge);
    assert_int_equal(seep_recording_open_bytes("forged", f.forge.file.data,
                                               f.forge.file.len_bytes, &f.recording,
                                               &error),
                     0);
    assert_int_equal(seep_symbolizer_new(f.recording, &f.symbolizer), 0);
    assert_int_equal(seep_verdict_make(f.recording, f.symbolizer,
                                       &SEEP_VERDICT_OPTIONS_ALL, &f.findings, &error),
                     0);
}

static void finish(void)
{
    seep_findings_free(f.findings);
    seep_symbolizer_free(f.symbolizer);
    seep_recording_free(f.recording);
    seep_forge_fini(&f.forge);
}

static void growth_that_no_wrapper_saw_is_a_suspect(void **state)
{
    (void)state;
    begin();
    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_count(&f.forge, f.fd, s * 3, s * 3 - s % 4, 0, 0); /* comes and goes */
        tick(s, s == RUN_S ? 0 : 3 + s + s % 4); /* gone at the last look */
    }
    descriptors(3, 60);
    judge();
    assert_int_equal(f.findings->finding_count, 1);

    const struct seep_finding *found = &f.findings->findings[0];

    assert_int_equal(found->kind, SEEP_KIND_FD);
    assert_int_equal(found->verdict, SEEP_VERDICT_SUSPECT);
    assert_int_equal(found->stack_count, 0);
    assert_float_equal(found->evidence.growth_per_s, 1, 0.05);
    assert_string_equal(found->targets.groups[0].what, "/dev/full");
    assert_non_null(strstr(found->summary, "Open files that no wrapper saw grow by 1.0"));
    assert_int_equal(f.findings->descriptors.unrecorded, 60);
    finish();
}

static void growth_that_was_recorded_is_not_said_twice(void **state)
{
    (void)state;
    begin();
    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_count(&f.forge, f.fd, s, 0, 0, 0);
        tick(s, 5 + s + (s % 3 == 0)); /* counted a moment later than the shim's */
    }
    descriptors(60, 3);
    judge();
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].stack_count, 2);
    assert_string_equal(f.findings->findings[0].targets.noun, "pipe ends");
    assert_int_equal(f.findings->held[SEEP_KIND_FD].live, RUN_S);
    finish();
}

static void a_recording_without_descriptors_says_nothing_of_them(void **state)
{
    (void)state;
    begin();
    for (uint64_t s = 1; s <= RUN_S; s++) {
        tick(s, 5 + s);
    }
    judge();
    assert_int_equal(f.findings->finding_count, 0);
    assert_false(f.findings->descriptors.known);
    finish();
}

static void what_is_left_at_exit_is_bounded_and_only_where_there_are_several(void **state)
{
    (void)state;
    begin();
    for (uint64_t s = 1; s <= RUN_S; s++) {
        seep_forge_count(&f.forge, f.fd, 5, 0, 0, 0);
        seep_forge_count(&f.forge, f.timer, 2, 0, 0, 0);
        seep_forge_count(&f.forge, f.mapping, 9, s > 5 ? 1 : 0, 9 * 4096,
                         s > 5 ? 4096 : 0);
        tick(s, 9);
    }
    descriptors(5, 0);
    seep_forge_end(&f.forge, RUN_S * S, SEEP_ENDING_EXITED, 0);
    judge();
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].kind, SEEP_KIND_FD);
    assert_int_equal(f.findings->findings[0].cause, SEEP_CAUSE_LEFT_AT_EXIT);
    assert_int_equal(f.findings->findings[0].verdict, SEEP_VERDICT_BOUNDED);
    assert_int_equal(f.findings->outcome, SEEP_OUTCOME_CLEAN);
    assert_int_equal(f.findings->held[SEEP_KIND_TIMER].live, 2);
    assert_int_equal(f.findings->held[SEEP_KIND_MAPPING].live, 8);
    assert_int_equal(f.findings->held[SEEP_KIND_MAPPING].peak_bytes, 9 * 4096);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_that_no_wrapper_saw_is_a_suspect),
        cmocka_unit_test(growth_that_was_recorded_is_not_said_twice),
        cmocka_unit_test(a_recording_without_descriptors_says_nothing_of_them),
        cmocka_unit_test(
            what_is_left_at_exit_is_bounded_and_only_where_there_are_several),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
