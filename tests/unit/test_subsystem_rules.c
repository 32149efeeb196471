/* Subsystems by rules, over a library whose functions stand at known offsets.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/subsystem_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_forge.h"

/* golden_program.S: the first function at 0x1000, each 0x100 after the one before. */
enum { PMA_ALLOC, HUB_REGISTER, HUB_ACCEPT, WORKER_SPAWN = 6, EVENT_LOOP = 8, MAIN };

enum { SITE_HUB = 1, SITE_ANNOTATED, SITE_FOREIGN, SITE_THREAD, SITE_IN_THREAD, SITES };

static uint64_t in(unsigned function)
{
    return 0x1000 + 0x100 * (uint64_t)function + 0x20;
}

static void snapshot_with_threads(struct seep_forge *forge, const char *other_name)
{
    struct seep_rec_thread threads[] = {
        {.slot = 1,
         .state = SEEP_THREAD_USED,
         .site = SITE_THREAD,
         .start_module = 1,
         .start_offset = in(EVENT_LOOP)-0x20,
         .name = (char *)"pool-1"},
        {.slot = 2,
         .state = SEEP_THREAD_USED,
         .site = SITE_THREAD,
         .start_module = 1,
         .start_offset = in(EVENT_LOOP)-0x20,
         .name = (char *)other_name},
    };

    for (uint32_t site = 1; site < SITES; site++) {
        seep_forge_count(forge, site, 1, 0, 64, 0);
    }
    seep_forge_snapshot(forge, SEEP_FORGE_SECOND, NULL);
    seep_forge_threads(forge, SEEP_FORGE_SECOND, threads, 2);
}

static struct seep_recording *record(const char *other_name)
{
    struct seep_forge forge;
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};

    seep_forge_init(&forge);
    seep_forge_program(&forge, GOLDEN_PROGRAM, SEEP_FORGE_SECOND);
    uint32_t program = seep_forge_module(&forge, GOLDEN_PROGRAM, NULL, 0, 0, 0x100000);
    uint32_t foreign =
        seep_forge_module(&forge, "/usr/lib/libssl.so.3", NULL, 0, 0, 0x1000);
    uint32_t own = seep_forge_subsystem(&forge, "own");
    uint32_t hub = seep_forge_stack(
        &forge, program, (uint64_t[]){in(PMA_ALLOC), in(HUB_REGISTER), in(MAIN)}, 3);
    uint32_t loop =
        seep_forge_stack(&forge, program, (uint64_t[]){in(PMA_ALLOC), in(EVENT_LOOP)}, 2);

    (void)seep_forge_site(&forge, hub, 0, SEEP_KIND_HEAP, 0);
    (void)seep_forge_site(&forge, hub, own, SEEP_KIND_HEAP, 0);
    (void)seep_forge_site(&forge, seep_forge_node(&forge, hub, foreign, 0x10), 0,
                          SEEP_KIND_HEAP, 0);
    (void)seep_forge_site(
        &forge,
        seep_forge_stack(&forge, program, (uint64_t[]){in(WORKER_SPAWN), in(MAIN)}, 2), 0,
        SEEP_KIND_THREAD, 0);
    (void)seep_forge_site(&forge, loop, 0, SEEP_KIND_HEAP, 0);
    snapshot_with_threads(&forge, other_name);
    seep_forge_flush(&forge);
    assert_int_equal(seep_recording_open_bytes("forged", forge.file.data,
                                               forge.file.len_bytes, &recording, &error),
                     0);
    seep_forge_fini(&forge);
    return recording;
}

/* The names that the rules give to the sites, joined by spaces; "-" for none. */
static void names_with(const char *text, const char *other_thread, const char *wanted)
{
    struct seep_recording *recording = record(other_thread);
    struct seep_symbolizer *symbolizer = NULL;
    struct seep_subsystem_rules *rules = NULL;
    struct seep_error error = {0};
    char got[200] = "";

    assert_int_equal(seep_symbolizer_new(recording, &symbolizer), 0);
    if (seep_subsystem_rules_parse("r", text, strlen(text), &rules, &error) != 0) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(seep_subsystem_rules_apply(rules, recording, symbolizer), 0);
    assert_true(seep_recording_is_valid(recording));
    for (uint32_t site = 1; site < SITES; site++) {
        const char *name = recording->subsystems[recording->sites[site].subsystem];

        strcat(strcat(got, site > 1 ? " " : ""), *name != '\0' ? name : "-");
    }
    assert_string_equal(got, wanted);
    assert_int_equal(recording->threads[0].subsystem,
                     recording->sites[SITE_THREAD].subsystem);
    seep_subsystem_rules_free(rules);
    seep_symbolizer_free(symbolizer);
    seep_recording_free(recording);
}

static void names(const char *text, const char *wanted)
{
    names_with(text, "pool-2", wanted);
}

static void the_innermost_frame_that_fits_decides(void **state)
{
    (void)state;
    names("hub function:hub_*", "hub own hub - -");
    names("outer function:main\nhub function:hub_*", "hub own hub outer -");
    names("tls module:libssl.so*\nhub function:hub_*", "hub own tls - -");
    names("all module:pma-backend", "all own all all all");
}

static void of_several_rules_on_one_frame_the_first_in_the_file_counts(void **state)
{
    (void)state;
    names("first function:hub_register\nsecond function:hub_*", "first own first - -");
    names("first function:hub_*\nsecond function:hub_register", "first own first - -");
}

static void all_conditions_of_a_rule_hold_for_the_same_frame(void **state)
{
    (void)state;
    names("x function:main module:libssl*", "- own - - -");
    names("x function:hub_* source:golden_program.S", "x own x - -");
    names("x function:hub_* source:golden/", "x own x - -");
    names("x function:hub_* source:elsewhere/", "- own - - -");
}

static void threads_are_found_by_name_and_so_is_what_they_acquire(void **state)
{
    (void)state;
    names("workers thread:pool-*", "- own - workers workers");
    names_with("workers thread:pool-*", "other", "- own - workers -");
    names("spawn function:worker_spawn\nworkers thread:pool-?", "- own - spawn workers");
}

static void an_existing_name_is_used_again(void **state)
{
    (void)state;
    names("own function:hub_*", "own own own - -");
}

static void refuses(const char *text, const char *message)
{
    struct seep_subsystem_rules *rules = NULL;
    struct seep_error error = {0};

    assert_int_equal(seep_subsystem_rules_parse("r", text, strlen(text), &rules, &error),
                     -EINVAL);
    assert_null(rules);
    assert_non_null(strstr(error.message, message));
}

static void a_wrong_line_is_named_with_its_number(void **state)
{
    struct seep_subsystem_rules *rules = NULL;
    struct seep_error error = {0};

    (void)state;
    refuses("# fine\nhub\n", "r:2: hub: no condition");
    refuses("hub func:x", "r:1: \"func:x\": write module:GLOB");
    refuses("hub function:", "needs a glob");
    refuses("function:x", "name comes first");
    refuses("hub function:x function:y", "twice");
    refuses("hub thread:x function:y", "stands alone");
    assert_int_equal(seep_subsystem_rules_open("/nowhere/x", &rules, &error), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_innermost_frame_that_fits_decides),
        cmocka_unit_test(of_several_rules_on_one_frame_the_first_in_the_file_counts),
        cmocka_unit_test(all_conditions_of_a_rule_hold_for_the_same_frame),
        cmocka_unit_test(threads_are_found_by_name_and_so_is_what_they_acquire),
        cmocka_unit_test(an_existing_name_is_used_again),
        cmocka_unit_test(a_wrong_line_is_named_with_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
