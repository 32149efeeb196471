/* Thinning: bounded for ever, and what stays says what it said.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/payload.h"
#include "collect/record_write.h"
#include "load/recording.h"

enum { SITES = 6 };

struct scene {
    char path[64];
    struct seep_record record;
    struct seep_frame_coder coder;
    struct seep_buf payload;
    struct seep_counters before[SITES], now[SITES];
    uint32_t sites; /* in the recording's tables */
};

/* The truth: site s changes at every s-th snapshot. */
static struct seep_counters truth(uint32_t site, uint64_t snapshot)
{
    uint64_t steps = snapshot / site;

    return (struct seep_counters){steps, steps / 2, steps * 100, steps / 2 * 100};
}

static void put(struct scene *scene, enum seep_frame type)
{
    int err = seep_record_put(&scene->record, type, &scene->payload);

    assert_int_equal(err, 0);
    seep_buf_reset(&scene->payload);
}

static void open_scene(struct scene *scene, uint32_t snapshots_max, uint64_t bytes_max)
{
    static const struct seep_program_facts facts = {.pid = 7,
                                                    .cmdline = "a",
                                                    .cmdline_bytes = 2,
                                                    .exe = "/bin/a",
                                                    .cwd = "/",
                                                    .host = "h"};
    struct seep_record_options options = {
        .dir_fd = AT_FDCWD, .snapshots_max = snapshots_max, .bytes_max = bytes_max};

    memset(scene, 0, sizeof(*scene));
    snprintf(scene->path, sizeof(scene->path), "/tmp/seep-thin-%d.seep", (int)getpid());
    unlink(scene->path); /* of a test that was killed */
    assert_int_equal(seep_frame_coder_init(&scene->coder), 0);
    assert_int_equal(
        seep_record_open(&scene->record, scene->path, &options, &scene->coder, NULL), 0);
    seep_payload_program(&scene->payload, &facts);
    put(scene, SEEP_FRAME_PROGRAM);
}

static void close_scene(struct scene *scene)
{
    seep_record_close(&scene->record, false);
    seep_frame_coder_fini(&scene->coder);
    seep_buf_fini(&scene->payload);
}

/* A site's table entry, its node's, and now and then a note, ages and a thread table. */
static void put_company(struct scene *scene, uint64_t snapshot)
{
    static const struct seep_thread thread = {.state = SEEP_THREAD_USED};
    static const struct seep_thread_figures figures;
    struct seep_age ages[SITES] = {{0}};

    if (scene->sites < SITES && snapshot >= scene->sites * 3) {
        struct seep_node node = {.parent = 1, .offset = snapshot};
        struct seep_site site = {.node = scene->sites, .kind = SEEP_KIND_HEAP};

        seep_payload_piece(&scene->payload, scene->sites, 1);
        seep_payload_node(&scene->payload, &node);
        put(scene, SEEP_FRAME_NODES);
        seep_payload_piece(&scene->payload, scene->sites, 1);
        seep_payload_site(&scene->payload, &site);
        put(scene, SEEP_FRAME_SITES);
        scene->sites++;
    }
    if (snapshot % 7 == 0) {
        ages[1].live = snapshot;
        seep_payload_ages(&scene->payload, snapshot, 64, ages, 2);
        put(scene, SEEP_FRAME_AGES);
        seep_buf_put_varint(&scene->payload, snapshot);
        seep_buf_put_varint(&scene->payload, 1);
        seep_payload_thread(&scene->payload, (uint32_t)snapshot, &thread, &figures);
        put(scene, SEEP_FRAME_THREADS);
    }
    if (snapshot % 10000 == 1) {
        seep_payload_text(&scene->payload, snapshot, "note", 4);
        put(scene, SEEP_FRAME_NOTE);
    }
}

/* The truth of marks: each third snapshot, and from the tenth on each fourth. */
static uint64_t requests(uint64_t snapshot)
{
    return snapshot / 3 * 100;
}

