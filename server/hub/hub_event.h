/* What happens in the house, on its way to the clients that want to know.
 *
 * An event has the topics of whatever it is about:
 *
 *     entity:ID  entity_updates:ID  type:ENTITY_TYPE  source:NAME  room:ID  adapter:ID
 *     event:MESSAGE_TYPE; homeassistant when that is the source; system_status for
 *     messages of this type, automation_events for automation_triggered; ha_events and
 * ha_events:state_changed for a changed state
 *
 * It goes to every client that subscribed to one of them or to a wildcard above one,
 * once, and to the clients that never subscribed to anything. docs/websocket.md has all
 * of it for people.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_EVENT_H
#define PMA_HUB_EVENT_H

#include "server/hub/hub.h"

/* What an event is about; all borrowed, NULL for what it has not. */
struct pma_event_subject {
    const char *entity_id;
    const char *entity_type; /* "light" */
    const char *source;
    const char *room_id;
    const char *adapter_id;
    bool is_local; /* for the clients of this backend, not for those of its peers */
};

/* Sends {type, data, timestamp} as pma_hub_emit does; with a NULL subject it has the
 * topics of its type alone. data: borrowed, read during the call.
 * Returns: 0; -EINVAL without a type; -ENOMEM; -ESHUTDOWN. Thread-safety: any thread;
 * never waits for a client. Allocates. */
int pma_event_send(struct pma_hub *hub, const char *type,
                   const struct pma_event_subject *subject, const json_t *data);

#endif
