/* Questions to a metrics server, and its refusals in words.
 *
 * Replies of query_range go straight from the socket through the reader into a slice: no
 * reply is ever in memory as a whole. A failure that may pass (503, a cut connection) is
 * tried three times, from the beginning: the slice is put back to where it was.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_source.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fleet/query_reader.h"

enum {
    TRIES = 3,
    PAUSE_MS = 300, /* doubled each time */
    TIMEOUT_MS = 120000,
    NAMES_BYTES_MAX = 64 << 20,
    TOKEN_MAX = 8192,
    SAID_MAX = 200
};

static void put_encoded(struct seep_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
            (byte >= 'a' && byte <= 'z') || strchr("-._~", byte) != NULL) {
            seep_buf_put(out, &byte, 1);
        } else {
            seep_buf_printf(out, "%%%02X", byte);
        }
    }
}

void seep_fleet_put_matcher(struct seep_buf *out, const char *name, const char *text)
{
    seep_buf_printf(out, "%s=\"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            seep_buf_put(out, "\\", 1);
        }
        if (*text == '\n') {
            seep_buf_put(out, "\\n", 2);
        } else {
            seep_buf_put(out, text, 1);
        }
    }
    seep_buf_put(out, "\"", 1);
}

static double end_of(const struct seep_fleet_grid *grid)
{
    return grid->start_s + (double)(grid->steps - 1) * grid->step_s;
}

static void put_range(struct seep_buf *out, const struct seep_fleet_grid *grid)
{
    seep_buf_printf(out, "start=%.3f&end=%.3f", grid->start_s, end_of(grid));
}

/* The server's own words: "error" of its JSON, or nothing. */
static void put_said(const struct seep_buf *body, char *out, size_t out_bytes)
{
    json_t *root = body->len_bytes > 0
                       ? json_loadb((const char *)body->data, body->len_bytes, 0, NULL)
                       : NULL;
    const char *said = json_string_value(json_object_get(root, "error"));
    int length = snprintf(out, out_bytes, "%s%.*s", said != NULL ? ": " : "", SAID_MAX,
                          said != NULL ? said : "");

    for (int i = 0; i < length && i < (int)out_bytes; i++) {
        if ((unsigned char)out[i] < 0x20) {
            out[i] = ' ';
        }
    }
    json_decref(root);
}

/* A status that is not 200, in words. */
static int refused(const struct seep_fleet_source *source,
                   const struct seep_http_reply *reply, struct seep_error *error)
{
    static const struct {
        long status;
        int code;
        const char *words;
    } known[] = {
        {400, -EINVAL,
         "the server does not understand the question (see --query, "
         "--match, --since, --step)"},
        {401, -EACCES, "the server wants a token: give --token-file"},
        {403, -EACCES,
         "the server does not let this token in: give another --token-file"},
        {404, -ENOENT, "no Prometheus API there: give the address up to before /api/v1"},
        {405, -ENOENT, "no Prometheus API there: give the address up to before /api/v1"},
        {422, -EINVAL,
         "the server cannot answer the question (see --query, --match, "
         "--since, --step)"},
        {429, -EAGAIN, "the server is asked too often: try again later"},
        {502, -EAGAIN, "what stands behind the server does not answer: try again later"},
        {503, -EAGAIN, "the server is overloaded or not ready: try again later"},
        {504, -EAGAIN, "what stands behind the server does not answer: try again later"},
    };
    const char *words = reply->status / 100 == 3
                            ? "it redirects: give the address that it redirects to"
                            : "not a reply of a Prometheus API";
    int code = reply->status / 100 == 5 ? -EAGAIN : -EBADMSG;
    char said[SAID_MAX + 8];

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].status == reply->status) {
            words = known[i].words;
            code = known[i].code;
        }
    }
    put_said(&reply->body, said, sizeof(said));
    return seep_error_set(error, code, "%s: status %ld, %s%s", source->url, reply->status,
                          words, said);
}

static bool may_pass(int status)
{
    return status == -EAGAIN || status == -EIO || status == -ETIMEDOUT;
}

static void pause_before(int attempt)
{
    long ms = (long)PAUSE_MS << (attempt - 1);
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&wait, NULL);
}

static int exchange(const struct seep_fleet_connection *connection,
                    struct seep_http_request *request, struct seep_http_reply *reply,
                    struct seep_error *error)
{
    const struct seep_fleet_source *source = connection->source;
    char bearer[TOKEN_MAX + 32];
    const char *const headers[] = {source->token != NULL ? bearer : NULL, NULL};
    int status = 0;

    if (source->token != NULL) {
        (void)snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", source->token);
    }
    request->headers = headers;
    request->timeout_ms = TIMEOUT_MS;
    status = seep_http_do(connection->client, request, reply, error);
    if (status == 0 && reply->status != 200) {
        status = refused(source, reply, error);
    }
    return status;
}

static int take_names(const struct seep_fleet_source *source, const struct seep_buf *body,
                      struct seep_fleet_names *out, struct seep_error *error)
{
    json_t *root = json_loadb((const char *)body->data, body->len_bytes, 0, NULL);
    json_t *data = json_object_get(root, "data");
    size_t count = json_array_size(data);
    struct seep_fleet_names names = {.names = calloc(count + 1, sizeof(char *))};
    int status = names.names == NULL ? -ENOMEM : 0;