static uint64_t reconnects(uint64_t snapshot)
{
    return snapshot >= 10 ? snapshot / 4 : 0;
}

static void put_mark_counts(struct scene *scene, uint64_t snapshot)
{
    if (snapshot > 1 && requests(snapshot) == requests(snapshot - 1) &&
        reconnects(snapshot) == reconnects(snapshot - 1)) {
        return;
    }
    seep_buf_put_varint(&scene->payload, snapshot);
    seep_buf_put_varint(&scene->payload, snapshot >= 10 ? 2 : 1);
    seep_buf_put_string(&scene->payload, "request");
    seep_buf_put_varint(&scene->payload, requests(snapshot));
    if (snapshot >= 10) {
        seep_buf_put_string(&scene->payload, "reconnect");
        seep_buf_put_varint(&scene->payload, reconnects(snapshot));
    }
    put(scene, SEEP_FRAME_MARK_COUNTS);
}

static void check_mark_counts(const struct seep_recording *recording)
{
    for (size_t i = 0; i < recording->snapshot_count; i++) {
        uint64_t snapshot = recording->snapshots[i].t_ns;

        assert_int_equal(seep_points_at(&recording->labels[0].points, i).acquired,
                         requests(snapshot));
        assert_int_equal(recording->label_count > 1
                             ? seep_points_at(&recording->labels[1].points, i).acquired
                             : 0,
                         reconnects(snapshot));
    }
}

