/* Failures are counted twice: for the address, always, and for X-Client-ID when one is
 * sent. Either locks. The id alone, as in the first implementation, is no lock: whoever
 * guesses sends another id. The address alone would not follow a client that changes its
 * address. The price is that somebody who knows another client's id can lock it out, for
 * three failures that lock his own address as well; ids are random and sent to us alone.
 * IPv6 counts by /64, which is what a single subscriber gets.
 *
 * When the table is full an entry that is not locked yet gives way, the oldest first: its
 * owner wins two guesses for a table full of addresses. A locked entry never gives way;
 * when all are locked, new clients are refused: guessing stops rather than the counting.
 *
 * I1: count <= capacity <= config.max_entries; entries[0 .. count) have failures > 0.
 * I2: an address that is locked out adds no entry, whatever id it sends: so an address
 * owns at most 1 + config.failures entries.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/lockout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES         56
#define CAPACITY_AT_FIRST 8
#define KEYS_MAX          2

struct pma_lockout_entry {
    char key[KEY_BYTES]; /* "@" and an address, or "#" and an id, cut to what fits */
    uint32_t failures;
    uint64_t last_at_ns;
};

void pma_lockout_init(struct pma_lockout *lockout,
                      const struct pma_lockout_config *config)
{
    *lockout = (struct pma_lockout){.config = *config};
}

void pma_lockout_fini(struct pma_lockout *lockout)
{
    free(lockout->entries);
    lockout->entries = NULL;
    lockout->count = lockout->capacity = 0;
}

/* Returns: how many keys the client has. */
static size_t make_keys(const struct pma_lockout_client *client,
                        char keys[KEYS_MAX][KEY_BYTES])
{
    char text[PMA_ADDRESS_BYTES];
    const struct pma_address subscriber = pma_address_subscriber(&client->address);
    pma_address_format(&subscriber, text);
    snprintf(keys[0], KEY_BYTES, "@%s", text);
    if (client->id == NULL || client->id[0] == '\0') {
        return 1;
    }
    snprintf(keys[1], KEY_BYTES, "#%s", client->id);
    return 2;
}

static struct pma_lockout_entry *find(struct pma_lockout *lockout, const char *key)
{
    for (uint32_t i = 0; i < lockout->count; i++) {
        if (strcmp(lockout->entries[i].key, key) == 0) {
            return &lockout->entries[i];
        }
    }
    return NULL;
}

static void remove_entry(struct pma_lockout *lockout, struct pma_lockout_entry *entry)
{
    *entry = lockout->entries[--lockout->count];
}

static bool is_over(const struct pma_lockout *lockout,
                    const struct pma_lockout_entry *entry, uint64_t now_ns)
{
    return now_ns - entry->last_at_ns >= lockout->config.duration_ns;
}

static bool is_locked(struct pma_lockout *lockout, const char *key, uint64_t now_ns)
{
    struct pma_lockout_entry *entry = find(lockout, key);
    if (entry == NULL) {
        return false;
    }
    if (is_over(lockout, entry, now_ns)) {
        remove_entry(lockout, entry);
        return false;
    }
    return entry->failures >= lockout->config.failures;
}

/* The entry that gives way in a full table. Returns: NULL: all are locked. */
static struct pma_lockout_entry *find_victim(struct pma_lockout *lockout, uint64_t now_ns)
{
    struct pma_lockout_entry *victim = NULL;
    for (uint32_t i = 0; i < lockout->count; i++) {
        struct pma_lockout_entry *entry = &lockout->entries[i];
        const bool may_go =
            entry->failures < lockout->config.failures || is_over(lockout, entry, now_ns);
        if (may_go && (victim == NULL || entry->last_at_ns < victim->last_at_ns)) {
            victim = entry;
        }
    }
    return victim;
}

