/* What is the same in every HTML report, embedded at build by embed.cmake.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_REPORT_HTML_ASSETS_H
#define SEEP_ANALYZER_REPORT_HTML_ASSETS_H

#include <stddef.h>

struct seep_html_asset {
    const unsigned char *bytes;
    size_t len_bytes;
    const char *sha256_hex; /* of the bytes, 64 digits */
};

extern const struct seep_html_asset SEEP_HTML_STYLE;  /* report_html.css */
extern const struct seep_html_asset SEEP_HTML_SCRIPT; /* report_html.js */

#endif
