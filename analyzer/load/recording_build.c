/* What a recording in memory begins with, and what is put right when frames were added.
 *
 * Apart from load/recording.c because two readers build: one takes a file whole, the
 * other (load/follow.c) takes what was appended to a file that grows. To settle goes over
 * all tables, not over new rows alone: a piece may replace rows, and a pass over 100,000
 * rows takes less time than the system call that brought them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/recording_build.h"

#include <errno.h>
#include <stdlib.h>

#include "load/decode_limits.h"
#include "load/recording_decode.h"

/* The rows that always exist. Returns: 0; -ENOMEM. */
static int add_first_rows(struct seep_recording *recording)
{
    struct seep_recording_store *store = recording->arena;
    struct seep_pool_budget *budget = &store->budget;
    char *empty = NULL;

    atomic_init(&budget->left_bytes, SEEP_RECORDING_MEMORY_MAX_BYTES);
    store->pool.budget = budget;
    store->points.pool.budget = budget;
    store->threads.budget = budget;
    store->descriptors.budget = budget;
    store->waits.budget = budget;
    store->lifetimes.budget = budget;
    store->age_writer.budget = budget;
    empty = seep_pool_take_string(&store->pool, "", 0);
    if (empty == NULL ||
        seep_pool_grow_table(budget, (void **)&recording->modules, &store->modules, 1,
                             sizeof(*recording->modules)) < 0 ||
        seep_pool_grow_table(budget, (void **)&recording->subsystems, &store->subsystems,
                             1, sizeof(*recording->subsystems)) < 0 ||
        seep_pool_grow_table(budget, (void **)&recording->nodes, &store->nodes,
                             SEEP_NODE_FIRST, sizeof(*recording->nodes)) < 0 ||
        seep_pool_grow_table(budget, (void **)&recording->sites, &store->sites, 1,
                             sizeof(*recording->sites)) < 0) {
        return -ENOMEM;
    }
    recording->modules[0].path = empty;
    recording->subsystems[0] = empty;
    recording->module_count = recording->subsystem_count = recording->site_count = 1;
    recording->node_count = SEEP_NODE_FIRST;
    recording->program.exe = recording->program.cwd = empty;
    recording->program.host = recording->program.seep_version = empty;
    return 0;
}

/* Replaces a reference that points nowhere, so that readers may index without asking. */
static void mend(struct seep_recording *recording, uint32_t *reference, size_t count,
                 uint32_t instead)
{
    if (*reference >= count) {
        *reference = instead;
        recording->dangling_references++;
    }
}

int seep_recording_settle(struct seep_recording *recording)
{
    struct seep_recording_store *store = recording->arena;

    if (seep_point_queue_flush(&store->points, recording->sites) < 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->node_count; i++) {
        struct seep_rec_node *node = &recording->nodes[i];

        mend(recording, &node->parent, recording->node_count, SEEP_NODE_UNKNOWN);
        mend(recording, &node->module, recording->module_count, 0);
    }
    for (size_t i = 0; i < recording->site_count; i++) {
        struct seep_rec_site *site = &recording->sites[i];

        mend(recording, &site->node, recording->node_count, SEEP_NODE_UNKNOWN);
        mend(recording, &site->subsystem, recording->subsystem_count, 0);
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        struct seep_rec_thread *thread = &recording->threads[i];

        mend(recording, &thread->site, recording->site_count, 0);
        mend(recording, &thread->subsystem, recording->subsystem_count, 0);
        mend(recording, &thread->start_module, recording->module_count, 0);
    }
    for (size_t i = 0; i < recording->probe_count; i++) {
        struct seep_rec_probe *probe = &recording->probes[i];

        for (size_t k = 0; k < probe->frame_count; k++) {
            mend(recording, &probe->frames[k].module, recording->module_count, 0);
        }
    }
    for (size_t i = 0; i < recording->descriptors.count; i++) {
        mend(recording, &recording->descriptors.rows[i].site, recording->site_count, 0);
    }
    seep_limits_settle(recording);
    if (!recording->ended) {
        recording->snapshots_taken =
            ((struct seep_recording_store *)recording->arena)->thin.seen;
        if (recording->snapshot_count != 0) {
            recording->ended_ns =
                recording->snapshots[recording->snapshot_count - 1].t_ns;
        }
    }
    return 0;
}

struct seep_recording *seep_recording_new(void)
{
    struct seep_recording *recording = calloc(1, sizeof(*recording));
    struct seep_recording_store *store = calloc(1, sizeof(*store));

    if (recording == NULL || store == NULL) {
        free(recording);
        free(store);
        return NULL;
    }
    recording->arena = store;
    if (add_first_rows(recording) < 0) {
        seep_recording_free(recording);
        return NULL;
    }
    return recording;
}
