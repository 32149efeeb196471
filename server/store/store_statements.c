/* Statements.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/store_statements.h"

#include "server/store/store_file.h"

#include <stddef.h>

static const struct {
    const char *operation;
    const char *sql;
} rows[PMA_QUERIES_COUNT] = {
    [PMA_QUERY_PUT] = {"put",
                       "INSERT INTO documents(collection, id, body) VALUES(?1, ?2, ?3)"
                       " ON CONFLICT(collection, id) DO UPDATE SET body = excluded.body"},
    [PMA_QUERY_GET] = {"get",
                       "SELECT body FROM documents WHERE collection = ?1 AND id = ?2"},
    [PMA_QUERY_REMOVE] = {"remove",
                          "DELETE FROM documents WHERE collection = ?1 AND id = ?2"},
    [PMA_QUERY_PAGE] = {"page",
                        "SELECT body, id FROM documents WHERE collection = ?1 AND id > ?2"
                        " ORDER BY id LIMIT ?3"},
    [PMA_QUERY_APPEND] =
        {"append",
         "INSERT INTO journal(journal, key, body, at_ms) VALUES(?1, ?2, ?3, ?4)"},
    [PMA_QUERY_NEWEST] =
        {"newest",
         "SELECT body FROM (SELECT body, sequence FROM journal WHERE journal = ?1"
         " AND key = ?2 ORDER BY sequence DESC LIMIT ?3) ORDER BY sequence"},
    [PMA_QUERY_TRIM_KEY] =
        {"trim",
         "DELETE FROM journal WHERE journal = ?1 AND key = ?2 AND (at_ms < ?4 OR sequence"
         " <= (SELECT sequence FROM journal WHERE journal = ?1 AND key = ?2"
         " ORDER BY sequence DESC LIMIT 1 OFFSET ?3))"},
    [PMA_QUERY_TRIM_ALL] =
        {"trim_all",
         "DELETE FROM journal WHERE journal = ?1 AND (at_ms < ?4 OR sequence IN (SELECT"
         " sequence FROM (SELECT sequence, row_number() OVER (PARTITION BY key"
         " ORDER BY sequence DESC) AS place FROM journal WHERE journal = ?1)"
         " WHERE place > ?3))"},
    [PMA_QUERY_SIZES] =
        {"sizes",
         "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM journal),"
         " (SELECT page_count * page_size FROM pragma_page_count,"
         " pragma_page_size)"},
};

int pma_statements_prepare(sqlite3 *database, struct pma_statements *statements)
{
    for (size_t i = 0; i < PMA_QUERIES_COUNT; i++) {
        const int result =
            sqlite3_prepare_v3(database, rows[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &statements->items[i], NULL);
        if (result != SQLITE_OK) {
            return pma_store_file_error(result);
        }
    }
    return 0;
}

void pma_statements_finalize(struct pma_statements *statements)
{
    for (size_t i = 0; i < PMA_QUERIES_COUNT; i++) {
        sqlite3_finalize(statements->items[i]);
    }
}

const char *pma_query_operation(enum pma_query query)
{
    return rows[query].operation;
}
