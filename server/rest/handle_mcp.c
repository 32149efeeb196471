/* Tools over REST, under /api/v1/mcp and, as the original had it too, /api/v1/ai/mcp.
 *
 * A request that registers a tool server names a program to run, so it is taken from this
 * machine alone, and only while mcp.register_servers allows it. That a page which a
 * browser shows cannot do it either, not even under a name of its own that leads to this
 * machine, is the gate's work (server/rest/gate.h); the tests of this file hold it to
 * that.
 *
 * What waits for a tool server is put off to a worker; a built-in tool is run at once, so
 * that it never queues behind slow ones.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/mcp/mcp_service.h"
#include "server/rest/app.h"
#include "server/rest/later.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

#define EXECUTIONS_LIMIT     50
#define EXECUTIONS_LIMIT_MAX 1000
#define DAY_NS               ((uint64_t)86400 * PMA_S_NS)
#define DAYS_MAX             3650

/* The status of HTTP for an outcome. */
static unsigned status_of(int err, const char *server_id)
{
    switch (err) {
    case 0:
    case -EREMOTEIO:
        return 200; /* it ran; whether it succeeded is said in the body */
    case -EINVAL:
    case -E2BIG:
        return 400;
    case -ENOENT:
        return 404;
    case -ENOTCONN:
        return strcmp(server_id, PMA_MCP_BUILTIN_SERVER) == 0 ? 503 : 409;
    case -ENOMEM:
        return 500;
    default:
        return 503;
    }
}

void pma_handle_mcp_status(struct pma_request *request, struct pma_reply *reply)
{
    pma_reply_flat(reply, pma_mcp_status_json(request->app->mcp));
}

static void reply_list(struct pma_reply *reply, const char *name, json_t *list)
{
    const size_t count = json_array_size(list);
    pma_reply_flat(reply,
                   json_pack("{s:o, s:I}", name, list, "count", (json_int_t)count));
}

void pma_handle_mcp_servers(struct pma_request *request, struct pma_reply *reply)
{
    reply_list(reply, "servers", pma_mcp_servers_list_json(request->app->mcp));
}

void pma_handle_mcp_tools(struct pma_request *request, struct pma_reply *reply)
{
    reply_list(reply, "tools", pma_mcp_tools_json(request->app->mcp));
}

/* Whether tool servers may be changed by this request; else the reply is a 403 or 503. */
static bool may_change(struct pma_request *request, struct pma_reply *reply)
{
    if (!pma_mcp_is_enabled(request->app->mcp)) {
        pma_reply_error(reply, request, 503, "Tools are switched off (mcp.enabled)");
        return false;
    }
    if (!request->app->config->mcp.register_servers) {
        pma_reply_error(reply, request, 403,
                        "Tool servers are fixed by the configuration "
                        "(mcp.register_servers is false)");
        return false;
    }
    if (!request->loopback) {
        pma_reply_error(reply, request, 403,
                        "A tool server is a program that runs here: it can be registered "
                        "from this machine only");
        return false;
    }
    return true;
}

void pma_handle_mcp_server_add(struct pma_request *request, struct pma_reply *reply)
{
    char why[PMA_MCP_ERROR_BYTES] = "";
    if (!may_change(request, reply)) {
        return;
    }
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const char *id = json_string_value(json_object_get(body, "id"));
    const int err =
        pma_mcp_servers_add(pma_mcp_servers_of(request->app->mcp), body, why, sizeof why);
    if (err == 0) {
        pma_reply_flat(reply, json_pack("{s:s, s:s}", "serverId", id, "message",
                                        "The tool server is being started"));
        reply->status = 201;
    } else if (err == -EINVAL) {
        pma_reply_error(reply, request, 400, "%s", why);
    } else if (err == -EEXIST) {
        pma_reply_error(reply, request, 409,
                        "There is a tool server \"%.40s\" already; DELETE it first", id);
    } else if (err == -ENOSPC) {
        pma_reply_error(reply, request, 503,
                        "There are as many tool servers as mcp.max_servers allows");
    } else {
        pma_reply_error(reply, request, err == -ENOMEM ? 500 : 503,
                        "The tool server was not added: %s", strerrordesc_np(-err));
    }
    json_decref(body);
}

static void run_server_remove(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    const int err =
        pma_mcp_servers_remove(pma_mcp_servers_of(request->app->mcp), request->param);
    if (err == 0) {
        pma_reply_flat(reply, json_pack("{s:s, s:s}", "serverId", request->param,
                                        "message", "The tool server has ended"));
    } else if (err == -ENOENT) {
        pma_reply_error(reply, request, 404, "There is no tool server \"%.60s\"",
                        request->param);
    } else if (err == -EBUSY) {
        pma_reply_error(reply, request, 409, "The tool server \"%.60s\" is being removed",
                        request->param);
    } else {
        pma_reply_error(reply, request, 503, "The tool server has not ended yet: %s",
                        strerrordesc_np(-err));
    }
}

void pma_handle_mcp_server_remove(struct pma_request *request, struct pma_reply *reply)
{
    if (!may_change(request, reply)) {
        return;
    }
    if (strcmp(request->param, PMA_MCP_BUILTIN_SERVER) == 0) {
        pma_reply_error(reply, request, 409, "The built-in tools cannot be removed");
    } else {
        reply->later = run_server_remove; /* until the process has ended */
    }
}

