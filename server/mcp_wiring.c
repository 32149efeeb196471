/* The tools' bindings: each is a call of the service that has the answer.
 *
 * This is the only place that knows both sides, so that server/mcp can be built and
 * tested without entities, a store or a monitor.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp_wiring.h"

#include "server/automation_wiring.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"
#include "server/fault/resources.h"
#include "server/hub/hub_event.h"
#include "server/log/log.h"
#include "server/mcp/mcp_service.h"
#include "server/monitor/reclaim.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define JOURNAL_KEY "tools"

static int system_status(void *arg, json_t **status)
{
    const struct pma_app *app = arg;
    struct pma_memory_snapshot memory;
    pma_reclaim_sample(app->reclaim, &memory);
    json_t *hub = pma_hub_stats_json(app->hub);
    *status = json_pack(
        "{s:s, s:s, s:I, s:{s:I, s:I, s:f}, s:{s:i, s:I}, s:{s:O*, s:O*}, s:i}", "status",
        "running", "version", SEEP_VERSION, "uptime_s",
        (json_int_t)((pma_now_ns() - app->started_at_ns) / PMA_S_NS), "memory",
        "heap_alloc", (json_int_t)memory.heap_alloc, "resident",
        (json_int_t)memory.resident, "usage_percent", memory.memory_usage_percent,
        "threads", "total", (int)memory.goroutines, "workers",
        (json_int_t)pma_worker_count(), "websocket", "connected_clients",
        json_object_get(hub, "connected_clients"), "subscriptions",
        json_object_get(hub, "subscription_count"), "fds", (int)pma_fd_count());
    json_decref(hub);
    return *status != NULL ? 0 : -ENOMEM;
}

static int entity_get(void *arg, const char *entity_id, json_t **entity)
{
    const struct pma_app *app = arg;
    return pma_entities_get(app->entities, entity_id, entity);
}

static int entity_list(void *arg, const char *room_id, json_t **entities)
{
    const struct pma_app *app = arg;
    const struct pma_entity_filter filter = {.room_id = room_id};
    return pma_entities_list(app->entities, &filter, entities);
}

static int entity_history(void *arg, const char *entity_id, size_t limit, json_t **states)
{
    const struct pma_app *app = arg;
    return pma_entities_history(app->entities, entity_id, limit, states);
}

/* "on" and "off" are switched, so that the device follows; what cannot be switched, and
 * every other state, is written. */
static int bring_to(struct pma_entities *entities, const char *entity_id,
                    const char *state, const json_t *attributes)
{
    const char *action = strcmp(state, "on") == 0    ? "turn_on"
                         : strcmp(state, "off") == 0 ? "turn_off"
                                                     : NULL;
    json_t *done = NULL;
    const int err = action != NULL
                        ? pma_entities_action(entities, entity_id, action, NULL, &done)
                        : -ENOTSUP;
    json_decref(done);
    if (err == 0 && attributes == NULL) {
        return 0;
    }
    return err == 0 || err == -ENOTSUP
               ? pma_entities_set_state(entities, entity_id, err == 0 ? NULL : state,
                                        attributes)
               : err;
}

static int entity_set_state(void *arg, const char *entity_id, const char *state,
                            const json_t *attributes, json_t **result)
{
    const struct pma_app *app = arg;
    json_t *entity = NULL;
    int err = bring_to(app->entities, entity_id, state, attributes);
    err = err == 0 ? pma_entities_get(app->entities, entity_id, &entity) : err;
    if (err != 0) {
        return err;
    }
    *result = json_pack("{s:s, s:O*, s:O*, s:O*}", "entity_id", entity_id, "new_state",
                        json_object_get(entity, "state"), "attributes",
                        json_object_get(entity, "attributes"), "last_updated",
                        json_object_get(entity, "last_updated"));
    json_decref(entity);
    return *result != NULL ? 0 : -ENOMEM;
}

static int room_get(void *arg, const char *room_id, json_t **room)
{
    const struct pma_app *app = arg;
    return pma_rooms_get(app->rooms, room_id, false, room);
}

static int automation_create(void *arg, const json_t *definition, json_t **automation)
{
    return pma_automation_create(arg, definition, automation);
}

