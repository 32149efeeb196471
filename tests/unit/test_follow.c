/* A recording that grows under its reader.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/follow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_forge.h"
#include "recording_sample.h"

static char folder[] = "/tmp/seep-test-follow-XXXXXX";
static char path[sizeof(folder) + 16];
static char other[sizeof(folder) + 16];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/a.seep", folder);
    (void)snprintf(other, sizeof(other), "%s/b.seep", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other);
    return rmdir(folder);
}

static void put_file(const char *name, const uint8_t *data, size_t bytes,
                     const char *mode)
{
    FILE *file = fopen(name, mode);

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static struct seep_follow *open_follow(void)
{
    struct seep_follow *follow = NULL;
    struct seep_error error = {0};

    if (seep_follow_open(path, &follow, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return follow;
}

static void begin(struct seep_forge *forge, uint32_t *site)
{
    seep_forge_init(forge);
    seep_forge_program(forge, "/bin/leaky", SEEP_FORGE_SECOND);
    uint32_t module = seep_forge_module(forge, "/bin/leaky", NULL, 0, 0, 0x10000);
    uint32_t leaf = seep_forge_stack(forge, module, (uint64_t[]){0x1010, 0x1200}, 2);

    *site = seep_forge_site(forge, leaf, 0, SEEP_KIND_HEAP, 0);
}

static void count_second(struct seep_forge *forge, uint32_t site, uint64_t second)
{
    seep_forge_count(forge, site, second, 0, second * 512, 0);
    seep_forge_snapshot(forge, second * SEEP_FORGE_SECOND, NULL);
}

static void appended_frames_are_read_on(void **state)
{
    struct seep_forge forge;
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();
    const struct seep_recording *recording = seep_follow_recording(follow);
    size_t written = forge.file.len_bytes;

    assert_int_equal(recording->snapshot_count, 1);
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_SAME);
    for (uint64_t second = 2; second <= 40; second++) {
        count_second(&forge, site, second);
        put_file(path, forge.file.data + written, forge.file.len_bytes - written, "a");
        written = forge.file.len_bytes;
        assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_MORE);
        assert_ptr_equal(seep_follow_recording(follow), recording);
        assert_int_equal(recording->snapshot_count, second);
        assert_int_equal(recording->ended_ns, second * SEEP_FORGE_SECOND);
        assert_int_equal(recording->sites[site].points.last.acquired_bytes, second * 512);
        assert_true(seep_recording_is_valid(recording));
    }
    assert_false(recording->ended);
    seep_forge_end(&forge, 41 * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 3);
    put_file(path, forge.file.data + written, forge.file.len_bytes - written, "a");
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_MORE);
    assert_true(recording->ended);
    assert_int_equal(recording->ending_status, 3);
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_SAME);
    seep_follow_close(follow);
    seep_forge_fini(&forge);
}

/* Byte by byte: whatever a look falls upon, nothing is wrong, and at the end all is as if
 * it had been read at once. */
static void a_file_that_grows_by_single_bytes_ends_as_if_read_whole(void **state)
{
    struct seep_forge forge;
    struct seep_follow *follow = NULL;
    (void)state;

    seep_sample_forge(&forge, false);
    seep_forge_flush(&forge);
    put_file(path, forge.file.data, 8, "w");
    follow = open_follow();
    for (size_t at = 8; at < forge.file.len_bytes; at++) {
        struct seep_error error = {0};

        put_file(path, forge.file.data + at, 1, "a");
        if (seep_follow_refresh(follow, &error) < 0) {
            fail_msg("%s", error.message);
        }
        assert_true(seep_recording_is_valid(seep_follow_recording(follow)));
    }
    struct seep_recording *whole = seep_sample_open(&forge);
    const struct seep_recording *grown = seep_follow_recording(follow);

    assert_true(grown->ended);
    assert_false(grown->truncated);
    assert_int_equal(grown->snapshot_count, whole->snapshot_count);
    assert_int_equal(grown->site_count, whole->site_count);
    assert_int_equal(grown->node_count, whole->node_count);
    assert_int_equal(grown->module_count, whole->module_count);
    assert_int_equal(grown->thread_count, whole->thread_count);
    assert_int_equal(grown->ages_count, whole->ages_count);
    assert_int_equal(grown->dangling_references, whole->dangling_references);
    for (size_t i = 0; i < whole->node_count; i++) {
        assert_int_equal(grown->nodes[i].module, whole->nodes[i].module);
    }
    seep_recording_free(whole);
    seep_follow_close(follow);
    seep_forge_fini(&forge);
}

