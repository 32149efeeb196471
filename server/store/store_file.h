/* The database file of the store: opening, checking, tables, and what its errors mean.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_STORE_FILE_H
#define PMA_STORE_FILE_H

#include "server/store/store.h"

#include <sqlite3.h>

/* As pma_store_open. database: out, given back with sqlite3_close. Not for two threads at
 * one time: SQLite's own locks are off, because the store has one. */
int pma_store_file_open(const struct pma_store_config *config, sqlite3 **database);

/* The errno of an SQLite result, as store.h lists them; 0 for OK, ROW and DONE.
 * Thread-safety: pure. */
int pma_store_file_error(int result);

#endif
