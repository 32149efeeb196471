/* Envelopes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/exchange.h"

#include "server/base/clock.h"
#include "server/base/json_depth.h"
#include "server/config/config_value.h"
#include "server/pool/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

json_t *pma_json_now(void)
{
    char text[PMA_TIMESTAMP_BYTES];
    struct tm utc;
    const time_t now = time(NULL);
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

json_t *pma_json_instant(uint64_t monotonic_ns)
{
    if (monotonic_ns == 0) {
        return json_null();
    }
    char text[PMA_TIMESTAMP_BYTES];
    pma_timestamp_at(monotonic_ns, text);
    return json_string(text);
}

json_t *pma_json_duration(uint64_t ns)
{
    char text[40];
    pma_duration_text(ns, text, sizeof text);
    return json_string(text);
}

static void set_reply(struct pma_reply *reply, unsigned status, json_t *body)
{
    json_decref(reply->body);
    reply->status = status;
    reply->body = body;
}

void pma_reply_data(struct pma_reply *reply, json_t *data)
{
    set_reply(reply, 200,
              data == NULL
                  ? NULL
                  : json_pack("{s:b, s:s, s:o, s:o}", "success", 1, "status", "success",
                              "data", data, "timestamp", pma_json_now()));
}

void pma_reply_flat(struct pma_reply *reply, json_t *data)
{
    /* The data is packed a second time below, so one reference more is needed. */
    json_incref(data);
    pma_reply_data(reply, data);
    if (reply->body != NULL) {
        json_object_update_missing(reply->body, data);
    }
    json_decref(data);
}

static bool is_secret(const char *name, size_t name_bytes)
{
    static const char *const words[] = {"token", "pin", "pass", "secret", "key", "auth"};
    char copy[32];
    snprintf(copy, sizeof copy, "%.*s", (int)name_bytes, name);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (name_bytes >= sizeof copy || strcasestr(copy, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Copies a query without the values of what sounds like a secret: errors are shown on
 * screens and kept by clients. */
static void hide_secrets(const char *query, char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    while (*query != '\0' && used < text_bytes) {
        const size_t pair = strcspn(query, "&;");
        const size_t name = strcspn(query, "=&;");
        const bool hidden = name < pair && is_secret(query, name);
        const int wrote = snprintf(text + used, text_bytes - used, "%.*s%s%.1s",
                                   (int)(hidden ? name + 1 : pair), query,
                                   hidden ? "***" : "", query + pair);
        used += (size_t)wrote;
        query += pair + (query[pair] != '\0' ? 1 : 0);
    }
}

void pma_reply_error(struct pma_reply *reply, const struct pma_request *request,
                     unsigned status, const char *format, ...)
{
    char text[512];
    char query[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hide_secrets(request->query, query, sizeof query);
    /* A path that is not UTF-8 makes json_pack fail; it is left out then. */
    json_t *asked = json_pack("{s:s, s:s*, s:s*}", "method", request->method_text, "path",
                              request->path, "query", query[0] != '\0' ? query : NULL);
    json_t *error = json_string(text);
    set_reply(reply, status,
              json_pack("{s:b, s:s, s:o, s:i, s:o, s:o*}", "success", 0, "status",
                        "error", "error",
                        error != NULL ? error : json_string("Malformed request"), "code",
                        (int)status, "timestamp", pma_json_now(), "request", asked));
}

void pma_reply_text(struct pma_reply *reply, struct pma_buffer *text,
                    const char *content_type)
{
    set_reply(reply, 200, NULL);
    if (text != NULL && text->failed) {
        pma_pool_put(text);
        text = NULL;
    }
    reply->text = text;
    reply->content_type = content_type;
}

json_t *pma_request_json(const struct pma_request *request, struct pma_reply *reply)
{
    json_error_t error;
    if (!pma_json_text_is_shallow(request->body, request->body_bytes,
                                  PMA_JSON_DEPTH_MAX)) {
        pma_reply_error(
            reply, request, 400,
            "Invalid request format: arrays and objects are nested deeper than "
            "%d levels",
            PMA_JSON_DEPTH_MAX);
        return NULL;
    }
    json_t *parsed = json_loadb(request->body, request->body_bytes, 0, &error);
    if (parsed == NULL) {
        pma_reply_error(
            reply, request, 400,
            "Invalid request format: the body is not JSON (line %d, column %d)",
            error.line, error.column);
        return NULL;
    }
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        pma_reply_error(reply, request, 400,
                        "Invalid request format: the body is not a JSON object");
        return NULL;
    }
    return parsed;
}

uint64_t pma_request_number(const struct pma_request *request, const char *name,
                            uint64_t otherwise, uint64_t most, bool *valid)
{
    const char *text = request->argument(request, name);
    uint64_t number = 0;
    if (text == NULL) {
        return otherwise;
    }
    if (pma_parse_count(text, &number) != 0 || number > most) {
        *valid = false;
        return otherwise;
    }
    return number;
}
