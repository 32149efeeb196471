/* Lifetimes from a segment that nobody vouches for, and stacks on the scales: held
 * against what smaps says of the same memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/lifetime_read.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/frame.h"
#include "load/recording.h"
#include "seep/segment_layout.h"
#include "segment_forge.h"

enum {
    THREADS = 3,
    STACK_BYTES = 1 << 20,
    TOUCHED_BYTES = 128 << 10,
    SITE = 2,
    SITES = 4,
    PIECE_BYTES = 8192,
    SLACK_BYTES = 3 * 4096 /* the guard's neighbour, and above the control block */
};

static const uint8_t kinds[SITES] = {0, SEEP_KIND_HEAP, SEEP_KIND_THREAD,
                                     SEEP_KIND_THREAD};

static struct seep_lifetime *entry_of(const struct segment_forge *forge, uint32_t i)
{
    return (struct seep_lifetime *)(void *)(forge->map + SEEP_AT_LIFETIMES) + i;
}

static void read_all(const struct segment_forge *forge, struct seep_lifetimes *lifetimes)
{
    static uint8_t piece[PIECE_BYTES];
    const struct seep_lifetime_bounds bounds = {kinds, SITES, piece, sizeof(piece)};
    struct seep_segment segment;

    assert_int_equal(seep_segment_open(dup(forge->fd), &segment, NULL), 0);
    assert_int_equal(seep_lifetimes_read(lifetimes, &segment, &bounds), 0);
    seep_segment_close(&segment);
}

/* What a reader of the recording sees of it. Sites 1 to 3 are in the file. */
static struct seep_recording *reread(const struct seep_lifetimes *lifetimes)
{
    struct seep_recording *recording = NULL;
    struct seep_frame_coder coder;
    struct seep_buf payload = {0};
    struct seep_buf file = {0};

    assert_int_equal(seep_frame_coder_init(&coder), 0);
    seep_buf_put(&file, SEEP_RECORDING_MAGIC, SEEP_RECORDING_MAGIC_BYTES);
    seep_payload_piece(&payload, 1, SITES - 1);
    for (uint8_t i = 1; i < SITES; i++) {
        seep_payload_site(&payload, &(struct seep_site){.node = 1, .kind = kinds[i]});
    }
    (void)seep_frame_append(&coder, &file, SEEP_FRAME_SITES, payload.data,
                            payload.len_bytes);
    seep_buf_reset(&payload);
    seep_buf_put_varint(&payload, 77);
    seep_lifetimes_put(lifetimes, SEEP_EXIT_WAY_AT_ONCE, &payload);
    (void)seep_frame_append(&coder, &file, SEEP_FRAME_LIFETIMES, payload.data,
                            payload.len_bytes);
    assert_int_equal(seep_recording_open_bytes("lifetimes", file.data, file.len_bytes,
                                               &recording, NULL),
                     0);
    seep_buf_fini(&payload);
    seep_buf_fini(&file);
    seep_frame_coder_fini(&coder);
    return recording;
}

static void rows_are_sorted_and_strangers_left_out(void **state)
{
    struct segment_forge forge;
    struct seep_lifetimes lifetimes = {0};
    struct seep_recording *recording = NULL;

    (void)state;
    segment_forge_open(&forge, 5, 1);
    *entry_of(&forge, 5) = (struct seep_lifetime){.site = 3, .created = 9, .joined = 8};
    *entry_of(&forge, 4000) = (struct seep_lifetime){
        .site = 2, .created = 5, .left = 1, .cancelled = 2, .buckets = {[47] = 6}};
    *entry_of(&forge, 6) = (struct seep_lifetime){.site = 3, .created = 1}; /* twice */
    *entry_of(&forge, 7) = (struct seep_lifetime){.site = 1, .created = 1}; /* heap */
    *entry_of(&forge, 8) = (struct seep_lifetime){.site = SITES, .created = 1};
    *entry_of(&forge, 9) = (struct seep_lifetime){.site = UINT32_MAX, .created = 1};
    read_all(&forge, &lifetimes);
    recording = reread(&lifetimes);
    assert_int_equal(recording->lifetimes.t_ns, 77);
    assert_int_equal(recording->lifetimes.exit_way, SEEP_EXIT_WAY_AT_ONCE);
    assert_int_equal(recording->lifetimes.count, 2);
    assert_int_equal(recording->lifetimes.rows[0].site, 2);
    assert_int_equal(recording->lifetimes.rows[0].cancelled, 2);
    assert_int_equal(recording->lifetimes.rows[0].buckets[47], 6);
    assert_int_equal(recording->lifetimes.rows[1].site, 3);
    assert_int_equal(recording->lifetimes.rows[1].created, 9);
    seep_recording_free(recording);
    seep_lifetimes_fini(&lifetimes);
    segment_forge_close(&forge);
}

static pthread_barrier_t touched, weighed;

