/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_TARGET_H
#define SEEP_ANALYZER_SERVE_SERVE_TARGET_H

#include <stddef.h>

#include "base/error.h"
#include "report/site_value.h"
#include "seep/kinds.h"
#include "top/top_model.h"

/* What a request is for. */
enum seep_target_kind {
    SEEP_TARGET_PAGE = 1,
    SEEP_TARGET_ASSET = 2, /* name */
    SEEP_TARGET_EVENTS = 3,
    SEEP_TARGET_METRICS = 4,
    SEEP_TARGET_RECORDINGS = 5,
    SEEP_TARGET_REPORT = 6,   /* name, format, of, value, top */
    SEEP_TARGET_TIMELINE = 7, /* name */
    SEEP_TARGET_SITES = 8,    /* name, of, sort, top, subsystem */
    SEEP_TARGET_SITE = 9,     /* name, site */
    SEEP_TARGET_FLAME = 10,   /* name, of, value */
    SEEP_TARGET_THREADS = 11, /* name */
    SEEP_TARGET_DIFF = 12     /* name (NEW), base, format */
};

enum { SEEP_TARGET_NAME_BYTES = 256, SEEP_TARGET_WORD_BYTES = 64 };

struct seep_target {
    enum seep_target_kind kind;
    char name[SEEP_TARGET_NAME_BYTES]; /* of a recording or an asset */
    char base[SEEP_TARGET_NAME_BYTES];
    char format[SEEP_TARGET_WORD_BYTES]; /* "" the default */
    char site[SEEP_TARGET_WORD_BYTES];
    char subsystem[SEEP_TARGET_NAME_BYTES]; /* part of its name; "" all */
    enum seep_kind of;                      /* NONE: the default */
    enum seep_site_value value;
    enum seep_top_sort sort;
    unsigned top; /* 0: the default */
};

/* A parameter of the query; value NULL: without "=". Decoded, borrowed. */
struct seep_target_parameter {
    const char *name, *value;
};

/* Reads a path (decoded, without the query) and parameters.
 *
 * target:  out, filled when it returns 0.
 * Returns: 0; a status of HTTP (400, 404) with *error. `token` is passed over.
 * Thread-safety: pure. */
int seep_target_parse(const char *path, const struct seep_target_parameter *parameters,
                      size_t count, struct seep_target *target, struct seep_error *error);

/* One text per target: what its answer is kept under. out: always terminated. */
enum { SEEP_TARGET_KEY_BYTES = 1024 };
void seep_target_key(const struct seep_target *target, char out[SEEP_TARGET_KEY_BYTES]);

#endif