static void put_snapshot(struct scene *scene, uint64_t snapshot)
{
    struct seep_process_figures process = {.rss_bytes = snapshot * 3};
    uint64_t lost[SEEP_LOSS_MAX] = {[SEEP_LOSS_NESTED] = snapshot};
    struct seep_counters_change change = {scene->before, scene->now, scene->sites};

    for (uint32_t site = 1; site < scene->sites; site++) {
        scene->now[site] = truth(site, snapshot);
    }
    seep_payload_snapshot(&scene->payload, snapshot, &process, &change, lost);
    put(scene, SEEP_FRAME_SNAPSHOT);
    memcpy(scene->before, scene->now, sizeof(scene->now));
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

/* Every snapshot that is left says exactly what it said when it was written. */
static void check(const struct seep_recording *recording, uint64_t snapshots,
                  uint32_t max)
{
    struct seep_counters *values = calloc(recording->snapshot_count, sizeof(*values));
    uint64_t covered = 0;

    assert_true(recording->snapshot_count <= max);
    assert_true(recording->snapshot_count >= (snapshots < max / 2 ? snapshots : max / 2));
    for (uint32_t site = 1; site < recording->site_count; site++) {
        seep_recording_site_counters(recording, site, values);
        for (size_t i = 0; i < recording->snapshot_count; i++) {
            struct seep_counters expected = truth(site, recording->snapshots[i].t_ns);

            if (recording->snapshots[i].t_ns > SITES * 3) { /* all sites are known */
                assert_memory_equal(&values[i], &expected, sizeof(expected));
            }
        }
    }
    for (size_t i = 0; i < recording->snapshot_count; i++) {
        covered += 1 + recording->snapshots[i].merged;
        assert_int_equal(recording->snapshots[i].rss_bytes,
                         recording->snapshots[i].t_ns * 3);
    }
    assert_int_equal(covered, snapshots);
    assert_int_equal(recording->snapshots[0].t_ns, 1);
    assert_int_equal(recording->snapshots[recording->snapshot_count - 1].t_ns, snapshots);
    assert_int_equal(recording->lost[SEEP_LOSS_NESTED], snapshots);
    free(values);
}

static void snapshots_that_stay_keep_their_values_at_every_length_of_run(void **state)
{
    struct scene scene;

    (void)state;
    open_scene(&scene, 16, SEEP_RECORDING_MAX_BYTES);
    for (uint64_t i = 1; i <= 300; i++) {
        struct seep_recording *recording = NULL;

        put_company(&scene, i);
        put_mark_counts(&scene, i);
        put_snapshot(&scene, i);
        recording = load(&scene);
        check(recording, i, 16);
        check_mark_counts(recording);
        seep_recording_free(recording);
    }
    close_scene(&scene);
}

static void a_hundred_thousand_snapshots_stay_bounded(void **state)
{
    struct scene scene;
    struct stat status;
    struct seep_recording *recording = NULL;

    (void)state;
    open_scene(&scene, SEEP_SNAPSHOTS_MAX, SEEP_RECORDING_MAX_BYTES);
    for (uint64_t i = 1; i <= 100000; i++) {
        put_company(&scene, i);
        put_snapshot(&scene, i);
    }
    assert_int_equal(stat(scene.path, &status), 0);
    assert_int_equal(status.st_size, scene.record.tally.bytes);
    assert_true(status.st_size < 2 << 20);
    recording = load(&scene);
    check(recording, 100000, SEEP_SNAPSHOTS_MAX);
    assert_int_equal(recording->note_count, 10);
    assert_int_equal(recording->threads_t_ns, 99995);
    assert_int_equal(recording->ages[recording->ages_count - 1].t_ns, 99995);
    assert_int_equal(scene.record.snapshots_merged, 100000 - recording->snapshot_count);
    seep_recording_free(recording);
    close_scene(&scene);
}

static void the_bound_in_bytes_holds_too(void **state)
{
    enum { BYTES_MAX = 20000 };
    struct scene scene;
    struct seep_recording *recording = NULL;

    (void)state;
    open_scene(&scene, SEEP_SNAPSHOTS_MAX, BYTES_MAX);
    for (uint64_t i = 1; i <= 5000; i++) {
        struct stat status;

        put_company(&scene, i);
        put_snapshot(&scene, i);
        assert_int_equal(stat(scene.path, &status), 0);
        assert_true(status.st_size <= BYTES_MAX);
    }
    recording = load(&scene);
    assert_true(recording->snapshot_count > 16);
    assert_int_equal(recording->snapshots[recording->snapshot_count - 1].t_ns, 5000);
    seep_recording_free(recording);
    close_scene(&scene);
}

static void a_snapshot_that_can_never_fit_is_refused_and_counted(void **state)
{
    enum { MANY = 20000 };
    struct seep_counters *none = calloc(MANY, sizeof(*none));
    struct seep_counters *noise = calloc(MANY, sizeof(*noise));
    struct seep_counters_change change = {none, noise, MANY};
    struct seep_process_figures process = {0};
    uint64_t lost[SEEP_LOSS_MAX] = {0};
    struct scene scene;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        noise[i].acquired = (uint64_t)random() << 31 | (uint64_t)random();
    }
    open_scene(&scene, SEEP_SNAPSHOTS_MAX, 50000);
    put_snapshot(&scene, 1);
    seep_payload_snapshot(&scene.payload, 2, &process, &change, lost);
    assert_int_equal(seep_record_put(&scene.record, SEEP_FRAME_SNAPSHOT, &scene.payload),
                     -ENOSPC);
    assert_int_equal(scene.record.snapshots_dropped, 1);
    seep_buf_reset(&scene.payload);
    put_snapshot(&scene, 3);
    seep_recording_free(load(&scene));
    close_scene(&scene);
    free(none);
    free(noise);
}

static void
a_file_changed_by_somebody_else_stops_the_thinning_not_the_recording(void **state)
{
    struct scene scene;
    int fd = -1;

    (void)state;
    open_scene(&scene, 8, SEEP_RECORDING_MAX_BYTES);
    for (uint64_t i = 1; i <= 8; i++) {
        put_snapshot(&scene, i);
    }
    fd = open(scene.path, O_WRONLY);
    assert_int_equal(pwrite(fd, "XXXX", 4, 40), 4);
    close(fd);
    seep_payload_snapshot(&scene.payload, 9, &(struct seep_process_figures){0},
                          &(struct seep_counters_change){scene.before, scene.now, 0},
                          (uint64_t[SEEP_LOSS_MAX]){0});
    assert_int_equal(seep_record_put(&scene.record, SEEP_FRAME_SNAPSHOT, &scene.payload),
                     -ENOSPC);
    assert_true(scene.record.thin_failed);
    close_scene(&scene);
}

