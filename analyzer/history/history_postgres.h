/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_POSTGRES_H
#define SEEP_ANALYZER_HISTORY_HISTORY_POSTGRES_H

#include "history/history_db.h"

/* A PostgreSQL server, as a history's database. */
extern const struct seep_db_backend SEEP_DB_POSTGRES;

#endif
