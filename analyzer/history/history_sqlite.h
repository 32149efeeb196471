/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_SQLITE_H
#define SEEP_ANALYZER_HISTORY_HISTORY_SQLITE_H

#include "history/history_db.h"

/* A file of SQLite's, as a history's database. */
extern const struct seep_db_backend SEEP_DB_SQLITE;

#endif