/* One step of a scene: what came of it. */
static json_t *run_step(struct pma_entities *entities, const json_t *step, int *failed)
{
    const char *id = json_string_value(json_object_get(step, "entity_id"));
    const char *action = json_string_value(json_object_get(step, "action"));
    const json_t *parameters = json_object_get(step, "parameters");
    char why[PMA_ENTITY_WHY_BYTES] = "it names no entity_id and action";
    json_t *done = NULL;
    int err = -EINVAL;
    if (id != NULL && action != NULL) {
        err =
            pma_entities_act(entities, id, action,
                             json_is_object(parameters) ? parameters : NULL, &done, why);
    }
    json_decref(done);
    *failed += err != 0;
    return json_pack("{s:s*, s:s*, s:b, s:s*}", "entity_id", id, "action", action,
                     "success", err == 0, "error",
                     err == 0 ? NULL : (why[0] != '\0' ? why : strerrordesc_np(-err)));
}

/* A scene is an entity that can be turned on: a device of its source, whose adapter does
 * the rest, or one whose attributes have the steps: actions:[{entity_id, action,
 * parameters?}]. */
static int scene_run(void *arg, const char *scene_id, json_t **result)
{
    const struct pma_app *app = arg;
    json_t *scene = NULL;
    int failed = 0;
    size_t at = 0;
    const json_t *step = NULL;
    int err = pma_entities_get(app->entities, scene_id, &scene);
    if (err != 0) {
        return err;
    }
    const json_t *steps =
        json_object_get(json_object_get(scene, "attributes"), "actions");
    if (!json_is_array(steps) && strstr(scene_id, "scene") == NULL) {
        json_decref(scene);
        return -ENOTSUP; /* a lamp is not a scene */
    }
    json_t *report = json_array();
    json_array_foreach(steps, at, step)
    {
        json_array_append_new(report, run_step(app->entities, step, &failed));
    }
    json_decref(scene);
    err = bring_to(app->entities, scene_id, "on", NULL);
    if (err != 0) {
        json_decref(report);
        return err;
    }
    char when[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(when);
    json_t *data = json_pack("{s:s, s:s}", "scene_id", scene_id, "timestamp", when);
    const struct pma_event_subject subject = {.entity_id = scene_id};
    (void)pma_event_send(app->hub, "scene_activated", &subject, data);
    json_decref(data);
    *result = json_pack("{s:s, s:s, s:o, s:i}", "scene_id", scene_id, "activated_at",
                        when, "actions", report, "failed", failed);
    return *result != NULL ? 0 : -ENOMEM;
}

static int journal_append(void *arg, const json_t *entry)
{
    const struct pma_app *app = arg;
    return pma_store_append(app->store, PMA_JOURNAL_EXECUTIONS, JOURNAL_KEY, entry);
}

static int journal_newest(void *arg, size_t limit, json_t **entries)
{
    const struct pma_app *app = arg;
    return pma_store_newest(app->store, PMA_JOURNAL_EXECUTIONS, JOURNAL_KEY, limit,
                            entries);
}

static int journal_trim(void *arg, size_t keep, int64_t older_than_unix_ms)
{
    const struct pma_app *app = arg;
    return pma_store_trim(app->store, PMA_JOURNAL_EXECUTIONS, JOURNAL_KEY, keep,
                          older_than_unix_ms, NULL);
}

/* Fault F23 has no limit to be kept at: its log is an ordinary figure then. */
static void read_figures(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_mcp_info info;
    pma_mcp_info_read(app->mcp, &info);
    pma_figure_put(figures, "processes", PMA_RESOURCE_OBJECT, info.servers.processes);
    pma_figure_put(figures, "servers", PMA_RESOURCE_OBJECT, info.servers.total);
    pma_figure_put(figures, "calls", PMA_RESOURCE_QUEUE, info.servers.calls);
    pma_figure_put(figures, "contexts", PMA_RESOURCE_OBJECT, info.contexts);
    pma_figure_put_kept(figures, "executions", info.executions.entries,
                        app->config->mcp.max_executions);
    pma_figure_put(figures, "executed", PMA_RESOURCE_TOTAL, info.executions.total);
    pma_figure_put(figures, "contexts_reaped", PMA_RESOURCE_TOTAL, info.contexts_reaped);
    pma_figure_put(figures, "journal_errors", PMA_RESOURCE_TOTAL, info.journal_errors);
}

static struct pma_mcp_config settings_of(const struct pma_config *config)
{
    return (struct pma_mcp_config){
        .enabled = config->mcp.enabled,
        .servers =
            {
                .client =
                    {
                        .session =
                            {
                                .max_line_bytes = config->mcp.max_line_bytes,
                                .max_tools = config->mcp.max_tools,
                            },
                        .start_timeout_ns = config->mcp.start_timeout_ns,
                        .stop_grace_ns = config->mcp.stop_grace_ns,
                        .restart_backoff_ns = config->mcp.restart_backoff_ns,
                        .restart_backoff_max_ns = config->mcp.restart_backoff_max_ns,
                        .version = SEEP_VERSION,
                    },
                .max_servers = config->mcp.max_servers,
                .max_calls = config->mcp.max_calls,
                .call_timeout_ns = config->mcp.call_timeout_ns,
            },
        .executions =
            {
                .max_entries = config->mcp.max_executions,
                .max_age_ns = config->mcp.execution_max_age_ns,
                .max_entry_bytes = config->mcp.max_execution_bytes,
            },
        .context_max_age_ns = config->mcp.context_max_age_ns,
        .cleanup_interval_ns = config->mcp.cleanup_interval_ns,
    };
}

/* "" is the empty list. The texts were checked when the configuration was read. */
static json_t *list_of(const char *text)
{
    return text[0] != '\0' ? json_loads(text, 0, NULL) : json_array();
}

static int add_server(struct pma_mcp *mcp, const struct pma_config_mcp_server *server)
{
    char why[PMA_MCP_ERROR_BYTES] = "";
    json_t *spec = json_pack("{s:s, s:s, s:o, s:o, s:b}", "id", server->id, "command",
                             server->command, "args", list_of(server->args), "env",
                             list_of(server->env), "enabled", (int)server->enabled);
    if (spec == NULL) {
        return -ENOMEM;
    }
    if (server->timeout_ns > 0) {
        json_object_set_new(spec, "timeout_ms",
                            json_integer((json_int_t)(server->timeout_ns / PMA_MS_NS)));
    }
    const int err = pma_mcp_servers_add(pma_mcp_servers_of(mcp), spec, why, sizeof why);
    json_decref(spec);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "Tool server not added", pma_str("server", server->id),
                pma_str("error", why[0] != '\0' ? why : strerrordesc_np(-err)));
    }
    return err == -EINVAL || err == -ENOSPC ? 0 : err; /* the others are worth running */
}

