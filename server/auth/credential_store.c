/* Small documents, read once at the start and written when somebody changes a PIN or
 * registers: the copy in memory is what requests are checked against.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/credential_store.h"

#include "server/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIN_ID      "auth.pin"
#define USER_PREFIX "auth.user."

/* Copies a member that has to be a text of at most text_bytes - 1 bytes. */
static bool take_text(const json_t *document, const char *name, char *text,
                      size_t text_bytes)
{
    const char *value = json_string_value(json_object_get(document, name));
    return value != NULL && (size_t)snprintf(text, text_bytes, "%s", value) < text_bytes;
}

static bool is_hash(const char *hash)
{
    return hash[0] == '$';
}

static int load_pin(struct pma_store *store, struct pma_credentials *credentials)
{
    char hash[PMA_SECRET_HASH_BYTES];
    json_t *document = NULL;
    int err = pma_store_get(store, PMA_COLLECTION_SETTINGS, PIN_ID, &document);
    if (err != 0) {
        return err == -ENOENT ? 0 : err;
    }
    const json_int_t digits = json_integer_value(json_object_get(document, "digits"));
    if (take_text(document, "hash", hash, sizeof hash) && is_hash(hash) &&
        (digits == 4 || digits == 6)) {
        memcpy(credentials->pin_hash, hash, sizeof hash);
        credentials->pin_digits = (uint32_t)digits;
    } else {
        err = -EBADMSG;
    }
    json_decref(document);
    return err;
}

static int load_user(void *arg, const char *id, json_t *document)
{
    struct pma_credentials *credentials = arg;
    struct pma_user_record record = {.email = ""};
    const size_t prefix = strlen(USER_PREFIX);
    if (strncmp(id, USER_PREFIX, prefix) != 0) {
        return 0;
    }
    if ((size_t)snprintf(record.user.id, sizeof record.user.id, "%s", id + prefix) >=
            sizeof record.user.id ||
        !take_text(document, "username", record.user.name, sizeof record.user.name) ||
        !pma_credentials_is_user_name(record.user.name) ||
        !take_text(document, "email", record.email, sizeof record.email) ||
        !take_text(document, "hash", record.hash, sizeof record.hash) ||
        !is_hash(record.hash)) {
        return -EBADMSG;
    }
    return pma_credentials_add(credentials, &record);
}

int pma_credential_store_load(struct pma_store *store,
                              struct pma_credentials *credentials)
{
    if (store == NULL) {
        return 0;
    }
    int err = load_pin(store, credentials);
    if (err == 0) {
        err = pma_store_each(store, PMA_COLLECTION_SETTINGS, load_user, credentials);
    }
    return err == -EEXIST ? -EBADMSG : err;
}

static int put(struct pma_store *store, const char *id, json_t *document)
{
    if (document == NULL) {
        return -ENOMEM;
    }
    const int err = pma_store_put(store, PMA_COLLECTION_SETTINGS, id, document);
    json_decref(document);
    return err;
}

int pma_credential_store_put_pin(struct pma_store *store, const char *hash,
                                 uint32_t digits)
{
    if (store == NULL) {
        return 0;
    }
    if (hash[0] == '\0') {
        const int err = pma_store_remove(store, PMA_COLLECTION_SETTINGS, PIN_ID);
        return err == -ENOENT ? 0 : err;
    }
    return put(store, PIN_ID,
               json_pack("{s:s, s:i}", "hash", hash, "digits", (int)digits));
}

int pma_credential_store_put_user(struct pma_store *store,
                                  const struct pma_user_record *record)
{
    char id[sizeof USER_PREFIX + PMA_AUTH_ID_BYTES];
    if (store == NULL) {
        return 0;
    }
    snprintf(id, sizeof id, USER_PREFIX "%s", record->user.id);
    return put(store, id,
               json_pack("{s:s, s:s, s:s}", "username", record->user.name, "email",
                         record->email, "hash", record->hash));
}
