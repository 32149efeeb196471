/* The protocol: initialise, list the tools, call them.
 *
 * The session does no input or output of its own and looks at no clock, so that
 * everything a foreign program may say can be tried in a unit test and by a fuzzer, byte
 * for byte. Whoever owns the pipes moves the bytes; whoever waits for an answer has the
 * storage for it, so that nothing is allocated for an answer that nobody waits for any
 * more.
 *
 * The peer may ask us things too. We offered no capability, so all it gets is an answer
 * to ping and "method not found" for the rest; both are dropped and counted when it does
 * not read. Notifications are ignored but for the one that says that the tools have
 * changed.
 *
 * I1: a wait is in the list exactly while it is neither done nor forgotten.
 * I2: the output holds whole messages, at most two of the longest kind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_KEPT         ((size_t)16 * 1024)
#define NAME_BYTES_MAX   128
#define INVALID_PARAMS   (-32602)
#define METHOD_NOT_FOUND (-32601)
#define INITIALISE_ID    1
#define PAGES_MAX        64

void pma_mcp_session_init(struct pma_mcp_session *session,
                          const struct pma_mcp_session_config *config)
{
    memset(session, 0, sizeof *session);
    session->config = *config;
    session->lines.max_bytes = config->max_line_bytes;
}

static void finish(struct pma_mcp_session *session, struct pma_mcp_wait *wait, int err)
{
    for (struct pma_mcp_wait **at = &session->waits; *at != NULL; at = &(*at)->next) {
        if (*at == wait) {
            *at = wait->next;
            break;
        }
    }
    wait->next = NULL;
    wait->err = err;
    wait->done = true;
}

void pma_mcp_session_fail_waits(struct pma_mcp_session *session, int err,
                                const char *text)
{
    while (session->waits != NULL) {
        struct pma_mcp_wait *wait = session->waits;
        snprintf(wait->outcome.error, sizeof wait->outcome.error, "%s", text);
        finish(session, wait, err);
    }
}

void pma_mcp_session_fini(struct pma_mcp_session *session, int err, const char *text)
{
    pma_mcp_session_fail_waits(session, err, text);
    pma_mcp_lines_fini(&session->lines);
    free(session->out);
    json_decref(session->tools);
    json_decref(session->listing);
    session->out = NULL;
    session->tools = NULL;
    session->listing = NULL;
    session->out_sent = session->out_used = session->out_capacity = 0;
    session->state = PMA_MCP_SESSION_NONE;
}

static void break_off(struct pma_mcp_session *session, const char *text)
{
    session->state = PMA_MCP_SESSION_BROKEN;
    snprintf(session->error, sizeof session->error, "%s", text);
    pma_mcp_session_fail_waits(session, -EPIPE, text);
}

/* Room for `bytes` more, what was written already moved out. */
static int reserve(struct pma_mcp_session *session, size_t bytes)
{
    if (session->out_sent > 0) {
        session->out_used -= session->out_sent;
        memmove(session->out, session->out + session->out_sent, session->out_used);
        session->out_sent = 0;
    }
    if (session->out_used + bytes > 2 * ((size_t)session->config.max_line_bytes + 1)) {
        return -EBUSY;
    }
    if (session->out_used + bytes > session->out_capacity) {
        char *out = realloc(session->out, session->out_used + bytes);
        if (out == NULL) {
            return -ENOMEM;
        }
        session->out = out;
        session->out_capacity = session->out_used + bytes;
    }
    return 0;
}

/* Queues one message. message: taken. Returns: 0; -EMSGSIZE, -EBUSY, -ENOMEM. */
static int send_message(struct pma_mcp_session *session, json_t *message)
{
    const size_t bytes = message != NULL ? json_dumpb(message, NULL, 0, JSON_COMPACT) : 0;
    int err = bytes > 0 ? 0 : -ENOMEM;
    if (err == 0 && bytes > session->config.max_line_bytes) {
        err = -EMSGSIZE;
    }
    if (err == 0) {
        err = reserve(session, bytes + 1);
    }
    if (err == 0) {
        /* Compact text has no line end in it: jansson escapes those within texts. */
        json_dumpb(message, session->out + session->out_used, bytes, JSON_COMPACT);
        session->out[session->out_used + bytes] = '\n';
        session->out_used += bytes + 1;
    }
    json_decref(message);
    return err;
}

