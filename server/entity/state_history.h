/* The states that one entity has been in: a ring of the newest.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_STATE_HISTORY_H
#define PMA_STATE_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_past_state;

/* Zero-initialised it is empty. Invariants: count <= capacity; the entries are
 * states[(first + k) % capacity] for k below count, oldest first. */
struct pma_history {
    struct pma_past_state **states;
    size_t first, count, capacity;
    uint64_t recorded; /* ever; the newest entry is number `recorded`, from 1 */
};

/* Frees all entries. */
void pma_history_fini(struct pma_history *history);

/* Records a state. state: borrowed. attributes: borrowed, what changed with it; NULL for
 * nothing. unix_us: when. limit: entries that are kept, the oldest give way; 0 keeps
 * all. dropped: how many gave way is added. Returns: 0; -ENOMEM, then nothing is
 * recorded. Thread-safety: under LOCK. Allocates. */
int pma_history_record(struct pma_history *history, int64_t unix_us, const char *state,
                       const json_t *attributes, size_t limit, uint64_t *dropped);

/* Drops entries older than an instant, but keeps the newest one, which is the present
 * state. Returns: how many. Thread-safety: under LOCK. */
size_t pma_history_trim(struct pma_history *history, int64_t older_than_unix_us);

/* The newest `limit` entries that have a number above `after`, oldest first:
 * [{state, attributes?, timestamp}]. Returns: owned by the caller; NULL without memory.
 * Thread-safety: under LOCK. Allocates. Cost: O(limit). */
json_t *pma_history_json(const struct pma_history *history, size_t limit, uint64_t after);

#endif
