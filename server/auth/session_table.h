/* Open sessions: a bounded table, looked up by token.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SESSION_TABLE_H
#define PMA_SESSION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 hexadecimal digits and the final NUL. */
#define PMA_AUTH_TOKEN_BYTES 65

#define PMA_AUTH_ID_BYTES   40
#define PMA_AUTH_NAME_BYTES 64

/* Who somebody turned out to be. */
struct pma_user {
    char id[PMA_AUTH_ID_BYTES];
    char name[PMA_AUTH_NAME_BYTES];
};

struct pma_session;

/* Locked by its owner. */
struct pma_session_table {
    struct pma_session *sessions; /* [0, count) in use, in no order */
    uint32_t *buckets;            /* index + 1 of the first session of a chain; 0: none */
    uint32_t count, capacity;     /* capacity: a power of two, of both arrays; or 0 */
    uint32_t limit;               /* from 1 */
    uint64_t evicted;             /* sessions that ended because the table was full */
};

/* limit: most sessions; one more ends the one that expires first. Allocates nothing. */
void pma_session_table_init(struct pma_session_table *table, uint32_t limit);

void pma_session_table_fini(struct pma_session_table *table);

/* Opens a session. token: out. Returns: 0; -EIO: no random bytes; -ENOMEM.
 * Thread-safety: under the owner's lock. Allocates: the table grows by doubling. */
int pma_session_table_open(struct pma_session_table *table, const struct pma_user *user,
                           uint64_t expires_at_ns, char token[PMA_AUTH_TOKEN_BYTES]);

/* Looks a token up. user, expires_at_ns: out, may be NULL, untouched when there is none.
 * Returns: whether it is open at now_ns. Thread-safety: under the owner's lock. */
bool pma_session_table_find(const struct pma_session_table *table, const char *token,
                            uint64_t now_ns, struct pma_user *user,
                            uint64_t *expires_at_ns);

/* Ends a session. Returns: 0; -ENOENT. Thread-safety: under the owner's lock. */
int pma_session_table_close(struct pma_session_table *table, const char *token);

/* Ends the sessions of one user but the one whose token is `keep`; keep may be NULL.
 * Returns: how many. Thread-safety: under the owner's lock. */
uint32_t pma_session_table_close_all(struct pma_session_table *table, const char *user_id,
                                     const char *keep);

/* Removes what has expired; an empty table gives its memory back.
 * Thread-safety: under the owner's lock. Cost: O(sessions). */
void pma_session_table_sweep(struct pma_session_table *table, uint64_t now_ns);

/* Whether every session is in its chain, once. For tests. Cost: O(sessions + capacity).
 */
bool pma_session_table_is_valid(const struct pma_session_table *table);

#endif
