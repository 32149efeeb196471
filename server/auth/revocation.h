/* Tokens that were ended before they expired: JWTs carry their own validity, so ending
 * one means to remember it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_REVOCATION_H
#define PMA_REVOCATION_H

#include "server/auth/jwt_token.h"

#include <stdbool.h>
#include <stdint.h>

struct pma_revocation;

/* Locked by its owner. */
struct pma_revocations {
    struct pma_revocation *items; /* [0, count) */
    uint32_t limit;               /* from 1 */
    uint32_t count, capacity;     /* count <= limit */
};

/* An empty one is zero but for its limit. */
void pma_revocations_fini(struct pma_revocations *revocations);

/* Remembers a token until it expires. Returns: 0, also when it is there already; -EINVAL:
 * it has no id; -ENOSPC: limit are remembered, none of them expired;
 * -ENOMEM. Allocates: the table grows by doubling. */
int pma_revocations_add(struct pma_revocations *revocations,
                        const struct pma_jwt_claims *claims, int64_t now_s);

bool pma_revocations_contain(const struct pma_revocations *revocations, const char *id);

/* Forgets what has expired; an empty table gives its memory back. */
void pma_revocations_sweep(struct pma_revocations *revocations, int64_t now_s);

#endif
