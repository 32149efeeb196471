/* Which web pages may use the API from a browser (the CORS protocol of the Fetch
 * standard).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CORS_H
#define PMA_CORS_H

#include <stdbool.h>

#define PMA_CORS_METHODS "GET, POST, PUT, DELETE, OPTIONS, PATCH"
#define PMA_CORS_HEADERS                                                                 \
    "Origin, Content-Type, Authorization, Accept, X-Requested-With, X-API-Secret"
#define PMA_CORS_MAX_AGE "43200" /* s: 12 h */

/* The allowed origin that equals `origin`, case of its letters ignored. Returns: borrowed
 * for ever; NULL when it is not allowed. Thread-safety: pure. */
const char *pma_cors_find(const char *origin);

/* Whether the page came from this server itself, under whatever name the client has for
 * it. host: the Host header, NULL is allowed. Thread-safety: pure. */
bool pma_cors_is_own(const char *origin, const char *host);

#endif
