/* A linear look through the table: some tens of rows, compared segment by segment, cost
 * less than the parsing of one header. A tree would be more code than the routes it
 * serves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/router.h"

#include <stdio.h>
#include <string.h>

#define SUGGESTIONS_MAX 5
/* "/api/v1/" is common to nearly all routes and no likeness. */
#define LIKENESS_MIN 9

static const char *const method_names[] = {
    [PMA_METHOD_NONE] = "",   [PMA_METHOD_GET] = "GET",       [PMA_METHOD_POST] = "POST",
    [PMA_METHOD_PUT] = "PUT", [PMA_METHOD_DELETE] = "DELETE",
};

/* Values of Allow, by the bits of the methods: bit 0 GET, 1 POST, 2 PUT, 3 DELETE. */
static const char *const allow_values[16] = {
    "",
    "GET, HEAD",
    "POST",
    "GET, HEAD, POST",
    "PUT",
    "GET, HEAD, PUT",
    "POST, PUT",
    "GET, HEAD, POST, PUT",
    "DELETE",
    "GET, HEAD, DELETE",
    "POST, DELETE",
    "GET, HEAD, POST, DELETE",
    "PUT, DELETE",
    "GET, HEAD, PUT, DELETE",
    "POST, PUT, DELETE",
    "GET, HEAD, POST, PUT, DELETE",
};

enum pma_method pma_method_parse(const char *text)
{
    if (strcmp(text, "HEAD") == 0) {
        return PMA_METHOD_GET;
    }
    for (int method = PMA_METHOD_GET; method <= PMA_METHOD_DELETE; method++) {
        if (strcmp(text, method_names[method]) == 0) {
            return (enum pma_method)method;
        }
    }
    return PMA_METHOD_NONE;
}

/* Whether the path fits; param gets what stands for ":name", and may be changed if not.
 */
static bool matches(const char *pattern, const char *path, char param[PMA_PARAM_BYTES])
{
    while (*pattern != '\0') {
        if (*pattern == '*') {
            return true;
        }
        if (*pattern == ':') {
            const size_t length = strcspn(path, "/");
            if (length == 0 || length >= PMA_PARAM_BYTES) {
                return false;
            }
            memcpy(param, path, length);
            param[length] = '\0';
            path += length;
            pattern += strcspn(pattern, "/");
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0' || strcmp(path, "/") == 0;
}

static size_t common_prefix(const char *a, const char *b)
{
    size_t length = 0;
    while (a[length] != '\0' && a[length] == b[length]) {
        length++;
    }
    return length;
}

/* The routes that begin most like the path: those whose common prefix is the longest. */
static json_t *suggest(const struct pma_route *routes, size_t routes_count,
                       const char *path)
{
    json_t *suggestions = json_array();
    size_t longest = LIKENESS_MIN;
    for (size_t i = 0; i < routes_count; i++) {
        const size_t common = common_prefix(routes[i].pattern, path);
        longest = common > longest ? common : longest;
    }
    for (size_t i = 0; i < routes_count; i++) {
        if (common_prefix(routes[i].pattern, path) == longest &&
            json_array_size(suggestions) < SUGGESTIONS_MAX) {
            char text[160];
            snprintf(text, sizeof text, "%s %s", method_names[routes[i].method],
                     routes[i].pattern);
            json_array_append_new(suggestions, json_string(text));
        }
    }
    return suggestions;
}

static void reply_not_found(const struct pma_route *routes, size_t routes_count,
                            const struct pma_request *request, struct pma_reply *reply)
{
    pma_reply_error(reply, request, 404, "Endpoint not found: %.16s %.300s",
                    request->method_text, request->path);
    json_t *details = json_pack(
        "{s:s, s:o}", "message", "The requested endpoint does not exist on this server",
        "suggestions", suggest(routes, routes_count, request->path));
    json_object_set_new(reply->body, "details", details);
}

void pma_router_dispatch(const struct pma_route *routes, size_t routes_count,
                         struct pma_request *request, struct pma_reply *reply)
{
    unsigned allowed = 0;
    for (size_t i = 0; i < routes_count; i++) {
        const struct pma_route *route = &routes[i];
        if (!matches(route->pattern, request->path, request->param)) {
            continue;
        }
        request->route = route->pattern;
        if (route->loopback_only && !request->loopback) {
            pma_reply_error(reply, request, 403, "Only for clients on the same machine");
            return;
        }
        if (route->method == request->method) {
            route->handler(request, reply);
            return;
        }
        allowed |= 1U << ((unsigned)route->method - 1);
    }
    if (allowed == 0) {
        reply_not_found(routes, routes_count, request, reply);
        return;
    }
    pma_reply_error(reply, request, 405, "Method %.16s is not allowed here; use %s",
                    request->method_text, allow_values[allowed & 15]);
    reply->allow = allow_values[allowed & 15];
}
