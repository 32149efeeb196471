/* What pma-load prints.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "load_options.h"
#include "load_totals.h"

/* One line on standard error; on a terminal it replaces the line before. */
void load_report_progress(const struct load_options *options,
                          const struct load_totals *totals, uint64_t seconds);

/* The end of the run on standard output, as text or JSON. trouble: NULL for a good run.
 */
void load_report_summary(const struct load_options *options,
                         const struct load_totals *totals, double duration_s,
                         const char *trouble);

/* The sequence of a run of options->duration_s on standard output, in the order of time.
 */
void load_report_plan(const struct load_options *options);

#endif
