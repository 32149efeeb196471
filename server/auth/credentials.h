/* What people prove themselves with: one PIN, and users with passwords. Hashes alone; no
 * secret in clear is kept.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CREDENTIALS_H
#define PMA_CREDENTIALS_H

#include "server/auth/secret.h"
#include "server/auth/session_table.h"

#include <stdbool.h>
#include <stdint.h>

#define PMA_AUTH_EMAIL_BYTES 128

struct pma_user_record {
    struct pma_user user;
    char email[PMA_AUTH_EMAIL_BYTES];
    char hash[PMA_SECRET_HASH_BYTES];
};

/* Locked by its owner. */
struct pma_credentials {
    char pin_hash[PMA_SECRET_HASH_BYTES]; /* empty: no PIN is set */
    uint32_t pin_digits;
    struct pma_user_record *users; /* [0, users_count) */
    uint32_t users_count, users_capacity;
    uint32_t users_max;
};

/* Allocates nothing. */
void pma_credentials_init(struct pma_credentials *credentials, uint32_t users_max);

/* Forgets and frees everything. */
void pma_credentials_fini(struct pma_credentials *credentials);

/* Copies `from` into an initialised, empty one. Returns: 0; -ENOMEM. */
int pma_credentials_copy(struct pma_credentials *credentials,
                         const struct pma_credentials *from);

/* Whether a PIN has 4 or 6 digits. Thread-safety: pure. */
bool pma_credentials_is_pin(const char *pin);

/* Whether a name has 3 to 63 letters, digits and . _ @ - . Thread-safety: pure. */
bool pma_credentials_is_user_name(const char *name);

/* Whether a password has 8 to PMA_SECRET_TEXT_BYTES_MAX bytes. Thread-safety: pure. */
bool pma_credentials_is_password(const char *password);

/* Finds a user by name, case ignored. Borrowed until the next change. Returns: NULL when
 * there is none. Cost: O(users). */
const struct pma_user_record *
pma_credentials_find(const struct pma_credentials *credentials, const char *name);

/* Adds a user; record: copied. Returns: 0; -EEXIST: the name is taken; -ENOSPC: users_max
 * are there; -ENOMEM. */
int pma_credentials_add(struct pma_credentials *credentials,
                        const struct pma_user_record *record);

#endif
