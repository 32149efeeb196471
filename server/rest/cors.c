/* The list is fixed, as in the first implementation: three hosts, four ports. It is
 * written out, because a comparison with a list cannot be fooled, and a parser of origins
 * can ("http://localhost.evil.example").
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/cors.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define PORTS_OF(host)                                                                   \
    "http://" host, "http://" host ":80", "http://" host ":3000", "http://" host ":5173"

static const char *const origins[] = {PORTS_OF("localhost"), PORTS_OF("127.0.0.1"),
                                      PORTS_OF("192.168.100.1")};

const char *pma_cors_find(const char *origin)
{
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        if (strcasecmp(origins[i], origin) == 0) {
            return origins[i];
        }
    }
    return NULL;
}

bool pma_cors_is_own(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; host != NULL && i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t length = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], length) == 0 &&
            strcasecmp(origin + length, host) == 0) {
            return true;
        }
    }
    return false;
}
