/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_WORDS_H
#define SEEP_ANALYZER_FLEET_FLEET_WORDS_H

#include "base/buf.h"
#include "fleet/fleet_report.h"

/* Sentences that all formats share; each is appended without a line break and without a
 * NUL. out->failed when memory is out. */

/* "1,000 instances, 200 sites, 200,000 series: 20 sites grow". */
void seep_fleet_say_total(const struct seep_fleet_report *report, struct seep_buf *out);
/* "grows on 40 of 40 instances of version 2.3.1, on 1 of 960 of the others". */
void seep_fleet_say_where(const struct seep_fleet_report *report,
                          const struct seep_fleet_finding *finding, struct seep_buf *out);
/* "1.2 MiB per hour each (half of them from 0.9 MiB to 1.5 MiB), 48 MiB per hour in all;
 * they hold 2 GiB". */
void seep_fleet_say_pace(const struct seep_fleet_finding *finding, struct seep_buf *out);
/* "10.0.0.7:9100 (1.5 MiB per hour), ...". */
void seep_fleet_say_fastest(const struct seep_fleet_report *report,
                            const struct seep_fleet_finding *finding,
                            struct seep_buf *out);
/* "hub_register (hub.c:120)". */
void seep_fleet_say_site(const struct seep_fleet_report *report,
                         const struct seep_fleet_finding *finding, struct seep_buf *out);

/* What of the data was not judged as it is: kind i of SEEP_FLEET_LOSS_LINES. Returns:
 * whether there is any; nothing is written otherwise. */
bool seep_fleet_say_loss(const struct seep_fleet_report *report, size_t i,
                         struct seep_buf *out);
enum { SEEP_FLEET_LOSS_LINES = 14 };

/* An instance's name: with that of the recording where it has one. */
void seep_fleet_say_unit(const struct seep_fleet_table *table, uint32_t unit,
                         struct seep_buf *out);

/* Whether there was anything to judge. */
bool seep_fleet_is_inconclusive(const struct seep_fleet_report *report);

#endif
