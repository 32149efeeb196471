/* How many requests a client may make: a bucket of tokens per address.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_RATE_LIMIT_H
#define PMA_RATE_LIMIT_H

#include "server/base/address_table.h"

struct pma_rate_limit_config {
    uint32_t requests_per_minute; /* by which a bucket fills, from 1 */
    uint32_t burst_size;          /* that a full one holds, from 1 */
    uint32_t max_clients;         /* buckets, from 1 */
};

/* Locked by its owner. */
struct pma_rate_limit {
    struct pma_rate_limit_config config;
    struct pma_address_table buckets;
    struct pma_address_entry overflow; /* of all who found no room for their own */
    uint64_t swept_at_ns;
    uint64_t refused;
    uint64_t overflowed; /* requests that were counted by the overflow bucket */
};

/* Allocates nothing. */
void pma_rate_limit_init(struct pma_rate_limit *limit,
                         const struct pma_rate_limit_config *config);

void pma_rate_limit_fini(struct pma_rate_limit *limit);

/* Takes a token of the client's bucket. Returns: 0; else the time until there is one, in
 * ns. Thread-safety: under the owner's lock. Allocates: the table grows by doubling. */
uint64_t pma_rate_limit_take(struct pma_rate_limit *limit,
                             const struct pma_address *client, uint64_t now_ns);

/* Removes buckets that are full again: they are as good as none.
 * Thread-safety: under the owner's lock. Cost: O(clients). */
void pma_rate_limit_sweep(struct pma_rate_limit *limit, uint64_t now_ns);

#endif
