/* The object pools, and filling them beforehand.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/pool/pool.h"
#include "server/rest/app.h"
#include "server/rest/memory_json.h"
#include "server/rest/routes.h"

#define MIB (1024.0 * 1024.0)

void pma_handle_memory_pools(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    json_t *pools = pma_pools_json();
    const json_int_t count = (json_int_t)json_object_size(pools);
    pma_reply_data(reply, json_pack("{s:I, s:o}", "count", count, "pools", pools));
}

/* The pool of the path; else the reply is a 404. */
static enum pma_pool_id find_pool(const struct pma_request *request,
                                  struct pma_reply *reply)
{
    const enum pma_pool_id id = pma_pool_find(request->param);
    if (id == PMA_POOL_NONE) {
        pma_reply_error(reply, request, 404, "Pool not found");
    }
    return id;
}

void pma_handle_memory_pool(struct pma_request *request, struct pma_reply *reply)
{
    const enum pma_pool_id id = find_pool(request, reply);
    if (id != PMA_POOL_NONE) {
        pma_reply_data(reply, pma_pool_json(id));
    }
}

void pma_handle_memory_pool_resize(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_pool_stats before;
    const enum pma_pool_id id = find_pool(request, reply);
    json_t *body = id != PMA_POOL_NONE ? pma_request_json(request, reply) : NULL;
    if (body == NULL) {
        return;
    }
    const json_t *size = json_object_get(body, "new_size");
    const json_int_t wanted = json_integer_value(size);
    pma_pool_stats_read(id, &before);
    if (!json_is_integer(size) || wanted < 0 || wanted > PMA_POOL_SIZE_MAX ||
        pma_pool_resize(id, (uint32_t)wanted) != 0) {
        pma_reply_error(reply, request, 400, "new_size must be a number from 0 to %d",
                        PMA_POOL_SIZE_MAX);
    } else {
        pma_reply_data(reply,
                       json_pack("{s:s, s:b, s:I, s:I, s:o}", "pool", before.name,
                                 "resized", 1, "old_size", (json_int_t)before.max_size,
                                 "new_size", wanted, "stats", pma_pool_json(id)));
    }
    json_decref(body);
}

/* How many idle buffers a pool should have: one per get that found none, its size at
 * most. */
static uint32_t recommended(const struct pma_pool_stats *stats)
{
    const uint64_t missed = stats->misses;
    return missed < stats->max_size ? (uint32_t)missed : stats->max_size;
}

void pma_handle_memory_pools_optimize(struct pma_request *request,
                                      struct pma_reply *reply)
{
    (void)request;
    json_t *pools = json_object();
    uint64_t freed = 0;
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        struct pma_pool_stats stats;
        pma_pool_stats_read((enum pma_pool_id)id, &stats);
        const uint64_t bytes = stats.hits == 0 ? pma_pool_trim((enum pma_pool_id)id) : 0;
        const char *action = stats.hits > 0   ? "kept: it is used"
                             : stats.size > 0 ? "emptied: nobody used it"
                                              : "none: it is empty";
        freed += bytes;
        json_object_set_new(pools, stats.name,
                            json_pack("{s:s, s:I, s:I}", "action", action, "freed_bytes",
                                      (json_int_t)bytes, "recommended_size",
                                      (json_int_t)recommended(&stats)));
    }
    pma_reply_data(reply, json_pack("{s:o, s:I, s:o}", "optimized_at", pma_json_now(),
                                    "freed_bytes", (json_int_t)freed, "pools", pools));
}

void pma_handle_memory_preallocation(struct pma_request *request, struct pma_reply *reply)
{
    uint64_t gets = 0;
    uint64_t hits = 0;
    uint64_t bytes = 0;
    int active = 0;
    (void)request;
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        struct pma_pool_stats stats;
        pma_pool_stats_read((enum pma_pool_id)id, &stats);
        gets += stats.gets;
        hits += stats.hits;
        bytes += stats.idle_bytes;
        active += stats.gets > 0;
    }
    const double hit_rate = gets > 0 ? (double)hits / (double)gets : 0;
    pma_reply_data(reply, json_pack("{s:i, s:f, s:f, s:f}", "active_pools", active,
                                    "preallocated_mb", (double)bytes / MIB, "hit_rate",
                                    hit_rate, "efficiency_score", 100 * hit_rate));
}

static json_t *advice_json(enum pma_pool_id id, bool fill)
{
    struct pma_pool_stats stats;
    pma_pool_stats_read(id, &stats);
    const uint32_t wanted = recommended(&stats);
    const uint32_t added = fill ? pma_pool_fill(id, wanted) : 0;
    return json_pack("{s:s, s:I, s:I, s:I, s:I}", "pool", stats.name, "idle",
                     (json_int_t)stats.size, "misses", (json_int_t)stats.misses,
                     "recommended", (json_int_t)wanted, "added", (json_int_t)added);
}

static void reply_advice(struct pma_reply *reply, const char *when, bool fill)
{
    json_t *pools = json_array();
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        json_array_append_new(pools, advice_json((enum pma_pool_id)id, fill));
    }
    pma_reply_data(reply, json_pack("{s:o, s:o}", when, pma_json_now(), "pools", pools));
}

void pma_handle_memory_preallocation_analyze(struct pma_request *request,
                                             struct pma_reply *reply)
{
    (void)request;
    reply_advice(reply, "analyzed_at", false);
}

void pma_handle_memory_preallocation_optimize(struct pma_request *request,
                                              struct pma_reply *reply)
{
    (void)request;
    reply_advice(reply, "optimized_at", true);
}
