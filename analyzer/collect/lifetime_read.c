/* What became of the threads of each creation site, and what their stacks weigh.
 *
 * A stack's pages are counted in /proc/PID/pagemap, over the range that the thread's
 * pthread_t and stack size give: one bit a page, whatever else is mapped beside it.
 * smaps was rejected: it walks the whole address space, gigabytes of heap included, to
 * say the same of a few stacks, and merges stacks that lie in memory of the program's
 * own.
 *
 * Source: where a thread's control block lies in its stack: glibc, nptl/allocatestack.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/lifetime_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/page_map.h"
#include "seep/segment_layout.h"

enum {
    CONTROL_BYTES = 2048, /* of the control block, which lies above the pthread_t */
    STACK_MOST_BYTES = 1 << 30,
    ADDRESS_BITS = 56
};

void seep_lifetimes_fini(struct seep_lifetimes *lifetimes)
{
    free(lifetimes->rows);
    *lifetimes = (struct seep_lifetimes){0};
}

static struct seep_lifetime_row *find(const struct seep_lifetimes *lifetimes,
                                      uint32_t site)
{
    uint32_t low = 0;
    uint32_t high = lifetimes->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (lifetimes->rows[mid].site < site) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < lifetimes->count && lifetimes->rows[low].site == site
               ? &lifetimes->rows[low]
               : NULL;
}

