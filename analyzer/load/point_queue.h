/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_POINT_QUEUE_H
#define SEEP_ANALYZER_LOAD_POINT_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "load/recording_pool.h"

/* Changes of counters on their way to the points of their sites. All-zero, with a budget
 * in `pool`, is a valid empty queue. */
struct seep_point_change {
    uint32_t site, snapshot;
    struct seep_counters counters;
};

struct seep_point_batch {
    struct seep_point_change *changes; /* owned; NULL: never needed */
    size_t count;
};

struct seep_point_queue {
    struct seep_pool pool; /* the points' memory; used by whoever adds */
    struct seep_point_batch filling, adding;
    struct seep_rec_site *sites; /* borrowed while `thread` runs */
    pthread_t thread;            /* adds `adding` */
    bool is_running;
    int status; /* of the thread: 0; -ENOMEM */
};

enum { SEEP_POINT_BATCH = 1 << 16 }; /* changes; those of a small recording are fewer */

/* A change behind all that were put before; its site exists. When a batch is full it is
 * added by a thread of its own, until the next one is.
 *
 * sites: borrowed; neither moved nor freed before seep_point_queue_wait. The thread
 *        writes nothing of them but `points`, which are not to be read meanwhile.
 * Returns: 0; -ENOMEM, also of an earlier batch: then the recording can only be freed.
 * Thread-safety of all here: owner thread. */
int seep_point_queue_put(struct seep_point_queue *queue, struct seep_rec_site *sites,
                         const struct seep_point_change *change);

/* Until no thread uses the sites: they may be moved then, and put goes on with the new
 * ones. Returns: as of put. */
int seep_point_queue_wait(struct seep_point_queue *queue);

/* Adds all that was put. Returns: as of put. */
int seep_point_queue_flush(struct seep_point_queue *queue, struct seep_rec_site *sites);

/* Gives up what was put and not added, and frees the points' memory. */
void seep_point_queue_fini(struct seep_point_queue *queue);

#endif
