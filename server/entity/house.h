/* All of server/entity as the server starts and stops it: entities, rooms, sources.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HOUSE_H
#define PMA_HOUSE_H

#include "server/config/config.h"
#include "server/entity/entity_service.h"

#include <stdint.h>

struct pma_entity_places;
struct pma_entity_store;
struct pma_rooms;
struct pma_simulated;
struct pma_sync;

/* Zero-initialised it is stopped. */
struct pma_house {
    struct pma_entity_hooks hooks; /* of whoever is told of events */
    struct pma_entities *entities;
    struct pma_rooms *rooms;
    struct pma_sync *sync;
    struct pma_entity_store *kept;
    struct pma_simulated *simulated; /* NULL: there are no simulated devices */
};

/* Makes all parts, and fills them with what is kept. config: borrowed until
 * pma_house_free. hooks: borrowed, copied; its publish is told of all events of the
 * house. places: borrowed, copied. house: out, does not move from then on. Returns: 0; a
 * negative errno, then pma_house_free is due all the same. Thread-safety: owner thread.
 * Allocates.
 */
int pma_house_new(const struct pma_config *config, const struct pma_entity_hooks *hooks,
                  const struct pma_entity_places *places, struct pma_house *house);

/* Starts their workers. Returns: 0; a negative errno, then both stops are due all the
 * same. Thread-safety: owner thread. */
int pma_house_start(struct pma_house *house);

/* Stops the sources, then what works in the background. Entities can still be changed.
 * timeout_ns: for each worker. Returns: 0; -ETIMEDOUT, a worker is still busy.
 * Thread-safety: owner thread. */
int pma_house_stop(struct pma_house *house, uint64_t timeout_ns);

/* Writes what has changed until now, the last time: due when nobody changes anything any
 * more, and before the store is closed. Returns: 0; -ETIMEDOUT, its worker is still busy.
 * Thread-safety: owner thread. */
int pma_house_stop_writing(struct pma_house *house, uint64_t timeout_ns);

/* Frees a stopped house. Thread-safety: owner thread. */
void pma_house_free(struct pma_house *house);

/* Drops old states. arg: struct pma_house. Thread-safety: any thread. */
void pma_house_sweep(void *arg);

#endif
