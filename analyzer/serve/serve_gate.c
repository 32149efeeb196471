/* Who may ask.
 *
 * Everything that a browser adds by itself is held against us only when it says that
 * somebody else is behind the request; a program that sends none of it (curl, a scraper)
 * is let in, because it cannot be made to ask by a page.
 *
 * Source: Fetch Metadata Request Headers, W3C Working Draft; RFC 6454 (Origin); RFC 9110,
 * 7.2 (Host).
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_gate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_MOST_BYTES = 8192,
    WRONG_MOST = 10, /* wrong tokens in ... */
    ADDRESS_BYTES = 64,
    PORT_MOST = 65535,
    PORT_HTTP = 80
};
static const uint64_t WRONG_SPAN_NS = UINT64_C(10000000000); /* ... ten seconds */

static int refuse(struct seep_error *error, int status, const char *words)
{
    (void)seep_error_set(error, -EACCES, "%s", words);
    return status;
}

bool seep_gate_is_loopback(const struct seep_gate *gate)
{
    return strncmp(gate->address, "127.", 4) == 0 || strcmp(gate->address, "[::1]") == 0;
}

static bool is_address(const char *text)
{
    struct in_addr four;
    struct in6_addr six;
    char inner[ADDRESS_BYTES];
    size_t length = strlen(text);

    if (inet_pton(AF_INET, text, &four) == 1) {
        return true;
    }
    if (length < 4 || length >= sizeof(inner) || text[0] != '[' ||
        text[length - 1] != ']') {
        return false;
    }
    (void)snprintf(inner, sizeof(inner), "%.*s", (int)(length - 2), text + 1);
    return inet_pton(AF_INET6, inner, &six) == 1;
}

int seep_gate_set_listen(struct seep_gate *gate, const char *text,
                         struct seep_error *error)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon != NULL ? colon + 1 : text;
    char address[ADDRESS_BYTES] = "127.0.0.1";
    char *end = NULL;
    unsigned long port = 0;

    if (colon != NULL && (size_t)(colon - text) >= sizeof(address)) {
        return seep_error_set(error, -EINVAL, "\"%s\": the address is too long", text);
    }
    if (colon != NULL) {
        (void)snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
        if (strcmp(address, "localhost") == 0) {
            (void)snprintf(address, sizeof(address), "127.0.0.1");
        }
    }
    errno = 0;
    port = strtoul(digits, &end, 10);
    if (errno != 0 || !isdigit((unsigned char)digits[0]) || *end != '\0' ||
        port > PORT_MOST || !is_address(address)) {
        return seep_error_set(error, -EINVAL,
                              "\"%s\": an address and a port are expected, as in "
                              "127.0.0.1:7337 or [::1]:7337; port 0: any",
                              text);
    }
    (void)snprintf(gate->address, sizeof(gate->address), "%s", address);
    gate->port = (uint16_t)port;
    gate->any_address = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "[::]") == 0;
    return 0;
}

int seep_gate_read_token(struct seep_gate *gate, const char *path,
                         struct seep_error *error)
{
    char bytes[SEEP_GATE_TOKEN_MOST + 2] = "";
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n =
        fd >= 0 && fstat(fd, &status) == 0 ? read(fd, bytes, sizeof(bytes) - 1) : -1;
    int code = errno;

    if (fd >= 0) {
        close(fd);
    }
    if (n < 0) {
        return seep_error_set(error, -code, "cannot read the token in %s: %s", path,
                              strerrordesc_np(code));
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return seep_error_set(error, -EPERM,
                              "%s: others may read the token; type: chmod 600 %s", path,
                              path);
    }
    size_t length = strcspn(bytes, "\r\n");

    bytes[length] = '\0';
    if (length < SEEP_GATE_TOKEN_LEAST || length > SEEP_GATE_TOKEN_MOST) {
        return seep_error_set(
            error, -EINVAL,
            "%s: the token (the first line) has to have %d to %d "
            "characters; make one with: head -c 24 /dev/urandom | base64",
            path, SEEP_GATE_TOKEN_LEAST, SEEP_GATE_TOKEN_MOST);
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)bytes[i]) && strchr("+/=-_.~", bytes[i]) == NULL) {
            return seep_error_set(
                error, -EINVAL,
                "%s: a token is made of letters, digits and + / = - _ . ~", path);
        }
    }
    memcpy(gate->token, bytes, length + 1);
    return 0;
}

/* Whether "HOST[:PORT]" is us. */
static bool is_our_host(const struct seep_gate *gate, const char *text)
{
    const char *bracket = strrchr(text, ']');
    const char *colon = strrchr(text, ':');
    char name[256];
    char port[8];

    colon = colon != NULL && (bracket == NULL || colon > bracket) ? colon : NULL;
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);

    if (length == 0 || length >= sizeof(name)) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)length, text);
    (void)snprintf(port, sizeof(port), "%u", gate->port);
    if (colon != NULL ? strcmp(colon + 1, port) != 0 : gate->port != PORT_HTTP) {
        return false;
    }
    if (strcasecmp(name, gate->address) == 0) {
        return true;
    }
    if (seep_gate_is_loopback(gate) || gate->any_address) {
        if (strcasecmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 ||
            strcmp(name, "[::1]") == 0) {
            return true;
        }
    }
    /* No name of an attacker's is an address. */
    return gate->any_address && is_address(name);
}

