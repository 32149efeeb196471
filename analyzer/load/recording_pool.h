/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORDING_POOL_H
#define SEEP_ANALYZER_LOAD_RECORDING_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory of one recording, with a budget: what a file makes the reader allocate ends
 * there, with -ENOMEM.
 *
 * Two ways to own it: pieces that live as long as the pool (strings, rows), cut from
 * chunks; and tables that grow, which are the caller's to free. Both are counted.
 * All-zero, with a budget, is a valid empty pool.
 */
struct seep_pool_budget {
    _Atomic uint64_t left_bytes; /* relaxed: pools of several threads draw on it */
};

struct seep_pool_chunk;

/* Bytes behind the last piece that may be read: whoever reads packed numbers loads whole
 * words. */
enum { SEEP_POOL_SLACK_BYTES = 8 };

struct seep_pool {
    struct seep_pool_budget *budget; /* borrowed; may be shared by pools */
    struct seep_pool_chunk *chunks;  /* owned; newest first */
    uint64_t taken_bytes;            /* from the budget, by chunks */
};

/* Zeroed memory aligned for any type. Returns: NULL when memory or budget is out.
 * Cost: O(bytes). */
void *seep_pool_take(struct seep_pool *pool, size_t bytes);
/* A copy with a NUL behind it. Returns: NULL as above. */
char *seep_pool_take_string(struct seep_pool *pool, const char *text, size_t len_bytes);
/* Frees all pieces and gives their bytes back to the budget. */
void seep_pool_fini(struct seep_pool *pool);

/* Grows a malloc'ed table to at least `need` rows of `row_bytes`, new rows zero, by
 * doubling.
 *
 * table:     in/out, owned by the caller (free).
 * capacity:  in/out, rows.
 * Returns: 0; -ENOMEM, nothing changed.
 */
int seep_pool_grow_table(struct seep_pool_budget *budget, void **table, size_t *capacity,
                         size_t need, size_t row_bytes);

#endif
