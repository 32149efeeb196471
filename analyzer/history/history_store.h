/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_STORE_H
#define SEEP_ANALYZER_HISTORY_HISTORY_STORE_H

#include "base/error.h"
#include "history/history_db.h"
#include "history/history_run.h"

/* Writing to a history. The schema is ready (seep_history_schema_ready). */
enum seep_history_added {
    SEEP_HISTORY_NEW = 1,
    SEEP_HISTORY_REPLACED = 2, /* the same run was there, as short or shorter */
    SEEP_HISTORY_KEPT = 3      /* a longer recording of the same run is there: stays */
};

/* Adds a run, as one transaction. Of a run that is there already commit and branch stay
 * where the new one says none, and labels are added to those that it has.
 * out:     untouched on error.
 * Returns: 0; negative errno with *error set, the database as it was. */
int seep_history_store_add(struct seep_history_db *db, const struct seep_history_run *run,
                           enum seep_history_added *out, struct seep_error *error);

/* Removes runs by their identities, with all that belongs to them, as one transaction.
 * Returns: 0; negative errno with *error set, the database as it was. */
int seep_history_store_remove(struct seep_history_db *db, const char *const *ids,
                              size_t count, struct seep_error *error);

#endif