/* params: taken; NULL: none. */
static int send_request(struct pma_mcp_session *session, const char *method,
                        json_t *params, int64_t *id)
{
    const int64_t next = ++session->last_id;
    const int err = send_message(session, json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc",
                                                    "2.0", "id", (json_int_t)next,
                                                    "method", method, "params", params));
    if (err == 0) {
        *id = next;
    }
    return err;
}

int pma_mcp_session_start(struct pma_mcp_session *session, const char *client_version)
{
    int64_t id = 0;
    session->state = PMA_MCP_SESSION_INITIALISING;
    session->last_id = 0; /* the first request is INITIALISE_ID */
    return send_request(session, "initialize",
                        json_pack("{s:s, s:{}, s:{s:s, s:s}}", "protocolVersion",
                                  PMA_MCP_PROTOCOL, "capabilities", "clientInfo", "name",
                                  "pma-backend", "version", client_version),
                        &id);
}

static void ask_tools(struct pma_mcp_session *session, const char *cursor)
{
    json_t *params =
        cursor != NULL ? json_pack("{s:s}", "cursor", cursor) : json_object();
    if (send_request(session, "tools/list", params, &session->list_id) != 0) {
        break_off(session, "The server does not read what is sent to it");
    }
}

static void copy_text(char *to, size_t to_bytes, const json_t *text)
{
    snprintf(to, to_bytes, "%s", json_is_string(text) ? json_string_value(text) : "");
}

static void on_initialised(struct pma_mcp_session *session, const json_t *result)
{
    static const char *const spoken[] = {"2024-11-05", "2025-03-26", "2025-06-18",
                                         "2025-11-25"};
    const json_t *info = json_object_get(result, "serverInfo");
    copy_text(session->protocol, sizeof session->protocol,
              json_object_get(result, "protocolVersion"));
    copy_text(session->server_name, sizeof session->server_name,
              json_object_get(info, "name"));
    copy_text(session->server_version, sizeof session->server_version,
              json_object_get(info, "version"));
    bool known = false;
    for (size_t i = 0; i < sizeof spoken / sizeof spoken[0]; i++) {
        known = known || strcmp(spoken[i], session->protocol) == 0;
    }
    if (!known) {
        char text[120];
        snprintf(text, sizeof text,
                 "The server speaks the protocol of \"%s\", which is not known here",
                 session->protocol);
        break_off(session, text);
        return;
    }
    if (send_message(session, json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method",
                                        "notifications/initialized")) != 0) {
        break_off(session, "The server does not read what is sent to it");
        return;
    }
    session->state = PMA_MCP_SESSION_LISTING;
    const json_t *capabilities = json_object_get(result, "capabilities");
    if (json_object_get(capabilities, "tools") != NULL) {
        ask_tools(session, NULL);
        return;
    }
    session->tools = json_array(); /* it has none to list */
    session->state = PMA_MCP_SESSION_READY;
}

/* Takes of a tool what is passed on: name, description, schema. */
static void add_tool(struct pma_mcp_session *session, const json_t *tool)
{
    const char *name = json_string_value(json_object_get(tool, "name"));
    const json_t *schema = json_object_get(tool, "inputSchema");
    const json_t *description = json_object_get(tool, "description");
    if (name == NULL || name[0] == '\0' || strlen(name) > NAME_BYTES_MAX ||
        json_array_size(session->listing) >= session->config.max_tools) {
        session->dropped_tools++;
        return;
    }
    json_t *kept = json_pack(
        "{s:s, s:s, s:o}", "name", name, "description",
        json_is_string(description) ? json_string_value(description) : "", "inputSchema",
        json_is_object(schema) ? json_incref((json_t *)schema)
                               : json_pack("{s:s}", "type", "object"));
    json_array_append_new(session->listing, kept);
}

