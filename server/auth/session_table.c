/* A session's token is 32 random bytes. The first 8 are its selector, which finds the
 * session in a hash table; the other 24 are its verifier, compared in constant time. So
 * nothing that a clock can measure depends on the secret half, and a lookup costs the
 * same with 10 sessions or 10,000: every request of a remote client makes one. The
 * selector is random already: it needs no hash function.
 *
 * Rejected: comparing the whole token with each session (a request would cost 100 us and
 * more with a full table), and comparing with strcmp (its time tells how much of a guess
 * was right).
 *
 * I1: count <= capacity, count <= limit; sessions[0 .. count) are in use.
 * I2: each of them is in the chain of its selector, once; chains end in 0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/session_table.h"

#include "server/auth/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_AT_FIRST 16

struct token {
    uint64_t selector;
    unsigned char verifier[24];
};

_Static_assert(sizeof(struct token) * 2 + 1 == PMA_AUTH_TOKEN_BYTES, "a token's text");

struct pma_session {
    struct token token;
    uint64_t expires_at_ns;
    uint32_t next; /* index + 1 of the next in the chain */
    struct pma_user user;
};

void pma_session_table_init(struct pma_session_table *table, uint32_t limit)
{
    *table = (struct pma_session_table){.limit = limit};
}

void pma_session_table_fini(struct pma_session_table *table)
{
    free(table->sessions);
    free(table->buckets);
    table->sessions = NULL;
    table->buckets = NULL;
    table->count = table->capacity = 0;
}

/* The link that holds, or would hold, the index of a session with this selector. */
static uint32_t *bucket_of(const struct pma_session_table *table, uint64_t selector)
{
    return &table->buckets[selector & (table->capacity - 1)];
}

static void link_session(struct pma_session_table *table, uint32_t at)
{
    uint32_t *bucket = bucket_of(table, table->sessions[at].token.selector);
    table->sessions[at].next = *bucket;
    *bucket = at + 1;
}

/* The link that points to session `at`. */
static uint32_t *link_to(const struct pma_session_table *table, uint32_t at)
{
    uint32_t *link = bucket_of(table, table->sessions[at].token.selector);
    while (*link != at + 1) {
        link = &table->sessions[*link - 1].next;
    }
    return link;
}

static void remove_session(struct pma_session_table *table, uint32_t at)
{
    *link_to(table, at) = table->sessions[at].next;
    const uint32_t last = --table->count;
    if (at != last) {
        *link_to(table, last) = at + 1;
        table->sessions[at] = table->sessions[last];
    }
    explicit_bzero(&table->sessions[last], sizeof table->sessions[last]);
}

static int grow(struct pma_session_table *table)
{
    const uint32_t capacity =
        table->capacity != 0 ? 2 * table->capacity : CAPACITY_AT_FIRST;
    struct pma_session *sessions = calloc(capacity, sizeof *sessions);
    uint32_t *buckets = calloc(capacity, sizeof *buckets);
    if (sessions == NULL || buckets == NULL) {
        free(sessions);
        free(buckets);
        return -ENOMEM;
    }
    if (table->count > 0) {
        memcpy(sessions, table->sessions, table->count * sizeof *sessions);
        explicit_bzero(table->sessions, table->count * sizeof *sessions);
    }
    free(table->sessions);
    free(table->buckets);
    table->sessions = sessions;
    table->buckets = buckets;
    table->capacity = capacity;
    for (uint32_t at = 0; at < table->count; at++) {
        link_session(table, at);
    }
    return 0;
}

static int make_room(struct pma_session_table *table)
{
    if (table->count == table->limit) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < table->count; i++) {
            if (table->sessions[i].expires_at_ns <
                table->sessions[oldest].expires_at_ns) {
                oldest = i;
            }
        }
        remove_session(table, oldest);
        table->evicted++;
    }
    return table->count < table->capacity ? 0 : grow(table);
}

int pma_session_table_open(struct pma_session_table *table, const struct pma_user *user,
                           uint64_t expires_at_ns, char token[PMA_AUTH_TOKEN_BYTES])
{
    struct token fresh;
    int err = pma_secret_random(&fresh, sizeof fresh);
    if (err == 0) {
        err = make_room(table);
    }
    if (err != 0) {
        return err;
    }
    table->sessions[table->count] = (struct pma_session){
        .token = fresh, .expires_at_ns = expires_at_ns, .user = *user};
    link_session(table, table->count++);
    pma_secret_to_hex(&fresh, sizeof fresh, token);
    return 0;
}

/* Returns: the index, or count. */
static uint32_t find(const struct pma_session_table *table, const char *text)
{
    struct token token;
    if (table->count == 0 || pma_secret_from_hex(text, &token, sizeof token) != 0) {
        return table->count;
    }
    for (uint32_t next = *bucket_of(table, token.selector); next != 0;
         next = table->sessions[next - 1].next) {
        const struct pma_session *session = &table->sessions[next - 1];
        if (session->token.selector == token.selector &&
            pma_secret_same_bytes(session->token.verifier, token.verifier,
                                  sizeof token.verifier)) {
            return next - 1;
        }
    }
    return table->count;
}

bool pma_session_table_find(const struct pma_session_table *table, const char *token,
                            uint64_t now_ns, struct pma_user *user,
                            uint64_t *expires_at_ns)
{
    const uint32_t at = find(table, token);
    if (at == table->count || table->sessions[at].expires_at_ns <= now_ns) {
        return false;
    }
    if (user != NULL) {
        *user = table->sessions[at].user;
    }
    if (expires_at_ns != NULL) {
        *expires_at_ns = table->sessions[at].expires_at_ns;
    }
    return true;
}

int pma_session_table_close(struct pma_session_table *table, const char *token)
{
    const uint32_t at = find(table, token);
    if (at == table->count) {
        return -ENOENT;
    }
    remove_session(table, at);
    return 0;
}

uint32_t pma_session_table_close_all(struct pma_session_table *table, const char *user_id,
                                     const char *keep)
{
    const uint32_t before = table->count;
    const uint32_t kept = keep != NULL ? find(table, keep) : table->count;
    const uint64_t selector = kept < before ? table->sessions[kept].token.selector : 0;
    for (uint32_t at = table->count; at > 0; at--) {
        const struct pma_session *session = &table->sessions[at - 1];
        const bool is_kept = kept < before && session->token.selector == selector;
        if (!is_kept && strcmp(session->user.id, user_id) == 0) {
            remove_session(table, at - 1);
        }
    }
    return before - table->count;
}

void pma_session_table_sweep(struct pma_session_table *table, uint64_t now_ns)
{
    for (uint32_t at = table->count; at > 0; at--) {
        if (table->sessions[at - 1].expires_at_ns <= now_ns) {
            remove_session(table, at - 1);
        }
    }
    if (table->count == 0) {
        pma_session_table_fini(table);
    }
}

bool pma_session_table_is_valid(const struct pma_session_table *table)
{
    uint32_t linked = 0;
    if (table->count > table->capacity || table->count > table->limit) {
        return false;
    }
    for (uint32_t bucket = 0; bucket < table->capacity; bucket++) {
        for (uint32_t next = table->buckets[bucket]; next != 0;
             next = table->sessions[next - 1].next) {
            const struct pma_session *session = &table->sessions[next - 1];
            if (next > table->count || ++linked > table->count ||
                (session->token.selector & (table->capacity - 1)) != bucket) {
                return false;
            }
        }
    }
    return linked == table->count;
}
