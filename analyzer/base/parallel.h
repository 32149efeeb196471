/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_PARALLEL_H
#define SEEP_ANALYZER_BASE_PARALLEL_H

#include <stddef.h>

enum { SEEP_PARALLEL_WORKERS_MAX = 8 };

/* How many workers are worth it: processors that the process may run on, at most
 * SEEP_PARALLEL_WORKERS_MAX, and one for each `least` items. Returns: 1 or more.
 * Thread-safety: any thread. */
size_t seep_parallel_workers(size_t items, size_t least);

/* Calls `work` for pieces of 0..items, each on one of the workers, by as many threads,
 * the calling one among them. Pieces are handed out in ascending order, so that what a
 * worker gets ascends.
 *
 * items:   those of the last piece may be fewer than `piece`, which is > 0.
 * workers: borrowed; passed to `work`, which is never called with one of them twice at
 *          the same time. worker_count: 1..SEEP_PARALLEL_WORKERS_MAX.
 * work:    returns 0, or a negative errno: then no further piece is begun.
 * Returns: 0; an errno that `work` returned. A thread that cannot be made is done
 *   without. All memory that `work` wrote is visible to the caller.
 */
int seep_parallel_run(size_t items, size_t piece, void *const *workers,
                      size_t worker_count,
                      int (*work)(void *worker, size_t first, size_t end));

#endif
