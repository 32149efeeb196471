/* A whole session over a segment made by hand: what the recording says is what the
 * segment held; and segments that lie.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/session.h"
#include "load/recording.h"
#include "seep/live_entry.h"
#include "seep/segment_layout.h"
#include "segment_forge.h"

#define HEAP_AT UINT64_C(0x555500000000)
enum { HOSTILE_SECONDS = 3, LARGE_EVERY = 16, PATIENCE_ROUNDS = 12 };

static const struct seep_process_end ended = {SEEP_ENDING_EXITED, 4};

struct scene {
    char path[64];
    struct segment_forge forge;
    struct seep_scratch scratch;
    struct seep_session session;
};

static void open_record(struct scene *scene)
{
    struct seep_record_options options = {.dir_fd = AT_FDCWD,
                                          .snapshots_max = SEEP_SNAPSHOTS_MAX,
                                          .bytes_max = SEEP_RECORDING_MAX_BYTES};
    struct seep_session_source source = {dup(scene->forge.fd), -1, (uint32_t)getpid(),
                                         false};
    const struct seep_collect_options how = seep_options_default();

    assert_int_equal(seep_session_open(&scene->session, &source, &how, NULL), 0);
    assert_int_equal(seep_record_open(&scene->session.record, scene->path, &options,
                                      &scene->scratch.coder, NULL),
                     0);
}

static void set_up(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    snprintf(scene->path, sizeof(scene->path), "/tmp/seep-session-%d.seep",
             (int)getpid());
    unlink(scene->path); /* of a test that was killed */
    segment_forge_open(&scene->forge, 5, 4);
    assert_int_equal(seep_scratch_init(&scene->scratch), 0);
}

static void tear_down(struct scene *scene)
{
    seep_session_close(&scene->session, false);
    seep_scratch_fini(&scene->scratch);
    segment_forge_close(&scene->forge);
}

/* What a scan lists, by order. */
static struct seep_rec_age age_at(const struct seep_recording *recording, size_t scan,
                                  size_t index)
{
    struct seep_age_cursor at = seep_age_scan_start(&recording->ages[scan]);

    for (size_t i = 0; i <= index; i++) {
        assert_true(seep_age_scan_next(&at));
    }
    return at.now;
}

static struct seep_recording *load(const struct scene *scene)
{
    struct seep_recording *recording = NULL;
    struct seep_error error = {0};

    if (seep_recording_open(scene->path, &recording, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return recording;
}

static void a_recording_says_what_the_segment_held(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);

    uint32_t module = segment_forge_module(&scene.forge, "/lib/x.so");
    uint32_t outer = segment_forge_node(&scene.forge, SEEP_NODE_COMPLETE, module, 0x10);
    uint32_t inner = segment_forge_node(&scene.forge, outer, module, 0x20);
    uint32_t heap = segment_forge_site(&scene.forge, inner, SEEP_KIND_HEAP);
    uint32_t slot = segment_forge_thread(&scene.forge, 0, 0, 8 << 20);

    segment_forge_counters(&scene.forge, 0, heap)->acquired = 2;
    segment_forge_counters(&scene.forge, 0, heap)->acquired_bytes = 30;
    segment_forge_block(&scene.forge, HEAP_AT, heap, 10, 0);
    segment_forge_block(&scene.forge, HEAP_AT + 32, heap, 20, 0);
    segment_forge_mark(&scene.forge, 5, "warm");
    open_record(&scene);
    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);

    uint32_t thread = segment_forge_site(&scene.forge, outer, SEEP_KIND_THREAD);

