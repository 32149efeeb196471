/* Synchronisation: asks a source for all its devices, and brings the registry to that.
 *
 * One worker does it, at an interval and whenever somebody asks. Devices that a source
 * does not know any more become unavailable. Clients hear "pma_sync_status".
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_SYNC_H
#define PMA_ENTITY_SYNC_H

#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"

struct pma_sync;

#define PMA_SYNC_SOURCES_MAX 8

struct pma_sync_config {
    uint64_t interval_ns; /* between two periodic ones; from 1 */
    uint64_t timeout_ns;  /* for one source; what is not done by then is an error */
    uint32_t batch; /* entities between two looks at time and cancellation; from 1 */
};

/* How a source is, as far as it knows. */
struct pma_source_state {
    bool is_connected;
    uint64_t connected_at_ns;  /* CLOCK_MONOTONIC, 0: never */
    uint64_t response_time_ns; /* of the last list */
    uint64_t reconnects;
    uint64_t events;         /* received */
    uint64_t events_dropped; /* not taken by us in time */
    uint64_t events_unknown; /* for entities that are not registered */
};

/* A source. Texts: must live as long as the sync. */
struct pma_sync_source {
    const char *id, *name, *source;
    /* All rooms and entities of the source: arrays, owned by the caller; each entity
     * names its source. Called without a lock. Returns: 0; a negative errno. */
    int (*list)(void *arg, json_t **rooms, json_t **entities);
    void (*read_state)(void *arg, struct pma_source_state *state);
    void *arg; /* borrowed until pma_sync_free */
};

/* config, hooks: borrowed, copied. entities, rooms: borrowed until pma_sync_free. sync:
 * out. Returns: 0; -EINVAL: a limit of 0; -ENOMEM. Thread-safety: any thread. Allocates.
 */
int pma_sync_new(const struct pma_sync_config *config, struct pma_entities *entities,
                 struct pma_rooms *rooms, const struct pma_entity_hooks *hooks,
                 struct pma_sync **sync);

/* Adds a source. Returns: 0; -ENOSPC. Thread-safety: owner, before pma_sync_start. */
int pma_sync_add(struct pma_sync *sync, const struct pma_sync_source *source);

/* Starts the worker; a source asks for its first synchronisation itself, when it is
 * connected. Returns: 0; as pma_worker_start.
 * Thread-safety: owner thread. */
int pma_sync_start(struct pma_sync *sync);

/* Stops it. Returns: as pma_worker_stop. Thread-safety: owner thread. */
int pma_sync_stop(struct pma_sync *sync, uint64_t timeout_ns);

/* Frees a stopped one. NULL is allowed. Thread-safety: owner thread. */
void pma_sync_free(struct pma_sync *sync);

/* Asks for a source's synchronisation, or for that of all (NULL). count: out, may be
 * NULL: how many were asked for that were not waiting already. Returns: 0; -ENOENT: no
 * such source. Thread-safety: any thread, takes PMA_LOCK_SYNC. */
int pma_sync_request(struct pma_sync *sync, const char *source, uint32_t *count);

/* [{id, name, source, connected, is_healthy, last_health_check, response_time,
 * entities_managed, rooms_managed, last_sync, sync_errors, ...}]; owned by the caller,
 * NULL without memory. Thread-safety: any thread. Allocates. */
json_t *pma_sync_status_json(struct pma_sync *sync);

#endif
