/* A client of `seep serve`, with libcurl, one connection a question: a page asks a few
 * times a second at most, and what is kept open would be one more thing to count.
 *
 * Only this machine is asked: whoever can set this program's environment shall not make
 * it a way into the network behind it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/leaks_client.h"

#include "seep/seep.h"
#include "server/pool/pool.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TIMEOUT_MS     10000L
#define BODY_MOST      ((size_t)32 << 20)
#define URL_BYTES      2048
#define ADDRESS_MOST   96
#define FINDINGS_QUERY "format=json&top=50"

/* SEEP_LISTEN without its last slash; false: there is none that may be asked. */
static bool read_address(char address[ADDRESS_MOST])
{
    static const char *const beginnings[] = {"http://127.0.0.1:", "http://[::1]:"};
    const char *text = getenv("SEEP_LISTEN");
    for (size_t i = 0; text != NULL && i < sizeof beginnings / sizeof beginnings[0];
         i++) {
        const size_t length = strlen(beginnings[i]);
        if (strncmp(text, beginnings[i], length) == 0) {
            const size_t digits = strspn(text + length, "0123456789");
            const char *rest = text + length + digits;
            snprintf(address, ADDRESS_MOST, "%.*s", (int)(length + digits), text);
            return digits > 0 && digits <= 5 && (*rest == '\0' || strcmp(rest, "/") == 0);
        }
    }
    return false;
}

bool pma_leaks_is_watched(void)
{
    char address[ADDRESS_MOST];
    return read_address(address);
}

static size_t receive(char *bytes, size_t size, size_t count, void *arg)
{
    struct pma_buffer *body = arg;
    if (body->used + size * count > BODY_MOST) {
        return 0; /* ends the transfer */
    }
    pma_buffer_append(body, bytes, size * count);
    return body->failed ? 0 : size * count;
}

/* Whether the policy is the strict one of the page. */
static size_t read_header(char *line, size_t size, size_t count, void *arg)
{
    static const char strict[] = "content-security-policy: default-src";
    bool *is_strict = arg;
    if (size * count >= sizeof strict - 1 &&
        strncasecmp(line, strict, sizeof strict - 1) == 0) {
        *is_strict = true;
    }
    return size * count;
}

/* The same as a literal: a reply borrows it for ever. */
static const char *content_type_of(const char *type)
{
    static const char *const known[] = {
        "text/html; charset=utf-8",
        "text/javascript; charset=utf-8",
        "text/css; charset=utf-8",
        "application/json",
        "image/svg+xml",
        "image/png",
        "image/x-icon",
        "text/plain; charset=utf-8",
        "text/markdown; charset=utf-8",
        "application/xml",
        "application/sarif+json",
        "application/openmetrics-text; version=1.0.0; charset=utf-8"};
    for (size_t i = 0; type != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(type, known[i]) == 0) {
            return known[i];
        }
    }
    return "application/octet-stream";
}

/* The address of a path: each of its bytes that is none of a plain path is encoded. */
static int make_url(const char *path, const char *query, char url[URL_BYTES])
{
    static const char plain[] = "/-._~";
    char address[ADDRESS_MOST];
    if (!read_address(address)) {
        return -ENOENT;
    }
    size_t used = (size_t)snprintf(url, URL_BYTES, "%s", address);
    for (const char *at = path; *at != '\0' && used + 4 < URL_BYTES; at++) {
        const bool is_plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                              (*at >= 'A' && *at <= 'Z') || strchr(plain, *at) != NULL;
        used += (size_t)snprintf(url + used, URL_BYTES - used, is_plain ? "%c" : "%%%02X",
                                 (unsigned char)*at);
    }
    const int rest = snprintf(url + used, URL_BYTES - used, "%s%s",
                              query[0] != '\0' ? "?" : "", query);
    return used + 4 >= URL_BYTES || (size_t)rest >= URL_BYTES - used ? -EIO : 0;
}

int pma_leaks_ask(const char *path, const char *query, struct pma_leaks_answer *answer)
{
    char url[URL_BYTES];
    bool is_strict = false;
    const int err = make_url(path, query, url);
    if (err != 0) {
        return err;
    }
    SEEP_SUBSYSTEM("http");
    CURL *easy = curl_easy_init();
    struct pma_buffer *body = pma_pool_get(PMA_POOL_STRING_BUILDER);
    if (easy == NULL || body == NULL) {
        curl_easy_cleanup(easy);
        pma_pool_put(body);
        return -ENOMEM;
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, read_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &is_strict);
    const CURLcode done = curl_easy_perform(easy);
    long status = 0;
    char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    if (done == CURLE_OK) {
        *answer = (struct pma_leaks_answer){.status = (unsigned)status,
                                            .body = body,
                                            .content_type = content_type_of(type),
                                            .own_policy = !is_strict};
    } else {
        pma_pool_put(body);
    }
    curl_easy_cleanup(easy);
    return done == CURLE_OK ? 0 : -EIO;
}

/* What a path answers as JSON; NULL: nothing of use. */
static json_t *ask_json(const char *path, const char *query)
{
    struct pma_leaks_answer answer;
    if (pma_leaks_ask(path, query, &answer) != 0) {
        return NULL;
    }
    json_t *body = answer.status == 200
                       ? json_loadb(answer.body->bytes, answer.body->used, 0, NULL)
                       : NULL;
    pma_pool_put(answer.body);
    return body;
}

/* Name of the recording of this process; NULL: there is none. Borrowed from the list. */
static const char *find_own(const json_t *list)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(json_object_get(list, "recordings"), i, row)
    {
        if (json_integer_value(json_object_get(row, "pid")) == (json_int_t)getpid()) {
            return json_string_value(json_object_get(row, "name"));
        }
    }
    return NULL;
}

/* The members of a finding that say what it is. */
static json_t *digest(const json_t *findings)
{
    static const char *const members[] = {"id",    "kind",      "verdict",
                                          "cause", "subsystem", "summary"};
    json_t *list = json_array();
    size_t i = 0;
    const json_t *finding = NULL;
    json_array_foreach(findings, i, finding)
    {
        json_t *row = json_object();
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
            json_object_set(row, members[k], json_object_get(finding, members[k]));
        }
        json_array_append_new(list, row);
    }
    return list;
}

json_t *pma_leaks_findings(void)
{
    char path[URL_BYTES / 4];
    json_t *list = ask_json("/api/v1/recordings", "");
    const char *name = find_own(list);
    json_t *report = NULL;
    if (name != NULL && snprintf(path, sizeof path, "/api/v1/recordings/%s/report",
                                 name) < (int)sizeof path) {
        report = ask_json(path, FINDINGS_QUERY);
    }
    json_t *findings =
        report != NULL ? digest(json_object_get(report, "findings")) : NULL;
    json_decref(report);
    json_decref(list);
    return findings;
}
