/* Each proxy appends the address that it saw: so the list is read from the right, and
 * belief ends at the first entry that was not written by one of ours. The left end is
 * whatever the client wrote (the first implementation believed it, from anybody: a remote
 * client could claim to be 127.0.0.1).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/forwarded.h"

#include <string.h>

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

/* An entry: an address, "[v6]", "[v6]:port" or "v4:port" (RFC 7239, 6, as some proxies
 * write it here as well). */
static int parse_entry(const char *text, size_t text_bytes, struct pma_address *address)
{
    const char *end = text + text_bytes;
    while (text < end && is_blank(*text)) {
        text++;
    }
    while (end > text && is_blank(end[-1])) {
        end--;
    }
    const size_t bytes = (size_t)(end - text);
    if (bytes > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', bytes);
        if (bracket == NULL || (bracket + 1 < end && bracket[1] != ':')) {
            return -1;
        }
        return pma_address_parse(text + 1, (size_t)(bracket - text - 1), address);
    }
    const char *colon = memchr(text, ':', bytes);
    const bool has_port =
        colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL;
    return pma_address_parse(text, has_port ? (size_t)(colon - text) : bytes, address);
}

struct pma_address pma_forwarded_client(const struct pma_address *peer,
                                        const char *forwarded_for,
                                        const struct pma_networks *proxies)
{
    static const struct pma_address nobody = {{0}};
    struct pma_address client = *peer;
    if (forwarded_for == NULL || forwarded_for[strspn(forwarded_for, " \t")] == '\0') {
        return client;
    }
    const char *end = forwarded_for + strlen(forwarded_for);
    while (pma_networks_contain(proxies, &client) && end != NULL) {
        const char *comma = memrchr(forwarded_for, ',', (size_t)(end - forwarded_for));
        const char *begin = comma != NULL ? comma + 1 : forwarded_for;
        if (parse_entry(begin, (size_t)(end - begin), &client) != 0) {
            return nobody;
        }
        end = comma;
    }
    return client;
}