static int append(struct seep_lifetimes *lifetimes, const struct seep_lifetime_row *row)
{
    if (lifetimes->count == lifetimes->capacity) {
        uint32_t capacity = lifetimes->capacity > 0 ? lifetimes->capacity * 2 : 16;
        struct seep_lifetime_row *larger =
            reallocarray(lifetimes->rows, capacity, sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        lifetimes->rows = larger;
        lifetimes->capacity = capacity;
    }
    lifetimes->rows[lifetimes->count++] = *row;
    return 0;
}

static struct seep_lifetime_row row_of(const struct seep_lifetime *entry)
{
    struct seep_lifetime_row row = {.site = entry->site,
                                    .created = entry->created,
                                    .started = entry->started,
                                    .ended = entry->ended,
                                    .joined = entry->joined,
                                    .detached = entry->detached,
                                    .left = entry->left,
                                    .cancelled = entry->cancelled,
                                    .cpu_ns = entry->cpu_ns};

    for (size_t i = 0; i < SEEP_LIFETIME_BUCKETS; i++) {
        row.buckets[i] = entry->buckets[i];
    }
    return row;
}

static int by_site(const void *a, const void *b)
{
    uint32_t x = ((const struct seep_lifetime_row *)a)->site;
    uint32_t y = ((const struct seep_lifetime_row *)b)->site;

    return (x > y) - (x < y);
}

/* Takes over what was weighed before; of two rows of one site, the first. */
static void finish(struct seep_lifetimes *lifetimes, const struct seep_lifetimes *before)
{
    uint32_t kept = 0;

    if (lifetimes->count > 0) {
        qsort(lifetimes->rows, lifetimes->count, sizeof(*lifetimes->rows), by_site);
    }
    for (uint32_t i = 0; i < lifetimes->count; i++) {
        struct seep_lifetime_row row = lifetimes->rows[i];
        const struct seep_lifetime_row *old = find(before, row.site);

        if (kept > 0 && lifetimes->rows[kept - 1].site == row.site) {
            continue;
        }
        if (old != NULL) {
            row.stack_mapped_bytes = old->stack_mapped_bytes;
            row.stack_resident_bytes = old->stack_resident_bytes;
        }
        lifetimes->rows[kept++] = row;
    }
    lifetimes->count = kept;
}

static int read_piece(struct seep_lifetimes *lifetimes, const void *piece, size_t bytes,
                      const struct seep_lifetime_bounds *bounds)
{
    const struct seep_lifetime *entries = piece;
    int err = 0;

    for (size_t i = 0; err == 0 && i < bytes / sizeof(*entries); i++) {
        struct seep_lifetime_row row = row_of(&entries[i]);

        if (row.site != 0 && row.site < bounds->site_count &&
            bounds->kinds[row.site] == SEEP_KIND_THREAD) {
            err = append(lifetimes, &row);
        }
    }
    return err;
}

int seep_lifetimes_read(struct seep_lifetimes *lifetimes,
                        const struct seep_segment *segment,
                        const struct seep_lifetime_bounds *bounds)
{
    const uint64_t end =
        SEEP_AT_LIFETIMES + SEEP_LIFETIMES_MAX * sizeof(struct seep_lifetime);
    uint64_t from = SEEP_AT_LIFETIMES;
    struct seep_lifetimes now = {0};
    int err = 0;

    while (err == 0) {
        uint64_t at = 0;
        int64_t bytes = seep_segment_read_data(segment, from, end, bounds->scratch,
                                               bounds->scratch_bytes, &at);

        if (bytes <= 0) {
            err = (int)bytes;
            break;
        }
        err = read_piece(&now, bounds->scratch, (size_t)bytes, bounds);
        from = at + (uint64_t)bytes;
    }
    if (err < 0) {
        seep_lifetimes_fini(&now);
        return err;
    }
    finish(&now, lifetimes);
    seep_lifetimes_fini(lifetimes);
    *lifetimes = now;
    return 0;
}

static int count_page(void *arg, uint64_t page)
{
    uint64_t *pages = arg;

    (void)page;
    (*pages)++;
    return 0;
}

/* Of a stack that is going what was counted so far. */
static uint64_t resident_bytes(int pagemap_fd, struct seep_span stack)
{
    uint64_t pages = 0;

    (void)seep_page_map_walk(pagemap_fd, stack, count_page, &pages);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Whether a stack is there: of a thread that runs, or that waits to be joined. */
static bool has_stack(const struct seep_thread *slot)
{
    uint32_t state = slot->state;

    return (state & SEEP_THREAD_USED) != 0 && (state & SEEP_THREAD_FOREIGN) == 0 &&
           (state & SEEP_THREAD_JOINED) == 0 && slot->pthread != 0 &&
           slot->pthread >> ADDRESS_BITS == 0 && slot->stack_bytes > 0 &&
           slot->stack_bytes < slot->pthread && slot->stack_bytes <= STACK_MOST_BYTES;
}

void seep_lifetimes_weigh(struct seep_lifetimes *lifetimes,
                          const struct seep_threads *threads, int proc_dir_fd)
{
    int fd = proc_dir_fd >= 0 ? openat(proc_dir_fd, "pagemap", O_RDONLY | O_CLOEXEC) : -1;

    for (uint32_t i = 0; i < lifetimes->count; i++) {
        lifetimes->rows[i].stack_mapped_bytes = 0;
        if (fd >= 0) {
            lifetimes->rows[i].stack_resident_bytes = 0;
        }
    }
    for (uint32_t i = 0; i < threads->count; i++) {
        const struct seep_thread *slot = &threads->slots[i];
        struct seep_lifetime_row *row =
            has_stack(slot) ? find(lifetimes, slot->site) : NULL;

        if (row != NULL) {
            uint64_t high = slot->pthread + CONTROL_BYTES;

            row->stack_mapped_bytes += slot->stack_bytes;
            row->stack_resident_bytes +=
                fd >= 0 ? resident_bytes(
                              fd, (struct seep_span){high - slot->stack_bytes, high})
                        : 0;
        }
    }
    for (uint32_t i = 0; i < lifetimes->count; i++) {
        struct seep_lifetime_row *row = &lifetimes->rows[i];

        if (row->stack_resident_bytes > row->stack_mapped_bytes) {
            row->stack_resident_bytes = row->stack_mapped_bytes;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

void seep_lifetimes_put(const struct seep_lifetimes *lifetimes, uint32_t exit_way,
                        struct seep_buf *out)
{
    uint64_t rows = 0;
    uint32_t before = 0;

    for (uint32_t i = 0; i < lifetimes->count; i++) {
        rows += lifetimes->rows[i].created != 0;
    }
    seep_buf_put_varint(out, exit_way);
    seep_buf_put_varint(out, rows);
    for (uint32_t i = 0; i < lifetimes->count; i++) {
        const struct seep_lifetime_row *row = &lifetimes->rows[i];
        const uint64_t fields[] = {row->site - before,
                                   row->created,
                                   row->started,
                                   row->ended,
                                   row->joined,
                                   row->detached,
                                   row->left,
                                   row->cancelled,
                                   row->cpu_ns,
                                   row->stack_mapped_bytes,
                                   row->stack_resident_bytes};
        uint64_t buckets = SEEP_LIFETIME_BUCKETS;

        if (row->created == 0) {
            continue;
        }
        while (buckets > 0 && row->buckets[buckets - 1] == 0) {
            buckets--;
        }
        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            seep_buf_put_varint(out, fields[k]);
        }
        seep_buf_put_varint(out, buckets);
        for (uint64_t k = 0; k < buckets; k++) {
            seep_buf_put_varint(out, row->buckets[k]);
        }
        before = row->site;
    }
}
