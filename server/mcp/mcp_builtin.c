/* The table of built-in tools and what each does with the services.
 *
 * The original kept eight tool rows in a database and answered all of them with canned
 * data. Here a tool is a row of this table: name, schema and function stand side by side.
 * A schema is written as JSON text, is parsed when it is needed (a tool call is rare and
 * costs a store or a lock anyway) and is what arguments are checked against, so each
 * function may rely on the types of what it reads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_builtin.h"

#include "server/mcp/mcp_insight.h"
#include "server/mcp/mcp_schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HISTORY_LIMIT 1000

#define ID_SCHEMA(what)                                                                  \
    "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200,\"description\":\"" what "\"}"
#define OBJECT(properties, required)                                                     \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" properties    \
    "},\"required\":[" required "]}"

/* One call. */
struct call {
    const struct pma_mcp_bindings *bindings;
    const json_t *arguments; /* fit the tool's schema */
    struct pma_mcp_outcome *outcome;
};

struct tool {
    const char *name;
    const char *description;
    const char *schema;
    int (*run)(const struct call *call);
};

__attribute__((format(printf, 3, 4))) static int fail(const struct call *call, int err,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->outcome->error, sizeof call->outcome->error, format, arguments);
    va_end(arguments);
    return err;
}

static int fail_service(const struct call *call, const char *service)
{
    return fail(call, -ENOTCONN, "The %s service does not run", service);
}

/* What a service said about `what` with this id, as an error of the tool. */
static int explain(const struct call *call, int err, const char *what, const char *id)
{
    if (err == -ENOENT) {
        return fail(call, -EREMOTEIO, "There is no %s \"%.100s\"", what, id);
    }
    if (err == -ENOTSUP) {
        return fail(call, -EREMOTEIO, "The %s \"%.100s\" cannot do that", what, id);
    }
    if (err == -ENOTCONN) {
        return fail(call, -EREMOTEIO, "The %s \"%.100s\" is not connected", what, id);
    }
    return fail(call, -EREMOTEIO, "The %s \"%.100s\": %s", what, id,
                strerrordesc_np(-err));
}

static int succeed(const struct call *call, json_t *result)
{
    if (result == NULL) {
        return fail(call, -ENOMEM, "Out of memory");
    }
    call->outcome->result = result;
    return 0;
}

static const char *text_argument(const struct call *call, const char *name)
{
    return json_string_value(json_object_get(call->arguments, name));
}

static int get_entity_state(const struct call *call)
{
    const char *id = text_argument(call, "entity_id");
    json_t *entity = NULL;
    if (call->bindings->entity_get == NULL) {
        return fail_service(call, "entity");
    }
    const int err = call->bindings->entity_get(call->bindings->arg, id, &entity);
    if (err != 0) {
        return explain(call, err, "entity", id);
    }
    json_t *result = json_pack("{s:s, s:O*, s:O*, s:O*, s:O*, s:o}", "entity_id", id,
                               "state", json_object_get(entity, "state"), "attributes",
                               json_object_get(entity, "attributes"), "last_updated",
                               json_object_get(entity, "last_updated"), "available",
                               json_object_get(entity, "available"), "entity", entity);
    return succeed(call, result);
}

static int set_entity_state(const struct call *call)
{
    const char *id = text_argument(call, "entity_id");
    json_t *result = NULL;
    if (call->bindings->entity_set_state == NULL) {
        return fail_service(call, "entity");
    }
    const int err = call->bindings->entity_set_state(
        call->bindings->arg, id, text_argument(call, "state"),
        json_object_get(call->arguments, "attributes"), &result);
    return err != 0 ? explain(call, err, "entity", id) : succeed(call, result);
}

static int get_room_entities(const struct call *call)
{
    const struct pma_mcp_bindings *bindings = call->bindings;
    const char *id = text_argument(call, "room_id");
    json_t *room = NULL;
    json_t *entities = NULL;
    if (bindings->room_get == NULL || bindings->entity_list == NULL) {
        return fail_service(call, "room");
    }
    int err = bindings->room_get(bindings->arg, id, &room);
    if (err != 0) {
        return explain(call, err, "room", id);
    }
    err = bindings->entity_list(bindings->arg, id, &entities);
    if (err != 0) {
        json_decref(room);
        return explain(call, err, "room", id);
    }
    const size_t count = json_array_size(entities);
    return succeed(call, json_pack("{s:s, s:o, s:o, s:I}", "room_id", id, "room", room,
                                   "entities", entities, "count", (json_int_t)count));
}

static int create_automation(const struct call *call)
{
    json_t *automation = NULL;
    if (call->bindings->automation_create == NULL) {
        return fail_service(call, "automation");
    }
    const int err = call->bindings->automation_create(call->bindings->arg,
                                                      call->arguments, &automation);
    if (err == -ENOSPC) {
        return fail(call, -EREMOTEIO, "There are as many automations as are allowed");
    }
    return err != 0 ? explain(call, err, "automation", text_argument(call, "name"))
                    : succeed(call, automation);
}

