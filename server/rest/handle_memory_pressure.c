/* The pressure handler over REST.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/fault/lost_stop.h"
#include "server/monitor/pressure.h"
#include "server/monitor/reclaim.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static json_t *event_json(const struct pma_pressure_event *event)
{
    return json_pack("{s:o, s:i, s:s, s:s, s:f, s:I, s:f, s:I, s:o}", "timestamp",
                     pma_json_instant(event->at_ns), "level", (int)event->level,
                     "level_name", pma_pressure_level_name(event->level), "before",
                     pma_pressure_level_name(event->before), "heap_utilization",
                     event->heap_utilization, "goroutine_count",
                     (json_int_t)event->goroutines, "allocation_rate",
                     event->allocation_rate, "released_bytes",
                     (json_int_t)event->released_bytes, "response_time",
                     pma_json_duration(event->response_ns));
}

void pma_handle_memory_pressure(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_pressure *pressure = request->app->pressure;
    struct pma_pressure_event events[PMA_PRESSURE_EVENTS_MAX];
    struct pma_pressure_status status;
    pma_pressure_status_read(pressure, &status);
    const size_t count = pma_pressure_events(pressure, events, PMA_PRESSURE_EVENTS_MAX);
    json_t *history = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(history, event_json(&events[i]));
    }
    pma_reply_data(reply,
                   json_pack("{s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:b}", "current_level",
                             (int)status.level, "level",
                             pma_pressure_level_name(status.level), "last_event",
                             pma_json_instant(status.last_event_ns), "event_history",
                             history, "event_count", (json_int_t)status.events,
                             "total_recoveries", (json_int_t)status.recoveries, "checks",
                             (json_int_t)status.checks, "is_active", (int)status.active));
}

/* {level, heap_alloc} of this moment. */
static json_t *state_json(const struct pma_app *app)
{
    struct pma_pressure_status status;
    struct pma_memory_snapshot now;
    pma_pressure_status_read(app->pressure, &status);
    pma_reclaim_sample(app->reclaim, &now);
    return json_pack(
        "{s:s, s:I, s:I, s:f}", "level", pma_pressure_level_name(status.level),
        "heap_alloc", (json_int_t)now.heap_alloc, "heap_in_use",
        (json_int_t)now.heap_inuse, "memory_usage_percent", now.memory_usage_percent);
}

void pma_handle_memory_pressure_handle(struct pma_request *request,
                                       struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    uint64_t released_bytes = 0;
    json_t *before = state_json(app);
    const uint64_t took_ns = pma_pressure_handle(app->pressure, &released_bytes);
    pma_reply_data(reply,
                   json_pack("{s:o, s:o, s:o, s:o, s:I}", "handled_at", pma_json_now(),
                             "duration", pma_json_duration(took_ns), "before", before,
                             "after", state_json(app), "released_bytes",
                             (json_int_t)released_bytes));
}

static json_t *threshold_json(const struct pma_pressure_threshold *threshold)
{
    return json_pack("{s:f, s:I, s:f, s:f, s:I}", "heap_utilization",
                     threshold->heap_utilization, "goroutine_count",
                     (json_int_t)threshold->goroutine_count, "allocation_rate",
                     threshold->allocation_rate, "gc_frequency", threshold->gc_frequency,
                     "sustained_duration", (json_int_t)threshold->sustained_duration_ns);
}

static json_t *config_json(const struct pma_pressure_config *config)
{
    json_t *thresholds = json_object();
    for (int level = PMA_PRESSURE_LOW; level < PMA_PRESSURE_LEVELS; level++) {
        char name[32];
        snprintf(name, sizeof name, "%s_pressure",
                 pma_pressure_level_name((enum pma_pressure_level)level));
        json_object_set_new(thresholds, name, threshold_json(&config->levels[level]));
    }
    return json_pack("{s:I, s:I, s:I, s:b, s:b, s:o}", "monitor_interval",
                     (json_int_t)config->monitor_interval_ns, "response_timeout",
                     (json_int_t)config->response_timeout_ns, "max_event_history",
                     (json_int_t)config->max_event_history, "adaptive_thresholds",
                     (int)config->adaptive_thresholds, "predictive_mode_enabled",
                     (int)config->predictive_mode_enabled, "thresholds", thresholds);
}