static void *touch(void *unused)
{
    volatile char deep[TOUCHED_BYTES];

    for (size_t i = 0; i < sizeof(deep); i += 1024) {
        deep[i] = 1;
    }
    (void)pthread_barrier_wait(&touched);
    (void)pthread_barrier_wait(&weighed);
    return unused;
}

/* Rss of the mapping that holds an address, by smaps. */
static uint64_t rss_of(uint64_t address)
{
    FILE *smaps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool inside = false;
    unsigned long long kib = 0;

    assert_non_null(smaps);
    while (fgets(line, sizeof(line), smaps) != NULL) {
        unsigned long long low = 0;
        unsigned long long high = 0;

        if (sscanf(line, "%llx-%llx ", &low, &high) == 2) {
            inside = low <= address && address < high;
        } else if (inside && sscanf(line, "Rss: %llu kB", &kib) == 1) {
            break;
        }
    }
    (void)fclose(smaps);
    return kib * 1024;
}

static void stacks_weigh_what_smaps_says(void **state)
{
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_threads threads = {0};
    struct seep_lifetimes lifetimes = {0};
    pthread_t ids[THREADS];
    pthread_attr_t attributes;
    uint64_t truth_bytes = 0;
    int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY);

    (void)state;
    segment_forge_open(&forge, 5, 1);
    *entry_of(&forge, 0) = (struct seep_lifetime){.site = SITE, .created = THREADS};
    pthread_barrier_init(&touched, NULL, THREADS + 1);
    pthread_barrier_init(&weighed, NULL, THREADS + 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int i = 0; i < THREADS; i++) {
        uint32_t slot = segment_forge_thread(&forge, 1, SITE, STACK_BYTES);

        assert_int_equal(pthread_create(&ids[i], &attributes, touch, NULL), 0);
        ((struct seep_thread *)(void *)(forge.map + SEEP_AT_THREADS))[slot].pthread =
            (uint64_t)ids[i];
    }
    (void)pthread_barrier_wait(&touched);
    assert_int_equal(seep_segment_open(dup(forge.fd), &segment, NULL), 0);
    assert_int_equal(seep_threads_read(&threads, &segment, THREADS + 1), 0);
    read_all(&forge, &lifetimes);
    seep_lifetimes_weigh(&lifetimes, &threads, proc_fd);
    for (int i = 0; i < THREADS; i++) {
        truth_bytes += rss_of((uint64_t)ids[i]);
    }
    (void)pthread_barrier_wait(&weighed);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    assert_int_equal(lifetimes.rows[0].stack_mapped_bytes, THREADS * STACK_BYTES);
    assert_true(truth_bytes >= THREADS * TOUCHED_BYTES);
    assert_in_range(lifetimes.rows[0].stack_resident_bytes,
                    truth_bytes - THREADS * SLACK_BYTES,
                    truth_bytes + THREADS * SLACK_BYTES);

    threads.slots[1].state |= SEEP_THREAD_JOINED; /* one is gone, and nobody may look */
    seep_lifetimes_weigh(&lifetimes, &threads, -1);
    assert_int_equal(lifetimes.rows[0].stack_mapped_bytes, (THREADS - 1) * STACK_BYTES);
    assert_true(lifetimes.rows[0].stack_resident_bytes > 0);
    seep_lifetimes_fini(&lifetimes);
    seep_threads_fini(&threads);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
    close(proc_fd);
}

/* Slots whose numbers make no sense: an address of the kernel, a stack of everything. */
static void impossible_stacks_are_not_weighed(void **state)
{
    static const uint64_t odd[][2] = {{0, 4096},
                                      {4096, 1 << 20},
                                      {UINT64_MAX, 4096},
                                      {UINT64_C(1) << 60, UINT64_C(1) << 59},
                                      {UINT64_C(1) << 46, UINT64_C(1) << 45}};
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_threads threads = {0};
    struct seep_lifetimes lifetimes = {0};
    int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY);

    (void)state;
    segment_forge_open(&forge, 5, 1);
    *entry_of(&forge, 0) = (struct seep_lifetime){.site = SITE, .created = 1};
    for (int i = 0; i < 5; i++) {
        uint32_t slot = segment_forge_thread(&forge, 1, SITE, odd[i][1]);

        ((struct seep_thread *)(void *)(forge.map + SEEP_AT_THREADS))[slot].pthread =
            odd[i][0];
    }
    assert_int_equal(seep_segment_open(dup(forge.fd), &segment, NULL), 0);
    assert_int_equal(seep_threads_read(&threads, &segment, 6), 0);
    read_all(&forge, &lifetimes);
    seep_lifetimes_weigh(&lifetimes, &threads, proc_fd);
    assert_int_equal(lifetimes.rows[0].stack_mapped_bytes, 0);
    assert_int_equal(lifetimes.rows[0].stack_resident_bytes, 0);
    seep_lifetimes_fini(&lifetimes);
    seep_threads_fini(&threads);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
    close(proc_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_and_strangers_left_out),
        cmocka_unit_test(stacks_weigh_what_smaps_says),
        cmocka_unit_test(impossible_stacks_are_not_weighed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
