/* Optimising memory on demand, and the optimiser that does it at an interval.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/config/config_value.h"
#include "server/monitor/memory_manager_lock.h"
#include "server/monitor/optimizer.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <stdio.h>
#include <string.h>

#define STOP_TIMEOUT_NS PMA_S_NS

/* What a request asks for. */
struct wish {
    uint32_t components;
    bool aggressive;
    uint64_t max_ns;
    json_t *unknown; /* [name] */
};

/* Reads the body. Returns: NULL, or what is wrong. */
static const char *read_wish(const json_t *body, struct wish *wish)
{
    const json_t *components = json_object_get(body, "components");
    const json_t *aggressive = json_object_get(body, "aggressive");
    const json_t *max_time = json_object_get(body, "max_time");
    size_t i = 0;
    json_t *name = NULL;
    if ((components != NULL && !json_is_array(components)) ||
        (aggressive != NULL && !json_is_boolean(aggressive)) ||
        (max_time != NULL && !json_is_string(max_time))) {
        return "Invalid request format: components is a list, aggressive true or false, "
               "max_time a text";
    }
    wish->aggressive = json_is_true(aggressive);
    if (max_time != NULL &&
        pma_parse_duration(json_string_value(max_time), &wish->max_ns) != 0) {
        return "Invalid request format: max_time is a duration such as 5m";
    }
    json_array_foreach(components, i, name)
    {
        if (!json_is_string(name)) {
            return "Invalid request format: components are names";
        }
        const uint32_t bit = pma_optimizer_component(json_string_value(name));
        wish->components |= bit;
        if (bit == 0) {
            json_array_append(wish->unknown, name);
        }
    }
    if (json_array_size(components) == 0) {
        wish->components = PMA_OPTIMIZERS_ALL;
    }
    return NULL;
}

/* {name: {status, time_taken | error}} */
static json_t *components_json(const struct pma_optimization *done, const json_t *unknown)
{
    json_t *components = json_object();
    size_t i = 0;
    const json_t *name = NULL;
    for (unsigned bit = 0; bit < PMA_OPTIMIZERS_COUNT; bit++) {
        if ((done->components & 1U << bit) == 0) {
            continue;
        }
        json_object_set_new(components, pma_optimizer_component_name(bit),
                            (done->skipped & 1U << bit) != 0
                                ? json_pack("{s:s, s:s}", "status", "skipped", "error",
                                            "max_time was over before it began")
                                : json_pack("{s:s, s:o}", "status", "completed",
                                            "time_taken",
                                            pma_json_duration(done->taken_ns[bit])));
    }
    json_array_foreach(unknown, i, name)
    {
        json_object_set_new(components, json_string_value(name),
                            json_pack("{s:s, s:s}", "status", "failed", "error",
                                      "unknown component; there are gc, pools, pressure "
                                      "and preallocation"));
    }
    return components;
}

static json_t *optimization_json(const struct pma_optimization *done,
                                 const json_t *unknown)
{
    char id[40];
    snprintf(id, sizeof id, "opt_%llu", (unsigned long long)done->unix_s);
    return json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:b, s:I, s:I, s:I}", "optimization_id", id, "number",
        (json_int_t)done->id, "timestamp", pma_json_instant(done->at_ns), "total_time",
        pma_json_duration(done->total_ns), "components", components_json(done, unknown),
        "aggressive", (int)done->aggressive, "heap_before",
        (json_int_t)done->heap_before_bytes, "heap_after",
        (json_int_t)done->heap_after_bytes, "memory_freed",
        (json_int_t)done->heap_before_bytes - (json_int_t)done->heap_after_bytes);
}

void pma_handle_memory_optimize(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_optimization done;
    struct wish wish = {.max_ns = PMA_OPTIMIZER_TIME_NS, .unknown = json_array()};
    json_t *body = pma_request_json(request, reply);
    const char *wrong = body != NULL ? read_wish(body, &wish) : NULL;
    if (wrong != NULL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
    } else if (body != NULL && !pma_manager_optimize_enter()) {
        pma_reply_error(reply, request, 503,
                        "The memory manager has locked itself up (fault F31)");
    } else if (body != NULL) {
        pma_optimizer_run(request->app->optimizer, wish.components, wish.aggressive,
                          wish.max_ns, &done);
        pma_reply_data(reply, optimization_json(&done, wish.unknown));
    }
    json_decref(body);
    json_decref(wish.unknown);
}

void pma_handle_memory_optimization_status(struct pma_request *request,
                                           struct pma_reply *reply)
{
    struct pma_optimizer_status status;
    pma_optimizer_status_read(request->app->optimizer, &status);
    json_t *enabled = json_array();
    for (unsigned i = 0; i < PMA_OPTIMIZERS_COUNT; i++) {
        json_array_append_new(enabled, json_string(pma_optimizer_component_name(i)));
    }
    pma_reply_data(
        reply,
        json_pack(
            "{s:b, s:o, s:I, s:o, s:f, s:o, s:{s:o, s:i}}", "is_running",
            (int)status.active, "last_optimization", pma_json_instant(status.last_at_ns),
            "total_optimizations", (json_int_t)status.total, "average_response_time",
            pma_json_duration(status.total > 0 ? status.total_ns / status.total : 0),
            "success_rate",
            status.total > 0 ? (double)status.complete / (double)status.total : 0.0,
            "enabled_optimizers", enabled, "current_config", "interval",
            pma_json_duration(status.interval_ns), "max_history", PMA_OPTIMIZER_HISTORY));
}

void pma_handle_memory_optimization_start(struct pma_request *request,
                                          struct pma_reply *reply)
{
    const int err = pma_optimizer_start(request->app->optimizer);
    if (err != 0) {
        pma_reply_error(reply, request, 503, "The optimiser cannot start: %s",
                        strerrordesc_np(-err));
        return;
    }
    pma_reply_data(reply, json_pack("{s:o, s:b, s:s}", "started_at", pma_json_now(),
                                    "is_running", 1, "message",
                                    "Memory optimisation is running"));
}

void pma_handle_memory_optimization_stop(struct pma_request *request,
                                         struct pma_reply *reply)
{
    const int err = pma_optimizer_stop(request->app->optimizer, STOP_TIMEOUT_NS);
    if (err != 0) {
        pma_reply_error(reply, request, 503, "The optimiser does not stop: %s",
                        strerrordesc_np(-err));
        return;
    }
    pma_reply_data(reply, json_pack("{s:o, s:b, s:s}", "stopped_at", pma_json_now(),
                                    "is_running", 0, "message",
                                    "Memory optimisation is stopped"));
}

void pma_handle_memory_optimization_history(struct pma_request *request,
                                            struct pma_reply *reply)
{
    struct pma_optimization done[PMA_OPTIMIZER_HISTORY];
    bool valid = true;
    const uint64_t limit = pma_request_number(request, "limit", PMA_OPTIMIZER_HISTORY,
                                              PMA_OPTIMIZER_HISTORY, &valid);
    if (!valid) {
        pma_reply_error(reply, request, 400, "limit is a number from 0 to %d",
                        PMA_OPTIMIZER_HISTORY);
        return;
    }
    const size_t count =
        pma_optimizer_history(request->app->optimizer, done, (size_t)limit);
    json_t *history = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(history, optimization_json(&done[i], NULL));
    }
    pma_reply_data(
        reply, json_pack("{s:o, s:I}", "history", history, "count", (json_int_t)count));
}