static bool same_secret(const char *a, size_t a_bytes, const char *b)
{
    size_t b_bytes = strlen(b);
    unsigned char differ = a_bytes != b_bytes;

    for (size_t i = 0; i < a_bytes; i++) {
        differ |= (unsigned char)(a[i] ^ b[i < b_bytes ? i : 0]);
    }
    return differ == 0;
}

/* The value of our cookie; NULL: not sent. */
static const char *find_cookie(const struct seep_gate *gate, const char *cookies,
                               size_t *bytes)
{
    size_t name = strlen(gate->cookie);

    while (cookies != NULL && *cookies != '\0') {
        cookies += strspn(cookies, "; ");
        size_t length = strcspn(cookies, ";");

        if (length > name && strncmp(cookies, gate->cookie, name) == 0 &&
            cookies[name] == '=') {
            *bytes = length - name - 1;
            return cookies + name + 1;
        }
        cookies += length;
    }
    return NULL;
}

static int wrong_token(struct seep_gate *gate, uint64_t now_ns, struct seep_error *error)
{
    if (now_ns - gate->wrong_since_ns > WRONG_SPAN_NS) {
        gate->wrong_since_ns = now_ns;
        gate->wrong = 0;
    }
    return ++gate->wrong > WRONG_MOST
               ? refuse(error, 429, "too many wrong tokens; try again in 10 s")
               : refuse(error, 401,
                        "the token is wrong; it is the first line of the file that seep "
                        "serve was given with --token-file");
}

static int check_token(struct seep_gate *gate, const struct seep_gate_request *request,
                       uint64_t now_ns, struct seep_error *error)
{
    static const char bearer[] = "Bearer ";
    size_t bytes = 0;
    const char *cookie = NULL;

    if (gate->token[0] == '\0') {
        return SEEP_GATE_OPEN;
    }
    if (request->authorization != NULL &&
        strncasecmp(request->authorization, bearer, sizeof(bearer) - 1) == 0) {
        const char *token = request->authorization + sizeof(bearer) - 1;

        return same_secret(token, strlen(token), gate->token)
                   ? SEEP_GATE_OPEN
                   : wrong_token(gate, now_ns, error);
    }
    if (request->token != NULL) {
        return same_secret(request->token, strlen(request->token), gate->token)
                   ? SEEP_GATE_GREET
                   : wrong_token(gate, now_ns, error);
    }
    cookie = find_cookie(gate, request->cookie, &bytes);
    if (cookie != NULL) {
        return same_secret(cookie, bytes, gate->token) ? SEEP_GATE_OPEN
                                                       : wrong_token(gate, now_ns, error);
    }
    return refuse(error, 401,
                  "a token is needed: open the page with ?token=TOKEN once, or send the "
                  "header Authorization: Bearer TOKEN");
}

static int check_origin(const struct seep_gate *gate,
                        const struct seep_gate_request *request, struct seep_error *error)
{
    static const char scheme[] = "http://";

    if (request->origin != NULL &&
        (strncmp(request->origin, scheme, sizeof(scheme) - 1) != 0 ||
         !is_our_host(gate, request->origin + sizeof(scheme) - 1))) {
        return refuse(error, 403,
                      "Origin is another site: only this server's own page may ask");
    }
    if (request->fetch_site != NULL && (strcmp(request->fetch_site, "cross-site") == 0 ||
                                        strcmp(request->fetch_site, "same-site") == 0)) {
        /* A link on another page may lead to ours; nothing else may. */
        bool is_visit = request->fetch_mode != NULL &&
                        strcmp(request->fetch_mode, "navigate") == 0 &&
                        strcmp(request->path, "/") == 0;

        if (!is_visit) {
            return refuse(error, 403,
                          "another site has made the browser ask: open this server's "
                          "page itself");
        }
    }
    return SEEP_GATE_OPEN;
}

int seep_gate_decide(struct seep_gate *gate, const struct seep_gate_request *request,
                     uint64_t now_ns, struct seep_error *error)
{
    int word = SEEP_GATE_OPEN;

    if (request->head_bytes > HEAD_MOST_BYTES) {
        return refuse(error, 431, "the request's head is longer than 8 KiB");
    }
    if (request->host == NULL || request->many_hosts) {
        return refuse(error, 400, "one Host header is needed");
    }
    if (!is_our_host(gate, request->host)) {
        return refuse(error, 403,
                      "Host is not the address of this server: use the address that seep "
                      "serve has printed");
    }
    word = check_origin(gate, request, error);
    if (word != SEEP_GATE_OPEN) {
        return word;
    }
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        return refuse(error, 405, "only GET and HEAD: nothing here can be changed");
    }
    if (request->transfer_encoding != NULL ||
        (request->content_length != NULL && strcmp(request->content_length, "0") != 0)) {
        return refuse(error, 413, "a request may have no body");
    }
    return check_token(gate, request, now_ns, error);
}