    (void)segment_forge_subsystem(&scene.forge, "websocket");
    segment_forge_counters(&scene.forge, 130, heap)->released = 1;
    segment_forge_counters(&scene.forge, 130, heap)->released_bytes = 10;
    *segment_forge_entry(&scene.forge, HEAP_AT) = 0;
    segment_forge_counters(&scene.forge, 1, thread)->acquired = 1;
    *segment_forge_entry(&scene.forge, HEAP_AT + 4096) = seep_live_pack(thread, slot, 0);
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);

    recording = load(&scene);
    assert_int_equal(recording->snapshot_count, 2);
    assert_true(recording->snapshots[0].rss_bytes > 0);
    assert_int_equal(recording->snapshots[1].rss_bytes, 0);
    assert_int_equal(recording->program.argc, 2);
    assert_string_equal(recording->program.argv[1], "--now");
    assert_string_equal(recording->modules[module].path, "/lib/x.so");
    assert_int_equal(recording->modules[module].build_id[0], 0xab);
    assert_string_equal(recording->subsystems[1], "websocket");
    assert_int_equal(recording->nodes[inner].parent, outer);
    assert_int_equal(recording->nodes[inner].offset, 0x20);
    assert_int_equal(recording->sites[heap].node, inner);
    assert_int_equal(recording->sites[heap].points.count, 2);
    assert_int_equal(seep_points_at(&recording->sites[heap].points, 0).acquired, 2);
    assert_int_equal(recording->sites[heap].points.last.released_bytes, 10);
    assert_int_equal(recording->sites[thread].points.count, 1);
    assert_int_equal(recording->mark_count, 1);
    assert_string_equal(recording->marks[0].text, "warm");
    assert_int_equal(age_at(recording, 0, 0).live, 2);
    assert_int_equal(age_at(recording, recording->ages_count - 1, 0).live, 1);
    assert_int_equal(age_at(recording, recording->ages_count - 1, 1).live_bytes, 8 << 20);
    assert_int_equal(recording->thread_count, 1);
    assert_int_equal(recording->ending_status, 4);
    assert_int_equal(recording->snapshots_taken, 2);
    assert_int_equal(recording->peak_live_heap_bytes, 30);
    seep_recording_free(recording);
    tear_down(&scene);
}

/* Frames of a type in the file so far. */
static int frames_of(const struct scene *scene, enum seep_frame type)
{
    int fd = open(scene->path, O_RDONLY | O_CLOEXEC);
    uint64_t at = SEEP_RECORDING_MAGIC_BYTES;
    struct seep_buf frame = {0};
    int count = 0;

    assert_true(fd >= 0);
    while (seep_frame_read(fd, at, (uint64_t)lseek(fd, 0, SEEK_END), &frame) == 0) {
        count += seep_frame_header_of(frame.data).type == type;
        at += frame.len_bytes;
    }
    seep_buf_fini(&frame);
    close(fd);
    return count;
}

static void lifetimes_are_written_when_they_changed(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);

    uint32_t node = segment_forge_node(&scene.forge, SEEP_NODE_COMPLETE, 0, 0x10);
    uint32_t site = segment_forge_site(&scene.forge, node, SEEP_KIND_THREAD);
    struct seep_lifetime *entry = (void *)(scene.forge.map + SEEP_AT_LIFETIMES);

    open_record(&scene);
    for (int i = 0; i < 6; i++) {
        if (i == 2) {
            *entry = (struct seep_lifetime){.site = site, .created = 3};
        } else if (i == 4) {
            entry->ended = 2;
        }
        /* due however long the looks have taken */
        scene.session.looks_not_before_ns = scene.session.threads_not_before_ns = 0;
        assert_int_equal(
            seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
        assert_int_equal(frames_of(&scene, SEEP_FRAME_LIFETIMES), i < 2 ? 0 : i / 2);
        assert_int_equal(frames_of(&scene, SEEP_FRAME_THREADS), i + 1);
    }
    scene.forge.header->exit_noted = SEEP_EXIT_WAY_EXIT;
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);
    recording = load(&scene);
    assert_int_equal(recording->lifetimes.count, 1);
    assert_int_equal(recording->lifetimes.rows[0].created, 3);
    assert_int_equal(recording->lifetimes.rows[0].ended, 2);
    assert_int_equal(recording->lifetimes.exit_way, SEEP_EXIT_WAY_EXIT);
    seep_recording_free(recording);
    tear_down(&scene);
}

