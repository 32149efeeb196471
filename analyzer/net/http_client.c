/* HTTP for what leaves the machine: alerts, profiles that are pushed, metrics that are
 * asked for. libcurl does all of it; here is what our callers need of it in one call, and
 * its errors as errno.
 *
 * The blocking interface was chosen over curl_multi: each caller has a thread of its own
 * that does nothing else, and whose waiting nobody feels.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/url_show.h"

enum { URL_SHOWN_BYTES = 256 };

struct seep_http_client {
    CURL *curl;
    char why[CURL_ERROR_SIZE];
};

struct taking {
    CURL *curl;
    const struct seep_http_request *request;
    int refused; /* what request->take returned */
    struct seep_buf *body;
    size_t most_bytes;
    bool too_long;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int seep_http_client_new(struct seep_http_client **out)
{
    struct seep_http_client *client = calloc(1, sizeof(*client));

    (void)pthread_once(&once, start_curl);
    if (client == NULL) {
        return -ENOMEM;
    }
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        free(client);
        return -ENOMEM;
    }
    *out = client;
    return 0;
}

void seep_http_client_free(struct seep_http_client *client)
{
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        free(client);
    }
}

static size_t take(char *bytes, size_t one, size_t count, void *arg)
{
    struct taking *taking = arg;
    long status = 0;

    if (taking->request->take != NULL &&
        curl_easy_getinfo(taking->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        status / 100 == 2) {
        taking->refused =
            taking->request->take(taking->request->take_context, bytes, one * count);
        return taking->refused < 0 ? 0 : count;
    }
    if (count > taking->most_bytes - taking->body->len_bytes) {
        taking->too_long = true;
        return 0;
    }
    seep_buf_put(taking->body, bytes, one * count);
    return taking->body->failed ? 0 : count;
}

static int errno_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return -EHOSTUNREACH;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return -EINVAL;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

static int explain(const struct seep_http_client *client,
                   const struct seep_http_request *request, const struct taking *taking,
                   CURLcode code, struct seep_error *error)
{
    char url[URL_SHOWN_BYTES];
    int err = taking->too_long       ? -EMSGSIZE
              : taking->body->failed ? -ENOMEM
                                     : errno_of(code);

    seep_url_show(request->url, url, sizeof(url));
    (void)seep_error_set(error, err, "%s: %s", url,
                         taking->too_long         ? "the reply is longer than expected"
                         : err == -EINVAL         ? "not an http:// or https:// address"
                         : client->why[0] != '\0' ? client->why
                                                  : curl_easy_strerror(code));
    return err;
}

static struct curl_slist *headers_of(const struct seep_http_request *request)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    char line[256];

    if (request->content_type != NULL) {
        (void)snprintf(line, sizeof(line), "Content-Type: %s", request->content_type);
        headers = curl_slist_append(headers, line);
    }
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
        headers = curl_slist_append(headers, request->headers[i]);
    }
    return headers;
}

int seep_http_do(struct seep_http_client *client, const struct seep_http_request *request,
                 struct seep_http_reply *reply, struct seep_error *error)
{
    CURL *curl = client->curl;
    struct taking taking = {.curl = curl,
                            .request = request,
                            .body = &reply->body,
                            .most_bytes = request->reply_most_bytes};
    struct curl_slist *headers = headers_of(request);
    CURLcode code = CURLE_OK;

    seep_buf_reset(&reply->body);
    reply->status = 0;
    client->why[0] = '\0';
    curl_easy_reset(curl); /* keeps connections */
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->why);
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "seep");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taking);
    if (request->body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->body_bytes);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    if (taking.refused < 0) {
        return taking.refused;
    }
    if (code != CURLE_OK) {
        return explain(client, request, &taking, code, error);
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    return 0;
}
