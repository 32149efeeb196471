/* The model: what was written is what is read, and cut anywhere it still opens.
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
#include <unistd.h>

#include <cmocka.h>

#include "load/recording_decode.h"
#include "recording_forge.h"
#include "recording_sample.h"

#define S SEEP_FORGE_SECOND

static void assert_tables_read(const struct seep_recording *rec)
{
    assert_int_equal(rec->program.pid, 4242);
    assert_int_equal(rec->program.mode, 1);
    assert_int_equal(rec->program.interval_ns, S);
    assert_int_equal(rec->program.argc, 1);
    assert_string_equal(rec->program.argv[0], "/bin/leaky");
    assert_string_equal(rec->program.exe, "/bin/leaky");
    assert_string_equal(rec->program.cwd, "/");
    assert_string_equal(rec->program.host, "forge");
    assert_string_equal(rec->program.seep_version, "0");
    assert_int_equal(rec->program.page_bytes, 4096);
    assert_int_equal(rec->module_count, 2);
    assert_string_equal(rec->modules[1].path, "/bin/leaky");
    assert_int_equal(rec->modules[1].build_id_len, 3);
    assert_memory_equal(rec->modules[1].build_id, "\xab\xcd\xef", 3);
    assert_int_equal(rec->modules[1].base, 0x400000);
    assert_int_equal(rec->modules[1].size_bytes, 0x10000);
    assert_int_equal(rec->subsystem_count, 2);
    assert_string_equal(rec->subsystems[0], "");
    assert_string_equal(rec->subsystems[1], "websocket");
    assert_int_equal(rec->node_count, SEEP_NODE_FIRST + 3);
    assert_int_equal(rec->nodes[18].parent, 17);
    assert_int_equal(rec->nodes[18].module, 1);
    assert_int_equal(rec->nodes[18].offset, 0x10);
    assert_int_equal(rec->site_count, 3);
    assert_int_equal(rec->sites[1].node, 18);
    assert_int_equal(rec->sites[1].subsystem, 1);
    assert_int_equal(rec->sites[1].kind, SEEP_KIND_HEAP);
    assert_int_equal(rec->sites[1].first_ns, 42);
    assert_int_equal(rec->dangling_references, 0);
}

static void assert_snapshots_read(const struct seep_recording *rec)
{
    const struct seep_rec_snapshot *second = &rec->snapshots[1];

    assert_int_equal(rec->snapshot_count, 3);
    assert_int_equal(rec->snapshots[0].t_ns, S);
    assert_int_equal(rec->snapshots[0].rss_bytes, 64 << 20);
    assert_int_equal(second->merged, 2);
    assert_int_equal(second->rss_bytes, 3);
    assert_int_equal(second->pss_bytes, 4);
    assert_int_equal(second->vsize_bytes, 5);
    assert_int_equal(second->threads, 6);
    assert_int_equal(second->fds, 7);
    assert_int_equal(second->user_ns, 8);
    assert_int_equal(second->system_ns, 9);
    assert_int_equal(second->minor_faults, 10);
    assert_int_equal(second->major_faults, 11);
    assert_int_equal(rec->sites[1].points.count, 2);
    assert_int_equal(rec->sites[1].points.last_snapshot, 2);
    assert_int_equal(rec->sites[1].points.last.acquired_bytes, 384);
    assert_int_equal(rec->sites[2].points.count, 1);
    assert_int_equal(rec->sites[2].points.last_snapshot, 1);
    assert_int_equal(rec->lost[SEEP_LOSS_NESTED], 5);
}

static void assert_thread_pictures_read(const struct seep_recording *rec)
{
    const struct seep_rec_wait *wait = rec->waits.rows;
    const struct seep_rec_lifetime *lifetime = rec->lifetimes.rows;

    assert_int_equal(rec->waits.t_ns, 2 * S);
    assert_int_equal(rec->waits.count, 2);
    assert_int_equal(wait[0].slot_plus_1, 4);
    assert_int_equal(wait[0].syscall_plus_1, 203);
    assert_true(wait[0].address == 0x7f0000001000);
    assert_int_equal(wait[0].unchanged_since_ns, 12);
    assert_string_equal(wait[0].name, "");
    assert_int_equal(wait[1].tid, 4250);
    assert_int_equal(wait[1].os_state, 'S');
    assert_int_equal(wait[1].fd_plus_1, 8);
    assert_string_equal(wait[1].name, "raw");
    assert_string_equal(wait[1].target, "pipe:[12]");
    assert_int_equal(rec->lifetimes.t_ns, 2 * S);
    assert_int_equal(rec->lifetimes.exit_way, SEEP_EXIT_WAY_EXIT);
    assert_int_equal(rec->lifetimes.count, 1);
    assert_int_equal(lifetime->site, 2);
    assert_int_equal(lifetime->created, 7);
    assert_int_equal(lifetime->detached, 1);
    assert_int_equal(lifetime->left, 2);
    assert_int_equal(lifetime->stack_resident_bytes, 12288);
    assert_int_equal(lifetime->buckets[3], 4);
    assert_int_equal(lifetime->buckets[20], 1);
    assert_int_equal(lifetime->buckets[21], 0);
}

static void assert_probe_read(const struct seep_recording *rec)
{
    const struct seep_rec_probe *probe = rec->probes;

    assert_int_equal(rec->probe_count, 1);
    assert_int_equal(probe->tid, 4243);
    assert_int_equal(probe->slot_plus_1, 4);
    assert_int_equal(probe->why, SEEP_PROBE_UNCHANGED);
    assert_int_equal(probe->stop_ns, 21000);
    assert_int_equal(probe->syscall_plus_1, 203);
    assert_true(probe->arguments[0] == 0x7f0000001000);
    assert_int_equal(probe->arguments[5], 6);
    assert_true(probe->object_at == 0x7f0000000ff0);
    assert_int_equal(probe->object_bytes, 10);
    assert_int_equal(probe->object[8], 0x93);
    assert_int_equal(probe->reach, SEEP_REACH_NOBODY);
    assert_int_equal(probe->searches, 3);
    assert_int_equal(probe->scanned_bytes, 1 << 20);
    assert_int_equal(probe->end, SEEP_PROBE_STACK_COMPLETE);
    assert_int_equal(probe->frame_count, 2);
    assert_int_equal(probe->frames[0].offset, 0x30);
    assert_true(probe->frames[0].exact);
    assert_false(probe->frames[1].exact);
}

static void assert_rest_read(const struct seep_recording *rec)
{
    const struct seep_rec_thread *thread = rec->threads;
    const struct seep_rec_child *child = rec->children;
    struct seep_rec_age age;

    assert_int_equal(rec->ages_count, 1);
    assert_int_equal(rec->ages[0].generation_width_ns, S);
    assert_int_equal(rec->ages[0].count, 2);
    assert_true(seep_age_scan_find(&rec->ages[0], 2, &age));
    assert_true(age.generations == UINT64_C(1) << 63);
    assert_int_equal(rec->thread_count, 1);
    assert_int_equal(rec->threads_t_ns, 2 * S);
    assert_int_equal(thread->slot, 3);
    assert_int_equal(thread->start_offset, 0x1180);
    assert_int_equal(thread->stack_bytes, 8 << 20);
    assert_int_equal(thread->involuntary_switches, 11);
    assert_int_equal(thread->unchanged_since_ns, 12);
    assert_int_equal(thread->os_state, 'S');
    assert_string_equal(thread->name, "worker");
    assert_string_equal(thread->wait, "futex");
    assert_int_equal(rec->descriptors.t_ns, 2 * S);
    assert_int_equal(rec->descriptors.open, 3);
    assert_int_equal(rec->descriptors.recorded, 1);
    assert_int_equal(rec->descriptors.inherited, 1);
    assert_int_equal(rec->descriptors.gone, 4);
    assert_int_equal(rec->descriptors.count, 2);
    assert_int_equal(rec->descriptors.rows[0].fd, 0);
    assert_string_equal(rec->descriptors.rows[0].link, "/dev/null");
    assert_int_equal(rec->descriptors.rows[1].fd, 7);
    assert_int_equal(rec->descriptors.rows[1].site, 1);
    assert_int_equal(rec->descriptors.rows[1].acquired_ns, 8);
    assert_int_equal(rec->descriptors.rows[1].flags, SEEP_DESCRIPTOR_RECORDED);
    assert_string_equal(rec->descriptors.rows[1].peer, "127.0.0.1:4000");
    assert_string_equal(rec->descriptors.rows[1].state, "CLOSE_WAIT");
    assert_thread_pictures_read(rec);
    assert_int_equal(rec->child_count, 1);
    assert_string_equal(child->command, "ls -l");
    assert_string_equal(child->file, "");
    assert_int_equal(child->ending_status, 3);
    assert_int_equal(child->threads_released, 7);
    assert_probe_read(rec);
    assert_int_equal(rec->mark_count, 1);
    assert_string_equal(rec->marks[0].text, "warm");
    assert_int_equal(rec->label_count, 1);
    assert_string_equal(rec->labels[0].text, "http request");
    assert_int_equal(rec->labels[0].count, 1000000);
    assert_int_equal(seep_points_at(&rec->labels[0].points, 0).acquired, 0);
    assert_int_equal(seep_points_at(&rec->labels[0].points, 1).acquired, 1000000);
    assert_int_equal(rec->note_count, 1);
    assert_string_equal(rec->notes[0].text, "an option was refused");
    assert_true(rec->ended);
    assert_int_equal(rec->ending_kind, SEEP_ENDING_SIGNALLED);
    assert_int_equal(rec->ending_status, 9);
    assert_int_equal(rec->ended_ns, 3 * S + 1);
    assert_int_equal(rec->peak_live_heap_bytes, 4096);
    assert_int_equal(rec->peak_threads, 2);
    assert_int_equal(rec->snapshots_taken, 3);
    assert_false(rec->truncated);
}

static void all_that_was_written_is_read(void **state)
{
    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        struct seep_forge forge;
        struct seep_recording *rec = NULL;

        seep_sample_forge(&forge, compress != 0);
        rec = seep_sample_open(&forge);
        assert_tables_read(rec);
        assert_snapshots_read(rec);
        assert_rest_read(rec);
        seep_recording_free(rec);
        seep_forge_fini(&forge);
    }
}

static void a_file_of_the_magic_alone_is_an_empty_recording(void **state)
{
    struct seep_forge forge;
    struct seep_recording *rec = NULL;

    (void)state;
    seep_forge_init(&forge);
    rec = seep_sample_open(&forge);
    assert_int_equal(rec->snapshot_count, 0);
    assert_string_equal(rec->program.exe, "");
    assert_int_equal(rec->program.argc, 0);
    assert_false(rec->ended);
    assert_int_equal(rec->ended_ns, 0);
    assert_false(rec->truncated);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

/* Items that each frame adds, so that those of a prefix are the sum over its frames. */
static size_t items_of(const struct seep_recording *rec)
{
    return (rec->program.pid != 0) + (rec->module_count > 1) +
           (rec->subsystem_count > 1) + (rec->node_count > SEEP_NODE_FIRST) +
           (rec->site_count - 1) + rec->snapshot_count + rec->ages_count +
           rec->thread_count + (rec->waits.t_ns != 0) + (rec->lifetimes.t_ns != 0) +
           rec->probe_count + (rec->descriptors.t_ns != 0) + rec->child_count +
           rec->mark_count + rec->label_count + rec->note_count + rec->ended;
}