/* The collector writes NODES before the MODULES that they name. */
static void a_node_written_before_its_module_keeps_it(void **state)
{
    struct seep_forge forge;
    struct seep_forge_bytes nodes = {0};
    struct seep_forge_bytes modules = {0};
    (void)state;

    seep_forge_init(&forge);
    seep_forge_program(&forge, "/bin/leaky", SEEP_FORGE_SECOND);
    seep_forge_put_u(&nodes, SEEP_NODE_FIRST);
    seep_forge_put_u(&nodes, 1);
    seep_forge_put_u(&nodes, SEEP_NODE_COMPLETE);
    seep_forge_put_u(&nodes, 1); /* module 1 */
    seep_forge_put_u(&nodes, 0x1010);
    seep_forge_frame(&forge, SEEP_FRAME_NODES, nodes.data, nodes.len_bytes);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();
    size_t written = forge.file.len_bytes;

    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_SAME);
    seep_forge_put_u(&modules, 1);
    seep_forge_put_u(&modules, 1);
    seep_forge_put_str(&modules, "/bin/leaky");
    seep_forge_put_str(&modules, "");
    for (int i = 0; i < 3; i++) {
        seep_forge_put_u(&modules, 0);
    }
    seep_forge_frame(&forge, SEEP_FRAME_MODULES, modules.data, modules.len_bytes);
    seep_forge_snapshot(&forge, SEEP_FORGE_SECOND, NULL);
    put_file(path, forge.file.data + written, forge.file.len_bytes - written, "a");
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_MORE);
    const struct seep_recording *recording = seep_follow_recording(follow);

    assert_int_equal(recording->node_count, SEEP_NODE_FIRST + 1);
    assert_int_equal(recording->nodes[SEEP_NODE_FIRST].module, 1);
    assert_int_equal(recording->dangling_references, 0);
    seep_follow_close(follow);
    free(nodes.data);
    free(modules.data);
    seep_forge_fini(&forge);
}

/* Scans of ages are packed against the ones before, over all looks. */
static void ages_that_come_one_by_one_are_those_of_the_whole_file(void **state)
{
    struct seep_forge forge;
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();

    for (uint64_t second = 2; second < 9; second++) {
        size_t written = forge.file.len_bytes;
        struct seep_rec_age age = {.site = site,
                                   .live = second % 3 + 1,
                                   .live_bytes = second * 1000,
                                   .oldest_birth_ns = 7,
                                   .newest_birth_ns = second * SEEP_FORGE_SECOND,
                                   .generations = second};

        count_second(&forge, site, second);
        seep_forge_ages(&forge, second * SEEP_FORGE_SECOND, SEEP_FORGE_SECOND, &age, 1);
        put_file(path, forge.file.data + written, forge.file.len_bytes - written, "a");
        assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_MORE);

        const struct seep_recording *recording = seep_follow_recording(follow);
        struct seep_age_cursor at =
            seep_age_scan_start(&recording->ages[recording->ages_count - 1]);

        assert_int_equal(recording->ages_count, second - 1);
        assert_true(seep_age_scan_next(&at));
        assert_int_equal(at.now.live, age.live);
        assert_int_equal(at.now.live_bytes, age.live_bytes);
        assert_int_equal(at.now.newest_birth_ns, age.newest_birth_ns);
        assert_int_equal(at.now.generations, age.generations);
        assert_true(seep_recording_is_valid(recording));
    }
    seep_follow_close(follow);
    seep_forge_fini(&forge);
}

