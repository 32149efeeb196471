/* Something counted per client address: a bounded hash table.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ADDRESS_TABLE_H
#define PMA_ADDRESS_TABLE_H

#include "server/base/address.h"

struct pma_address_entry {
    struct pma_address address;
    uint64_t level;   /* the owner's */
    uint64_t at_ns;   /* the owner's */
    uint32_t chained; /* index + 1 of the next in the chain; 0: the last */
};

/* Locked by its owner. */
struct pma_address_table {
    struct pma_address_entry *entries; /* [0, count) in use, in no order */
    uint32_t *buckets;                 /* index + 1; 0: none */
    uint32_t count, capacity;          /* capacity: a power of two, or 0 */
    uint32_t limit;                    /* entries at most, from 1 */
    uint64_t seed;                     /* random: clients choose the addresses */
};

/* limit: from 1. Allocates nothing. Thread-safety: any thread. */
void pma_address_table_init(struct pma_address_table *table, uint32_t limit);

void pma_address_table_fini(struct pma_address_table *table);

/* The entry of an address, until the table is changed. Returns: NULL when there is none.
 */
struct pma_address_entry *pma_address_table_find(const struct pma_address_table *table,
                                                 const struct pma_address *address);

/* The entry of an address that has none, all zero but for it. Returns: NULL: the table is
 * full, or there is no memory. Allocates: the table grows by doubling. */
struct pma_address_entry *pma_address_table_add(struct pma_address_table *table,
                                                const struct pma_address *address);

/* Removes the entry at an index; another one takes its place. */
void pma_address_table_remove(struct pma_address_table *table, uint32_t at);

/* Gives the memory of an empty table back. */
void pma_address_table_trim(struct pma_address_table *table);

/* Whether every entry is in its chain, once. For tests. */
bool pma_address_table_is_valid(const struct pma_address_table *table);

#endif
