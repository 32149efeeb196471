/* The door to all tools.
 *
 * One function runs a tool, whoever asks (REST, a chat, a fault's driver), so that each
 * execution has a context while it runs and an entry in the log afterwards. A built-in
 * tool runs on the caller's thread: it is a few locks and a store. A foreign one is
 * waited for there too, bounded by its time-out and by mcp.max_calls, so that slow
 * servers cannot hold every thread of HTTP.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_service.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/base/json_depth.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/mcp/mcp_contexts.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARGUMENT_LEVELS 32
#define SEPARATOR       "__"
#define TOOL_NAME_MAX   64 /* what language models' interfaces allow */

struct pma_mcp {
    struct pma_mcp_config config;
    struct pma_mcp_bindings bindings;
    struct pma_mcp_journal journal;
    struct pma_mcp_servers *servers;
    struct pma_mcp_executions *executions;
    struct pma_mcp_contexts *contexts;
    struct pma_worker *cleanup;
    struct pma_tool_host host;
    /* Statistics, written by whoever executes; they order nothing: relaxed. */
    _Atomic uint64_t journal_errors;
    _Atomic uint64_t appended; /* to the journal since it was trimmed */
    _Atomic uint64_t last_activity_ns;
};

static int host_list(void *arg, json_t **tools);
static int host_call(void *arg, const char *name, const json_t *arguments,
                     const char *conversation_id, json_t **result);

int pma_mcp_new(const struct pma_mcp_config *config,
                const struct pma_mcp_bindings *bindings,
                const struct pma_mcp_journal *journal, struct pma_mcp **mcp)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_mcp *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->bindings = *bindings;
    fresh->journal = *journal;
    fresh->host =
        (struct pma_tool_host){.list = host_list, .call = host_call, .arg = fresh};
    int err = pma_mcp_servers_new(&config->servers, &fresh->servers);
    if (err == 0) {
        err = pma_mcp_executions_new(&config->executions, &fresh->executions);
    }
    if (err == 0) {
        err = pma_mcp_contexts_new(config->context_max_age_ns, &fresh->contexts);
    }
    if (err != 0) {
        pma_mcp_free(fresh);
        return err;
    }
    *mcp = fresh;
    return 0;
}

void pma_mcp_free(struct pma_mcp *mcp)
{
    if (mcp == NULL) {
        return;
    }
    pma_mcp_contexts_free(mcp->contexts);
    pma_mcp_executions_free(mcp->executions);
    pma_mcp_servers_free(mcp->servers);
    free(mcp);
}

static void note_journal(struct pma_mcp *mcp, int err)
{
    if (err != 0 &&
        atomic_fetch_add_explicit(&mcp->journal_errors, 1, memory_order_relaxed) == 0) {
        pma_log(PMA_LOG_WARN, "Tool executions do not reach the store",
                pma_str("error", strerrordesc_np(-err)));
    }
}

static void restore(struct pma_mcp *mcp)
{
    json_t *entries = NULL;
    if (mcp->journal.newest == NULL) {
        return;
    }
    const int err = mcp->journal.newest(mcp->journal.arg,
                                        mcp->config.executions.max_entries, &entries);
    note_journal(mcp, err);
    if (err == 0) {
        pma_mcp_executions_restore(mcp->executions, entries);
        json_decref(entries);
    }
}

static void trim_journal(struct pma_mcp *mcp)
{
    if (mcp->journal.trim != NULL && !pma_fault_enabled(PMA_FAULT_F23)) {
        const int64_t age_ms = (int64_t)(mcp->config.executions.max_age_ns / PMA_MS_NS);
        const int64_t before_ms = age_ms > 0 ? (int64_t)time(NULL) * 1000 - age_ms : 0;
        note_journal(mcp,
                     mcp->journal.trim(mcp->journal.arg,
                                       mcp->config.executions.max_entries, before_ms));
    }
}

void pma_mcp_sweep(struct pma_mcp *mcp)
{
    pma_mcp_executions_sweep(mcp->executions);
    pma_mcp_contexts_sweep(mcp->contexts);
    trim_journal(mcp);
}

size_t pma_mcp_cleanup(struct pma_mcp *mcp, uint64_t age_ns)
{
    const size_t removed = pma_mcp_executions_cleanup(mcp->executions, age_ns);
    if (mcp->journal.trim != NULL) {
        const int64_t before_ms =
            (int64_t)time(NULL) * 1000 - (int64_t)(age_ns / PMA_MS_NS);
        note_journal(mcp, mcp->journal.trim(mcp->journal.arg, age_ns == 0 ? 0 : SIZE_MAX,
                                            before_ms));
    }
    return removed;
}