/* 200 for a tool that ran, an error for one that could not. outcome: its result is taken.
 */
static void reply_outcome(struct pma_request *request, struct pma_reply *reply, int err,
                          struct pma_mcp_outcome *outcome, json_t *data)
{
    const bool ran = err == 0 || err == -EREMOTEIO;
    const char *server_id = json_string_value(json_object_get(data, "serverId"));
    const unsigned status = status_of(err, server_id != NULL ? server_id : "");
    if (!ran) {
        pma_reply_error(reply, request, status, "%s", outcome->error);
        json_object_update_missing(reply->body, data);
        json_decref(outcome->result);
        json_decref(data);
        return;
    }
    json_object_set_new(data, "success", json_boolean(err == 0));
    if (outcome->result != NULL) {
        json_object_set_new(data, "result", outcome->result);
    }
    if (err != 0) {
        json_object_set_new(data, "error", json_string(outcome->error));
    }
    pma_reply_flat(reply, data);
    if (err != 0 && reply->body != NULL) {
        json_object_set_new(reply->body, "success", json_false());
        json_object_set_new(reply->body, "status", json_string("error"));
    }
}

/* Whether the tool is one of ours, or will not be found at all. */
static bool is_quick(const json_t *body)
{
    const char *server = json_string_value(json_object_get(body, "serverId"));
    const char *tool = json_string_value(json_object_get(body, "toolName"));
    if (tool == NULL) {
        return true;
    }
    return server != NULL && server[0] != '\0'
               ? strcmp(server, PMA_MCP_BUILTIN_SERVER) == 0
               : pma_mcp_builtin_has(tool);
}

/* patience: of whoever waits for the reply; {NULL} at once. */
static void execute(struct pma_request *request, struct pma_reply *reply,
                    const json_t *body, struct pma_mcp_patience patience)
{
    const json_t *server = json_object_get(body, "serverId");
    const char *tool = json_string_value(json_object_get(body, "toolName"));
    const json_t *arguments = json_object_get(body, "arguments");
    if (tool == NULL || tool[0] == '\0') {
        pma_reply_error(reply, request, 400, "toolName (a text) is required");
    } else if (server != NULL && !json_is_string(server)) {
        pma_reply_error(reply, request, 400, "serverId must be a text");
    } else if (arguments != NULL && !json_is_object(arguments)) {
        pma_reply_error(reply, request, 400, "arguments must be an object");
    } else {
        struct pma_mcp_outcome outcome;
        char server_id[PMA_MCP_ID_BYTES];
        uint64_t duration_ns = 0;
        const struct pma_mcp_call call = {
            .server_id = json_string_value(server),
            .tool = tool,
            .arguments = arguments,
            .conversation_id =
                json_string_value(json_object_get(body, "conversation_id")),
            .patience = patience,
        };
        const int err =
            pma_mcp_execute(request->app->mcp, &call, &outcome, server_id, &duration_ns);
        reply_outcome(request, reply, err, &outcome,
                      json_pack("{s:f, s:s, s:s}", "executionTime",
                                (double)duration_ns / 1e6, "serverId", server_id,
                                "toolName", tool));
    }
}

static void run_execute(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    json_t *body = pma_request_json(request, reply);
    if (body != NULL) {
        execute(request, reply, body,
                (struct pma_mcp_patience){pma_later_is_given_up, request});
        json_decref(body);
    }
}

void pma_handle_mcp_execute(struct pma_request *request, struct pma_reply *reply)
{
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    if (is_quick(body)) {
        execute(request, reply, body, (struct pma_mcp_patience){NULL, NULL});
    } else {
        reply->later = run_execute;
    }
    json_decref(body);
}

void pma_handle_mcp_executions(struct pma_request *request, struct pma_reply *reply)
{
    bool valid = true;
    const uint64_t limit = pma_request_number(request, "limit", EXECUTIONS_LIMIT,
                                              EXECUTIONS_LIMIT_MAX, &valid);
    const uint64_t offset = pma_request_number(request, "offset", 0, UINT32_MAX, &valid);
    if (!valid) {
        pma_reply_error(reply, request, 400,
                        "limit is a number from 0 to %d, offset from 0 to 4294967295",
                        EXECUTIONS_LIMIT_MAX);
        return;
    }
    struct pma_mcp_executions *log = pma_mcp_executions_of(request->app->mcp);
    json_t *list =
        pma_mcp_executions_json(log, request->argument(request, "tool"), limit, offset);
    const size_t count = json_array_size(list);
    pma_reply_flat(reply, json_pack("{s:o, s:I, s:I, s:I, s:o}", "executions", list,
                                    "count", (json_int_t)count, "limit",
                                    (json_int_t)limit, "offset", (json_int_t)offset,
                                    "statistics", pma_mcp_executions_statistics(log)));
}

void pma_handle_mcp_executions_cleanup(struct pma_request *request,
                                       struct pma_reply *reply)
{
    bool valid = true;
    const uint64_t days = pma_request_number(request, "days", 0, DAYS_MAX, &valid);
    if (!valid) {
        pma_reply_error(reply, request, 400, "days is a number from 0 to %d", DAYS_MAX);
        return;
    }
    const size_t removed = pma_mcp_cleanup(request->app->mcp, days * DAY_NS);
    pma_reply_flat(reply, json_pack("{s:I, s:I}", "removed", (json_int_t)removed, "days",
                                    (json_int_t)days));
}
