/* The events of one entity, as messages to clients.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_EVENTS_H
#define PMA_ENTITY_EVENTS_H

#include "server/entity/entity_service.h"

/* Each tells `hooks` (its publish may be NULL). Entities: borrowed. origin: who changed
 * it. Without memory an event is lost. Thread-safety: under CHANGES. Allocates. */
void pma_entity_tell_added(const struct pma_entity_hooks *hooks, const json_t *entity);
void pma_entity_tell_removed(const struct pma_entity_hooks *hooks, const json_t *entity,
                             bool gave_way);
void pma_entity_tell_updated(const struct pma_entity_hooks *hooks, const json_t *entity);
void pma_entity_tell_changed(const struct pma_entity_hooks *hooks, const json_t *old,
                             const json_t *entity, const char *origin);

#endif
