/* Where PIN and users survive a restart: documents among the settings of the store.
 *
 * "auth.pin" is {hash, digits}, "auth.user.ID" is {username, email, hash}. No secret in
 * clear is written.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CREDENTIAL_STORE_H
#define PMA_CREDENTIAL_STORE_H

#include "server/auth/credentials.h"

struct pma_store;

/* In all that follows, a NULL store does nothing and gives 0; other errors are of
 * pma_store_put and its like. Thread-safety: any thread. Allocates. */

/* Reads everything into initialised, empty credentials. Returns: 0; -EBADMSG: a document
 * is damaged: without it a door would stand open that its owner has locked; -ENOSPC: more
 * users than credentials->users_max; -ENOMEM. */
int pma_credential_store_load(struct pma_store *store,
                              struct pma_credentials *credentials);

/* Writes the PIN, or removes it when hash is "". */
int pma_credential_store_put_pin(struct pma_store *store, const char *hash,
                                 uint32_t digits);

int pma_credential_store_put_user(struct pma_store *store,
                                  const struct pma_user_record *record);

#endif