static void a_file_that_was_thinned_is_opened_anew(void **state)
{
    struct seep_forge forge;
    struct seep_forge thinned;
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    count_second(&forge, site, 2);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();

    begin(&thinned, &site);
    count_second(&thinned, site, 2);
    seep_forge_write(&thinned, other);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_ANEW);
    assert_int_equal(seep_follow_recording(follow)->snapshot_count, 1);
    size_t written = thinned.file.len_bytes;

    count_second(&thinned, site, 3);
    put_file(path, thinned.file.data + written, thinned.file.len_bytes - written, "a");
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_MORE);
    assert_int_equal(seep_follow_recording(follow)->snapshot_count, 2);
    seep_follow_close(follow);
    seep_forge_fini(&forge);
    seep_forge_fini(&thinned);
}

static void a_file_that_was_renamed_is_read_to_its_end(void **state)
{
    struct seep_forge forge;
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();
    size_t written = forge.file.len_bytes;

    seep_forge_end(&forge, 2 * SEEP_FORGE_SECOND, SEEP_ENDING_EXITED, 0);
    put_file(path, forge.file.data + written, forge.file.len_bytes - written, "a");
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_MORE);
    assert_true(seep_follow_recording(follow)->ended);
    seep_follow_close(follow);
    seep_forge_fini(&forge);
}

static void the_recording_of_another_process_under_the_name_is_not_taken(void **state)
{
    struct seep_forge forge;
    struct seep_forge next;
    uint32_t site = 0;
    struct seep_rec_program program = {.pid = 5, .interval_ns = SEEP_FORGE_SECOND};
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();

    seep_forge_init(&next);
    seep_forge_program_full(&next, &program);
    seep_forge_write(&next, other);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(seep_follow_refresh(follow, NULL), SEEP_FOLLOW_SAME);
    assert_int_equal(seep_follow_recording(follow)->program.pid, 4242);
    seep_follow_close(follow);
    seep_forge_fini(&forge);
    seep_forge_fini(&next);
}

static void damage_behind_the_last_look_is_an_error(void **state)
{
    struct seep_forge forge;
    struct seep_error error = {0};
    uint8_t junk[64];
    uint32_t site = 0;
    (void)state;

    begin(&forge, &site);
    count_second(&forge, site, 1);
    seep_forge_write(&forge, path);
    struct seep_follow *follow = open_follow();

    memset(junk, 0x5a, sizeof(junk));
    put_file(path, junk, sizeof(junk), "a");
    assert_int_equal(seep_follow_refresh(follow, &error), -EBADMSG);
    assert_non_null(strstr(error.message, "checksum"));
    seep_follow_close(follow);
    seep_forge_fini(&forge);
}

static void what_is_no_recording_is_refused(void **state)
{
    struct seep_follow *follow = NULL;
    struct seep_error error = {0};
    (void)state;

    put_file(path, (const uint8_t *)"hello", 5, "w");
    assert_int_equal(seep_follow_open(path, &follow, &error), -EPROTO);
    assert_int_equal(seep_follow_open(folder, &follow, &error), -EISDIR);
    assert_null(follow);
    seep_follow_close(NULL);
}

/* Ten sites that all change, each snapshot; of a whole one, where the file has all. */
enum { BOUND_SITES = 10, BOUND_POINTS = 4000 };

static void count_all(struct seep_forge *forge, const uint32_t *sites, uint64_t second)
{
    for (unsigned i = 0; i < BOUND_SITES; i++) {
        /* The last site changes now and then: what is left out has to be said later. */
        uint64_t count = i == BOUND_SITES - 1 ? second / 7 : second * (i + 1);

        seep_forge_count(forge, sites[i], count, 0, count * 16, count);
    }
    seep_forge_snapshot(forge, second * SEEP_FORGE_SECOND, NULL);
}

