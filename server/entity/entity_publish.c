/* From events to topics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_publish.h"

#include "server/hub/hub.h"

#include <stdio.h>
#include <string.h>

void pma_entity_publish(void *arg, const struct pma_entity_event *event)
{
    struct pma_hub *hub = arg;
    char topic[16 + PMA_ENTITY_ID_BYTES_MAX];
    if (strcmp(event->type, "pma_entity_state_changed") != 0) {
        pma_hub_broadcast(hub, event->type, event->data, NULL);
        return;
    }
    snprintf(topic, sizeof topic, "entity:%s", event->entity_id);
    pma_hub_publish(hub, topic, event->type, event->data, NULL);
}