static int get_system_status(const struct call *call)
{
    json_t *status = NULL;
    if (call->bindings->system_status == NULL) {
        return fail_service(call, "monitor");
    }
    const int err = call->bindings->system_status(call->bindings->arg, &status);
    return err != 0 ? explain(call, err, "system", "status") : succeed(call, status);
}

static int get_energy_data(const struct call *call)
{
    const char *device_id = text_argument(call, "device_id");
    json_t *entities = NULL;
    if (call->bindings->entity_list == NULL) {
        return fail_service(call, "entity");
    }
    const int err = call->bindings->entity_list(call->bindings->arg, NULL, &entities);
    if (err != 0) {
        return explain(call, err, "device", device_id != NULL ? device_id : "(all)");
    }
    json_t *energy = pma_mcp_energy(entities, device_id);
    json_decref(entities);
    if (energy != NULL && device_id != NULL &&
        json_array_size(json_object_get(energy, "devices")) == 0) {
        json_decref(energy);
        return fail(call, -EREMOTEIO, "No power or energy sensor belongs to \"%.100s\"",
                    device_id);
    }
    return succeed(call, energy);
}

/* The start of the time range: "hour", "day", "week" before now, or a time. */
static int read_since(const struct call *call, int64_t *since_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } ranges[] = {{"hour", 3600000}, {"day", 86400000}, {"week", 604800000}};
    const json_t *range = json_object_get(call->arguments, "time_range");
    const char *text = json_string_value(range);
    *since_ms = 0;
    if (json_is_object(range)) {
        text = json_string_value(json_object_get(range, "start"));
    }
    if (text == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (strcmp(ranges[i].name, text) == 0) {
            *since_ms = (int64_t)time(NULL) * 1000 - ranges[i].ms;
            return 0;
        }
    }
    if (pma_mcp_time_parse(text, since_ms) != 0) {
        return fail(call, -EINVAL,
                    "arguments.time_range must be hour, day, week or a time such as "
                    "2026-11-27T08:00:00Z, not \"%.60s\"",
                    text);
    }
    return 0;
}

/* The patterns of one entity into `patterns`. Returns: 0; an error that is explained. */
static int analyze_entity(const struct call *call, const char *id, int64_t since_ms,
                          json_t *patterns)
{
    json_t *history = NULL;
    const int err =
        call->bindings->entity_history(call->bindings->arg, id, HISTORY_LIMIT, &history);
    if (err != 0) {
        return explain(call, err, "entity", id);
    }
    json_t *one = pma_mcp_patterns(history, since_ms);
    json_decref(history);
    return one == NULL || json_object_set_new(patterns, id, one) != 0
               ? fail(call, -ENOMEM, "Out of memory")
               : 0;
}

/* Leaves of each entity's patterns what the analysis is about. */
static void keep_asked(json_t *patterns, const char *analysis)
{
    static const char *const usage[] = {"mean_interval_s", "numeric", NULL};
    static const char *const trend[] = {"states", "most_active_hour_utc", NULL};
    const char *const *dropped = strcmp(analysis, "usage") == 0   ? usage
                                 : strcmp(analysis, "trend") == 0 ? trend
                                                                  : NULL;
    const char *id = NULL;
    json_t *one = NULL;
    json_object_foreach(patterns, id, one)
    {
        for (size_t i = 0; dropped != NULL && dropped[i] != NULL; i++) {
            json_object_del(one, dropped[i]);
        }
    }
}

static int analyze_patterns(const struct call *call)
{
    const char *analysis = text_argument(call, "analysis_type");
    int64_t since_ms = 0;
    size_t at = 0;
    const json_t *id = NULL;
    if (call->bindings->entity_history == NULL) {
        return fail_service(call, "entity");
    }
    int err = read_since(call, &since_ms);
    json_t *patterns = json_object();
    json_array_foreach(json_object_get(call->arguments, "entity_ids"), at, id)
    {
        err = err == 0 ? analyze_entity(call, json_string_value(id), since_ms, patterns)
                       : err;
    }
    if (err != 0) {
        json_decref(patterns);
        return err;
    }
    analysis = analysis != NULL ? analysis : "summary";
    keep_asked(patterns, analysis);
    return succeed(
        call, json_pack("{s:s, s:o}", "analysis_type", analysis, "patterns", patterns));
}

static int execute_scene(const struct call *call)
{
    const char *id = text_argument(call, "scene_id");
    json_t *result = NULL;
    if (call->bindings->scene_run == NULL) {
        return fail_service(call, "entity");
    }
    const int err = call->bindings->scene_run(call->bindings->arg, id, &result);
    return err != 0 ? explain(call, err, "scene", id) : succeed(call, result);
}