static void expect_same_states(const struct seep_recording *part,
                               const struct seep_recording *whole)
{
    size_t at = 0;

    assert_true(seep_recording_is_valid(part));
    for (size_t i = 0; i < part->snapshot_count; i++) {
        while (whole->snapshots[at].t_ns != part->snapshots[i].t_ns) {
            assert_true(++at < whole->snapshot_count);
        }
        for (uint32_t site = 1; site <= BOUND_SITES; site++) {
            struct seep_counters a = seep_points_at(&part->sites[site].points, i);
            struct seep_counters b = seep_points_at(&whole->sites[site].points, at);

            assert_memory_equal(&a, &b, sizeof(a));
        }
    }
    assert_int_equal(at, whole->snapshot_count - 1); /* the newest is there */
}

static uint64_t points_of(const struct seep_recording *recording)
{
    uint64_t points = 0;

    for (size_t i = 0; i < recording->site_count; i++) {
        points += recording->sites[i].points.count;
    }
    return points;
}

static void within_bounds_early_snapshots_give_way_and_say_what_they_said(void **state)
{
    struct seep_forge forge;
    struct seep_follow *follow = NULL;
    struct seep_error error = {0};
    uint32_t sites[BOUND_SITES];
    unsigned anew = 0;
    uint64_t merged = 0;
    (void)state;

    begin(&forge, &sites[0]);
    for (unsigned i = 1; i < BOUND_SITES; i++) {
        sites[i] = seep_forge_site(&forge, SEEP_NODE_FIRST, 0, SEEP_KIND_HEAP, 0);
    }
    for (uint64_t second = 1; second <= 2000; second++) {
        count_all(&forge, sites, second);
    }
    seep_forge_write(&forge, path);
    if (seep_follow_open_bounded(path, BOUND_POINTS, &follow, &error) < 0) {
        fail_msg("%s", error.message);
    }
    for (uint64_t second = 2001; second <= 3000; second++) {
        size_t written = forge.file.len_bytes;

        count_all(&forge, sites, second);
        put_file(path, forge.file.data + written, forge.file.len_bytes - written, "a");
        int news = seep_follow_refresh(follow, &error);

        assert_true(news == SEEP_FOLLOW_MORE || news == SEEP_FOLLOW_ANEW);
        anew += news == SEEP_FOLLOW_ANEW;
        assert_true(points_of(seep_follow_recording(follow)) <= BOUND_POINTS);
        if (second % 250 == 1) {
            struct seep_recording *whole = seep_sample_open(&forge);

            expect_same_states(seep_follow_recording(follow), whole);
            seep_recording_free(whole);
        }
    }
    assert_in_range(anew, 1, 10);
    const struct seep_recording *recording = seep_follow_recording(follow);

    /* Nothing is lost in silence. */
    for (size_t i = 0; i < recording->snapshot_count; i++) {
        merged += recording->snapshots[i].merged;
    }
    assert_int_equal(recording->snapshot_count + merged, 3000);
    assert_true(recording->snapshots[recording->snapshot_count - 60].t_ns ==
                2941 * SEEP_FORGE_SECOND);
    seep_follow_close(follow);
    seep_forge_fini(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_bounds_early_snapshots_give_way_and_say_what_they_said),
        cmocka_unit_test(appended_frames_are_read_on),
        cmocka_unit_test(a_file_that_grows_by_single_bytes_ends_as_if_read_whole),
        cmocka_unit_test(a_node_written_before_its_module_keeps_it),
        cmocka_unit_test(ages_that_come_one_by_one_are_those_of_the_whole_file),
        cmocka_unit_test(a_file_that_was_thinned_is_opened_anew),
        cmocka_unit_test(a_file_that_was_renamed_is_read_to_its_end),
        cmocka_unit_test(the_recording_of_another_process_under_the_name_is_not_taken),
        cmocka_unit_test(damage_behind_the_last_look_is_an_error),
        cmocka_unit_test(what_is_no_recording_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
