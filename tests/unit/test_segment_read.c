/* The segment's reader against whole, foreign and hostile segments.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/counters_sum.h"
#include "collect/segment_read.h"
#include "segment_forge.h"

enum { SCRATCH_BYTES = 65536, SITES = 5000 };

static int open_copy(const struct segment_forge *forge, struct seep_segment *segment)
{
    int fd = dup(forge->fd);
    int err = seep_segment_open(fd, segment, NULL);

    if (err < 0) {
        close(fd);
    }
    return err;
}

static void a_whole_segment_is_opened_and_its_header_read(void **state)
{
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_segment_texts texts;
    struct seep_segment_counts counts;

    (void)state;
    segment_forge_open(&forge, 5, 3);
    forge.header->lost[SEEP_LOSS_NESTED] = 9;
    assert_int_equal(open_copy(&forge, &segment), 0);
    assert_int_equal(segment.granule_shift, 5);
    assert_int_equal(segment.leaves_max, 3);
    assert_int_equal(segment.pid, getpid());
    assert_int_equal(seep_segment_read_texts(&segment, &texts), 0);
    assert_string_equal(texts.exe, "/usr/bin/forged");
    assert_int_equal(texts.cmdline_bytes, 13);
    assert_memory_equal(texts.cmdline, "forged\0--now", 13);
    assert_int_equal(seep_segment_read_counts(&segment, &counts), 0);
    assert_int_equal(counts.lost[SEEP_LOSS_NESTED], 9);
    assert_int_equal(counts.nodes, SEEP_NODE_FIRST);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
}

static void a_foreign_magic_a_version_and_bad_sizes_are_refused(void **state)
{
    struct segment_forge forge;
    struct seep_segment segment = {.fd = -7};

    (void)state;
    segment_forge_open(&forge, 5, 3);
    forge.header->magic ^= 1;
    assert_int_equal(open_copy(&forge, &segment), -EPROTO);
    forge.header->magic ^= 1;
    forge.header->version = 99;
    assert_int_equal(open_copy(&forge, &segment), -EPROTONOSUPPORT);
    forge.header->version = SEEP_SEGMENT_VERSION;
    forge.header->granule_shift = 60;
    assert_int_equal(open_copy(&forge, &segment), -EPROTO);
    forge.header->granule_shift = 5;
    forge.header->leaves_max = 4;
    assert_int_equal(open_copy(&forge, &segment), -EPROTO);
    forge.header->leaves_max = 0;
    assert_int_equal(open_copy(&forge, &segment), -EPROTO);
    assert_int_equal(segment.fd, -7);
    segment_forge_close(&forge);
}

static void a_file_that_could_shrink_is_refused(void **state)
{
    struct segment_forge forge;
    struct seep_segment segment;
    int unsealed = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int pipes[2];

    (void)state;
    segment_forge_open(&forge, 5, 1);
    assert_int_equal(ftruncate(unsealed, (off_t)forge.bytes), 0);
    assert_int_equal(pwrite(unsealed, forge.map, sizeof(struct seep_segment_header), 0),
                     sizeof(struct seep_segment_header));
    assert_int_equal(seep_segment_open(unsealed, &segment, NULL), -EPERM);
    assert_int_equal(pipe(pipes), 0);
    assert_true(seep_segment_open(pipes[0], &segment, NULL) < 0);
    close(pipes[0]);
    close(pipes[1]);
    close(unsealed);
    segment_forge_close(&forge);
}

static void counts_beyond_their_tables_are_clamped(void **state)
{
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_segment_counts counts;
    struct seep_segment_texts texts;

    (void)state;
    segment_forge_open(&forge, 4, 2);
    forge.header->node_count = UINT32_MAX;
    forge.header->site_count = UINT32_MAX;
    forge.header->module_count = UINT32_MAX;
    forge.header->subsystem_count = UINT32_MAX;
    forge.header->mark_count = UINT32_MAX;
    forge.header->thread_count = UINT32_MAX;
    forge.header->leaf_count = UINT32_MAX;
    forge.header->cmdline_len = UINT32_MAX;
    memset(forge.header->cmdline, 'x', sizeof(forge.header->cmdline));
    memset(forge.header->exe, 'x', sizeof(forge.header->exe));
    assert_int_equal(open_copy(&forge, &segment), 0);
    assert_int_equal(seep_segment_read_counts(&segment, &counts), 0);
    assert_int_equal(counts.nodes, SEEP_NODES_MAX);
    assert_int_equal(counts.sites, SEEP_SITES_MAX);
    assert_int_equal(counts.modules, SEEP_MODULES_MAX);
    assert_int_equal(counts.subsystems, SEEP_SUBSYSTEMS_MAX);
    assert_int_equal(counts.marks, SEEP_MARKS_MAX);
    assert_int_equal(counts.threads, SEEP_THREADS_MAX);
    assert_int_equal(counts.leaves, 2);
    assert_int_equal(seep_segment_read_texts(&segment, &texts), 0);
    assert_int_equal(strlen(texts.exe), sizeof(texts.exe) - 1);
    assert_int_equal(texts.cmdline_bytes, 8193);
    assert_int_equal(texts.cmdline[8192], 0);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
}

static void reading_makes_no_pages(void **state)
{
    static uint8_t scratch[SCRATCH_BYTES];
    static struct seep_counters sums[SITES];
    struct segment_forge forge;
    struct seep_segment segment;
    struct stat before;
    struct stat after;

    (void)state;
    segment_forge_open(&forge, 5, 2);
    segment_forge_counters(&forge, 77, 4999)->acquired = 3;
    assert_int_equal(open_copy(&forge, &segment), 0);
    assert_int_equal(fstat(forge.fd, &before), 0);
    assert_int_equal(seep_counters_sum(&segment, SITES, sums, scratch, sizeof(scratch)),
                     0);
    assert_int_equal(fstat(forge.fd, &after), 0);
    assert_int_equal(sums[4999].acquired, 3);
    assert_int_equal(before.st_blocks, after.st_blocks);
    seep_segment_close(&segment);
    segment_forge_close(&forge);
}

static void sums_over_shards_are_exact(void **state)
{
    static uint8_t scratch[SCRATCH_BYTES];
    static struct seep_counters sums[SITES];
    static struct seep_counters truth[SITES];
    struct segment_forge forge;
    struct seep_segment segment;

    (void)state;
    srandom(4711);
    memset(truth, 0, sizeof(truth));
    segment_forge_open(&forge, 5, 2);
    for (int i = 0; i < 20000; i++) {
        uint32_t shard = (uint32_t)random() % SEEP_SHARDS;
        uint32_t site =
            (uint32_t)random() % (SITES + 100); /* some beyond what is asked for */
        struct seep_counters *counters = segment_forge_counters(&forge, shard, site);
        uint64_t bytes = (uint64_t)random();

        counters->acquired++;
        counters->acquired_bytes += bytes;
        counters->released += i % 3 == 0;
        counters->released_bytes += i % 3 == 0 ? bytes : 0;
        if (site < SITES) {
            truth[site].acquired++;
            truth[site].acquired_bytes += bytes;
            truth[site].released += i % 3 == 0;
            truth[site].released_bytes += i % 3 == 0 ? bytes : 0;
        }
    }
    assert_int_equal(open_copy(&forge, &segment), 0);
    for (size_t scratch_bytes = 4096; scratch_bytes <= sizeof(scratch);
         scratch_bytes *= 4) {
        memset(sums, 0xff, sizeof(sums));
        assert_int_equal(seep_counters_sum(&segment, SITES, sums, scratch, scratch_bytes),
                         0);
        assert_memory_equal(sums, truth, sizeof(sums));
    }
    seep_segment_close(&segment);
    segment_forge_close(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_segment_is_opened_and_its_header_read),
        cmocka_unit_test(a_foreign_magic_a_version_and_bad_sizes_are_refused),
        cmocka_unit_test(a_file_that_could_shrink_is_refused),
        cmocka_unit_test(counts_beyond_their_tables_are_clamped),
        cmocka_unit_test(reading_makes_no_pages),
        cmocka_unit_test(sums_over_shards_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
