/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_SITE_VALUE_H
#define SEEP_ANALYZER_REPORT_SITE_VALUE_H

#include <stdbool.h>

#include "verdict/findings.h"

/* What a profile counts of each site. */
enum seep_site_value {
    SEEP_VALUE_DEFAULT = 0,    /* live bytes; of what has none: live */
    SEEP_VALUE_LIVE_BYTES = 1, /* "live-bytes" */
    SEEP_VALUE_LIVE = 2,       /* "live" */
    SEEP_VALUE_GROWTH = 3,     /* "growth": per hour, bytes or what has none: count */
    SEEP_VALUE_ALLOCATED = 4   /* "allocated": in all, bytes or what has none: count */
};

/* Whether bytes say anything of the kind: heap and mappings. Thread-safety: pure. */
bool seep_site_value_is_of_bytes(enum seep_kind kind);
/* A site's value; growth may be negative. Thread-safety: pure. */
double seep_site_value(const struct seep_view_site *site, enum seep_site_value value);
/* Returns: SEEP_VALUE_DEFAULT for an unknown word. Thread-safety: pure. */
enum seep_site_value seep_site_value_from_name(const char *name);

#endif