static void run_cleanup(void *arg, struct pma_cancel *cancel)
{
    (void)cancel;
    pma_mcp_sweep(arg);
}

int pma_mcp_start(struct pma_mcp *mcp)
{
    SEEP_SUBSYSTEM("ai");
    const struct pma_worker_spec spec = {.name = "mcp-cleanup",
                                         .subsystem = "ai",
                                         .interval_ns = mcp->config.cleanup_interval_ns,
                                         .run = run_cleanup,
                                         .arg = mcp};
    restore(mcp);
    const int err = pma_worker_start(&spec, &mcp->cleanup);
    return err != 0 ? err : pma_mcp_servers_start(mcp->servers);
}

void pma_mcp_close(struct pma_mcp *mcp, uint64_t drain_ns)
{
    pma_mcp_servers_close(mcp->servers, drain_ns);
}

int pma_mcp_stop(struct pma_mcp *mcp, uint64_t timeout_ns)
{
    if (mcp->cleanup != NULL) {
        pma_worker_cancel(mcp->cleanup); /* the two end side by side */
    }
    int err = pma_mcp_servers_stop(mcp->servers, timeout_ns);
    const int cleanup_err = pma_worker_stop(mcp->cleanup, timeout_ns);
    if (cleanup_err == 0) {
        mcp->cleanup = NULL;
    }
    return err != 0 ? err : cleanup_err;
}

/* Splits "server__tool". Returns: the tool's name within `name`; NULL: there is no such
 * server. */
static const char *split(struct pma_mcp *mcp, const char *name,
                         char server_id[PMA_MCP_ID_BYTES])
{
    const char *end = strstr(name, SEPARATOR);
    const size_t length = end != NULL ? (size_t)(end - name) : 0;
    if (length == 0 || length >= PMA_MCP_ID_BYTES) {
        return NULL;
    }
    snprintf(server_id, PMA_MCP_ID_BYTES, "%.*s", (int)length, name);
    return pma_mcp_servers_has(mcp->servers, server_id) ? end + strlen(SEPARATOR) : NULL;
}

/* Finds out who has the tool. Returns: 0; -ENOENT. */
static int resolve(struct pma_mcp *mcp, const struct pma_mcp_call *call,
                   char server_id[PMA_MCP_ID_BYTES], const char **tool,
                   struct pma_mcp_outcome *outcome)
{
    *tool = call->tool;
    if (call->server_id != NULL && call->server_id[0] != '\0') {
        snprintf(server_id, PMA_MCP_ID_BYTES, "%s", call->server_id);
        const bool known = strlen(call->server_id) < PMA_MCP_ID_BYTES &&
                           (strcmp(server_id, PMA_MCP_BUILTIN_SERVER) == 0 ||
                            pma_mcp_servers_has(mcp->servers, server_id));
        if (!known) {
            snprintf(outcome->error, sizeof outcome->error,
                     "There is no tool server \"%.60s\"", call->server_id);
        }
        return known ? 0 : -ENOENT;
    }
    if (pma_mcp_builtin_has(call->tool)) {
        snprintf(server_id, PMA_MCP_ID_BYTES, "%s", PMA_MCP_BUILTIN_SERVER);
        return 0;
    }
    const char *within = split(mcp, call->tool, server_id);
    if (within != NULL) {
        *tool = within;
        return 0;
    }
    if (pma_mcp_servers_find_tool(mcp->servers, call->tool, server_id) == 0) {
        return 0;
    }
    snprintf(outcome->error, sizeof outcome->error, "There is no tool \"%.100s\"",
             call->tool);
    return -ENOENT;
}

static int run(struct pma_mcp *mcp, const char *server_id, const char *tool,
               const struct pma_mcp_call *call, struct pma_mcp_outcome *outcome)
{
    const json_t *arguments = call->arguments;
    uint64_t context = 0;
    int err = pma_mcp_contexts_begin(mcp->contexts, tool, arguments, &context);
    if (err != 0) {
        snprintf(outcome->error, sizeof outcome->error, "Out of memory");
        return err;
    }
    err = strcmp(server_id, PMA_MCP_BUILTIN_SERVER) == 0
              ? pma_mcp_builtin_call(&mcp->bindings, tool, arguments, outcome)
              : pma_mcp_servers_call(mcp->servers, server_id, tool, arguments,
                                     &call->patience, outcome);
    (void)pma_mcp_contexts_end(mcp->contexts, context);
    return err;
}