    if (!json_is_array(data)) {
        status = -EBADMSG;
    } else if (count > SEEP_FLEET_INSTANCES_MAX) {
        status = -EMSGSIZE;
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        const char *name = json_string_value(json_array_get(data, i));

        if (name == NULL) {
            status = -EBADMSG;
        } else if ((names.names[names.count++] = strdup(name)) == NULL) {
            status = -ENOMEM;
        }
    }
    json_decref(root);
    if (status == 0) {
        *out = names;
        return 0;
    }
    seep_fleet_names_fini(&names);
    return seep_error_set(
        error, status, "%s: %s", source->url,
        status == -ENOMEM     ? "out of memory"
        : status == -EMSGSIZE ? "more than 100,000 instances: narrow with --match"
        : body->len_bytes > 0 && body->data[0] == '<'
            ? "a page of HTML, not a Prometheus API: give the address up to before "
              "/api/v1"
            : "not a reply of a Prometheus API: give the address up to before /api/v1");
}

void seep_fleet_names_fini(struct seep_fleet_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free(names->names);
    *names = (struct seep_fleet_names){0};
}

int seep_fleet_source_values(const struct seep_fleet_connection *connection,
                             const char *label, const char *const *selectors,
                             const struct seep_fleet_grid *grid,
                             struct seep_fleet_names *out, struct seep_error *error)
{
    const struct seep_fleet_source *source = connection->source;
    struct seep_http_reply reply = {0};
    struct seep_buf url = {0};
    int status = -EAGAIN;

    seep_buf_printf(&url, "%s/api/v1/label/%s/values?", source->url, label);
    put_range(&url, grid);
    for (size_t i = 0; selectors[i] != NULL; i++) {
        seep_buf_printf(&url, "&match[]=");
        put_encoded(&url, selectors[i]);
    }
    seep_buf_put(&url, "", 1);
    struct seep_http_request request = {.method = "GET",
                                        .url = (const char *)url.data,
                                        .reply_most_bytes = NAMES_BYTES_MAX};

    if (url.failed) {
        status = seep_error_set(error, -ENOMEM, "out of memory");
    }
    for (int attempt = 1; may_pass(status) && attempt <= TRIES; attempt++) {
        if (attempt > 1) {
            pause_before(attempt - 1);
        }
        status = exchange(connection, &request, &reply, error);
    }
    if (status == 0) {
        status = take_names(source, &reply.body, out, error);
    }
    seep_buf_fini(&url);
    seep_buf_fini(&reply.body);
    return status;
}

static int feed(void *context, const char *bytes, size_t len_bytes)
{
    return seep_query_reader_feed(context, bytes, len_bytes);
}

/* The reply did not fit: its error, with the address. */
static int explain(const struct seep_fleet_source *source,
                   const struct seep_fleet_slice *slice,
                   const struct seep_query_reader *reader, int status,
                   struct seep_error *error)
{
    struct seep_error at = {0};

    switch (status) {
    case -EBADMSG:
        (void)seep_query_reader_explain(reader, &at);
        return seep_error_set(error, status, "%s: %.400s", source->url, at.message);
    case -EMSGSIZE:
        return seep_error_set(error, status,
                              "%s: more than %zu series of one instance: narrow with "
                              "--match, or take a longer --step",
                              source->url, slice->points_most / slice->grid.steps);
    case -ENOMEM:
        return seep_error_set(error, status, "out of memory");
    default:
        return status; /* in words already */
    }
}

static int ask_once(const struct seep_fleet_connection *connection,
                    const struct seep_buf *form, struct seep_fleet_slice *slice,
                    struct seep_error *error)
{
    const struct seep_fleet_source *source = connection->source;
    const struct seep_query_sink sink = seep_fleet_slice_sink(slice);
    struct seep_query_reader *reader = malloc(sizeof(*reader));
    struct seep_http_reply reply = {0};
    struct seep_buf url = {0};
    int status = -ENOMEM;

    seep_buf_printf(&url, "%s/api/v1/query_range", source->url);
    seep_buf_put(&url, "", 1);
    if (reader != NULL && !url.failed) {
        struct seep_http_request request = {.method = "POST",
                                            .url = (const char *)url.data,
                                            .content_type =
                                                "application/x-www-form-urlencoded",
                                            .body = form->data,
                                            .body_bytes = form->len_bytes,
                                            .reply_most_bytes = 1 << 16, /* of an error */
                                            .take = feed,
                                            .take_context = reader};

        seep_query_reader_init(reader, &sink);
        status = exchange(connection, &request, &reply, error);
        if (status == 0) {
            status = seep_query_reader_end(reader);
        }
        slice->losses.histograms += reader->histograms;
        slice->losses.warnings += reader->warnings;
        slice->losses.partial += reader->is_partial;
    }
    if (status < 0 && (reply.status == 0 || reply.status == 200)) {
        status = explain(source, slice, reader, status, error);
    } /* any other status is in words */
    free(reader);
    seep_buf_fini(&url);
    seep_buf_fini(&reply.body);
    return status;
}

int seep_fleet_source_ask(const struct seep_fleet_connection *connection,
                          const char *selector, struct seep_fleet_slice *slice,
                          struct seep_error *error)
{
    const struct seep_fleet_losses losses = slice->losses;
    const size_t count = slice->count;
    struct seep_buf form = {0};
    int status = -EAGAIN;

    put_range(&form, &slice->grid);
    seep_buf_printf(&form, "&step=%.3f&query=", slice->grid.step_s);
    put_encoded(&form, selector);
    if (form.failed) {
        status = seep_error_set(error, -ENOMEM, "out of memory");
    }
    for (int attempt = 1; may_pass(status) && attempt <= TRIES; attempt++) {
        if (attempt > 1) {
            pause_before(attempt - 1);
            slice->count = count;
            slice->losses = losses;
        }
        status = ask_once(connection, &form, slice, error);
    }
    seep_buf_fini(&form);
    return status;
}