void pma_handle_memory_pressure_config(struct pma_request *request,
                                       struct pma_reply *reply)
{
    struct pma_pressure_config config;
    pma_pressure_config_read(request->app->pressure, &config);
    pma_reply_data(reply, config_json(&config));
}

/* Each takes a member when it is there. Returns: false: it is of the wrong kind. */
static bool take_u64(const json_t *from, const char *name, uint64_t most, uint64_t *value)
{
    const json_t *given = json_object_get(from, name);
    if (given == NULL) {
        return true;
    }
    if (!json_is_integer(given) || json_integer_value(given) < 0 ||
        (uint64_t)json_integer_value(given) > most) {
        return false;
    }
    *value = (uint64_t)json_integer_value(given);
    return true;
}

static bool take_u32(const json_t *from, const char *name, uint32_t *value)
{
    uint64_t wide = *value;
    const bool taken = take_u64(from, name, UINT32_MAX, &wide);
    *value = (uint32_t)wide;
    return taken;
}

static bool take_real(const json_t *from, const char *name, double *value)
{
    const json_t *given = json_object_get(from, name);
    if (given != NULL && json_is_number(given)) {
        *value = json_number_value(given);
    }
    return given == NULL || json_is_number(given);
}

static bool take_bool(const json_t *from, const char *name, bool *value)
{
    const json_t *given = json_object_get(from, name);
    if (given != NULL && json_is_boolean(given)) {
        *value = json_is_true(given);
    }
    return given == NULL || json_is_boolean(given);
}

static bool take_thresholds(const json_t *thresholds, struct pma_pressure_config *config)
{
    for (int level = PMA_PRESSURE_LOW; level < PMA_PRESSURE_LEVELS; level++) {
        char name[32];
        struct pma_pressure_threshold *threshold = &config->levels[level];
        snprintf(name, sizeof name, "%s_pressure",
                 pma_pressure_level_name((enum pma_pressure_level)level));
        const json_t *given = json_object_get(thresholds, name);
        if (!take_real(given, "heap_utilization", &threshold->heap_utilization) ||
            !take_u32(given, "goroutine_count", &threshold->goroutine_count) ||
            !take_real(given, "allocation_rate", &threshold->allocation_rate) ||
            !take_real(given, "gc_frequency", &threshold->gc_frequency) ||
            !take_u64(given, "sustained_duration", INT64_MAX,
                      &threshold->sustained_duration_ns)) {
            return false;
        }
    }
    return true;
}

/* Reads the body over the present settings. Returns: NULL, or what is wrong. */
static const char *take_config(const json_t *body, struct pma_pressure_config *config)
{
    const bool taken =
        take_u64(body, "monitor_interval", INT64_MAX, &config->monitor_interval_ns) &&
        take_u64(body, "response_timeout", INT64_MAX, &config->response_timeout_ns) &&
        take_u32(body, "max_event_history", &config->max_event_history) &&
        take_bool(body, "adaptive_thresholds", &config->adaptive_thresholds) &&
        take_bool(body, "predictive_mode_enabled", &config->predictive_mode_enabled) &&
        take_thresholds(json_object_get(body, "thresholds"), config);
    return taken ? pma_pressure_check_config(config)
                 : "a member is of the wrong kind; GET memory/pressure/config shows them";
}

void pma_handle_memory_pressure_configure(struct pma_request *request,
                                          struct pma_reply *reply)
{
    struct pma_pressure *pressure = request->app->pressure;
    struct pma_pressure_config config;
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    pma_pressure_config_read(pressure, &config);
    const char *wrong = take_config(body, &config);
    json_decref(body);
    const int err = wrong == NULL ? pma_pressure_configure(pressure, &config) : -EINVAL;
    if (err == 0) {
        pma_lost_stop_commit(NULL); /* F28: the old worker's stop was lost */
        pma_reply_data(reply, config_json(&config));
    } else if (err == -EINVAL) {
        pma_reply_error(reply, request, 400, "%s",
                        wrong != NULL ? wrong : "these settings are not possible");
    } else {
        pma_reply_error(reply, request, 503, "The pressure handler does not restart: %s",
                        strerrordesc_np(-err));
    }
}
