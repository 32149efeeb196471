/* The entities of the house: lights, sensors, locks ..., from all sources.
 *
 * The registry is bounded. When it is full, a new entity takes the place of the one that
 * was used the longest ago among the unavailable and the virtual ones; a connected device
 * never gives way, the new entity is refused instead (-ENOSPC) and counted.
 *
 * Readers get snapshots. Writers are served one at a time, and events leave in the order
 * of the changes that they tell about.
 *
 * Errors of all functions: -EDEADLK when fault F12 has blocked the registry.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_SERVICE_H
#define PMA_ENTITY_SERVICE_H

#include "server/entity/entity_action.h"
#include "server/entity/entity_model.h"
#include "server/entity/entity_query.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_entities;

struct pma_entities_config {
    uint32_t max_entities;        /* from 1 */
    uint32_t max_entity_bytes;    /* of an entity as compact JSON; from 1 */
    uint32_t history_states;      /* kept per entity; from 1 */
    uint64_t history_age_ns;      /* older states go; 0: only by number */
    uint64_t list_timeout_ns;     /* of a list, with fault F13 alone */
    uint64_t refresh_delay_ns;    /* after an action, with fault F14 alone */
    uint64_t cleanup_interval_ns; /* between two looks for old states; 0: never */
};

/* Something that happened, for whoever is interested. All borrowed during the call. */
struct pma_entity_event {
    const char *type;      /* "pma_entity_state_changed", ..._added, ..._updated (name,
                              room, capabilities), ..._removed */
    const char *entity_id; /* NULL, as all that follow: it is not about one */
    const char *entity_type;
    const char *source;
    const char *room_id;
    const char *adapter_id;
    const json_t *data; /* of the message to clients */
    bool gave_way; /* removed because the registry was full: other backends keep it */
};

/* publish: called in the order of events, one at a time, with PMA_LOCK_ENTITY_CHANGES
 * held; it may read entities but not change them. NULL: nobody is told. */
struct pma_entity_hooks {
    void (*publish)(void *arg, const struct pma_entity_event *event);
    void *arg; /* borrowed until the service is freed */
    /* Where else an entity may be that is not registered: called without a lock. entity:
     * out, owned by the caller. NULL: nowhere. Returns: whether it was there. */
    bool (*find)(void *arg, const char *id, json_t **entity);
};

/* The devices of one source. execute: brings the device to `state` (NULL: as it is) with
 * `attributes`; called without a lock, on the thread of whoever acts. Returns: 0; a
 * negative errno, the action fails then. */
struct pma_entity_adapter {
    const char *source; /* must live as long as the service */
    int (*execute)(void *arg, const char *id, const char *state,
                   const json_t *attributes);
    void *arg; /* borrowed until pma_entities_free */
};

#define PMA_ENTITY_ADAPTERS_MAX 8

/* What a change did. */
struct pma_entity_outcome {
    bool created;                   /* the id was new */
    bool changed;                   /* state or attributes are others than before */
    char why[PMA_ENTITY_WHY_BYTES]; /* on error: what is wrong, a clause for people */
};

/* config: borrowed, copied. hooks: borrowed, copied; NULL for none. entities: out, given
 * back with pma_entities_free. Returns: 0; -EINVAL for a limit of 0; -ENOMEM.
 * Thread-safety: any thread. Allocates. */
int pma_entities_new(const struct pma_entities_config *config,
                     const struct pma_entity_hooks *hooks,
                     struct pma_entities **entities);

/* Starts the periodic clean-up. Returns: 0; as pma_worker_start. Thread-safety: owner. */
int pma_entities_start(struct pma_entities *entities);

/* Stops it. Returns: as pma_worker_stop; may be called again. Thread-safety: owner. */
int pma_entities_stop(struct pma_entities *entities, uint64_t timeout_ns);

/* Frees a stopped service. NULL is allowed. Thread-safety: owner thread. */
void pma_entities_free(struct pma_entities *entities);

/* Makes an adapter execute the actions on its source's entities. adapter: copied.
 * Returns: 0; -ENOSPC. Thread-safety: owner thread, before other threads use entities. */
int pma_entities_attach(struct pma_entities *entities,
                        const struct pma_entity_adapter *adapter);

/* All that follows: Thread-safety: any thread, takes PMA_LOCK_ENTITY_CHANGES when it
 * changes something, and PMA_LOCK_ENTITIES. Allocates. What is handed out is the
 * caller's alone. */

/* Creates or updates an entity, of which `entity` names all or, when it exists, the
 * members to change (entity_model.h). created: out, may be NULL. Returns: 0; -EINVAL,
 * -EEXIST, -ESTALE as pma_entity_build; -ENOSPC; -ENOMEM. */
int pma_entities_put(struct pma_entities *entities, const json_t *entity, bool *created);

/* As pma_entities_put, with the reason. origin: who changes it ("api", "sync", ...), told
 * in the event; NULL: another backend, nobody is told. outcome: out, in any case. */
int pma_entities_submit(struct pma_entities *entities, const json_t *entity,
                        const char *origin, struct pma_entity_outcome *outcome);

/* Removes an entity that was made over the API. Returns: 0; -ENOENT; -EPERM: it belongs
 * to another source. */
int pma_entities_remove(struct pma_entities *entities, const char *id);

/* Removes an entity of any source. Returns: 0; -ENOENT. */
int pma_entities_withdraw(struct pma_entities *entities, const char *id);

/* As pma_entities_withdraw, but nobody is told. */
int pma_entities_forget(struct pma_entities *entities, const char *id);

/* Changes state and attributes (pma_entity_change). Returns: 0; -ENOENT; -EINVAL;
 * -ENOMEM. */
int pma_entities_set_state(struct pma_entities *entities, const char *id,
                           const char *state, const json_t *attributes);

/* As pma_entities_set_state, with origin and outcome as pma_entities_submit. */
int pma_entities_change(struct pma_entities *entities, const char *id, const char *state,
                        const json_t *attributes, const char *origin,
                        struct pma_entity_outcome *outcome);

/* Moves an entity to a room, which need not exist; NULL: to none. Returns: 0; -ENOENT;
 * -EINVAL: no valid id; -ENOMEM. */
int pma_entities_move(struct pma_entities *entities, const char *id, const char *room_id);

/* Drops states older than history_age now. */
void pma_entities_clean_up(struct pma_entities *entities);

#endif