static void record(struct pma_mcp *mcp, const struct pma_mcp_execution *execution)
{
    json_t *entry = pma_mcp_executions_add(mcp->executions, execution);
    if (entry != NULL && mcp->journal.append != NULL) {
        note_journal(mcp, mcp->journal.append(mcp->journal.arg, entry));
        /* Also between two sweeps the journal has a limit. */
        if (atomic_fetch_add_explicit(&mcp->appended, 1, memory_order_relaxed) + 1 >=
            mcp->config.executions.max_entries) {
            atomic_store_explicit(&mcp->appended, 0, memory_order_relaxed);
            trim_journal(mcp);
        }
    }
    json_decref(entry);
}

int pma_mcp_execute(struct pma_mcp *mcp, const struct pma_mcp_call *call,
                    struct pma_mcp_outcome *outcome, char used_server[PMA_MCP_ID_BYTES],
                    uint64_t *duration_ns)
{
    SEEP_SUBSYSTEM("ai");
    const char *tool = NULL;
    const uint64_t begin_ns = pma_now_ns();
    *outcome = (struct pma_mcp_outcome){.result = NULL};
    used_server[0] = '\0';
    *duration_ns = 0;
    if (!mcp->config.enabled) {
        snprintf(outcome->error, sizeof outcome->error,
                 "Tools are switched off (mcp.enabled)");
        return -ECANCELED;
    }
    if (!pma_json_is_shallow(call->arguments, ARGUMENT_LEVELS)) {
        snprintf(outcome->error, sizeof outcome->error,
                 "arguments are nested deeper than %d levels", ARGUMENT_LEVELS);
        return -EINVAL; /* not to be recorded either */
    }
    int err = resolve(mcp, call, used_server, &tool, outcome);
    if (err != 0) {
        used_server[0] = '\0';
        return err;
    }
    err = run(mcp, used_server, tool, call, outcome);
    *duration_ns = pma_now_ns() - begin_ns;
    atomic_store_explicit(&mcp->last_activity_ns, pma_now_ns(), memory_order_relaxed);
    if (err != -ENOENT) {
        const struct pma_mcp_execution execution = {
            .conversation_id = call->conversation_id,
            .server_id = used_server,
            .tool_name = tool,
            .parameters = call->arguments,
            .result = outcome->result,
            .error = outcome->error,
            .duration_ns = *duration_ns,
            .success = err == 0,
        };
        record(mcp, &execution);
    }
    return err;
}

/* {name, description, parameters} of a tool as it is listed; NULL when its name is too
 * long for a language model. */
static json_t *host_tool(const json_t *tool)
{
    const char *server_id = json_string_value(json_object_get(tool, "serverId"));
    const char *name = json_string_value(json_object_get(tool, "name"));
    const bool is_builtin = strcmp(server_id, PMA_MCP_BUILTIN_SERVER) == 0;
    char whole[TOOL_NAME_MAX + 1];
    const int length =
        snprintf(whole, sizeof whole, "%s%s%s", is_builtin ? "" : server_id,
                 is_builtin ? "" : SEPARATOR, name);
    if (length > TOOL_NAME_MAX) {
        return NULL;
    }
    return json_pack("{s:s, s:O*, s:O*}", "name", whole, "description",
                     json_object_get(tool, "description"), "parameters",
                     json_object_get(tool, "inputSchema"));
}

static int host_list(void *arg, json_t **tools)
{
    struct pma_mcp *mcp = arg;
    size_t at = 0;
    const json_t *tool = NULL;
    if (!mcp->config.enabled) {
        return -ENOTSUP;
    }
    json_t *all = pma_mcp_tools_json(mcp);
    json_t *list = json_array();
    json_array_foreach(all, at, tool)
    {
        json_t *one = host_tool(tool);
        if (one != NULL) {
            json_array_append_new(list, one);
        }
    }
    json_decref(all);
    if (list == NULL) {
        return -ENOMEM;
    }
    *tools = list;
    return 0;
}

