/* From the house to the hub, which knows the topics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_publish.h"

#include "server/hub/hub_event.h"

void pma_entity_publish(void *arg, const struct pma_entity_event *event)
{
    const struct pma_event_subject subject = {
        .entity_id = event->entity_id,
        .entity_type = event->entity_type,
        .source = event->source,
        .room_id = event->room_id,
        .adapter_id = event->adapter_id,
        .is_local = event->gave_way,
    };
    pma_event_send(arg, event->type, &subject, event->data);
}
