/* A bounded list of token ids. A full one refuses: dropping the oldest would make a token
 * valid again that somebody has ended. Ids, not the texts of tokens: base64 has several
 * texts for one token.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/revocation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_AT_FIRST 16

struct pma_revocation {
    char id[PMA_JWT_ID_BYTES];
    int64_t expires_at_s;
};

void pma_revocations_fini(struct pma_revocations *revocations)
{
    free(revocations->items);
    *revocations = (struct pma_revocations){.limit = revocations->limit};
}

static int grow(struct pma_revocations *revocations)
{
    const uint32_t capacity =
        revocations->capacity != 0 ? 2 * revocations->capacity : CAPACITY_AT_FIRST;
    struct pma_revocation *grown = realloc(revocations->items, capacity * sizeof *grown);
    if (grown == NULL) {
        return -ENOMEM;
    }
    revocations->items = grown;
    revocations->capacity = capacity;
    return 0;
}

int pma_revocations_add(struct pma_revocations *revocations,
                        const struct pma_jwt_claims *claims, int64_t now_s)
{
    if (claims->id[0] == '\0') {
        return -EINVAL;
    }
    if (pma_revocations_contain(revocations, claims->id)) {
        return 0;
    }
    if (revocations->count == revocations->limit) {
        pma_revocations_sweep(revocations, now_s);
    }
    if (revocations->count == revocations->limit) {
        return -ENOSPC;
    }
    if (revocations->count == revocations->capacity && grow(revocations) != 0) {
        return -ENOMEM;
    }
    struct pma_revocation *fresh = &revocations->items[revocations->count++];
    memcpy(fresh->id, claims->id, sizeof fresh->id);
    fresh->expires_at_s = claims->expires_at_s;
    return 0;
}

bool pma_revocations_contain(const struct pma_revocations *revocations, const char *id)
{
    for (uint32_t i = 0; i < revocations->count; i++) {
        if (strcmp(revocations->items[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

void pma_revocations_sweep(struct pma_revocations *revocations, int64_t now_s)
{
    for (uint32_t i = revocations->count; i > 0; i--) {
        if (revocations->items[i - 1].expires_at_s <= now_s) {
            revocations->items[i - 1] = revocations->items[--revocations->count];
        }
    }
    if (revocations->count == 0) {
        pma_revocations_fini(revocations);
    }
}
