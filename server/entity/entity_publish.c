/* From events to topics.
 *
 * A client that asked for a room, a source and an entity gets a change that concerns all
 * three once, because the hub is given all topics of a message at the same time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_publish.h"

#include "server/hub/hub.h"

#include <stdio.h>
#include <string.h>

#define TOPIC_BYTES (sizeof "entity_updates:" + PMA_ENTITY_ID_BYTES_MAX)

static void publish_change(struct pma_hub *hub, const struct pma_entity_event *event)
{
    char texts[4][TOPIC_BYTES];
    const char *topics[4] = {texts[0], texts[1], texts[2], texts[3]};
    size_t count = 3;
    snprintf(texts[0], sizeof texts[0], "entity:%s", event->entity_id);
    snprintf(texts[1], sizeof texts[1], "entity_updates:%s", event->entity_id);
    snprintf(texts[2], sizeof texts[2], "source:%s", event->source);
    if (event->room_id != NULL) {
        snprintf(texts[count++], sizeof texts[3], "room:%s", event->room_id);
    }
    pma_hub_emit(hub, topics, count, event->type, event->data, NULL);
}

void pma_entity_publish(void *arg, const struct pma_entity_event *event)
{
    if (strcmp(event->type, "pma_entity_state_changed") == 0) {
        publish_change(arg, event);
    } else {
        pma_hub_broadcast(arg, event->type, event->data, NULL);
    }
}
