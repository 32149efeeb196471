/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_SITE_TABLE_H
#define SEEP_ANALYZER_DIFF_SITE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "diff/site_match.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "series/window.h"

/* The sites of one recording, as site_match takes them. */
struct seep_site_table {
    struct seep_match_site *sites; /* owned; names are the symbolizer's */
    uint32_t *ids;                 /* owned; of the recording, ascending */
    size_t count;
    struct seep_match_frame *frames; /* owned; of all sites */
};

/* Fills a table with the sites that ever acquired something.
 *
 * out:     untouched on error; release with seep_site_table_fini.
 * Returns: 0; -ENOMEM. Cost: O(frames of all sites).
 */
int seep_site_table_make(const struct seep_recording *recording,
                         struct seep_symbolizer *symbolizer,
                         const struct seep_window *window, struct seep_site_table *out);
void seep_site_table_fini(struct seep_site_table *table);

/* Index of a site of the recording; SEEP_MATCH_NONE when it is not there. */
size_t seep_site_table_find(const struct seep_site_table *table, uint32_t site);

/* Acquisitions of a site inside the window. */
uint64_t seep_site_table_acquired(const struct seep_recording *recording, uint32_t site,
                                  const struct seep_window *window);

#endif
