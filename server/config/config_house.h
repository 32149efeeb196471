/* Settings of entities, rooms and their sources.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_HOUSE_H
#define PMA_CONFIG_HOUSE_H

#include <stdint.h>

struct pma_config_entities {
    uint32_t max_rooms;
    uint32_t max_entities;     /* one more takes the place of an evictable one */
    uint32_t max_entity_bytes; /* as compact JSON */
    uint32_t history_states;   /* kept per entity */
    uint64_t history_age_ns;   /* older states go; 0: only by number */
    uint64_t cleanup_interval_ns;
    uint64_t list_timeout_ns;       /* with fault F13 alone */
    uint64_t refresh_delay_ns;      /* with fault F14 alone */
    uint64_t flush_interval_ns;     /* between two writes to the database */
    uint64_t reconcile_interval_ns; /* between two looks at the shared cache */
    uint64_t sync_interval_ns;      /* between two periodic synchronisations */
    uint64_t sync_timeout_ns;       /* of one source */
    uint32_t sync_batch; /* entities between two looks at time and cancellation */
};

struct pma_config_simulated {
    uint32_t devices; /* 0: no simulated source */
    uint64_t change_interval_ns;
    uint64_t reconnect_interval_ns; /* between two losses of the connection */
    uint64_t retry_ns;
};

/* Fills both with the defaults. Thread-safety: pure. */
void pma_config_house_defaults(struct pma_config_entities *entities,
                               struct pma_config_simulated *simulated);

#endif