static void on_tools(struct pma_mcp_session *session, const json_t *result)
{
    size_t at = 0;
    const json_t *tool = NULL;
    const json_t *tools = json_object_get(result, "tools");
    const char *cursor = json_string_value(json_object_get(result, "nextCursor"));
    session->list_id = 0;
    if (!json_is_array(tools)) {
        break_off(session, "The server's list of tools is not an array");
        return;
    }
    if (session->listing == NULL) {
        session->listing = json_array();
    }
    json_array_foreach(tools, at, tool)
    {
        add_tool(session, tool);
    }
    /* Bounded by pages as well: a cursor that goes in circles never ends. */
    if (cursor != NULL && ++session->list_pages < PAGES_MAX && !session->list_again &&
        json_array_size(session->listing) < session->config.max_tools) {
        ask_tools(session, cursor);
        return;
    }
    json_decref(session->tools);
    session->tools = session->listing;
    session->listing = NULL;
    session->list_pages = 0;
    session->state = PMA_MCP_SESSION_READY;
    if (session->list_again) {
        session->list_again = false;
        ask_tools(session, NULL);
    }
}

static struct pma_mcp_wait *wait_of(const struct pma_mcp_session *session, int64_t id)
{
    struct pma_mcp_wait *wait = session->waits;
    while (wait != NULL && wait->id != id) {
        wait = wait->next;
    }
    return wait;
}

/* The texts of a tool's result, as the reason why it failed. */
static void explain_result(const json_t *result, char *text, size_t text_bytes)
{
    size_t at = 0;
    const json_t *part = NULL;
    size_t used = 0;
    text[0] = '\0';
    json_array_foreach(json_object_get(result, "content"), at, part)
    {
        const char *more = json_string_value(json_object_get(part, "text"));
        if (more != NULL && used + 1 < text_bytes) {
            snprintf(text + used, text_bytes - used, "%s%s", used > 0 ? "; " : "", more);
            used = strlen(text);
        }
    }
    if (used == 0) {
        snprintf(text, text_bytes, "The tool failed and did not say why");
    }
}

static void on_answer(struct pma_mcp_session *session,
                      const struct pma_mcp_message *message)
{
    struct pma_mcp_wait *wait = wait_of(session, message->id);
    if (wait == NULL) {
        session->unknown_answers++;
        return;
    }
    struct pma_mcp_outcome *outcome = &wait->outcome;
    if (message->kind == PMA_MCP_MESSAGE_ERROR) {
        snprintf(outcome->error, sizeof outcome->error, "%s", message->text);
        finish(session, wait, message->code == INVALID_PARAMS ? -EINVAL : -EREMOTEIO);
        return;
    }
    outcome->result = json_incref((json_t *)message->result);
    if (json_is_true(json_object_get(message->result, "isError"))) {
        explain_result(message->result, outcome->error, sizeof outcome->error);
        finish(session, wait, -EREMOTEIO);
    } else {
        finish(session, wait, 0);
    }
}

/* An answer to initialise or tools/list, or to a call. */
static void on_reply(struct pma_mcp_session *session,
                     const struct pma_mcp_message *message)
{
    char text[PMA_MCP_ERROR_BYTES];
    const bool is_initialise =
        session->state == PMA_MCP_SESSION_INITIALISING && message->id == INITIALISE_ID;
    const bool is_list = session->list_id != 0 && message->id == session->list_id;
    if (!is_initialise && !is_list) {
        on_answer(session, message);
    } else if (message->kind == PMA_MCP_MESSAGE_ERROR) {
        snprintf(text, sizeof text, "The server refuses %s: %s",
                 is_initialise ? "to be initialised" : "to list its tools",
                 message->text);
        break_off(session, text);
    } else if (is_initialise) {
        on_initialised(session, message->result);
    } else {
        on_tools(session, message->result);
    }
}

static void on_request(struct pma_mcp_session *session,
                       const struct pma_mcp_message *message)
{
    json_t *id = json_incref((json_t *)message->id_json);
    json_t *answer =
        strcmp(message->method, "ping") == 0
            ? json_pack("{s:s, s:o, s:{}}", "jsonrpc", "2.0", "id", id, "result")
            : json_pack("{s:s, s:o, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error",
                        "code", METHOD_NOT_FOUND, "message",
                        "This client offers no such method");
    if (send_message(session, answer) != 0) {
        session->dropped_replies++;
    }
}

static void on_notification(struct pma_mcp_session *session,
                            const struct pma_mcp_message *message)
{
    if (strcmp(message->method, "notifications/tools/list_changed") != 0) {
        return;
    }
    if (session->state == PMA_MCP_SESSION_READY && session->list_id == 0) {
        ask_tools(session, NULL);
    } else if (session->list_id != 0) {
        session->list_again = true;
    }
}