int pma_mcp_wire(struct pma_app *app)
{
    const struct pma_config *config = app->config;
    const struct pma_mcp_config settings = settings_of(config);
    const struct pma_mcp_bindings bindings = {
        .arg = app,
        .entity_get = entity_get,
        .entity_list = entity_list,
        .entity_history = entity_history,
        .entity_set_state = entity_set_state,
        .room_get = room_get,
        .system_status = system_status,
        .automation_create = automation_create,
        .scene_run = scene_run,
    };
    const struct pma_mcp_journal journal = {.arg = app,
                                            .append = journal_append,
                                            .newest = journal_newest,
                                            .trim = journal_trim};
    /* As it was found, and what comes until it is trimmed. */
    pma_store_declare(app->store, PMA_JOURNAL_EXECUTIONS,
                      3 * (uint64_t)config->mcp.max_executions);
    int err = pma_mcp_new(&settings, &bindings, &journal, &app->mcp);
    if (err != 0) {
        return err;
    }
    err = pma_automation_restore(app);
    err = err == 0 ? pma_resource_add("mcp", read_figures, app) : err;
    err = err == 0 ? pma_mcp_start(app->mcp) : err;
    for (uint32_t i = 0; config->mcp.enabled && i < config->mcp.servers_count; i++) {
        err = err == 0 ? add_server(app->mcp, &config->mcp.servers[i]) : err;
    }
    return err;
}
