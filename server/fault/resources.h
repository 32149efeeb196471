/* The truth about resources: what every part of the server holds, counted by itself.
 *
 * A part registers one function that reads its figures:
 *
 *     static void read_figures(void *arg, struct pma_figures *figures)
 *     {
 *         struct cache *cache = arg;
 *         pma_figure_put(figures, "entries", PMA_RESOURCE_OBJECT, count(cache));
 *         pma_figure_put_kept(figures, "history", rows(cache), HISTORY_MAX);
 *     }
 *     ...
 *     pma_resource_add("cache", read_figures, cache);
 *
 * GET /api/v1/debug/resources then has "cache.entries" among its counters. A figure that
 * is put comes back to where it was when the load ends; one that is kept fills up to its
 * limit by design. A leak detector is judged against these figures, and the test matrix
 * of the faults waits for them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_RESOURCES_H
#define PMA_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_RESOURCE_PARTS_MAX 64
#define PMA_FIGURES_MAX        512
#define PMA_FIGURE_NAME_BYTES  64 /* "part.name" and the final NUL */

enum pma_resource_kind {
    PMA_RESOURCE_NONE = 0,
    PMA_RESOURCE_OBJECT = 1, /* records, entries, connections: whatever has an end */
    PMA_RESOURCE_THREAD = 2, /* threads that a part knows of; the sum is /proc's */
    PMA_RESOURCE_FD = 3,     /* descriptors that a part knows of; the sum is /proc's */
    PMA_RESOURCE_TIMER = 4,  /* armed and neither fired nor cancelled */
    PMA_RESOURCE_QUEUE = 5,  /* items that wait for somebody */
    PMA_RESOURCE_TOTAL = 6,  /* only grows: what was dropped, refused, done */
};

struct pma_figure {
    char name[PMA_FIGURE_NAME_BYTES]; /* "part.name" */
    enum pma_resource_kind kind;
    uint64_t value;
    uint64_t limit; /* 0: comes back when the load ends; else kept, up to this */
};

/* Where the parts write; see pma_resource_read. */
struct pma_figures {
    struct pma_figure *items; /* borrowed */
    size_t capacity, count;
    uint64_t lost;    /* figures that found no room */
    const char *part; /* whose turn it is */
};

/* Registers a part. part: "cache", borrowed until pma_resource_forget: a string literal.
 * read: may take the part's own locks; called on the thread that asks. arg: borrowed
 * likewise. Returns: 0; -EINVAL: no name or no function; -ENOSPC: 64 parts are there.
 * Thread-safety: any thread. */
int pma_resource_add(const char *part,
                     void (*read)(void *arg, struct pma_figures *figures), void *arg);

/* Takes out every part that was registered with `arg`. It may still be read by whoever
 * began before: call it when nobody asks any more, or for parts that stay valid.
 * Thread-safety: any thread. */
void pma_resource_forget(const void *arg);

/* Adds "part.name"; a name that does not fit is cut, a figure without room is counted.
 * Thread-safety: the thread that reads. */
void pma_figure_put(struct pma_figures *figures, const char *name,
                    enum pma_resource_kind kind, uint64_t value);

/* As pma_figure_put, for an object that is kept by design up to `limit`, from 1. */
void pma_figure_put_kept(struct pma_figures *figures, const char *name, uint64_t value,
                         uint64_t limit);

/* Asks every part. items: room for `capacity` figures, out. Returns: how many there are;
 * *lost (may be NULL) gets the number of those without room. Thread-safety: any thread.
 * Cost: that of all parts. */
size_t pma_resource_read(struct pma_figure *items, size_t capacity, uint64_t *lost);

/* The sum of the figures of one kind. Thread-safety: pure. */
uint64_t pma_figure_sum(const struct pma_figure *items, size_t count,
                        enum pma_resource_kind kind);

/* "object", "thread", "fd", "timer", "queue" or "total". Thread-safety: pure. */
const char *pma_resource_kind_name(enum pma_resource_kind kind);

#endif
