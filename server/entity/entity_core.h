/* The inside of the entity service, for the modules of this folder alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_CORE_H
#define PMA_ENTITY_CORE_H

#include "server/entity/entity_registry.h"
#include "server/entity/entity_service.h"

#include <pthread.h>
#include <stdatomic.h>

struct pma_entity_helper;
struct pma_worker;

struct pma_entities {
    struct pma_entities_config config;
    struct pma_entity_hooks hooks;
    struct pma_entity_adapter adapters[PMA_ENTITY_ADAPTERS_MAX]; /* constant once used */
    size_t adapters_count;
    struct pma_worker *keeper;
    pthread_mutex_t changes; /* PMA_LOCK_ENTITY_CHANGES: one writer at a time, events in
                                order */
    pthread_mutex_t helpers_lock; /* leaf lock, of fault F14: what follows */
    struct pma_entity_helper *helpers;
    uint32_t helpers_count;
    _Atomic bool is_blocked; /* by fault F12, for ever; relaxed, orders nothing */
    pthread_mutex_t lock;    /* PMA_LOCK_ENTITIES: everything below; short */
    struct pma_registry registry;
    struct pma_entities_stats stats; /* without entities, evictable, is_blocked */
    uint64_t cleaned_up_at_ns;       /* CLOCK_MONOTONIC */
};

/* Takes PMA_LOCK_ENTITIES. Returns: 0; -EDEADLK, then it is not taken. */
int pma_entities_lock(struct pma_entities *entities);
void pma_entities_unlock(struct pma_entities *entities);

/* A reference to an entity's document; notes a use. Returns: 0; -ENOENT; -EDEADLK. */
int pma_entities_snapshot(struct pma_entities *entities, const char *id,
                          struct pma_shared_json **snapshot);

#endif