static void on_line(void *arg, const char *line, size_t line_bytes)
{
    struct pma_mcp_session *session = arg;
    struct pma_mcp_message message;
    if (session->state == PMA_MCP_SESSION_BROKEN) {
        return;
    }
    if (line == NULL) {
        session->overlong_lines++;
        /* Whose answer it was cannot be known; none of them may wait in vain. */
        pma_mcp_session_fail_waits(session, -EMSGSIZE,
                                   "The server's answer is longer than "
                                   "mcp.max_line_bytes");
        return;
    }
    if (pma_mcp_message_parse(line, line_bytes, &message) != 0) {
        session->malformed_lines++;
        return;
    }
    session->messages++;
    if (message.kind == PMA_MCP_MESSAGE_REQUEST) {
        on_request(session, &message);
    } else if (message.kind == PMA_MCP_MESSAGE_NOTIFICATION) {
        on_notification(session, &message);
    } else {
        on_reply(session, &message);
    }
    pma_mcp_message_fini(&message);
}

void pma_mcp_session_input(struct pma_mcp_session *session, const char *bytes,
                           size_t count)
{
    (void)pma_mcp_lines_feed(&session->lines, bytes, count, on_line, session);
}

size_t pma_mcp_session_output(const struct pma_mcp_session *session, const char **bytes)
{
    *bytes = session->out != NULL ? session->out + session->out_sent : "";
    return session->out_used - session->out_sent;
}

void pma_mcp_session_wrote(struct pma_mcp_session *session, size_t count)
{
    session->out_sent += count;
    if (session->out_sent == session->out_used) {
        session->out_sent = 0;
        session->out_used = 0;
        if (session->out_capacity > OUT_KEPT) {
            free(session->out);
            session->out = NULL;
            session->out_capacity = 0;
        }
    }
}

bool pma_mcp_session_has_tool(const struct pma_mcp_session *session, const char *tool)
{
    size_t at = 0;
    const json_t *one = NULL;
    json_array_foreach(session->tools, at, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "name")), tool) == 0) {
            return true;
        }
    }
    return false;
}

static int explain_call(struct pma_mcp_wait *wait, const char *tool, int err)
{
    char *text = wait->outcome.error;
    const size_t bytes = sizeof wait->outcome.error;
    if (err == -ENOTCONN) {
        snprintf(text, bytes, "The server is not connected");
    } else if (err == -ENOENT) {
        snprintf(text, bytes, "The server has no tool \"%.100s\"", tool);
    } else if (err == -E2BIG) {
        snprintf(text, bytes, "The call is longer than mcp.max_line_bytes");
    } else if (err == -EBUSY) {
        snprintf(text, bytes, "The server does not read what was sent to it before");
    } else if (err != 0) {
        snprintf(text, bytes, "%s", strerrordesc_np(-err));
    }
    return err;
}

int pma_mcp_session_call(struct pma_mcp_session *session, const char *tool,
                         const json_t *arguments, struct pma_mcp_wait *wait)
{
    if (session->state != PMA_MCP_SESSION_READY) {
        return explain_call(wait, tool, -ENOTCONN);
    }
    if (!pma_mcp_session_has_tool(session, tool)) {
        return explain_call(wait, tool, -ENOENT);
    }
    json_t *own = arguments != NULL ? json_incref((json_t *)arguments) : json_object();
    int err =
        send_request(session, "tools/call",
                     json_pack("{s:s, s:o}", "name", tool, "arguments", own), &wait->id);
    err = err == -EMSGSIZE ? -E2BIG : err; /* ours, not the peer's */
    if (err == 0) {
        wait->next = session->waits;
        session->waits = wait;
    }
    return explain_call(wait, tool, err);
}

void pma_mcp_session_forget(struct pma_mcp_session *session, struct pma_mcp_wait *wait,
                            const char *reason)
{
    finish(session, wait, -ECANCELED);
    wait->done = false;
    if (send_message(session,
                     json_pack("{s:s, s:s, s:{s:I, s:s}}", "jsonrpc", "2.0", "method",
                               "notifications/cancelled", "params", "requestId",
                               (json_int_t)wait->id, "reason", reason)) != 0) {
        session->dropped_replies++;
    }
}
