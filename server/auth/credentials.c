/* The PIN and the users in memory; who changes them also writes them to the store.
 *
 * Names are plain ASCII words: they go into tokens, logs and keys of the store, where a
 * name that needs escaping or looks like another one would be trouble. A household has a
 * handful of users, so the table is searched from end to end.
 *
 * I1: users_count <= users_capacity <= users_max; no two names are equal, case ignored.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CAPACITY_AT_FIRST 4
#define NAME_LENGTH_MIN   3
#define PASSWORD_MIN      8

void pma_credentials_init(struct pma_credentials *credentials, uint32_t users_max)
{
    *credentials = (struct pma_credentials){.users_max = users_max};
}

void pma_credentials_fini(struct pma_credentials *credentials)
{
    free(credentials->users);
    pma_credentials_init(credentials, credentials->users_max);
}

int pma_credentials_copy(struct pma_credentials *credentials,
                         const struct pma_credentials *from)
{
    if (from->users_count > 0) {
        credentials->users = calloc(from->users_count, sizeof *credentials->users);
        if (credentials->users == NULL) {
            return -ENOMEM;
        }
        memcpy(credentials->users, from->users,
               from->users_count * sizeof *credentials->users);
    }
    credentials->users_count = credentials->users_capacity = from->users_count;
    credentials->pin_digits = from->pin_digits;
    memcpy(credentials->pin_hash, from->pin_hash, sizeof credentials->pin_hash);
    return 0;
}

bool pma_credentials_is_pin(const char *pin)
{
    const size_t digits = strspn(pin, "0123456789");
    return pin[digits] == '\0' && (digits == 4 || digits == 6);
}

bool pma_credentials_is_user_name(const char *name)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-");
    return name[length] == '\0' && length >= NAME_LENGTH_MIN &&
           length < PMA_AUTH_NAME_BYTES;
}

bool pma_credentials_is_password(const char *password)
{
    const size_t length = strlen(password);
    return length >= PASSWORD_MIN && length <= PMA_SECRET_TEXT_BYTES_MAX;
}

const struct pma_user_record *
pma_credentials_find(const struct pma_credentials *credentials, const char *name)
{
    for (uint32_t i = 0; i < credentials->users_count; i++) {
        if (strcasecmp(credentials->users[i].user.name, name) == 0) {
            return &credentials->users[i];
        }
    }
    return NULL;
}

int pma_credentials_add(struct pma_credentials *credentials,
                        const struct pma_user_record *record)
{
    if (pma_credentials_find(credentials, record->user.name) != NULL) {
        return -EEXIST;
    }
    if (credentials->users_count >= credentials->users_max) {
        return -ENOSPC;
    }
    if (credentials->users_count == credentials->users_capacity) {
        uint32_t capacity = credentials->users_capacity != 0
                                ? 2 * credentials->users_capacity
                                : CAPACITY_AT_FIRST;
        if (capacity > credentials->users_max) {
            capacity = credentials->users_max;
        }
        struct pma_user_record *grown =
            realloc(credentials->users, capacity * sizeof *grown);
        if (grown == NULL) {
            return -ENOMEM;
        }
        credentials->users = grown;
        credentials->users_capacity = capacity;
    }
    credentials->users[credentials->users_count++] = *record;
    return 0;
}
