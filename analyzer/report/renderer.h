/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_RENDERER_H
#define SEEP_ANALYZER_REPORT_RENDERER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "report/site_value.h"
#include "verdict/findings.h"

struct seep_render_options {
    unsigned columns;           /* width of the output; 40 at least is used */
    bool color;                 /* ANSI colours */
    bool utf8;                  /* block characters; ASCII otherwise */
    size_t top;                 /* findings shown at most; 0: the format's own choice */
    enum seep_kind kind;        /* of profiles; SEEP_KIND_NONE: the format's own choice */
    const char *subsystem;      /* borrowed; what findings were asked of; NULL: all */
    enum seep_site_value value; /* of profiles */
};

/* One output format. Renderers see findings alone, so two of them cannot disagree. */
struct seep_renderer {
    const char *name; /* of --format */
    bool of_sites;    /* needs findings->profile */
    bool binary;      /* nothing for a terminal */
    /* Appends the whole report to `out`.
     * Returns: 0; -ENOMEM (out->failed may be set; contents then incomplete).
     * Thread-safety: any thread on its own buffer. Same input, same bytes. */
    int (*render)(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out);
};

extern const struct seep_renderer SEEP_RENDERER_TEXT;     /* report_text.c */
extern const struct seep_renderer SEEP_RENDERER_JSON;     /* report_json.c */
extern const struct seep_renderer SEEP_RENDERER_MARKDOWN; /* report_markdown.c */
extern const struct seep_renderer SEEP_RENDERER_HTML;     /* report_html.c */
extern const struct seep_renderer SEEP_RENDERER_FOLDED;   /* report_folded.c */
extern const struct seep_renderer SEEP_RENDERER_PPROF;    /* report_pprof.c */
extern const struct seep_renderer SEEP_RENDERER_SARIF;    /* report_sarif.c */
extern const struct seep_renderer SEEP_RENDERER_JUNIT;    /* report_junit.c */

/* The renderer of that name, or NULL. */
const struct seep_renderer *seep_renderer_find(const char *name);
/* The names of all, "text, json, ...". */
extern const char *const SEEP_RENDERER_NAMES;

#endif
