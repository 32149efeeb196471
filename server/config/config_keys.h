/* The table of configuration keys: where each value goes, and what is allowed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_KEYS_H
#define PMA_CONFIG_KEYS_H

#include "server/config/config.h"

enum pma_value_kind {
    PMA_VALUE_NONE = 0,
    PMA_VALUE_BOOL = 1,     /* bool */
    PMA_VALUE_COUNT = 2,    /* uint32_t */
    PMA_VALUE_BYTES = 3,    /* uint64_t */
    PMA_VALUE_BYTES_32 = 4, /* uint32_t */
    PMA_VALUE_DURATION = 5, /* uint64_t, ns */
    PMA_VALUE_PERCENT = 6,  /* double */
    PMA_VALUE_ADDRESS = 7,  /* char[64] */
    PMA_VALUE_LEVEL = 8,    /* int, enum pma_level */
    PMA_VALUE_TEXT = 9,     /* char[most + 1], of least to most bytes */
    PMA_VALUE_SECRET = 10,  /* as text, and never repeated in a message */
};

struct pma_config_key {
    const char *path; /* "websocket.max_clients" */
    enum pma_value_kind kind;
    size_t offset;        /* into struct pma_config */
    uint64_t least, most; /* inclusive; of the unit in which the value is kept */
};

/* The row of a whole path. Returns: NULL when there is none. Thread-safety: pure. */
const struct pma_config_key *pma_config_key_find(const char *path);

/* Whether `path` is a section: the beginning of a key's path up to a dot.
 * Thread-safety: pure. */
bool pma_config_is_section(const char *path);

/* The known path (of a key, or of a section when `section`) that is most like a mistaken
 * one. Returns: NULL when none is close. Thread-safety: pure. Cost: O(keys x length^2).
 */
const char *pma_config_key_suggest(const char *path);

/* Parses `text` and stores it into *config. Returns: 0; -EINVAL: *config is untouched and
 * why[] says what is wrong and what is allowed. Thread-safety: pure. */
int pma_config_key_store(const struct pma_config_key *key, const char *text,
                         struct pma_config *config, char *why, size_t why_bytes);

#endif
