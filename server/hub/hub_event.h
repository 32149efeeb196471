/* What happens in the house, as messages for the clients: one function per kind, which
 * knows the shape of its data and the topics by which clients filter it.
 *
 *     entity:ID  entity_updates:ID  room:ID  source:NAME  type:ENTITY_TYPE
 *     event:MESSAGE_TYPE  ha_events  ha_events:EVENT  adapter:ID  homeassistant
 *     system_status  automation_events
 *
 * An event goes to every client that subscribed to one of its topics or to a wildcard
 * above one, once, and to the clients that never subscribed to anything.
 * docs/websocket.md has all of it for people.
 *
 * Of all functions: strings and JSON are borrowed, read during the call; what is NULL is
 * left out. Returns: as pma_hub_emit. Thread-safety: any thread; none waits for a client.
 * Allocates.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_EVENT_H
#define PMA_HUB_EVENT_H

#include "server/hub/hub.h"

/* pma_entity_state_changed {entity_id, old_state, new_state, entity, source, timestamp
 * [, attributes] [, change_source]}. entity: as REST shows it; its id is required, else
 * -EINVAL. change_source: what changed it ("api", "ai", "sync"). */
int pma_event_state_changed(struct pma_hub *hub, const json_t *entity,
                            const char *old_state, const char *new_state,
                            const char *change_source);

/* pma_entity_added {entity, timestamp}. */
int pma_event_entity_added(struct pma_hub *hub, const json_t *entity);

/* pma_entity_removed {entity_id, source, timestamp}. entity: the last that was known. */
int pma_event_entity_removed(struct pma_hub *hub, const json_t *entity);

/* pma_sync_status {source, status, details, timestamp}. status: syncing, completed,
 * completed_with_errors or error. details: {entities_found, ...}. */
int pma_event_sync_status(struct pma_hub *hub, const char *source, const char *status,
                          const json_t *details);

/* pma_adapter_status {adapter_id, adapter_name, source, status, ..., timestamp}.
 * adapter: {adapter_id, ...}; adapter_id is required, else -EINVAL. */
int pma_event_adapter_status(struct pma_hub *hub, const json_t *adapter);

/* room_updated {room_id, room_name, action, timestamp}. action: created, updated or
 * deleted. */
int pma_event_room_updated(struct pma_hub *hub, const char *room_id,
                           const char *room_name, const char *action);

/* notification {level, title, message, timestamp}, for all clients. level: info, warning
 * or error. */
int pma_event_notification(struct pma_hub *hub, const char *level, const char *title,
                           const char *message);

/* system_status with `status` (an object) as its data. */
int pma_event_system_status(struct pma_hub *hub, const json_t *status);

#endif
