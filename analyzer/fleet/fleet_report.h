/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_REPORT_H
#define SEEP_ANALYZER_FLEET_FLEET_REPORT_H

#include <stddef.h>

#include "fleet/fleet_gather.h"
#include "fleet/fleet_pivot.h"
#include "report/renderer.h"

/* All that a report on a fleet is made of. */
struct seep_fleet_report {
    const struct seep_fleet_question *question; /* borrowed, as all here */
    const struct seep_fleet_table *table;
    const struct seep_fleet_findings *findings;
    size_t suppressed; /* findings that the user's rules took out */
    size_t top;        /* findings shown at most */
};

/* Each appends the whole report to out. Same input, same bytes. Returns: 0; -ENOMEM.
 * options: columns, color, utf8 are used. */
int seep_fleet_render_text(const struct seep_fleet_report *report,
                           const struct seep_render_options *options,
                           struct seep_buf *out); /* report_fleet_text.c */
int seep_fleet_render_markdown(const struct seep_fleet_report *report,
                               const struct seep_render_options *options,
                               struct seep_buf *out); /* report_fleet_markdown.c */
int seep_fleet_render_json(const struct seep_fleet_report *report,
                           const struct seep_render_options *options,
                           struct seep_buf *out); /* report_fleet_json.c */

#endif