static void put_all(struct scene *scene, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        seep_buf_put_varint(&scene->payload, values[i]);
    }
}

static void put_probe(struct scene *scene, uint64_t tid)
{
    /* Up to the object's address, and from reach on: docs/recording-format.md. */
    const uint64_t before_object[14] = {tid, tid, 0, SEEP_PROBE_UNCHANGED};
    const uint64_t behind_object[] = {
        SEEP_REACH_UNKNOWN, 1, 0, SEEP_PROBE_STACK_COMPLETE, 1, 0, tid * 16, 1};

    put_all(scene, before_object, sizeof(before_object) / sizeof(before_object[0]));
    seep_buf_put_string(&scene->payload, "");
    put_all(scene, behind_object, sizeof(behind_object) / sizeof(behind_object[0]));
    put(scene, SEEP_FRAME_PROBE);
}

static void put_limit(struct scene *scene, uint32_t subsystem, uint64_t most)
{
    struct seep_subsystem row = {0};
    struct seep_limit limit = {.most = most};

    (void)snprintf(row.name, sizeof(row.name), "part %" PRIu32, subsystem);
    (void)snprintf(limit.container, sizeof(limit.container), "queue");
    seep_payload_piece(&scene->payload, subsystem, 1);
    seep_payload_subsystem(&scene->payload, &row);
    put(scene, SEEP_FRAME_SUBSYSTEMS);
    seep_buf_put_varint(&scene->payload, 1);
    seep_payload_limit(&scene->payload, subsystem, &limit);
    put(scene, SEEP_FRAME_LIMITS);
}

static void what_adds_up_is_kept_whole(void **state)
{
    enum { PROBES = 60, LIMITS = 5 };
    struct scene scene;
    struct seep_recording *recording = NULL;
    uint64_t tids = 0;

    (void)state;
    open_scene(&scene, 8, SEEP_RECORDING_MAX_BYTES);
    seep_payload_piece(&scene.payload, 0, 1);
    seep_payload_subsystem(&scene.payload, &(struct seep_subsystem){0});
    put(&scene, SEEP_FRAME_SUBSYSTEMS);
    for (uint64_t i = 1; i <= PROBES; i++) {
        put_probe(&scene, i);
        if (i % 10 == 0 && i / 10 <= LIMITS) {
            put_limit(&scene, (uint32_t)(i / 10), i);
        }
        put_snapshot(&scene, i);
    }
    recording = load(&scene);
    assert_true(recording->snapshot_count <= 8);
    assert_int_equal(recording->probe_count, PROBES);
    for (size_t i = 0; i < recording->probe_count; i++) {
        tids += recording->probes[i].tid;
    }
    assert_int_equal(tids, PROBES * (PROBES + 1) / 2);
    assert_int_equal(recording->limit_count, LIMITS + 1); /* row 0 is none */
    for (uint32_t i = 1; i <= LIMITS; i++) {
        assert_int_equal(recording->limits[i].most, i * 10);
    }
    seep_recording_free(recording);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_that_stay_keep_their_values_at_every_length_of_run),
        cmocka_unit_test(a_hundred_thousand_snapshots_stay_bounded),
        cmocka_unit_test(the_bound_in_bytes_holds_too),
        cmocka_unit_test(what_adds_up_is_kept_whole),
        cmocka_unit_test(a_snapshot_that_can_never_fit_is_refused_and_counted),
        cmocka_unit_test(
            a_file_changed_by_somebody_else_stops_the_thinning_not_the_recording),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
