/* What is looked at in place is what pread gives, and looking makes no pages.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/segment_view.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, SCRATCH_BYTES = 8 * PAGE };
static const uint64_t FILE_BYTES = UINT64_C(300) << 20;

struct run {
    uint64_t first, pages;
};
/* Small ones, such as are worth a mapping, and one larger than a mapping may be. */
static const struct run runs[] = {{0, 1},     {3, 2},        {100, 16},   {117, 15},
                                  {140, 300}, {1000, 17000}, {20000, 700}};
enum { RUNS = sizeof(runs) / sizeof(runs[0]) };

static uint64_t scratch[SCRATCH_BYTES / sizeof(uint64_t)];

static uint64_t word_of(uint64_t offset)
{
    return offset * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static struct seep_segment file_with_runs(void)
{
    struct seep_segment segment = {.fd = memfd_create("runs", MFD_CLOEXEC)};
    uint64_t page[PAGE / sizeof(uint64_t)];

    assert_true(segment.fd >= 0);
    assert_int_equal(ftruncate(segment.fd, (off_t)FILE_BYTES), 0);
    for (size_t i = 0; i < RUNS; i++) {
        for (uint64_t n = 0; n < runs[i].pages; n++) {
            uint64_t at = (runs[i].first + n) * PAGE;

            for (size_t k = 0; k < PAGE / sizeof(uint64_t); k++) {
                page[k] = word_of(at + k * sizeof(uint64_t));
            }
            assert_int_equal(pwrite(segment.fd, page, PAGE, (off_t)at), PAGE);
        }
    }
    return segment;
}

static bool exists(uint64_t at)
{
    for (size_t i = 0; i < RUNS; i++) {
        if (at / PAGE >= runs[i].first && at / PAGE < runs[i].first + runs[i].pages) {
            return true;
        }
    }
    return false;
}

/* Sees [from, end) and checks each word. Returns: words of pages that exist. */
static uint64_t look(const struct seep_segment *segment, uint64_t from, uint64_t end,
                     bool *mapped)
{
    struct seep_segment_view view = {0};
    uint64_t seen = 0;
    uint64_t at = from;
    int more = 1;

    for (;;) {
        more = seep_segment_view_next(segment, at, end, scratch, sizeof(scratch), &view);
        if (more <= 0) {
            break;
        }
        assert_true(view.count > 0 && view.at >= at);
        assert_true(view.at + view.count * sizeof(uint64_t) <= end);
        *mapped |= view.mapped != NULL;
        for (size_t i = 0; i < view.count; i++) {
            uint64_t offset = view.at + i * sizeof(uint64_t);

            assert_true(seep_segment_view_word(&view, i) ==
                        (exists(offset) ? word_of(offset) : 0));
            seen += exists(offset);
        }
        at = view.at + view.count * sizeof(uint64_t);
    }
    assert_int_equal(more, 0);
    seep_segment_view_fini(&view);
    return seen;
}

static void every_word_of_every_page_is_seen_and_no_page_is_made(void **state)
{
    struct seep_segment segment = file_with_runs();
    uint64_t taken = seep_segment_taken_bytes(&segment);
    uint64_t pages = 0;
    bool mapped = false;

    (void)state;
    for (size_t i = 0; i < RUNS; i++) {
        pages += runs[i].pages;
    }
    assert_int_equal(taken, pages * PAGE);
    assert_int_equal(look(&segment, 0, FILE_BYTES, &mapped),
                     pages * PAGE / sizeof(uint64_t));
    assert_true(mapped);
    assert_int_equal(seep_segment_taken_bytes(&segment), taken);
    close(segment.fd);
}

static void both_ends_are_kept_to_the_word(void **state)
{
    struct seep_segment segment = file_with_runs();
    const uint64_t from = 150 * (uint64_t)PAGE + 24;
    const uint64_t end = 1100 * (uint64_t)PAGE + 40;
    bool mapped = false;

    (void)state;
    assert_int_equal(look(&segment, from, end, &mapped),
                     (290 * PAGE - 24 + 100 * PAGE + 40) / sizeof(uint64_t));
    assert_int_equal(look(&segment, from, from, &mapped), 0);
    assert_int_equal(look(&segment, FILE_BYTES - PAGE, FILE_BYTES, &mapped), 0);
    close(segment.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_of_every_page_is_seen_and_no_page_is_made),
        cmocka_unit_test(both_ends_are_kept_to_the_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
