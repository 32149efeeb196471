/* A recording judged as it grows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "live/live_judge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_forge.h"

enum { SECONDS = 60 };

static char folder[] = "/tmp/seep-test-live-XXXXXX";
static char path[sizeof(folder) + 16];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/a.seep", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void begin(struct seep_forge *forge, uint32_t *site)
{
    seep_forge_init(forge);
    seep_forge_program(forge, "/bin/leaky", SEEP_FORGE_SECOND);
    uint32_t module = seep_forge_module(forge, "/bin/leaky", NULL, 0, 0, 0x10000);
    uint32_t leaf = seep_forge_stack(forge, module, (uint64_t[]){0x1010, 0x1200}, 2);

    *site = seep_forge_site(forge, leaf, seep_forge_subsystem(forge, "hub"),
                            SEEP_KIND_HEAP, 0);
}

static void count_second(struct seep_forge *forge, uint32_t site, uint64_t second)
{
    seep_forge_count(forge, site, second, 0, second * 512, 0);
    seep_forge_snapshot(forge, second * SEEP_FORGE_SECOND, NULL);
    seep_forge_write(forge, path);
}

static struct seep_live *open_live(void)
{
    const struct seep_live_options options = {0};
    struct seep_live *live = NULL;
    struct seep_error error = {0};

    if (seep_live_open(path, &options, &live, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return live;
}

/* Appends in place: a file that is replaced would be another one to a follower. */
static void append_second(struct seep_forge *forge, uint32_t site, uint64_t second)
{
    size_t before = forge->file.len_bytes;
    FILE *file = NULL;

    seep_forge_count(forge, site, second, 0, second * 512, 0);
    seep_forge_snapshot(forge, second * SEEP_FORGE_SECOND, NULL);
    file = fopen(path, "a");
    assert_non_null(file);
    assert_int_equal(
        fwrite(forge->file.data + before, 1, forge->file.len_bytes - before, file),
        forge->file.len_bytes - before);
    assert_int_equal(fclose(file), 0);
}

static void a_leak_is_found_while_the_file_grows(void **state)
{
    struct seep_forge forge;
    struct seep_error error = {0};
    uint32_t site = 0;
    uint64_t found_at = 0;
    uint64_t generation = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    struct seep_live *live = open_live();

    assert_null(seep_live_findings(live));
    seep_live_set_written(live, true);
    for (uint64_t second = 2; second <= SECONDS; second++) {
        append_second(&forge, site, second);
        int news = seep_live_refresh(live, second * SEEP_FORGE_SECOND, &error);

        assert_true((news & SEEP_LIVE_GREW) != 0);
        assert_true(seep_live_generation(live) > generation);
        generation = seep_live_generation(live);
        assert_int_equal(seep_live_now(live).heap_live, second);
        assert_int_equal(seep_live_now(live).heap_live_bytes, second * 512);
        assert_non_null(seep_live_findings(live));
        if (found_at == 0 && seep_live_findings(live)->finding_count > 0) {
            found_at = second;
        }
    }
    assert_in_range(found_at, 12, 30);
    assert_string_equal(seep_live_findings(live)->ending_kind, "running");
    assert_string_equal(seep_live_subsystem(live, site), "hub");
    /* Nothing new: nothing to do. */
    assert_int_equal(seep_live_refresh(live, 90 * SEEP_FORGE_SECOND, &error),
                     SEEP_LIVE_SAME);
    assert_int_equal(seep_live_generation(live), generation);
    seep_live_close(live);
    seep_forge_fini(&forge);
}

static void judging_rests_thirty_times_as_long_as_it_took(void **state)
{
    struct seep_forge forge;
    uint32_t site = 0;
    uint64_t now_ns = 5 * SEEP_FORGE_SECOND;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    struct seep_live *live = open_live();

    assert_int_equal(seep_live_refresh(live, now_ns, NULL) & SEEP_LIVE_JUDGED,
                     SEEP_LIVE_JUDGED);
    uint64_t took_ns = (uint64_t)(seep_live_cost(live).last_judge_s * 1e9);

    assert_true(took_ns > 0);
    append_second(&forge, site, 2);
    assert_false(seep_live_is_due(live, now_ns + 29 * took_ns));
    assert_int_equal(seep_live_refresh(live, now_ns + 29 * took_ns, NULL),
                     SEEP_LIVE_GREW);
    /* What has grown is judged when it is due, also when it does not grow any more. */
    assert_int_equal(seep_live_refresh(live, now_ns + 32 * took_ns, NULL),
                     SEEP_LIVE_JUDGED);
    assert_int_equal(seep_live_cost(live).judgements, 2);
    seep_live_close(live);
    seep_forge_fini(&forge);
}

