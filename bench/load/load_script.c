/* The table of requests, and filling in their marks.
 *
 * What a script makes it removes, so that a backend which forgets nothing and leaks
 * nothing holds the same after the load as before it. Marks instead of printf's
 * conversions: the texts are data, and a compiler could not check them as formats.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX  6
#define API        "/api/v1"
#define AUTH       API "/auth/"
#define STATUS_401 401
#define STATUS_409 409

struct script {
    const char *name;
    uint32_t count;
    struct load_step steps[STEPS_MAX];
};

#define GET(path)                                                                        \
    {                                                                                    \
        "GET", path, "", NULL, 0, false                                                  \
    }
#define SEND(method, path, body)                                                         \
    {                                                                                    \
        method, path, body, NULL, 0, false                                               \
    }

static const struct script scripts[LOAD_CALL_END] = {
    [LOAD_CALL_HEALTH] = {"health", 1, {GET("/api/health")}},
    [LOAD_CALL_MEMORY_STATS] = {"memory/stats", 1, {GET(API "/memory/stats")}},
    [LOAD_CALL_PIN_STATUS] = {"pin-status", 1, {GET(API "/auth/pin-status")}},
    [LOAD_CALL_BROADCAST] =
        {"broadcast",
         1,
         {SEND("POST", API "/websocket/broadcast",
               "{\"type\":\"notification\",\"data\":{\"title\":\"Load\","
               "\"message\":\"A message for every client\",\"level\":\"info\"}}")}},
    [LOAD_CALL_HUB_STATS] = {"hub-stats", 1, {GET(API "/websocket/stats")}},
    [LOAD_CALL_GC] = {"gc", 1, {SEND("POST", API "/memory/gc", "")}},
    [LOAD_CALL_MEMORY] = {"memory",
                          5,
                          {GET(API "/memory/status"), GET(API "/memory/pressure"),
                           GET(API "/memory/pools"), GET(API "/memory/leaks"),
                           GET(API "/memory/monitor")}},
    [LOAD_CALL_METRICS] = {"metrics", 2, {GET("/metrics"), GET("/debug/vars")}},
    [LOAD_CALL_SYSTEM] = {"system",
                          2,
                          {GET(API "/system/status"),
                           GET(API "/websocket/connections?limit=20")}},
    [LOAD_CALL_ENTITIES] = {"entities",
                            4,
                            {GET(API "/entities?limit=50"),
                             GET(API "/entities/search?q=Load"),
                             GET(API "/entities/type/light"),
                             GET(API "/entities/types")}},
    [LOAD_CALL_ENTITY] = {"entity",
                          2,
                          {GET(API "/entities/load_^_#"),
                           GET(API "/entities/load_^_#/history?limit=10")}},
    [LOAD_CALL_ENTITY_ACTION] = {"entity-action",
                                 1,
                                 {SEND("POST", API "/entities/load_^_#/action",
                                       "{\"action\":\"toggle\"}")}},
    [LOAD_CALL_ENTITY_LIFE] =
        {"entity-life",
         4,
         {SEND("POST", API "/entities",
               "{\"id\":\"load_life_^_#\",\"type\":\"switch\",\"friendly_name\":\"Load "
               "life "
               "#\",\"state\":\"off\",\"metadata\":{\"source\":\"pma\"}}"),
          SEND("PUT", API "/entities/load_life_^_#/state", "{\"state\":\"on\"}"),
          GET(API "/entities/load_life_^_#"),
          SEND("DELETE", API "/entities/load_life_^_#", "")}},
    [LOAD_CALL_SYNC] = {"sync",
                        2,
                        {SEND("POST", API "/entities/sync", "{}"),
                         GET(API "/entities/sync/status")}},
    [LOAD_CALL_ROOM_LIFE] =
        {"room-life",
         4,
         {{"POST", API "/rooms", "{\"name\":\"Load room #\",\"icon\":\"mdi:sofa\"}",
           "room_id", 0, false},
          GET(API "/rooms/@"),
          SEND("PUT", API "/rooms/@", "{\"name\":\"Load room # again\"}"),
          SEND("DELETE", API "/rooms/@", "{}")}},
    [LOAD_CALL_SESSION] = {"session",
                           3,
                           {GET(API "/auth/session"),
                            {"POST", API "/auth/validate", "{\"token\":\"none\"}", NULL,
                             STATUS_401, false},
                            GET(API "/auth/remote-status")}},
    [LOAD_CALL_EVENTS] = {"events",
                          1,
                          {{"GET", API "/events/stream", "", NULL, 0, true}}},
    [LOAD_CALL_CHAT] = {"chat",
                        1,
                        {SEND("POST", API "/ai/chat",
                              "{\"message\":\"Which lights are on?\"}")}},
    [LOAD_CALL_PROVIDERS] = {"providers",
                             3,
                             {GET(API "/ai/providers"), GET(API "/ai/statistics"),
                              GET(API "/ai/models")}},
    [LOAD_CALL_CONVERSATION] =
        {"conversation",
         5,
         {{"POST", API "/conversations", "{\"title\":\"Load #\"}", "id", 0, false},
          SEND("POST", API "/conversations/@/messages",
               "{\"content\":\"Turn on the light load_^_#\"}"),
          SEND("POST", API "/conversations/@/messages", "{\"content\":\"Thank you\"}"),
          GET(API "/conversations/@/messages?limit=10"),
          SEND("DELETE", API "/conversations/@", "")}},
    [LOAD_CALL_TOOLS] =
        {"tools",
         3,
         {GET(API "/mcp/tools"), GET(API "/mcp/status"),
          SEND("POST", API "/mcp/tools/execute",
               "{\"serverId\":\"builtin\",\"toolName\":\"get_entity_state\","
               "\"arguments\":{\"entity_id\":\"load_^_#\"}}")}},
    [LOAD_CALL_CHANGE] =
        {"change",
         1,
         {SEND("PUT", API "/entities/load_^_#/state",
               "{\"state\":\"at-~\",\"attributes\":{\"load_ns\":\"~\"}}")}},
    [LOAD_CALL_MAKE] =
        {"make",
         1,
         {SEND(
             "POST", API "/entities",
             "{\"id\":\"load_^_#\",\"type\":\"light\",\"friendly_name\":\"Load light #\","
             "\"state\":\"off\",\"metadata\":{\"source\":\"pma\"}}")}},
    [LOAD_CALL_LOGIN] =
        {"login",
         4,
         {{"POST", API "/auth/set-pin", "{\"pin\":\"$\"}", NULL, STATUS_409, false},
          {"POST", API "/auth/login", "{\"pin\":\"$\"}", "token", 0, false},
          GET(API "/auth/session"),
          SEND("POST", API "/auth/logout", "")}},
    [LOAD_CALL_REMOVE] = {"remove", 1, {SEND("DELETE", API "/entities/load_^_#", "")}},
};

const char *load_call_name(enum load_call call)
{
    return scripts[call].name;
}

const struct load_step *load_call_steps(enum load_call call, uint32_t *count)
{
    *count = scripts[call].count;
    return scripts[call].steps;
}

/* Copies `text` with its marks filled in. Returns: the length; 0 when it does not fit. */
static size_t fill_in(const char *text, const struct load_blanks *blanks, char *to,
                      size_t to_bytes)
{
    size_t used = 0;

    for (; *text != '\0' && used + 1 < to_bytes; text++) {
        const size_t room = to_bytes - used;
        int more = 1;

        if (*text == '#') {
            more = snprintf(to + used, room, "%" PRIu32, blanks->number);
        } else if (*text == '^') {
            more = snprintf(to + used, room, "%" PRIx64, blanks->seed);
        } else if (*text == '@') {
            more = snprintf(to + used, room, "%s", blanks->captured);
        } else if (*text == '$') {
            more = snprintf(to + used, room, "%s", blanks->pin);
        } else if (*text == '~') {
            more = snprintf(to + used, room, "%" PRIu64, blanks->now_ns);
        } else {
            to[used] = *text;
        }
        used += (size_t)more;
    }
    if (*text != '\0' || used >= to_bytes) {
        return 0;
    }
    to[used] = '\0';
    return used;
}

