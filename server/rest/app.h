/* What request handlers work on: the parts of the running server.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_APP_H
#define PMA_APP_H

#include <stdint.h>

struct pma_acceptor;
struct pma_access_log;
struct pma_ai;
struct pma_auth;
struct pma_automations;
struct pma_cache;
struct pma_config;
struct pma_entities;
struct pma_event_stream;
struct pma_entity_store;
struct pma_fault_driver;
struct pma_http;
struct pma_gate;
struct pma_hub;
struct pma_mcp;
struct pma_monitor;
struct pma_optimizer;
struct pma_pressure;
struct pma_reclaim;
struct pma_storage;
struct pma_rooms;
struct pma_simulated;
struct pma_store;
struct pma_sync;

/* Every pointer is borrowed, set before the acceptor starts and constant from then on;
 * what it points to has its own locks. */
struct pma_app {
    const struct pma_config *config;
    struct pma_store *store;
    struct pma_cache *cache;     /* NULL: Redis is switched off */
    struct pma_storage *storage; /* what holds these two */
    struct pma_reclaim *reclaim;
    struct pma_monitor *monitor;
    struct pma_pressure *pressure;
    struct pma_optimizer *optimizer;
    struct pma_auth *auth;
    struct pma_hub *hub;
    struct pma_event_stream *events;
    struct pma_entities *entities;
    struct pma_rooms *rooms;
    struct pma_mcp *mcp;
    struct pma_automations *automations;
    struct pma_entity_store *entity_store;
    struct pma_simulated *simulated; /* NULL: there are no simulated devices */
    struct pma_sync *sync;           /* of entities with their sources */
    struct pma_ai *ai;               /* NULL: switched off */
    struct pma_fault_driver *fault_driver;
    struct pma_gate *gate;
    struct pma_access_log *access_log;
    struct pma_http *http;
    struct pma_acceptor *acceptor;
    uint64_t started_at_ns; /* CLOCK_MONOTONIC */
};

#endif