static void a_file_cut_at_any_byte_gives_every_frame_before(void **state)
{
    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        struct seep_forge forge;
        size_t starts[64];
        size_t frames = 0;
        size_t whole = 0;

        seep_sample_forge(&forge, compress != 0);
        frames = seep_sample_frame_starts(&forge, starts);
        for (size_t len = SEEP_RECORDING_MAGIC_BYTES; len <= forge.file.len_bytes;
             len++) {
            struct seep_recording *rec = NULL;
            struct seep_error error = {0};
            uint8_t *cut = malloc(len); /* of its own, for the address sanitizer */

            memcpy(cut, forge.file.data, len);
            whole += len == starts[whole + 1];
            assert_int_equal(seep_recording_open_bytes("cut", cut, len, &rec, &error), 0);
            assert_true(seep_recording_is_valid(rec));
            assert_int_equal(items_of(rec), whole);
            assert_int_equal(rec->truncated, len != starts[whole]);
            assert_int_equal(rec->truncated_at, rec->truncated ? starts[whole] : 0);
            seep_recording_free(rec);
            free(cut);
        }
        assert_int_equal(whole, frames);
        seep_forge_fini(&forge);
    }
}

static void a_cut_file_on_disk_opens_like_one_in_memory(void **state)
{
    char path[] = "/tmp/seep-test-recording-XXXXXX";
    int fd = mkstemp(path);
    struct seep_recording *rec = NULL;
    struct seep_error error = {0};
    struct seep_forge forge;

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    seep_sample_forge(&forge, true);
    seep_forge_write(&forge, path);
    assert_int_equal(truncate(path, (off_t)forge.file.len_bytes - 3), 0);
    assert_int_equal(seep_recording_open(path, &rec, &error), 0);
    assert_true(rec->truncated);
    assert_false(rec->ended);
    assert_int_equal(rec->ended_ns, 3 * S);
    assert_int_equal(rec->snapshots_taken, 3);
    seep_recording_free(rec);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(seep_recording_open(path, &rec, &error), -ENOENT);
    assert_int_equal(seep_recording_open(path, &rec, NULL), -ENOENT);
    seep_forge_fini(&forge);
}