static void the_end_is_judged_at_once(void **state)
{
    struct seep_forge forge;
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    struct seep_live *live = open_live();

    (void)seep_live_refresh(live, 1, NULL);
    size_t before = forge.file.len_bytes;

    seep_forge_end(&forge, 2 * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 3);
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    (void)fwrite(forge.file.data + before, 1, forge.file.len_bytes - before, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(seep_live_refresh(live, 1, NULL), SEEP_LIVE_GREW | SEEP_LIVE_JUDGED);
    assert_string_equal(seep_live_findings(live)->ending, "exited 3");
    seep_live_close(live);
    seep_forge_fini(&forge);
}

static void a_file_that_was_written_anew_has_new_findings(void **state)
{
    struct seep_forge forge;
    uint32_t site = 0;
    char beside[sizeof(path) + 8];
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    struct seep_live *live = open_live();

    (void)seep_live_refresh(live, 1, NULL);
    struct seep_live_judged profile = {0};

    assert_int_equal(seep_live_profile(live, 1, &profile, NULL), 0);
    assert_int_equal(profile.findings->profile.site_count, 1);
    /* As thinning does it: another file, renamed over the first. */
    seep_forge_count(&forge, site, 7, 0, 7, 0);
    seep_forge_snapshot(&forge, 7 * SEEP_FORGE_SECOND, NULL);
    (void)snprintf(beside, sizeof(beside), "%s.new", path);
    seep_forge_write(&forge, beside);
    assert_int_equal(rename(beside, path), 0);
    assert_int_equal(seep_live_refresh(live, 1, NULL),
                     SEEP_LIVE_GREW | SEEP_LIVE_ANEW | SEEP_LIVE_JUDGED);
    assert_non_null(seep_live_findings(live));
    assert_int_equal(seep_live_now(live).heap_live, 7);
    seep_live_close(live);
    seep_forge_fini(&forge);
}

static void a_profile_is_made_when_asked_for_and_forgotten(void **state)
{
    struct seep_forge forge;
    struct seep_live_judged first = {0};
    struct seep_live_judged second = {0};
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    struct seep_live *live = open_live();

    (void)seep_live_refresh(live, 1, NULL);
    assert_int_equal(seep_live_profile(live, 1, &first, NULL), 0);
    append_second(&forge, site, 2);
    (void)seep_live_refresh(live, 2, NULL);
    assert_int_equal(seep_live_profile(live, 2, &second, NULL), 0);
    assert_ptr_equal(first.findings, second.findings); /* it rests */
    (void)seep_live_refresh(live, 3600 * SEEP_FORGE_SECOND, NULL);
    assert_int_equal(seep_live_findings(live)->profile.sites[0].live, 2);
    seep_live_forget_profile(live);
    append_second(&forge, site, 3);
    (void)seep_live_refresh(live, 7200 * SEEP_FORGE_SECOND, NULL);
    assert_int_equal(seep_live_findings(live)->profile.site_count, 0);
    seep_live_close(live);
    seep_forge_fini(&forge);
}

static void what_no_judgement_has_seen_is_in_recent(void **state)
{
    struct seep_forge forge;
    struct seep_live_now recent[SEEP_LIVE_RECENT_MAX];
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    struct seep_live *live = open_live();

    for (uint64_t second = 2; second <= 200; second++) {
        append_second(&forge, site, second);
        (void)seep_live_refresh(live, 0, NULL);
    }
    assert_int_equal(seep_live_recent(live, 197, recent), 3);
    assert_int_equal(recent[0].heap_live, 198);
    assert_int_equal(recent[2].heap_live, 200);
    assert_int_equal(seep_live_recent(live, 0, recent), SEEP_LIVE_RECENT_MAX);
    assert_int_equal(seep_live_recent(live, 200, recent), 0);
    seep_live_close(live);
    seep_forge_fini(&forge);
}

static void a_file_that_is_no_recording_is_refused(void **state)
{
    const struct seep_live_options options = {0};
    struct seep_live *live = NULL;
    struct seep_error error = {0};
    FILE *file = fopen(path, "w");
    (void)state;

    assert_non_null(file);
    (void)fputs("no recording at all", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(seep_live_open(path, &options, &live, &error), -EPROTO);
    assert_null(live);
    assert_non_null(strstr(error.message, path));
    seep_live_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_is_found_while_the_file_grows),
        cmocka_unit_test(judging_rests_thirty_times_as_long_as_it_took),
        cmocka_unit_test(the_end_is_judged_at_once),
        cmocka_unit_test(a_file_that_was_written_anew_has_new_findings),
        cmocka_unit_test(a_profile_is_made_when_asked_for_and_forgotten),
        cmocka_unit_test(what_no_judgement_has_seen_is_in_recent),
        cmocka_unit_test(a_file_that_is_no_recording_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
