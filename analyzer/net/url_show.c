/* Addresses as they may be said: in errors, in logs, on a page.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net/url_show.h"

#include <stdio.h>
#include <string.h>

const char *seep_url_after_scheme(const char *url)
{
    if (strncmp(url, "http://", 7) == 0) {
        return url + 7;
    }
    return strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

void seep_url_show(const char *url, char *out, size_t out_bytes)
{
    const char *host = seep_url_after_scheme(url);

    if (host == NULL) {
        (void)snprintf(out, out_bytes, "an address that is no URL");
        return;
    }
    const char *at = memrchr(host, '@', strcspn(host, "/?#"));
    const char *from = at != NULL ? at + 1 : host;

    (void)snprintf(out, out_bytes, "%.*s%.*s", (int)(host - url), url,
                   (int)strcspn(from, "?#"), from);
}