static int host_call(void *arg, const char *name, const json_t *arguments,
                     const char *conversation_id, json_t **result)
{
    struct pma_mcp_outcome outcome;
    char server_id[PMA_MCP_ID_BYTES];
    uint64_t duration_ns = 0;
    const struct pma_mcp_call call = {
        .tool = name, .arguments = arguments, .conversation_id = conversation_id};
    const int err = pma_mcp_execute(arg, &call, &outcome, server_id, &duration_ns);
    if (err == -ENOENT || err == -ENOMEM) {
        json_decref(outcome.result);
        return err;
    }
    json_t *json =
        json_pack("{s:b, s:o*, s:s*, s:f}", "success", err == 0, "result", outcome.result,
                  "error", outcome.error[0] != '\0' ? outcome.error : NULL,
                  "execution_time_ms", (double)duration_ns / 1e6);
    if (json == NULL) {
        return -ENOMEM;
    }
    *result = json;
    return 0;
}

const struct pma_tool_host *pma_mcp_tool_host(struct pma_mcp *mcp)
{
    return &mcp->host;
}

json_t *pma_mcp_tools_json(struct pma_mcp *mcp)
{
    size_t at = 0;
    json_t *tool = NULL;
    json_t *list = pma_mcp_builtin_list();
    json_array_foreach(list, at, tool)
    {
        json_object_set_new(tool, "serverId", json_string(PMA_MCP_BUILTIN_SERVER));
    }
    json_t *foreign = pma_mcp_servers_tools_json(mcp->servers);
    json_array_extend(list, foreign);
    json_decref(foreign);
    return list;
}

json_t *pma_mcp_servers_list_json(struct pma_mcp *mcp)
{
    json_t *list = json_array();
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:b, s:b, s:i}", "id", PMA_MCP_BUILTIN_SERVER,
                        "name", "Built-in tools", "status",
                        mcp->config.enabled ? "connected" : "stopped", "enabled",
                        (int)mcp->config.enabled, "connected", (int)mcp->config.enabled,
                        "toolCount", PMA_MCP_BUILTIN_COUNT));
    json_t *foreign = pma_mcp_servers_json(mcp->servers);
    json_array_extend(list, foreign);
    json_decref(foreign);
    return list;
}

json_t *pma_mcp_status_json(struct pma_mcp *mcp)
{
    struct pma_mcp_info info;
    char when[PMA_TIMESTAMP_BYTES];
    pma_mcp_info_read(mcp, &info);
    pma_timestamp_at(atomic_load_explicit(&mcp->last_activity_ns, memory_order_relaxed),
                     when);
    const int builtin = mcp->config.enabled ? 1 : 0;
    return json_pack("{s:b, s:i, s:i, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "enabled",
                     builtin, "connectedServers", (int)info.servers.connected + builtin,
                     "totalServers", (int)info.servers.total + 1, "lastActivity",
                     when[0] != '\0' ? json_string(when) : json_null(), "errors",
                     pma_mcp_servers_errors_json(mcp->servers), "executions",
                     (json_int_t)info.executions.total, "failedExecutions",
                     (json_int_t)info.executions.failed, "runningCalls",
                     (json_int_t)info.servers.calls, "refusedCalls",
                     (json_int_t)info.servers.calls_refused, "timedOutCalls",
                     (json_int_t)info.servers.calls_timed_out);
}

bool pma_mcp_is_enabled(const struct pma_mcp *mcp)
{
    return mcp->config.enabled;
}

struct pma_mcp_servers *pma_mcp_servers_of(struct pma_mcp *mcp)
{
    return mcp->servers;
}

struct pma_mcp_executions *pma_mcp_executions_of(struct pma_mcp *mcp)
{
    return mcp->executions;
}

void pma_mcp_simulate_execution(void *arg)
{
    struct pma_mcp_outcome outcome;
    char server_id[PMA_MCP_ID_BYTES];
    uint64_t duration_ns = 0;
    if (!pma_fault_enabled(PMA_FAULT_F23) && !pma_fault_enabled(PMA_FAULT_F25)) {
        return;
    }
    const struct pma_mcp_call call = {.tool = "get_system_status"};
    (void)pma_mcp_execute(arg, &call, &outcome, server_id, &duration_ns);
    json_decref(outcome.result);
}

void pma_mcp_info_read(struct pma_mcp *mcp, struct pma_mcp_info *info)
{
    struct pma_mcp_contexts_info contexts;
    pma_mcp_servers_info_read(mcp->servers, &info->servers);
    pma_mcp_executions_info_read(mcp->executions, &info->executions);
    pma_mcp_contexts_info_read(mcp->contexts, &contexts);
    info->contexts = contexts.live;
    info->contexts_reaped = contexts.reaped;
    info->journal_errors =
        atomic_load_explicit(&mcp->journal_errors, memory_order_relaxed);
}
