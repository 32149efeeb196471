/* The parsers of access, each against a promise that a second, plainer computation
 * checks: an address survives being written and read; a forwarded client has only proxies
 * of ours to its right; a token has no letter that the header has not; a JWT that nobody
 * signed is nobody's; an error repeats no secret.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_access.h"

#include "server/auth/authorization.h"
#include "server/auth/forwarded.h"
#include "server/auth/jwt_token.h"
#include "server/rest/cors.h"
#include "server/rest/exchange.h"
#include "server/rest/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 4096

uint64_t pma_fuzz_taken;
uint64_t pma_fuzz_inputs;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_access: broken promise: %s\n", promise);
        abort();
    }
}

static void try_networks(const char *text)
{
    struct pma_networks networks = {.count = 99};
    const int err = pma_networks_parse(text, &networks);
    if (err != 0) {
        must(networks.count == 99, "an error leaves the networks untouched");
        return;
    }
    pma_fuzz_taken += networks.count > 0;
    for (size_t i = 0; i < networks.count; i++) {
        char written[PMA_ADDRESS_BYTES + 8];
        struct pma_network again;
        const struct pma_network *network = &networks.items[i];
        must(pma_networks_contain(&networks, &network->base),
             "a network contains its base");
        pma_address_format(&network->base, written);
        const bool dotted = strchr(written, ':') == NULL;
        if (!dotted || network->prefix_bits >= 96) {
            snprintf(written + strlen(written), 8, "/%d",
                     network->prefix_bits - (dotted ? 96 : 0));
            must(pma_network_parse(written, strlen(written), &again) == 0 &&
                     memcmp(&again, network, sizeof again) == 0,
                 "a network survives being written and read");
        }
    }
}

/* Whether the entry at text[0, bytes) is, blanks aside, the text of a proxy. */
static bool is_proxy(const char *text, size_t bytes, const struct pma_networks *proxies)
{
    struct pma_address address;
    struct pma_address peer;
    char entry[TEXT_BYTES_MAX];
    snprintf(entry, sizeof entry, "%.*s", (int)bytes, text);
    /* One entry behind a proxy is that entry: the parser of entries has no other door. */
    must(pma_address_parse("10.0.0.1", 8, &peer) == 0, "an address is one");
    address = pma_forwarded_client(&peer, entry, proxies);
    return pma_networks_contain(proxies, &address) && entry[strspn(entry, " \t")] != '\0';
}

static void try_forwarded(const char *text)
{
    struct pma_networks proxies;
    struct pma_address peer;
    struct pma_address stranger;
    must(pma_networks_parse("10.0.0.0/8, fd00::/8", &proxies) == 0, "they are networks");
    must(pma_address_parse("10.0.0.1", 8, &peer) == 0, "an address is one");
    must(pma_address_parse("203.0.113.1", 11, &stranger) == 0, "an address is one");
    struct pma_address client = pma_forwarded_client(&stranger, text, &proxies);
    must(pma_address_equal(&client, &stranger), "a stranger cannot speak for others");
    client = pma_forwarded_client(&peer, text, &proxies);
    if (!pma_address_is_loopback(&client)) {
        return;
    }
    pma_fuzz_taken++;
    /* To be this machine, an entry has to say so, and all after it have to be proxies. */
    const char *end = text + strlen(text);
    for (;;) {
        const char *comma = memrchr(text, ',', (size_t)(end - text));
        const char *begin = comma != NULL ? comma + 1 : text;
        if (!is_proxy(begin, (size_t)(end - begin), &proxies)) {
            must(strstr(begin, "127.") != NULL || strstr(begin, ":") != NULL,
                 "the right-most foreign entry is the client");
            return;
        }
        must(comma != NULL, "a list of proxies alone is not this machine");
        end = comma;
    }
}

static void try_authorization(const char *text)
{
    char token[PMA_BEARER_BYTES];
    memset(token, 'x', sizeof token);
    const int err = pma_authorization_bearer(text, token);
    if (err != 0) {
        must(err == -ENOENT || err == -EINVAL, "an error is one of two");
        must(token[0] == '\0', "an error leaves no token");
        return;
    }
    pma_fuzz_taken++;
    must(memchr(token, '\0', sizeof token) != NULL && token[0] != '\0', "a token ends");
    must(strstr(text, token) != NULL, "a token stands in the header");
    must(strpbrk(token, " \t,;\"\\\r\n") == NULL, "a token has no separator");
}

static void try_jwt(const char *text)
{
    static const char key[] = "a key that the inputs do not know";
    struct pma_jwt_claims claims = {.expires_at_s = 7};
    const int err = pma_jwt_verify(text, key, sizeof key - 1, 1000, &claims);
    must(err == -EACCES || err == -ENOMEM, "nobody signed it");
    must(claims.expires_at_s == 7, "an error leaves the claims untouched");
    pma_cors_find(text);
    pma_cors_is_own(text, text);
    if (!pma_gate_is_protected(text)) {
        must(strncmp(text, "/api/", 5) != 0 || strlen(text) > 9, "open paths are whole");
    }
}

static void try_query(const char *text)
{
    static const char secret[] = "SeCrEt";
    char query[TEXT_BYTES_MAX + 64];
    struct pma_reply reply = {.status = 0};
    snprintf(query, sizeof query, "%.200s&token=%s", text, secret);
    const struct pma_request request = {
        .method_text = "GET", .path = "/", .query = query, .route = "unmatched"};
    pma_reply_error(&reply, &request, 404, "no");
    char *dumped = reply.body != NULL ? json_dumps(reply.body, JSON_ENSURE_ASCII) : NULL;
    must(dumped == NULL || strstr(dumped, secret) == NULL || strstr(text, secret) != NULL,
         "an error repeats no secret");
    pma_fuzz_taken += dumped != NULL && strstr(dumped, "***") != NULL;
    free(dumped);
    json_decref(reply.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(const char *text) = {
        try_networks, try_forwarded, try_authorization, try_jwt, try_query};
    if (size == 0 || size > TEXT_BYTES_MAX - 1) {
        return 0;
    }
    /* On the heap and of its own size, so that a sanitizer sees a byte too far. */
    char *text = malloc(size);
    must(text != NULL, "memory");
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    pma_fuzz_inputs++;
    targets[data[0] % (sizeof targets / sizeof targets[0])](text);
    free(text);
    return 0;
}