/* The session's process is this one: what it has open is what /proc shows. */
static void holdings_are_in_the_ages_and_descriptors_in_a_table(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);

    uint32_t node = segment_forge_node(&scene.forge, SEEP_NODE_COMPLETE, 0, 0x10);
    uint32_t fd_site = segment_forge_site(&scene.forge, node, SEEP_KIND_FD);
    uint32_t timer = segment_forge_site(&scene.forge, node, SEEP_KIND_TIMER);
    uint32_t mapping = segment_forge_site(&scene.forge, node, SEEP_KIND_MAPPING);

    open_record(&scene);

    int open_fd = open("/dev/zero", O_RDONLY);

    segment_forge_holding(&scene.forge, SEEP_AT_FDS, (uint32_t)open_fd, fd_site, 0, 7);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, 900, fd_site, 0, 8); /* gone */
    segment_forge_holding(&scene.forge, SEEP_AT_TIMERS, 0, timer, 0, 9);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 0, mapping, 8192, 10);
    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
    close(open_fd);
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);

    recording = load(&scene);
    assert_int_equal(recording->ages[0].count, 3);
    assert_int_equal(age_at(recording, 0, 0).site, fd_site);
    assert_int_equal(age_at(recording, 0, 0).live, 1);
    assert_int_equal(age_at(recording, 0, 0).oldest_birth_ns, 7);
    assert_int_equal(age_at(recording, 0, 1).site, timer);
    assert_int_equal(age_at(recording, 0, 2).live_bytes, 8192);
    /* At the end nobody can be asked: the shim's table speaks, and the list stays. */
    assert_int_equal(age_at(recording, 1, 0).live, 2);
    assert_int_equal(recording->descriptors.t_ns, recording->snapshots[0].t_ns);
    assert_int_equal(recording->descriptors.recorded, 1);
    assert_int_equal(recording->descriptors.gone, 1);
    for (size_t i = 0; i < recording->descriptors.count; i++) {
        const struct seep_rec_descriptor *row = &recording->descriptors.rows[i];

        if (row->fd == (uint32_t)open_fd) {
            assert_int_equal(row->site, fd_site);
            assert_string_equal(row->link, "/dev/zero");
        }
        assert_int_equal(row->flags == SEEP_DESCRIPTOR_RECORDED,
                         row->fd == (uint32_t)open_fd);
    }
    seep_recording_free(recording);
    tear_down(&scene);
}

/* Written when declared, and again when declared otherwise; not otherwise. */
static void the_newest_limit_of_a_container_counts(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);
    open_record(&scene);

    uint32_t plain = segment_forge_subsystem(&scene.forge, "log");
    uint32_t ring = segment_forge_subsystem(&scene.forge, "log");

    segment_forge_limit(&scene.forge, ring, 50, "ring");
    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);

    const uint64_t *written = &scene.session.record.tally.type_bytes[SEEP_FRAME_LIMITS];
    uint64_t bytes = *written;

    assert_true(bytes > 0);
    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
    assert_int_equal(*written, bytes);
    segment_forge_limit(&scene.forge, ring, 80, "ring");
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);
    assert_true(*written > bytes);

    recording = load(&scene);
    assert_int_equal(recording->limit_count, 2);
    assert_int_equal(recording->limits[1].subsystem, ring);
    assert_int_not_equal(recording->limits[1].subsystem, plain);
    assert_int_equal(recording->limits[1].most, 80);
    assert_string_equal(recording->limits[1].container, "ring");
    seep_recording_free(recording);
    tear_down(&scene);
}

/* S1: a node that was claimed and not yet written holds back what follows, for a while.
 */
/* Rows in the order of first sight, whole in each frame, and none when nothing changed.
 */
static void marks_are_counted_up_to_each_snapshot(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);
    open_record(&scene);
    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
    segment_forge_mark_label(&scene.forge, 200, "http request", 5000);
    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);

    uint64_t bytes = scene.session.record.tally.type_bytes[SEEP_FRAME_MARK_COUNTS];

    assert_int_equal(
        seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
    assert_int_equal(scene.session.record.tally.type_bytes[SEEP_FRAME_MARK_COUNTS],
                     bytes);
    segment_forge_mark_label(&scene.forge, 3, "reconnect", 2);
    segment_forge_mark_label(&scene.forge, 200, "http request", 1000000);
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);

    recording = load(&scene);
    assert_int_equal(recording->snapshot_count, 4);
    assert_int_equal(recording->label_count, 2);
    assert_string_equal(recording->labels[0].text, "http request");
    assert_int_equal(seep_points_at(&recording->labels[0].points, 0).acquired, 0);
    assert_int_equal(seep_points_at(&recording->labels[0].points, 2).acquired, 5000);
    assert_int_equal(recording->labels[0].count, 1000000);
    assert_int_equal(recording->labels[0].points.count, 2);
    assert_string_equal(recording->labels[1].text, "reconnect");
    assert_int_equal(recording->labels[1].points.last_snapshot, 3);
    assert_int_equal(recording->labels[1].points.last.acquired, 2);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void an_unfinished_node_is_waited_for_and_then_passed(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);

    uint32_t unfinished = segment_forge_node(&scene.forge, SEEP_NODE_NONE, 0, 0);
    uint32_t after = segment_forge_node(&scene.forge, SEEP_NODE_COMPLETE, 0, 0x99);
    uint32_t site = segment_forge_site(&scene.forge, after, SEEP_KIND_HEAP);

    open_record(&scene);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
        assert_int_equal(scene.session.tables.nodes, unfinished);
        assert_int_equal(scene.session.tables.sites, site);
    }
    for (int i = 0; i < PATIENCE_ROUNDS; i++) {
        assert_int_equal(
            seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
    }
    assert_int_equal(scene.session.tables.nodes, after + 1);
    assert_int_equal(scene.session.tables.sites, site + 1);
    tear_down(&scene);
}