static int grow(struct pma_lockout *lockout)
{
    uint32_t capacity =
        lockout->capacity != 0 ? 2 * lockout->capacity : CAPACITY_AT_FIRST;
    if (capacity > lockout->config.max_entries) {
        capacity = lockout->config.max_entries;
    }
    struct pma_lockout_entry *grown = realloc(lockout->entries, capacity * sizeof *grown);
    if (grown == NULL) {
        return -ENOMEM;
    }
    lockout->entries = grown;
    lockout->capacity = capacity;
    return 0;
}

/* Counts a failure of one key. */
static int charge(struct pma_lockout *lockout, const char *key, uint64_t now_ns)
{
    struct pma_lockout_entry *entry = find(lockout, key);
    if (entry == NULL && lockout->count == lockout->config.max_entries) {
        struct pma_lockout_entry *victim = find_victim(lockout, now_ns);
        if (victim == NULL) {
            lockout->full++;
            return -EAGAIN;
        }
        remove_entry(lockout, victim);
    }
    if (entry == NULL) {
        if (lockout->count == lockout->capacity && grow(lockout) != 0) {
            return -ENOMEM;
        }
        entry = &lockout->entries[lockout->count++];
        memset(entry, 0, sizeof *entry);
        snprintf(entry->key, sizeof entry->key, "%s", key);
    }
    entry->failures++;
    entry->last_at_ns = now_ns;
    lockout->locked += entry->failures == lockout->config.failures;
    return 0;
}

static void discharge(struct pma_lockout *lockout, const char *key)
{
    struct pma_lockout_entry *entry = find(lockout, key);
    if (entry == NULL) {
        return;
    }
    lockout->locked -= entry->failures == lockout->config.failures;
    if (--entry->failures == 0) {
        remove_entry(lockout, entry);
    }
}

bool pma_lockout_is_locked(struct pma_lockout *lockout,
                           const struct pma_lockout_client *client, uint64_t now_ns)
{
    char keys[KEYS_MAX][KEY_BYTES];
    const size_t keys_count = make_keys(client, keys);
    for (size_t i = 0; i < keys_count; i++) {
        if (is_locked(lockout, keys[i], now_ns)) {
            return true;
        }
    }
    return false;
}

int pma_lockout_try(struct pma_lockout *lockout, const struct pma_lockout_client *client,
                    uint64_t now_ns)
{
    char keys[KEYS_MAX][KEY_BYTES];
    const size_t keys_count = make_keys(client, keys);
    if (pma_lockout_is_locked(lockout, client, now_ns)) {
        lockout->refused++;
        return -EAGAIN;
    }
    int err = charge(lockout, keys[0], now_ns);
    if (err == 0 && keys_count == 2) {
        err = charge(lockout, keys[1], now_ns);
        if (err != 0) {
            discharge(lockout, keys[0]);
        }
    }
    return err;
}

void pma_lockout_succeed(struct pma_lockout *lockout,
                         const struct pma_lockout_client *client)
{
    char keys[KEYS_MAX][KEY_BYTES];
    const size_t keys_count = make_keys(client, keys);
    for (size_t i = 0; i < keys_count; i++) {
        struct pma_lockout_entry *entry = find(lockout, keys[i]);
        if (entry != NULL) {
            lockout->locked -= entry->failures == lockout->config.failures;
            remove_entry(lockout, entry);
        }
    }
}

void pma_lockout_withdraw(struct pma_lockout *lockout,
                          const struct pma_lockout_client *client)
{
    char keys[KEYS_MAX][KEY_BYTES];
    const size_t keys_count = make_keys(client, keys);
    for (size_t i = 0; i < keys_count; i++) {
        discharge(lockout, keys[i]);
    }
}

void pma_lockout_sweep(struct pma_lockout *lockout, uint64_t now_ns)
{
    for (uint32_t i = lockout->count; i > 0; i--) {
        if (is_over(lockout, &lockout->entries[i - 1], now_ns)) {
            remove_entry(lockout, &lockout->entries[i - 1]);
        }
    }
    if (lockout->count == 0) {
        pma_lockout_fini(lockout);
    }
}
