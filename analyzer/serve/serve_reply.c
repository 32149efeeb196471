/* Answers on their way out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_reply.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "serve/serve_page.h"

static const char STRICT[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
/* A report names its own style and script by hash, in its <meta>; both policies hold. */
static const char OF_REPORT[] = "frame-ancestors 'none'; base-uri 'none'";

enum { HEADER_BYTES = 512 };

struct seep_answer *seep_reply_out_of_memory(void)
{
    static char body[] = "{\"error\":\"out of memory; try again later\"}\n";
    static struct seep_answer answer = {.holders = 1, /* its own: it is never freed */
                                        .status = 503,
                                        .type = "application/json",
                                        .body = body,
                                        .body_bytes = sizeof(body) - 1,
                                        .retry_after_s = 5};

    return seep_answer_hold(&answer);
}

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static void add_safety(struct MHD_Response *response, enum seep_answer_policy policy)
{
    add(response, "Content-Security-Policy",
        policy == SEEP_POLICY_OWN ? OF_REPORT : STRICT);
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Cross-Origin-Resource-Policy", "same-origin");
    add(response, "Cross-Origin-Opener-Policy", "same-origin");
}

static void add_cookie(struct MHD_Response *response,
                       const struct seep_reply_cookie *cookie)
{
    char text[HEADER_BYTES];

    if (cookie != NULL && cookie->token != NULL) {
        (void)snprintf(text, sizeof(text), "%s=%s; HttpOnly; SameSite=Strict; Path=/",
                       cookie->name, cookie->token);
        add(response, "Set-Cookie", text);
    }
}

static bool is_known(struct MHD_Connection *connection, const char *etag)
{
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");

    return etag[0] != '\0' && known != NULL && strstr(known, etag) != NULL;
}

static void release(void *arg)
{
    seep_answer_release(arg);
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
    enum MHD_Result queued = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);
    return queued;
}

enum MHD_Result seep_reply_send(struct MHD_Connection *connection,
                                struct seep_answer *answer,
                                const struct seep_reply_cookie *cookie)
{
    struct MHD_Response *response = NULL;
    char number[16];

    answer = answer != NULL ? answer : seep_reply_out_of_memory();

    unsigned status = answer->status == 200 && is_known(connection, answer->etag)
                          ? 304
                          : answer->status;

    response = MHD_create_response_from_buffer_with_free_callback_cls(
        status == 304 ? 0 : answer->body_bytes, answer->body, release, answer);
    if (response == NULL) {
        seep_answer_release(answer);
        return MHD_NO;
    }
    add(response, "Content-Type", answer->type);
    add(response, "Cache-Control", "no-store");
    if (answer->etag[0] != '\0') {
        add(response, "ETag", answer->etag);
    }
    if (answer->retry_after_s != 0) {
        (void)snprintf(number, sizeof(number), "%u", answer->retry_after_s);
        add(response, "Retry-After", number);
    }
    if (status == 405) {
        add(response, "Allow", "GET, HEAD");
    }
    if (status == 401) {
        add(response, "WWW-Authenticate", "Bearer");
    }
    add_safety(response, answer->policy);
    add_cookie(response, cookie);
    return queue(connection, status, response);
}

enum MHD_Result seep_reply_send_file(struct MHD_Connection *connection, const char *name)
{
    for (size_t i = 0; i < SEEP_PAGE_FILE_COUNT; i++) {
        const struct seep_page_file *file = &SEEP_PAGE_FILES[i];

        if (strcmp(file->name, name) != 0) {
            continue;
        }
        bool known = is_known(connection, file->etag);
        struct MHD_Response *response = MHD_create_response_from_buffer(
            known ? 0 : file->len_bytes, (void *)(uintptr_t)file->bytes,
            MHD_RESPMEM_PERSISTENT);

        if (response == NULL) {
            return MHD_NO;
        }
        add(response, "Content-Type", file->type);
        add(response, "Cache-Control", "no-cache");
        add(response, "ETag", file->etag);
        add_safety(response, SEEP_POLICY_STRICT);
        return queue(connection, known ? 304 : 200, response);
    }
    return seep_reply_send(connection,
                           seep_answer_error(404, "there is no /assets/%s", name), NULL);
}

enum MHD_Result seep_reply_greet(struct MHD_Connection *connection,
                                 const struct seep_reply_cookie *cookie)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (response == NULL) {
        return MHD_NO;
    }
    add(response, "Location", "./");
    add(response, "Cache-Control", "no-store");
    add_safety(response, SEEP_POLICY_STRICT);
    add_cookie(response, cookie);
    return queue(connection, 303, response);
}

enum MHD_Result seep_reply_send_stream(struct MHD_Connection *connection,
                                       struct MHD_Response *response)
{
    add(response, "Content-Type", "text/event-stream");
    add(response, "Cache-Control", "no-store");
    add(response, "X-Accel-Buffering", "no");
    add_safety(response, SEEP_POLICY_STRICT);
    return queue(connection, 200, response);
}
