/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_NET_URL_SHOW_H
#define SEEP_ANALYZER_NET_URL_SHOW_H

#include <stddef.h>

/* Where the part after "http://" or "https://" begins; NULL: the text begins with
 * neither. Borrowed of url. Pure. */
const char *seep_url_after_scheme(const char *url);

/* Copies an address without what is nobody's business: user, password, query. Cut at
 * out_bytes - 1; "an address that is no URL" without a scheme. Pure. */
void seep_url_show(const char *url, char *out, size_t out_bytes);

#endif