size_t load_step_write(const struct load_step *step, const struct load_blanks *blanks,
                       char *text, size_t text_bytes)
{
    char path[256];
    char body[384];
    const size_t body_bytes = fill_in(step->body, blanks, body, sizeof(body));
    char token[LOAD_CAPTURE_BYTES + 32] = "";
    int used;

    if (blanks->captured[0] != '\0' && strncmp(step->path, AUTH, strlen(AUTH)) == 0) {
        snprintf(token, sizeof(token), "Authorization: Bearer %s\r\n", blanks->captured);
    }
    if (fill_in(step->path, blanks, path, sizeof(path)) == 0 ||
        (body_bytes == 0 && step->body[0] != '\0')) {
        return 0;
    }
    body[body_bytes] = '\0';
    used = snprintf(
        text, text_bytes,
        "%s %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\n"
        "User-Agent: pma-load/" SEEP_VERSION "\r\nContent-Type: application/json\r\n"
        "%sContent-Length: %zu\r\n\r\n%s",
        step->method, path, blanks->host, blanks->port, token, body_bytes, body);
    return used > 0 && (size_t)used < text_bytes ? (size_t)used : 0;
}

bool load_capture(const char *answer, const char *member,
                  char captured[LOAD_CAPTURE_BYTES])
{
    char quoted[32];
    size_t length;

    snprintf(quoted, sizeof(quoted), "\"%s\"", member);
    answer = strstr(answer, quoted);
    if (answer == NULL) {
        return false;
    }
    answer += strlen(quoted);
    answer += strspn(answer, " :");
    if (*answer++ != '"') {
        return false;
    }
    length = strcspn(answer, "\"\\");
    if (answer[length] != '"' || length == 0 || length >= LOAD_CAPTURE_BYTES) {
        return false;
    }
    memcpy(captured, answer, length);
    captured[length] = '\0';
    return true;
}
