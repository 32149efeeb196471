/* One scheme of the header's grammar. A token is copied, so that its end is certain and
 * nothing behind it goes further.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/authorization.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "Bearer";

int pma_authorization_bearer(const char *header, char token[PMA_BEARER_BYTES])
{
    static const char blanks[] = " \t";
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-._~+/";
    token[0] = '\0';
    if (header == NULL) {
        return -ENOENT;
    }
    const char *at = header + strspn(header, blanks);
    if (strncasecmp(at, scheme, sizeof scheme - 1) != 0) {
        return -ENOENT;
    }
    at += sizeof scheme - 1;
    if (*at != '\0' && strchr(blanks, *at) == NULL) {
        return -ENOENT; /* "Bearers": another scheme */
    }
    at += strspn(at, blanks);
    size_t length = strspn(at, letters);
    if (length == 0) {
        return -EINVAL;
    }
    length += strspn(at + length, "=");
    const char *rest = at + length;
    rest += strspn(rest, blanks);
    if (*rest != '\0' || length >= PMA_BEARER_BYTES) {
        return -EINVAL;
    }
    memcpy(token, at, length);
    token[length] = '\0';
    return 0;
}
