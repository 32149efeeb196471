/* A ring of past states.
 *
 * An entry is one block of text, not a JSON tree: 50 of them for each of 10,000 entities
 * have to fit beside the entities themselves, and most are never read. The ring grows by
 * doubling up to its limit, because most entities change seldom.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/state_history.h"

#include "server/entity/entity_time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_AT_FIRST 4

struct pma_past_state {
    int64_t unix_us;
    size_t attributes_at; /* where JSON text begins in `text`, 0 for none */
    char text[];          /* the state, a NUL, the attributes, a NUL */
};

static struct pma_past_state *oldest_but(const struct pma_history *history, size_t k)
{
    return history->states[(history->first + k) % history->capacity];
}

static void drop_oldest(struct pma_history *history)
{
    free(oldest_but(history, 0));
    history->first = (history->first + 1) % history->capacity;
    history->count--;
}

void pma_history_fini(struct pma_history *history)
{
    while (history->count > 0) {
        drop_oldest(history);
    }
    free(history->states);
    memset(history, 0, sizeof *history);
}

static int grow(struct pma_history *history)
{
    const size_t capacity =
        history->capacity == 0 ? CAPACITY_AT_FIRST : history->capacity * 2;
    /* Pointers are what it holds. NOLINTNEXTLINE(bugprone-sizeof-expression) */
    struct pma_past_state **states = malloc(capacity * sizeof states[0]);
    if (states == NULL) {
        return -ENOMEM;
    }
    for (size_t k = 0; k < history->count; k++) {
        states[k] = oldest_but(history, k);
    }
    free(history->states);
    history->states = states;
    history->capacity = capacity;
    history->first = 0;
    return 0;
}

static struct pma_past_state *past_state_new(int64_t unix_us, const char *state,
                                             const json_t *attributes)
{
    char *json = attributes != NULL && json_object_size(attributes) > 0
                     ? json_dumps(attributes, JSON_COMPACT)
                     : NULL;
    const size_t state_bytes = strlen(state) + 1;
    const size_t json_bytes = json != NULL ? strlen(json) + 1 : 0;
    struct pma_past_state *past = malloc(sizeof *past + state_bytes + json_bytes);
    if (past != NULL) {
        past->unix_us = unix_us;
        past->attributes_at = json != NULL ? state_bytes : 0;
        memcpy(past->text, state, state_bytes);
        memcpy(past->text + state_bytes, json != NULL ? json : "", json_bytes);
    }
    free(json);
    return past;
}

int pma_history_record(struct pma_history *history, int64_t unix_us, const char *state,
                       const json_t *attributes, size_t limit, uint64_t *dropped)
{
    struct pma_past_state *past = past_state_new(unix_us, state, attributes);
    if (past == NULL) {
        return -ENOMEM;
    }
    while (limit > 0 && history->count >= limit) {
        drop_oldest(history);
        (*dropped)++;
    }
    if (history->count == history->capacity && grow(history) != 0) {
        free(past);
        return -ENOMEM;
    }
    history->count++;
    history->recorded++;
    history->states[(history->first + history->count - 1) % history->capacity] = past;
    return 0;
}

size_t pma_history_trim(struct pma_history *history, int64_t older_than_unix_us)
{
    size_t trimmed = 0;
    while (history->count > 1 && oldest_but(history, 0)->unix_us < older_than_unix_us) {
        drop_oldest(history);
        trimmed++;
    }
    return trimmed;
}

static json_t *past_state_json(const struct pma_past_state *past)
{
    char instant[PMA_TIMESTAMP_BYTES];
    json_t *attributes = past->attributes_at > 0
                             ? json_loads(past->text + past->attributes_at, 0, NULL)
                             : NULL;
    pma_instant_text(past->unix_us, instant);
    return json_pack("{s:s, s:o*, s:s}", "state", past->text, "attributes", attributes,
                     "timestamp", instant);
}

json_t *pma_history_json(const struct pma_history *history, size_t limit, uint64_t after)
{
    const uint64_t oldest = history->recorded - history->count; /* number before it */
    size_t skipped = after > oldest ? (size_t)(after - oldest) : 0;
    json_t *states = json_array();
    if (skipped > history->count) {
        skipped = history->count;
    }
    if (history->count - skipped > limit) {
        skipped = history->count - limit;
    }
    for (size_t k = skipped; k < history->count; k++) {
        if (json_array_append_new(states, past_state_json(oldest_but(history, k))) != 0) {
            json_decref(states);
            return NULL;
        }
    }
    return states;
}
