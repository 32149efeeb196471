/* The simulated source: an adapter like that of a real hub of devices, over a connection
 * that can be lost.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SIMULATED_SOURCE_H
#define PMA_SIMULATED_SOURCE_H

#include "server/entity/entity_sync.h"
#include "server/entity/simulated_devices.h"

struct pma_simulated;

struct pma_simulated_config {
    struct pma_devices_config devices;
    uint64_t retry_ns; /* before the first attempt to connect again; doubles up to 64
                          times it */
};

/* Makes the source, attaches it to entities and adds it to sync, both of which must
 * outlive it. hooks: borrowed, copied; told of "pma_adapter_status". Returns: 0; -EINVAL;
 * -ENOSPC; -ENOMEM. Thread-safety: owner thread. Allocates. */
int pma_simulated_new(const struct pma_simulated_config *config,
                      struct pma_entities *entities, struct pma_sync *sync,
                      const struct pma_entity_hooks *hooks,
                      struct pma_simulated **simulated);

/* Starts devices and reader. Returns: 0; as pma_worker_start; stop is due in any case. */
int pma_simulated_start(struct pma_simulated *simulated);

/* Stops both. Returns: 0; -ETIMEDOUT, may be called again. Thread-safety: owner. */
int pma_simulated_stop(struct pma_simulated *simulated, uint64_t timeout_ns);

/* Frees a stopped one. NULL is allowed. Thread-safety: owner thread. */
void pma_simulated_free(struct pma_simulated *simulated);

/* Fills *state. Thread-safety: any thread. */
void pma_simulated_state_read(struct pma_simulated *simulated,
                              struct pma_source_state *state);

/* Loses the connection: what F30 needs to happen. arg: struct pma_simulated or NULL.
 * Thread-safety: any thread. */
void pma_simulated_lose(void *arg);

#endif
