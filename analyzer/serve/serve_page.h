/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_PAGE_H
#define SEEP_ANALYZER_SERVE_SERVE_PAGE_H

#include <stddef.h>

/* The files of analyzer/serve/page/, embedded at build time (embed_page.cmake). */
struct seep_page_file {
    const char *name; /* of /assets/NAME; "index.html" is / */
    const char *type;
    const unsigned char *bytes;
    size_t len_bytes;
    const char *etag; /* with its quotes */
};
extern const struct seep_page_file SEEP_PAGE_FILES[];
extern const size_t SEEP_PAGE_FILE_COUNT;

#endif