static void at_rest_an_unfinished_node_holds_back_nothing(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);
    (void)segment_forge_node(&scene.forge, SEEP_NODE_NONE, 0, 0);

    uint32_t after = segment_forge_node(&scene.forge, SEEP_NODE_COMPLETE, 0, 0x99);
    uint32_t site = segment_forge_site(&scene.forge, after, SEEP_KIND_HEAP);

    segment_forge_counters(&scene.forge, 3, site)->acquired = 8;
    open_record(&scene);
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);
    recording = load(&scene);
    assert_int_equal(seep_points_at(&recording->sites[site].points, 0).acquired, 8);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void the_off_reason_becomes_a_note_once(void **state)
{
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    set_up(&scene);
    open_record(&scene);
    scene.forge.header->state = SEEP_SEGMENT_OFF;
    scene.forge.header->off_reason = SEEP_OFF_ADDRESS_SPACE;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK), 0);
    }
    recording = load(&scene);
    assert_int_equal(recording->note_count, 1);
    assert_non_null(strstr(recording->notes[0].text, "RLIMIT_AS"));
    seep_recording_free(recording);
    tear_down(&scene);
}

/* More stacks and sites than the file has room for: the bound holds, and what is missing
 * is counted. */
static void more_sites_than_the_file_can_hold_are_counted(void **state)
{
    enum { SITES = 20000, FRAMES = 4, ROOM_BYTES = 256 << 10 };
    struct scene scene;
    struct seep_recording *recording = NULL;
    uint64_t acquired = 0;
    size_t stacks_cut = 0;

    (void)state;
    set_up(&scene);
    srandom(20260102);
    open_record(&scene);
    scene.session.record.options.bytes_max = ROOM_BYTES;
    for (uint32_t i = 0; i < SITES; i++) {
        uint32_t node = SEEP_NODE_COMPLETE;

        for (int frame = 0; frame < FRAMES; frame++) {
            node = segment_forge_node(&scene.forge, node, 0, (uint64_t)random() << 16);
        }
        segment_forge_counters(&scene.forge, 0,
                               segment_forge_site(&scene.forge, node, SEEP_KIND_HEAP))
            ->acquired = i;
        if (i % 1000 == 0) {
            assert_int_equal(
                seep_session_snapshot(&scene.session, &scene.scratch, SEEP_MOMENT_TICK),
                0);
        }
    }
    assert_int_equal(seep_session_end(&scene.session, &scene.scratch, &ended), 0);
    assert_true(scene.session.record.tally.bytes <= ROOM_BYTES);
    recording = load(&scene);
    assert_true(recording->ended);
    for (size_t i = 1; i < recording->site_count; i++) {
        const struct seep_rec_site *site = &recording->sites[i];

        stacks_cut += site->node == SEEP_NODE_UNKNOWN;
        if (site->points.count > 0) {
            acquired += site->points.last.acquired;
        }
    }
    assert_true(stacks_cut > 0 && recording->site_count < SITES);
    assert_int_equal(recording->lost[SEEP_LOSS_NODES_FULL], stacks_cut);
    assert_int_equal(recording->lost[SEEP_LOSS_SITES_FULL] + acquired,
                     (uint64_t)SITES * (SITES - 1) / 2);
    seep_recording_free(recording);
    tear_down(&scene);
}

