/* Who has guessed wrong too often, and may not try again for a while.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LOCKOUT_H
#define PMA_LOCKOUT_H

#include "server/base/address.h"

#include <stdbool.h>
#include <stdint.h>

struct pma_lockout_config {
    uint32_t failures;    /* that lock out; from 1 */
    uint64_t duration_ns; /* since the last failure */
    uint32_t max_entries; /* clients with failures, from 1 */
};

/* Who tries: where from, and what it calls itself. */
struct pma_lockout_client {
    struct pma_address address;
    const char *id; /* X-Client-ID, borrowed; NULL or "": none */
};

struct pma_lockout_entry;

/* Locked by its owner. */
struct pma_lockout {
    struct pma_lockout_config config;
    struct pma_lockout_entry *entries; /* [0, count) in use, in no order */
    uint32_t count, capacity;
    uint64_t refused; /* tries of somebody locked out */
    uint64_t locked;  /* times that an entry reached the number of failures */
    uint64_t full;    /* tries refused because every entry of a full table is locked */
};

/* Allocates nothing. */
void pma_lockout_init(struct pma_lockout *lockout,
                      const struct pma_lockout_config *config);

void pma_lockout_fini(struct pma_lockout *lockout);

/* Begins a try: counts it as a failure at once, so that a hundred tries at the same time
 * are a hundred failures and not one. Returns: 0: check the secret now, and call
 * pma_lockout_succeed when it is right; -EAGAIN: locked out, do not check; -ENOMEM.
 * Thread-safety: under the owner's lock. Allocates: the table grows by doubling.
 * Cost: O(entries). */
int pma_lockout_try(struct pma_lockout *lockout, const struct pma_lockout_client *client,
                    uint64_t now_ns);

/* The try was right: forgets the client's failures. Thread-safety: under the owner's
 * lock. */
void pma_lockout_succeed(struct pma_lockout *lockout,
                         const struct pma_lockout_client *client);

/* The try came to no end (no memory, too busy): takes its failure back.
 * Thread-safety: under the owner's lock. */
void pma_lockout_withdraw(struct pma_lockout *lockout,
                          const struct pma_lockout_client *client);

/* Whether a try of this client would be refused. Thread-safety: under the owner's lock.
 */
bool pma_lockout_is_locked(struct pma_lockout *lockout,
                           const struct pma_lockout_client *client, uint64_t now_ns);

/* Removes entries whose time is over; an empty table gives its memory back.
 * Thread-safety: under the owner's lock. */
void pma_lockout_sweep(struct pma_lockout *lockout, uint64_t now_ns);

#endif
