/* Groups of threads as a profile.
 *
 * A recording of one instant is put together from the tables of the source and one site
 * per group; verdict/profile_view does the rest, as for every other profile.
 *
 * SPDX-License-Identifier: MIT
 */
#include "threads/threads_profile.h"

#include <errno.h>
#include <stdlib.h>

#include "load/recording_pool.h"
#include "load/site_points.h"
#include "verdict/profile_view.h"

static const uint64_t POOL_MAX_BYTES = UINT64_C(1) << 30;

static int fill_site(const struct seep_threads_source *source,
                     const struct seep_thread_group *group, struct seep_pool *pool,
                     struct seep_rec_site *site)
{
    const struct seep_rec_site *from = &source->recording->sites[group->site];
    struct seep_counters counters = {.acquired = group->count};

    *site = (struct seep_rec_site){
        .node = from->node, .subsystem = from->subsystem, .kind = SEEP_KIND_THREAD};
    return seep_points_add(&site->points, pool, 0, &counters);
}

int seep_threads_profile_fill(struct seep_thread_groups *groups,
                              const struct seep_threads_source *source)
{
    struct seep_recording instant = *source->recording;
    struct seep_rec_snapshot snapshot = {.t_ns = 1};
    double t_s = 0;
    struct seep_analysis analysis = {.recording = &instant,
                                     .symbolizer = source->symbolizer,
                                     .findings = groups->findings,
                                     .window = {.end = 1},
                                     .series = {.n = 1, .t_s = &t_s}};
    struct seep_pool_budget budget = {.left_bytes = POOL_MAX_BYTES};
    struct seep_pool pool = {.budget = &budget};
    struct seep_rec_site *sites = calloc(groups->group_count + 1, sizeof(*sites));
    int status = sites != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; i < groups->group_count && status == 0; i++) {
        status = fill_site(source, &groups->groups[i], &pool, &sites[i]);
    }
    if (status == 0) {
        instant.sites = sites;
        instant.site_count = groups->group_count;
        instant.snapshots = &snapshot;
        instant.snapshot_count = 1;
        status = seep_profile_view_fill(&analysis, SEEP_KIND_THREAD, NULL);
    }
    seep_pool_fini(&pool);
    free(sites);
    return status;
}