static void totals_need_no_recording(void **state)
{
    struct scene scene;
    struct seep_child_facts facts = {0};

    (void)state;
    set_up(&scene);

    uint32_t heap = segment_forge_site(&scene.forge, SEEP_NODE_UNKNOWN, SEEP_KIND_HEAP);
    uint32_t thread =
        segment_forge_site(&scene.forge, SEEP_NODE_UNKNOWN, SEEP_KIND_THREAD);

    *segment_forge_counters(&scene.forge, 2, heap) =
        (struct seep_counters){5, 2, 500, 200};
    *segment_forge_counters(&scene.forge, 3, thread) = (struct seep_counters){7, 6, 0, 0};
    open_record(&scene);
    assert_int_equal(seep_session_totals(&scene.session, &scene.scratch, &facts), 0);
    assert_int_equal(facts.heap_acquired, 5);
    assert_int_equal(facts.heap_released, 2);
    assert_int_equal(facts.heap_live_bytes, 300);
    assert_int_equal(facts.threads_acquired, 7);
    assert_int_equal(facts.threads_released, 6);
    tear_down(&scene);
}

/* Scribbles over the parts that the collector reads; seldom over what it checks once. */
static void mutate(struct segment_forge *forge, int round)
{
    static const uint64_t places[] = {
        offsetof(struct seep_segment_header, node_count),
        SEEP_AT_MODULES,
        SEEP_AT_SUBSYSTEMS,
        SEEP_AT_MARKS,
        SEEP_AT_MARK_LABELS,
        offsetof(struct seep_segment_header, mark_label_count),
        SEEP_AT_THREADS,
        SEEP_AT_LIFETIMES,
        SEEP_AT_NODES,
        SEEP_AT_SITES,
        SEEP_AT_SHARDS,
        SEEP_AT_SHARDS + 70 * SEEP_SHARD_BYTES,
        SEEP_AT_TOP,
        SEEP_AT_LEAVES};
    static const uint32_t extremes[] = {0, 1, 17, 4096, 70000, 0x7fffffff, 0xffffffff};

    for (int i = 0; i < 400; i++) {
        uint64_t at = places[(size_t)random() % (sizeof(places) / sizeof(places[0]))];
        uint32_t value = random() % 3 == 0 ? extremes[random() % 7] : (uint32_t)random();

        at += (uint64_t)random() % 4096 / 4 * 4;
        memcpy(forge->map + at, &value, sizeof(value));
    }
    /* Large counts cost time (a second with a sanitizer), not safety: now and then, and
     * not at first, is enough. */
    if (round % LARGE_EVERY != LARGE_EVERY - 1) {
        forge->header->node_count %= 3000;
        forge->header->site_count %= 3000;
        forge->header->thread_count %= 200;
        forge->header->module_count %= 50;
    }
}

static void hostile_segments_neither_crash_nor_hang_nor_spoil_the_recording(void **state)
{
    time_t end = time(NULL) + HOSTILE_SECONDS;
    int round = 0;

    (void)state;
    srandom(20260101);
    alarm(60);
    while (time(NULL) < end) {
        struct scene scene;

        set_up(&scene);
        (void)segment_forge_entry(&scene.forge, HEAP_AT);
        open_record(&scene);
        for (int i = 0; i < 4; i++) {
            mutate(&scene.forge, round);
            (void)seep_session_snapshot(&scene.session, &scene.scratch,
                                        i == 2 ? SEEP_MOMENT_LAST : SEEP_MOMENT_TICK);
        }
        (void)seep_session_end(&scene.session, &scene.scratch, &ended);
        seep_recording_free(load(&scene));
        tear_down(&scene);
        round++;
    }
    alarm(0);
    assert_true(round > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_says_what_the_segment_held),
        cmocka_unit_test(lifetimes_are_written_when_they_changed),
        cmocka_unit_test(marks_are_counted_up_to_each_snapshot),
        cmocka_unit_test(the_newest_limit_of_a_container_counts),
        cmocka_unit_test(holdings_are_in_the_ages_and_descriptors_in_a_table),
        cmocka_unit_test(an_unfinished_node_is_waited_for_and_then_passed),
        cmocka_unit_test(at_rest_an_unfinished_node_holds_back_nothing),
        cmocka_unit_test(the_off_reason_becomes_a_note_once),
        cmocka_unit_test(more_sites_than_the_file_can_hold_are_counted),
        cmocka_unit_test(totals_need_no_recording),
        cmocka_unit_test(hostile_segments_neither_crash_nor_hang_nor_spoil_the_recording),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