static void counters_hold_until_the_next_point(void **state)
{
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    struct seep_counters out[5];

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, 0);
    seep_forge_snapshot(&forge, 1 * S, NULL);
    seep_forge_count(&forge, 1, 1, 0, 10, 0);
    seep_forge_snapshot(&forge, 2 * S, NULL);
    seep_forge_snapshot(&forge, 3 * S, NULL);
    seep_forge_count(&forge, 1, 2, 1, 20, 10);
    seep_forge_snapshot(&forge, 4 * S, NULL);
    seep_forge_snapshot(&forge, 5 * S, NULL);
    rec = seep_sample_open(&forge);
    seep_recording_site_counters(rec, 1, out);
    assert_int_equal(out[0].acquired, 0);
    assert_int_equal(out[1].acquired, 1);
    assert_int_equal(out[2].acquired_bytes, 10);
    assert_int_equal(out[3].released, 1);
    assert_int_equal(out[4].released_bytes, 10);
    assert_int_equal(rec->sites[1].points.count, 2);
    seep_recording_site_counters(rec, 1000000, out); /* no such site */
    assert_int_equal(out[0].acquired + out[4].acquired, 0);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void counters_written_again_unchanged_make_no_point(void **state)
{
    static const uint64_t numbers[] = {0, 0, 0, 0, 0, 0,  0, 0, 0,
                                       0, 1, 1, 5, 0, 50, 0, 0};
    struct seep_forge forge;
    struct seep_recording *rec = NULL;

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, 0);
    seep_forge_flush(&forge);
    for (uint64_t t = 1; t <= 100; t++) {
        struct seep_forge_bytes payload = {0};

        seep_forge_put_u(&payload, t);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            seep_forge_put_u(&payload, numbers[i]);
        }
        seep_forge_frame(&forge, SEEP_FRAME_SNAPSHOT, payload.data, payload.len_bytes);
        free(payload.data);
    }
    rec = seep_sample_open(&forge);
    assert_int_equal(rec->snapshot_count, 100);
    assert_int_equal(rec->sites[1].points.count, 1);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void the_newest_thread_table_stands_alone(void **state)
{
    struct seep_rec_thread threads[100] = {{0}};
    struct seep_forge forge;
    const struct seep_recording_store *store = NULL;
    struct seep_recording *rec = NULL;

    (void)state;
    seep_forge_init(&forge);
    for (uint32_t i = 0; i < 100; i++) {
        threads[i].slot = i;
        threads[i].name = (char *)"a thread";
    }
    for (uint64_t t = 1; t <= 50; t++) {
        seep_forge_threads(&forge, t, threads, 100);
    }
    seep_forge_threads(&forge, 51, threads + 7, 2);
    rec = seep_sample_open(&forge);
    assert_int_equal(rec->thread_count, 2);
    assert_int_equal(rec->threads_t_ns, 51);
    assert_int_equal(rec->threads[0].slot, 7);
    assert_string_equal(rec->threads[1].name, "a thread");
    store = rec->arena;
    assert_true(store->threads.taken_bytes <= 32 << 10); /* not 50 tables' */
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void the_newest_samples_and_peak_speak(void **state)
{
    /* one byte each, as all numbers are small */
    static const uint8_t samples[] = {10, 64, 2, 1, 5, 100, 60, 1, 6, 90, 50};
    static const uint8_t newer[] = {20, 64, 1, 2, 7, 80, 40};
    static const uint8_t peak[] = {11, 9, 100, 1, 1, 9, 100};
    static const uint8_t higher[] = {21, 12, 120, 2, 2, 10, 70, 1, 2, 50};
    struct seep_forge forge;
    struct seep_recording *rec = NULL;

    (void)state;
    seep_forge_init(&forge);
    (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, 0);
    (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, 0);
    seep_forge_snapshot(&forge, 10, NULL);
    seep_forge_frame(&forge, SEEP_FRAME_SAMPLES, samples, sizeof(samples));
    seep_forge_frame(&forge, SEEP_FRAME_PEAK, peak, sizeof(peak));
    seep_forge_frame(&forge, SEEP_FRAME_SAMPLES, newer, sizeof(newer));
    seep_forge_frame(&forge, SEEP_FRAME_PEAK, higher, sizeof(higher));
    rec = seep_sample_open(&forge);
    assert_int_equal(rec->sample_bytes, 64);
    assert_int_equal(rec->sites[1].samples, 5); /* not listed again: kept */
    assert_int_equal(rec->sites[1].bytes_spread, 60);
    assert_int_equal(rec->sites[2].samples, 7);
    assert_int_equal(rec->sites[2].live_spread, 80);
    assert_int_equal(rec->peak.t_ns, 21);
    assert_int_equal(rec->peak.live_bytes, 120);
    assert_int_equal(rec->peak.count, 2);
    assert_int_equal(rec->peak.holders[0].site, 2);
    assert_int_equal(rec->peak.holders[1].live_bytes, 50);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void a_stack_is_read_from_leaf_to_root(void **state)
{
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    uint32_t nodes[8];
    uint32_t root = 0;

    (void)state;
    seep_sample_forge(&forge, false);
    rec = seep_sample_open(&forge);
    assert_int_equal(seep_recording_stack(rec, 1, nodes, 8, &root), 3);
    assert_int_equal(rec->nodes[nodes[0]].offset, 0x10);
    assert_int_equal(rec->nodes[nodes[1]].offset, 0x20);
    assert_int_equal(rec->nodes[nodes[2]].offset, 0x30);
    assert_int_equal(root, SEEP_NODE_COMPLETE);
    root = 0;
    assert_int_equal(seep_recording_stack(rec, 1, nodes, 2, &root), 2);
    assert_int_equal(root, SEEP_NODE_COMPLETE);
    assert_int_equal(seep_recording_stack(rec, 99, nodes, 8, &root), 0);
    assert_int_equal(root, SEEP_NODE_UNKNOWN);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void the_deepest_stack_of_the_shim_is_whole(void **state)
{
    static uint64_t offsets[SEEP_STACK_MAX_FRAMES];
    static uint32_t nodes[SEEP_STACK_MAX_FRAMES];
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    uint32_t root = 0;

    (void)state;
    for (uint64_t i = 0; i < SEEP_STACK_MAX_FRAMES; i++) {
        offsets[i] = i + 1;
    }
    seep_forge_init(&forge);
    (void)seep_forge_site(&forge,
                          seep_forge_stack(&forge, 0, offsets, SEEP_STACK_MAX_FRAMES), 0,
                          SEEP_KIND_HEAP, 0);
    rec = seep_sample_open(&forge);
    assert_int_equal(seep_recording_stack(rec, 1, nodes, SEEP_STACK_MAX_FRAMES, &root),
                     SEEP_STACK_MAX_FRAMES);
    assert_int_equal(root, SEEP_NODE_COMPLETE);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

static void many_sites_cost_what_changes(void **state)
{
    enum { SITES = 20000, SNAPSHOTS = 200 };
    struct seep_forge forge;
    struct seep_recording *rec = NULL;
    size_t points = 0;

    (void)state;
    seep_forge_init(&forge);
    forge.compress = true;
    for (uint32_t i = 1; i <= SITES; i++) {
        (void)seep_forge_site(&forge, 1, 0, SEEP_KIND_HEAP, i);
        seep_forge_count(&forge, i, 1, 0, i, 0);
    }
    for (uint64_t t = 1; t <= SNAPSHOTS; t++) {
        seep_forge_count(&forge, (uint32_t)t, t + 1, 0, 1000 * t, 0);
        seep_forge_snapshot(&forge, t, NULL);
    }
    rec = seep_sample_open(&forge);
    for (size_t i = 0; i < rec->site_count; i++) {
        points += rec->sites[i].points.count;
    }
    assert_int_equal(points, SITES + SNAPSHOTS - 1);
    seep_recording_free(rec);
    seep_forge_fini(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_was_written_is_read),
        cmocka_unit_test(a_file_of_the_magic_alone_is_an_empty_recording),
        cmocka_unit_test(a_file_cut_at_any_byte_gives_every_frame_before),
        cmocka_unit_test(a_cut_file_on_disk_opens_like_one_in_memory),
        cmocka_unit_test(counters_hold_until_the_next_point),
        cmocka_unit_test(counters_written_again_unchanged_make_no_point),
        cmocka_unit_test(the_newest_thread_table_stands_alone),
        cmocka_unit_test(the_newest_samples_and_peak_speak),
        cmocka_unit_test(a_stack_is_read_from_leaf_to_root),
        cmocka_unit_test(the_deepest_stack_of_the_shim_is_whole),
        cmocka_unit_test(many_sites_cost_what_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
