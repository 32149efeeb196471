/* Large tables are looked at in place.
 *
 * A live table of 180 MB is read in 20 ms so, and in 100 ms by pread, which copies. What
 * speaks against mappings (segment_read.c) is met: only runs of pages that exist are
 * mapped, so that nobody makes pages by looking; the segment is sealed against shrinking,
 * so that there is no SIGBUS. A page that the program gives back meanwhile comes again,
 * empty: harmless, and rare.
 *
 * Small runs are copied: a mapping costs as much as copying a dozen pages.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/segment_view.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORD_BYTES = 8, PAGE_BYTES = 4096 };
static const uint64_t MAPPED_LEAST_BYTES = 64 << 10;
static const uint64_t MAPPED_MOST_BYTES = 64 << 20;

void seep_segment_view_fini(struct seep_segment_view *view)
{
    if (view->mapped != NULL) {
        (void)munmap(view->mapped, view->mapped_bytes);
    }
    *view = (struct seep_segment_view){0};
}

/* A part of a run. Returns: whether it could. */
static int map(const struct seep_segment *segment, uint64_t from, uint64_t end,
               uint64_t run_end, struct seep_segment_view *view)
{
    uint64_t page_at = from & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t bytes = (run_end < end ? run_end : end) - page_at;
    void *mapped = NULL;

    bytes = bytes < MAPPED_MOST_BYTES ? bytes : MAPPED_MOST_BYTES;
    mapped = mmap(NULL, bytes, PROT_READ, MAP_SHARED, segment->fd, (off_t)page_at);
    if (mapped == MAP_FAILED) {
        return 0;
    }
    *view = (struct seep_segment_view){
        .words = (const uint64_t *)((const uint8_t *)mapped + (from - page_at)),
        .count = (size_t)(bytes - (from - page_at)) / WORD_BYTES,
        .at = from,
        .mapped = mapped,
        .mapped_bytes = bytes,
        .run_end = run_end};
    return 1;
}

/* The run of pages at or after `from`: to ask is to walk all of it, 3 ms for 180 MB.
 * Returns: 1; 0 none; -errno. */
static int find_run(const struct seep_segment *segment, uint64_t *from, uint64_t *run_end)
{
    off_t found = lseek(segment->fd, (off_t)*from, SEEK_DATA);
    off_t hole = -1;

    if (found < 0) {
        return errno == ENXIO ? 0 : -errno; /* ENXIO: no data up to the end of the file */
    }
    hole = lseek(segment->fd, found, SEEK_HOLE);
    *from = (uint64_t)found > *from ? (uint64_t)found : *from;
    *run_end = hole > found ? (uint64_t)hole : *from;
    return 1;
}

int seep_segment_view_next(const struct seep_segment *segment, uint64_t from,
                           uint64_t end, void *scratch, size_t scratch_bytes,
                           struct seep_segment_view *view)
{
    uint64_t run_end = view->run_end;
    uint64_t at = 0;
    int64_t bytes = 0;

    seep_segment_view_fini(view);
    if (from >= end) {
        return 0;
    }
    if (from >= run_end) {
        int err = find_run(segment, &from, &run_end);

        if (err <= 0 || from >= end) {
            return err < 0 ? err : 0;
        }
    }
    if (run_end - from >= MAPPED_LEAST_BYTES && map(segment, from, end, run_end, view)) {
        return 1;
    }
    bytes = seep_segment_read_data(segment, from, end, scratch, scratch_bytes, &at);
    if (bytes <= 0) {
        return (int)bytes;
    }
    *view = (struct seep_segment_view){
        .words = scratch, .count = (size_t)bytes / WORD_BYTES, .at = at};
    return 1;
}
