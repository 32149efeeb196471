/* The Authorization header (RFC 9110, 11.6.2), as far as it carries a bearer token
 * (RFC 6750).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTHORIZATION_H
#define PMA_AUTHORIZATION_H

#include <stddef.h>

/* Room for the longest token that is looked at, and the final NUL. */
#define PMA_BEARER_BYTES 4096

/* Takes the token out of a header's value: "Bearer", in any case, blanks, and one token
 * of the letters that RFC 6750 allows (b64token). header: NULL is allowed. token: out.
 * Returns: 0; -ENOENT: there is no header or another scheme; -EINVAL: "Bearer" without a
 * token, or with something that is none; token is "" on error. Thread-safety: pure. */
int pma_authorization_bearer(const char *header, char token[PMA_BEARER_BYTES]);

#endif
