/* Bodies in buffers of the pools: they are written once, handed to libmicrohttpd as they
 * are, and come back when the last byte is out. json_dumps would allocate and grow a new
 * text for each reply.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/http_response.h"

#include "server/metrics/metrics.h"
#include "server/pool/pool.h"
#include "server/rest/cors.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BLOCK_BYTES ((size_t)4096)

static const char out_of_memory[] =
    "{\"success\":false,\"status\":\"error\",\"error\":\"Out of memory\",\"code\":500}";

static const char policy_of_page[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
static const char policy_of_document[] = "frame-ancestors 'none'; base-uri 'none'";

static void give_back(void *buffer)
{
    pma_pool_put(buffer);
}

static int append_piece(const char *piece, size_t piece_bytes, void *arg)
{
    struct pma_buffer *text = arg;
    pma_buffer_append(text, piece, piece_bytes);
    return text->failed ? -1 : 0;
}

/* The body as text, or NULL. */
static struct pma_buffer *dump(const json_t *body)
{
    struct pma_buffer *text = body != NULL ? pma_pool_get(PMA_POOL_JSON_RESPONSE) : NULL;
    if (text != NULL && json_dump_callback(body, append_piece, text,
                                           JSON_COMPACT | JSON_REAL_PRECISION(15)) != 0) {
        pma_pool_put(text);
        return NULL;
    }
    return text;
}

static ssize_t read_stream(void *arg, uint64_t position, char *bytes, size_t most)
{
    const struct pma_stream *stream = arg;
    (void)position;
    const int64_t got = stream->read(stream->arg, bytes, most);
    return got < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)got;
}

static void end_stream(void *arg)
{
    struct pma_stream *stream = arg;
    stream->end(stream->arg);
    free(stream);
}

static struct MHD_Response *make_stream(const struct pma_stream *stream)
{
    struct pma_stream *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        stream->end(stream->arg);
        return NULL;
    }
    *kept = *stream;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, kept, end_stream);
    if (response == NULL) {
        end_stream(kept);
    }
    return response;
}

/* What a browser has to know (Fetch, 3.2.3). Vary always: a cache may not give one
 * origin's reply to another. */
static void add_cors(struct MHD_Response *response, const struct pma_reply *reply)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Origin");
    if (reply->cors_origin == NULL) {
        return;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN,
                            reply->cors_origin);
    MHD_add_response_header(response, "Access-Control-Allow-Credentials", "true");
    if (reply->is_preflight) {
        MHD_add_response_header(response, "Access-Control-Allow-Methods",
                                PMA_CORS_METHODS);
        MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                PMA_CORS_HEADERS);
        MHD_add_response_header(response, "Access-Control-Max-Age", PMA_CORS_MAX_AGE);
    }
}

static void add_optional(struct MHD_Response *response, const struct pma_reply *reply)
{
    char seconds[16];
    if (reply->allow != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
    }
    if (reply->authenticate != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                reply->authenticate);
    }
    if (reply->location != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, reply->location);
    }
    if (reply->policy != PMA_POLICY_NONE) {
        MHD_add_response_header(response, "Content-Security-Policy",
                                reply->policy == PMA_POLICY_OF_PAGE ? policy_of_page
                                                                    : policy_of_document);
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    }
    if (reply->retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%u", reply->retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
}

static struct MHD_Response *make_text(struct pma_reply *reply)
{
    if (reply->is_preflight) {
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    const bool is_text = reply->text != NULL;
    struct pma_buffer *text = is_text ? reply->text : dump(reply->body);
    if (text == NULL) {
        reply->status = 500;
        return MHD_create_response_from_buffer(sizeof out_of_memory - 1,
                                               (void *)(uintptr_t)out_of_memory,
                                               MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(text->used, text->bytes,
                                                               give_back, text);
    if (response == NULL) {
        pma_pool_put(text);
    }
    return response;
}

struct MHD_Response *pma_http_response_make(struct pma_reply *reply)
{
    const bool is_stream = reply->stream.read != NULL;
    const bool is_json = !is_stream && reply->text == NULL;
    struct MHD_Response *response =
        is_stream ? make_stream(&reply->stream) : make_text(reply);
    json_decref(reply->body);
    reply->body = NULL;
    reply->text = NULL;
    reply->stream.read = NULL;
    if (response == NULL) {
        return NULL;
    }
    if (!reply->is_preflight) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                is_json ? "application/json; charset=utf-8"
                                        : reply->content_type);
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    add_cors(response, reply);
    add_optional(response, reply);
    return response;
}

/* The methods that we know; clients can invent others. */
static const char *method_label(const struct pma_request *request)
{
    static const char *const labels[] = {
        [PMA_METHOD_NONE] = "other",    [PMA_METHOD_GET] = "GET",
        [PMA_METHOD_POST] = "POST",     [PMA_METHOD_PUT] = "PUT",
        [PMA_METHOD_DELETE] = "DELETE",
    };
    return (size_t)request->method < sizeof labels / sizeof labels[0]
               ? labels[request->method]
               : labels[PMA_METHOD_NONE];
}

void pma_http_count(const struct pma_request *request, unsigned status, uint64_t took_ns)
{
    char code[8];
    const char *method = method_label(request);
    snprintf(code, sizeof code, "%u", status % 1000);
    pma_metric_add(PMA_METRIC_HTTP_REQUESTS, 1, PMA_LABELS(method, request->route, code));
    pma_metric_observe(PMA_METRIC_HTTP_DURATION, took_ns,
                       PMA_LABELS(method, request->route));
}

void pma_http_suspend(void *connection)
{
    MHD_suspend_connection(connection);
}

int pma_http_fd(void *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

void pma_http_resume(void *connection)
{
    MHD_resume_connection(connection);
}
