/* Topics of events.
 *
 * They are derived here from what the event is about, not by whoever changes it: a filter
 * that half of the callers forget is none. Texts that make no topic (too long, with a
 * control character) are left out by pma_topic_pack; the event still goes to everybody
 * who wants another of its topics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_event.h"

#include "seep/seep.h"
#include "server/hub/hub_topics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOPICS_MAX 11

/* The topics of one event, in its own memory. */
struct topic_list {
    size_t count;
    const char *names[TOPICS_MAX]; /* into texts */
    char texts[TOPICS_MAX][PMA_TOPIC_BYTES_MAX + 2];
};

/* Adds prefix + name; nothing when name is NULL. The text has room for one byte more than
 * allowed, so that a cut one is still too long. */
static void add(struct topic_list *list, const char *prefix, const char *name)
{
    char *text = list->texts[list->count];

    if (name == NULL || list->count == TOPICS_MAX) {
        return;
    }
    snprintf(text, sizeof(list->texts[0]), "%s%s", prefix, name);
    list->names[list->count++] = text;
}

static void add_subject(struct topic_list *list, const struct pma_event_subject *subject)
{
    add(list, "entity:", subject->entity_id);
    add(list, "entity_updates:", subject->entity_id);
    add(list, "type:", subject->entity_type);
    add(list, "source:", subject->source);
    add(list, "room:", subject->room_id);
    add(list, "adapter:", subject->adapter_id);
    if (subject->source != NULL && strcmp(subject->source, "homeassistant") == 0) {
        add(list, "", subject->source);
    }
}

int pma_event_send(struct pma_hub *hub, const char *type,
                   const struct pma_event_subject *subject, const json_t *data)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list;

    if (type == NULL) {
        return -EINVAL;
    }
    list.count = 0;
    add(&list, "event:", type);
    if (subject != NULL) {
        add_subject(&list, subject);
    }
    if (strcmp(type, "pma_entity_state_changed") == 0) {
        add(&list, "", "ha_events");
        add(&list, "", "ha_events:state_changed");
    } else if (strcmp(type, "system_status") == 0) {
        add(&list, "", type);
    } else if (strcmp(type, "automation_triggered") == 0) {
        add(&list, "", "automation_events");
    }
    return subject != NULL && subject->is_local
               ? pma_hub_deliver(hub, list.names, list.count, type, data)
               : pma_hub_emit(hub, list.names, list.count, type, data, NULL);
}
