/* Events of entities and rooms on their way to clients.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_PUBLISH_H
#define PMA_ENTITY_PUBLISH_H

#include "server/entity/entity_service.h"

/* Sends an event to the clients that want it (hub_event.h). For pma_entity_hooks.publish.
 * arg: struct pma_hub. Thread-safety: any thread; never waits for a client. */
void pma_entity_publish(void *arg, const struct pma_entity_event *event);

#endif
