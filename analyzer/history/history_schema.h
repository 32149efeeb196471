/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_SCHEMA_H
#define SEEP_ANALYZER_HISTORY_HISTORY_SCHEMA_H

#include "base/error.h"
#include "history/history_db.h"

/* The tables, as numbered steps that are taken in order, each in the transaction of all.
 * A step is never changed once it is released; a new one is added behind it. */
enum { SEEP_HISTORY_SCHEMA_VERSION = 2 };

/* The version of a database: the number of its last step; 0: empty.
 * out:     untouched on error.
 * Returns: 0; negative errno with *error set. */
int seep_history_schema_version(struct seep_history_db *db, int64_t *out,
                                struct seep_error *error);

/* Takes the steps that are missing up to `version` (SEEP_HISTORY_SCHEMA_VERSION outside
 * tests), as one transaction.
 * Returns: 0; -ENOTSUP the database is of a newer Seep; -EROFS steps are missing and it
 * may only be read; another negative errno; *error is set, the database as it was. */
int seep_history_schema_ready(struct seep_history_db *db, int64_t version,
                              struct seep_error *error);

#endif