#define TRIGGER_SCHEMA                                                                   \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"entity_"      \
    "id\":" ID_SCHEMA(                                                                   \
        "whose change starts the automation") ",\"to\":"                                 \
                                              "{\"type\":\"string\",\"maxLength\":200,"  \
                                              "\"description\":\"the state that it "     \
                                              "changes to; any change without it\"}},"   \
                                              "\"required\":[\"entity_id\"]}"
#define ACTION_SCHEMA                                                                    \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"entity_"      \
    "id\":" ID_SCHEMA("what is acted on") ",\"action\":" ID_SCHEMA(                      \
        "such as turn_on") ",\"parameters\":{\"type\":\"object\"}},\"required\":["       \
                           "\"entity_id\",\"action\"]}"

static const struct tool tools[PMA_MCP_BUILTIN_COUNT] = {
    {"get_entity_state", "The present state and attributes of one entity.",
     OBJECT("\"entity_id\":" ID_SCHEMA("the entity"), "\"entity_id\""), get_entity_state},
    {"set_entity_state",
     "Brings an entity into a state: on and off switch it, anything else is set as it "
     "is.",
     OBJECT("\"entity_id\":" ID_SCHEMA("the entity") ",\"state\":" ID_SCHEMA(
                "the new state") ",\"attributes\":{\"type\":\"object\"}",
            "\"entity_id\",\"state\""),
     set_entity_state},
    {"get_room_entities", "A room and all entities in it.",
     OBJECT("\"room_id\":" ID_SCHEMA("the room"), "\"room_id\""), get_room_entities},
    {"create_automation",
     "Makes the server act by itself: when a trigger's entity changes its state, the "
     "actions are carried out in order.",
     OBJECT("\"name\":" ID_SCHEMA(
                "a name for people") ",\"triggers\":{\"type\":\"array\",\"minItems\":1,"
                                     "\"maxItems\":8,\"items\":" TRIGGER_SCHEMA
                                     "},\"actions\":{\"type\":\"array\",\"minItems\":1,"
                                     "\"maxItems\":16,\"items\":" ACTION_SCHEMA "}",
            "\"name\",\"triggers\",\"actions\""),
     create_automation},
    {"get_system_status", "Memory, threads, connections and uptime of this server.",
     OBJECT("", ""), get_system_status},
    {"get_energy_data", "Power and energy, of one device or of all.",
     OBJECT("\"device_id\":" ID_SCHEMA("a device or an entity; all without it"), ""),
     get_energy_data},
    {"analyze_patterns",
     "How entities behaved: shares of time per state, changes, busiest hour, trend.",
     OBJECT("\"entity_ids\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":32,"
            "\"items\":" ID_SCHEMA(
                "an entity") "},\"time_range\":{\"type\":[\"string\",\"object\"],"
                             "\"description\":\"hour, "
                             "day, week, or a start "
                             "time\"},\"analysis_type\":{\"type\":\"string\","
                             "\"enum\":[\"summary\",\"usage\",\"trend\"]}",
            "\"entity_ids\""),
     analyze_patterns},
    {"execute_scene", "Activates a scene.",
     OBJECT("\"scene_id\":" ID_SCHEMA("the scene"), "\"scene_id\""), execute_scene},
};

static const struct tool *find(const char *name)
{
    for (size_t i = 0; i < PMA_MCP_BUILTIN_COUNT; i++) {
        if (strcmp(tools[i].name, name) == 0) {
            return &tools[i];
        }
    }
    return NULL;
}

json_t *pma_mcp_builtin_list(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < PMA_MCP_BUILTIN_COUNT; i++) {
        json_t *schema = json_loads(tools[i].schema, 0, NULL);
        json_t *tool = json_pack("{s:s, s:s, s:o}", "name", tools[i].name, "description",
                                 tools[i].description, "inputSchema", schema);
        if (tool == NULL || json_array_append_new(list, tool) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

bool pma_mcp_builtin_has(const char *name)
{
    return find(name) != NULL;
}

int pma_mcp_builtin_call(const struct pma_mcp_bindings *bindings, const char *name,
                         const json_t *arguments, struct pma_mcp_outcome *outcome)
{
    const struct tool *tool = find(name);
    json_t *none = NULL;
    const struct call call = {
        .bindings = bindings,
        .arguments = arguments != NULL ? arguments : (none = json_object()),
        .outcome = outcome,
    };
    if (tool == NULL) {
        json_decref(none);
        return fail(&call, -ENOENT, "There is no built-in tool \"%.100s\"", name);
    }
    json_t *schema = json_loads(tool->schema, 0, NULL);
    int err = 0;
    if (schema == NULL || call.arguments == NULL) {
        err = fail(&call, -ENOMEM, "Out of memory");
    } else {
        err = pma_mcp_schema_check(schema, call.arguments, "arguments", outcome->error,
                                   sizeof outcome->error);
    }
    json_decref(schema);
    if (err == 0) {
        err = tool->run(&call);
    }
    json_decref(none);
    return err;
}
