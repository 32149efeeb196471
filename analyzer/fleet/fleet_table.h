/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_TABLE_H
#define SEEP_ANALYZER_FLEET_FLEET_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet_life.h"
#include "fleet/fleet_slice.h"
#include "report/text_table.h"
#include "trend/theil_sen.h"
#include "verdict/growth_verdict.h"

/* A place in the program, whichever instance runs it: kind, id and subsystem; without an
 * id, kind, function and subsystem. Lines move between versions, so they are no part of
 * it. Texts are numbers in the table's `texts`. */
struct seep_fleet_site {
    enum seep_kind kind;
    uint32_t id, function, place, subsystem; /* place: as first seen */
};

/* A program on an instance with all values of --group: what is counted. An instance that
 * changed its version is two. */
struct seep_fleet_unit {
    uint32_t instance, recording;
    uint32_t groups[SEEP_FLEET_GROUPS_MAX];
};

/* A site on a unit. */
struct seep_fleet_row {
    uint32_t site, unit;
    bool of_bytes;
    bool judged;               /* a life was long enough */
    enum seep_verdict verdict; /* the worst of its lives; NONE until it is settled */
    double live;               /* last sample */
    double u_per_s;            /* of the life with that verdict; bytes or count */
};

/* A life that may grow: p is small enough to count. */
struct seep_fleet_suspect {
    uint32_t row;
    double p;
    struct seep_slope slope;
    struct seep_growth_case evidence;
};

/* All that the workers found. All-zero is a valid empty one. */
struct seep_fleet_table {
    struct seep_text_table texts, site_keys, unit_keys;
    struct seep_fleet_site *sites;       /* owned, as all below; by number of site_keys */
    struct seep_fleet_unit *units;       /* by number of unit_keys */
    struct seep_fleet_row *rows;         /* in no order */
    struct seep_fleet_suspect *suspects; /* in no order */
    size_t row_count, suspect_count;
    size_t site_capacity, unit_capacity, row_capacity, suspect_capacity;
    size_t tested[SEEP_KIND_END]; /* lives that were tested */
    size_t lives;                 /* judged, tested or not */
    size_t short_lives;           /* of fewer than 20 samples */
    uint64_t restarts, samples;
    struct seep_fleet_cuts cuts;
    struct seep_fleet_losses losses;
};
void seep_fleet_table_fini(struct seep_fleet_table *table);

/* One series as a worker judged it. */
struct seep_fleet_series_judged {
    bool of_bytes;
    enum seep_kind kind;
    double live;                               /* last sample; 0 without one */
    size_t lives;                              /* that were long enough */
    size_t short_lives;                        /* that were not */
    size_t tested;                             /* of lives: those that change at all */
    const struct seep_fleet_suspect *suspects; /* borrowed; rows are not filled */
    size_t suspect_count;                      /* <= tested */
    size_t first_suspect;                      /* the worker's own: their place in it */
};

/* Appends series i of a slice. Returns: 0; -ENOMEM, after which the table can only be
 * freed. Thread-safety: under the caller's lock. */
int seep_fleet_table_add(struct seep_fleet_table *table,
                         const struct seep_fleet_slice *slice, size_t i,
                         const struct seep_fleet_series_judged *judged);

/* Gives each row its verdict: false discovery rate over all lives of a kind, then the
 * growth verdict; and makes one row of those of the same site and unit, the worst.
 * Returns: 0; -ENOMEM. Cost: O(rows log rows). */
int seep_fleet_table_settle(struct seep_fleet_table *table);

static inline const char *seep_fleet_text(const struct seep_fleet_table *table,
                                          uint32_t number)
{
    return table->texts.texts[number];
}

#endif
