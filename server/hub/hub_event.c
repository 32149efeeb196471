/* Shapes and topics of events.
 *
 * Topics are derived here from the entity itself, not by whoever changes it: a filter
 * that half of the callers forget is none. Texts that make no topic (too long, with a
 * control character) are left out by pma_topic_pack; the event still goes to everybody
 * who wants another of its topics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_event.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/hub/hub_topics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOPICS_MAX 10

/* The topics of one event, in its own memory. */
struct topic_list {
    size_t count;
    const char *names[TOPICS_MAX]; /* into texts, or literals */
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

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Where an entity comes from: metadata.source, or `source` itself. */
static const char *source_of(const json_t *entity)
{
    const char *source = text_of(json_object_get(entity, "metadata"), "source");

    return source != NULL ? source : text_of(entity, "source");
}

static void add_source(struct topic_list *list, const char *source)
{
    add(list, "source:", source);
    if (source != NULL && strcmp(source, "homeassistant") == 0) {
        add(list, "", source);
    }
}

static void add_entity(struct topic_list *list, const json_t *entity)
{
    add(list, "entity:", text_of(entity, "id"));
    add(list, "entity_updates:", text_of(entity, "id"));
    add(list, "room:", text_of(entity, "room_id"));
    add(list, "type:", text_of(entity, "type"));
    add_source(list, source_of(entity));
}

static json_t *now_json(void)
{
    char now[PMA_TIMESTAMP_BYTES];

    pma_timestamp_now(now);
    return json_string(now);
}

/* Sends it. data: taken, NULL without memory; gets its time. */
static int emit(struct pma_hub *hub, struct topic_list *list, const char *type,
                json_t *data)
{
    int status = -ENOMEM;

    if (data != NULL && json_object_set_new(data, "timestamp", now_json()) == 0) {
        add(list, "event:", type);
        status = pma_hub_emit(hub, list->names, list->count, type, data, NULL);
    }
    json_decref(data);
    return status;
}

/* jansson counts references in the value, so it takes a mutable one for a shared read. */
static json_t *shared(const json_t *value)
{
    return json_incref((json_t *)value);
}

int pma_event_state_changed(struct pma_hub *hub, const json_t *entity,
                            const char *old_state, const char *new_state,
                            const char *change_source)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};
    const char *id = text_of(entity, "id");
    const json_t *attributes = json_object_get(entity, "attributes");

    if (id == NULL) {
        return -EINVAL;
    }
    add_entity(&list, entity);
    add(&list, "", "ha_events");
    add(&list, "", "ha_events:state_changed");
    return emit(hub, &list, "pma_entity_state_changed",
                json_pack("{s:s, s:s?, s:s?, s:o, s:s?, s:o*, s:s*}", "entity_id", id,
                          "old_state", old_state, "new_state", new_state, "entity",
                          shared(entity), "source", source_of(entity), "attributes",
                          shared(attributes), "change_source", change_source));
}

int pma_event_entity_added(struct pma_hub *hub, const json_t *entity)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};

    add_entity(&list, entity);
    return emit(hub, &list, "pma_entity_added",
                json_pack("{s:o}", "entity", shared(entity)));
}

int pma_event_entity_removed(struct pma_hub *hub, const json_t *entity)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};
    const char *id = text_of(entity, "id");

    if (id == NULL) {
        return -EINVAL;
    }
    add_entity(&list, entity);
    return emit(hub, &list, "pma_entity_removed",
                json_pack("{s:s, s:s?}", "entity_id", id, "source", source_of(entity)));
}

int pma_event_sync_status(struct pma_hub *hub, const char *source, const char *status,
                          const json_t *details)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};

    add_source(&list, source);
    return emit(hub, &list, "pma_sync_status",
                json_pack("{s:s?, s:s?, s:o}", "source", source, "status", status,
                          "details", details != NULL ? shared(details) : json_object()));
}

int pma_event_adapter_status(struct pma_hub *hub, const json_t *adapter)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};

    if (text_of(adapter, "adapter_id") == NULL) {
        return -EINVAL;
    }
    add(&list, "adapter:", text_of(adapter, "adapter_id"));
    add_source(&list, text_of(adapter, "source"));
    return emit(hub, &list, "pma_adapter_status", json_copy((json_t *)adapter));
}

int pma_event_room_updated(struct pma_hub *hub, const char *room_id,
                           const char *room_name, const char *action)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};

    add(&list, "room:", room_id);
    return emit(hub, &list, "room_updated",
                json_pack("{s:s?, s:s?, s:s?}", "room_id", room_id, "room_name",
                          room_name, "action", action));
}

int pma_event_notification(struct pma_hub *hub, const char *level, const char *title,
                           const char *message)
{
    SEEP_SUBSYSTEM("websocket");
    json_t *data = json_pack("{s:s?, s:s?, s:s?, s:o}", "level", level, "title", title,
                             "message", message, "timestamp", now_json());
    int status =
        data != NULL ? pma_hub_broadcast(hub, "notification", data, NULL) : -ENOMEM;

    json_decref(data);
    return status;
}

int pma_event_system_status(struct pma_hub *hub, const json_t *status)
{
    SEEP_SUBSYSTEM("websocket");
    struct topic_list list = {0};

    add(&list, "", "system_status");
    return emit(hub, &list, "system_status", json_copy((json_t *)status));
}
