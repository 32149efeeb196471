/* The SQL of the store, prepared once per connection.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_STORE_STATEMENTS_H
#define PMA_STORE_STATEMENTS_H

#include <sqlite3.h>

/* Parameters: ?1 collection or journal, ?2 id or key (TRIM_ALL has none), ?3 body (PUT,
 * APPEND), limit (PAGE, NEWEST) or number to keep (TRIM_*), ?4 instant in ms since 1970
 * (APPEND: of the entry, TRIM_*: what is older goes). */
enum pma_query {
    PMA_QUERY_PUT,
    PMA_QUERY_GET,
    PMA_QUERY_REMOVE,
    PMA_QUERY_PAGE,
    PMA_QUERY_APPEND,
    PMA_QUERY_NEWEST,
    PMA_QUERY_TRIM_KEY,
    PMA_QUERY_TRIM_ALL,
    PMA_QUERY_SIZES,
    PMA_QUERIES_COUNT,
};

/* Zero-initialised: none is prepared. */
struct pma_statements {
    sqlite3_stmt *items[PMA_QUERIES_COUNT];
};

/* Prepares all. Returns: 0; as pma_store_file_error; pma_statements_finalize is due in
 * any case. Thread-safety: whoever has the connection. Allocates. */
int pma_statements_prepare(sqlite3 *database, struct pma_statements *statements);

void pma_statements_finalize(struct pma_statements *statements);

/* What a query is called in the metrics. Thread-safety: pure. */
const char *pma_query_operation(enum pma_query query);

#endif
