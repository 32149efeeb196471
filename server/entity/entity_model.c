/* The shape of an entity, from one table of members.
 *
 * Documents come from anybody (REST, a source, another backend, the store), so each
 * member is checked by kind and length, unknown ones are left out, and nesting is
 * limited: what is copied and printed later recurses once per level. The result is
 * always a fresh tree, because documents that share parts cannot be given to different
 * threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_model.h"

#include "server/base/clock.h"
#include "server/entity/entity_time.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum member_kind {
    MEMBER_ID = 1, /* a valid id */
    MEMBER_TYPE = 2,
    MEMBER_TEXT = 3,
    MEMBER_OBJECT = 4,
    MEMBER_CAPABILITIES = 5,
    MEMBER_BOOL = 6,
    MEMBER_INSTANT = 7, /* RFC 3339 */
};

struct member {
    const char *name;
    enum member_kind kind;
    size_t most_bytes; /* of a text */
    bool is_required;
};

static const struct member members[] = {
    {"id", MEMBER_ID, 0, true},
    {"type", MEMBER_TYPE, 0, true},
    {"friendly_name", MEMBER_TEXT, 200, true},
    {"icon", MEMBER_TEXT, 100, false},
    {"state", MEMBER_TEXT, PMA_ENTITY_STATE_BYTES_MAX, false},
    {"attributes", MEMBER_OBJECT, 0, false},
    {"capabilities", MEMBER_CAPABILITIES, 0, false},
    {"room_id", MEMBER_ID, 0, false},
    {"area_id", MEMBER_ID, 0, false},
    {"device_id", MEMBER_ID, 0, false},
    {"metadata", MEMBER_OBJECT, 0, false},
    {"available", MEMBER_BOOL, 0, false},
    {"last_updated", MEMBER_INSTANT, 0, false},
};

static const char *const types[] = {
    "light", "switch", "sensor", "climate",      "cover",         "camera",
    "lock",  "fan",    "device", "media_player", "binary_sensor", "generic",
};

static const char *const capabilities[] = {
    "dimmable",     "colorable",  "temperature",  "humidity",  "position",
    "volume",       "brightness", "motion",       "recording", "streaming",
    "notification", "battery",    "connectivity",
};

/* What a light repeats of its attributes at the top level. */
static const char *const light_members[] = {"brightness", "color_mode", "rgb_color",
                                            "color_temp"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_one_of(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (name != NULL && strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool pma_entity_id_is_valid(const char *id)
{
    const size_t length =
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:");
    return length >= 1 && length <= PMA_ENTITY_ID_BYTES_MAX && id[length] == '\0';
}

/* Whether the value nests at most `levels` deep. */
static bool is_shallow(const json_t *value, int levels)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        return true;
    }
    if (levels == 0) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_shallow(json_array_get(value, i), levels - 1)) {
            return false;
        }
    }
    const char *key = NULL;
    json_t *part = NULL;
    json_object_foreach((json_t *)value, key, part)
    {
        if (!is_shallow(part, levels - 1)) {
            return false;
        }
    }
    return true;
}

static bool are_capabilities(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_one_of(capabilities, COUNT(capabilities),
                       json_string_value(json_array_get(value, i)))) {
            return false;
        }
    }
    return json_is_array(value) && json_array_size(value) <= COUNT(capabilities);
}

/* What is wrong with a value; NULL when nothing is. */
static const char *wrong_with(const struct member *member, const json_t *value)
{
    const char *text = json_string_value(value);
    char instant[PMA_TIMESTAMP_BYTES];
    switch (member->kind) {
    case MEMBER_ID:
        return text != NULL && pma_entity_id_is_valid(text)
                   ? NULL
                   : "must be a text of 1 to 100 letters, digits, '_', '-', '.' or ':'";
    case MEMBER_TYPE:
        return is_one_of(types, COUNT(types), text)
                   ? NULL
                   : "must be one of those that GET /api/v1/entities/types lists";
    case MEMBER_TEXT:
        if (text == NULL || (member->is_required && text[0] == '\0')) {
            return "must be a text";
        }
        return strlen(text) == json_string_length(value) &&
                       strlen(text) <= member->most_bytes
                   ? NULL
                   : "is longer than it may be, or has a NUL in it";
    case MEMBER_OBJECT:
        return json_is_object(value) && is_shallow(value, PMA_ENTITY_DEPTH_MAX)
                   ? NULL
                   : "must be an object of at most 16 levels";
    case MEMBER_CAPABILITIES:
        return are_capabilities(value)
                   ? NULL
                   : "must be an array of what GET /api/v1/entities/capabilities lists";
    case MEMBER_BOOL:
        return json_is_boolean(value) ? NULL : "must be true or false";
    case MEMBER_INSTANT:
        return text != NULL && pma_instant_normalise(text, instant) == 0
                   ? NULL
                   : "must be a time such as 2026-01-31T12:00:00Z";
    default:
        return "is of an unknown kind";
    }
}

/* Copies the members of given, or of old, into a new object. */
static int copy_members(const json_t *given, const json_t *old, json_t *entity, char *why)
{
    for (size_t i = 0; i < COUNT(members); i++) {
        const struct member *member = &members[i];
        const json_t *value = json_object_get(given, member->name);
        const bool is_given = value != NULL;
        if (!is_given) {
            value = json_object_get(old, member->name);
        }
        if (value == NULL || json_is_null(value)) {
            if (member->is_required) {
                snprintf(why, PMA_ENTITY_WHY_BYTES, "%s is required", member->name);
                return -EINVAL;
            }
            continue;
        }
        const char *wrong = is_given ? wrong_with(member, value) : NULL;
        if (wrong != NULL) {
            snprintf(why, PMA_ENTITY_WHY_BYTES, "%s %s", member->name, wrong);
            return -EINVAL;
        }
        if (json_object_set_new(entity, member->name, json_deep_copy(value)) != 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int set_default(json_t *object, const char *name, json_t *value)
{
    if (json_object_get(object, name) != NULL) {
        json_decref(value);
        return 0;
    }
    return json_object_set_new(object, name, value);
}

/* The old metadata under the given one, and what each entity has. */
static int complete_metadata(json_t *entity, const json_t *old, const char *now)
{
    json_t *metadata = json_object_get(entity, "metadata");
    int failed = 0;
    if (old != NULL) {
        json_t *before = json_deep_copy(json_object_get(old, "metadata"));
        failed = json_object_update_missing(metadata, before);
        json_decref(before);
    }
    failed |= set_default(metadata, "source", json_string(PMA_ENTITY_SOURCE_API));
    failed |=
        set_default(metadata, "source_entity_id", json_string(pma_entity_id(entity)));
    failed |= set_default(metadata, "quality_score", json_real(1.0));
    failed |= set_default(
        metadata, "is_virtual",
        json_boolean(strcmp(pma_entity_source(entity), PMA_ENTITY_SOURCE_API) == 0));
    failed |= json_object_set_new(metadata, "last_synced", json_string(now));
    return failed != 0 ? -ENOMEM : 0;
}

static int check_metadata(const json_t *entity, const json_t *old, char *why)
{
    const json_t *metadata = json_object_get(entity, "metadata");
    const json_t *given = json_object_get(metadata, "source");
    const char *source = json_string_value(given);
    const json_t *is_virtual = json_object_get(metadata, "is_virtual");
    if (given != NULL && (source == NULL || !pma_entity_id_is_valid(source))) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "metadata.source must be a name");
        return -EINVAL;
    }
    if (is_virtual != NULL && !json_is_boolean(is_virtual)) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "metadata.is_virtual must be true or false");
        return -EINVAL;
    }
    if (old != NULL && source != NULL && strcmp(source, pma_entity_source(old)) != 0) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "the id belongs to source \"%.60s\"",
                 pma_entity_source(old));
        return -EEXIST;
    }
    return 0;
}

/* last_updated: the given one when it is not older than the old one's, else now. */
static int stamp(json_t *entity, const json_t *given, const json_t *old, const char *now,
                 char *why)
{
    char instant[PMA_TIMESTAMP_BYTES];
    const char *text = json_string_value(json_object_get(given, "last_updated"));
    snprintf(instant, sizeof instant, "%s", now);
    if (text != NULL) {
        pma_instant_normalise(text, instant);
        const char *before = json_string_value(json_object_get(old, "last_updated"));
        if (before != NULL && strcmp(instant, before) < 0) {
            snprintf(why, PMA_ENTITY_WHY_BYTES, "last_updated is older than %s", before);
            return -ESTALE;
        }
    }
    return json_object_set_new(entity, "last_updated", json_string(instant)) != 0
               ? -ENOMEM
               : 0;
}

static int derive_light(json_t *entity)
{
    const json_t *attributes = json_object_get(entity, "attributes");
    int failed = 0;
    for (size_t i = 0; i < COUNT(light_members); i++) {
        const json_t *value = json_object_get(attributes, light_members[i]);
        if (value != NULL) {
            failed |=
                json_object_set_new(entity, light_members[i], json_deep_copy(value));
        } else {
            json_object_del(entity, light_members[i]);
        }
    }
    return failed != 0 ? -ENOMEM : 0;
}

static int derive_sensor(json_t *entity)
{
    const json_t *attributes = json_object_get(entity, "attributes");
    const char *state = pma_entity_state(entity);
    const json_t *unit = json_object_get(attributes, "unit_of_measurement");
    if (unit == NULL) {
        unit = json_object_get(attributes, "unit");
    }
    const json_t *class = json_object_get(attributes, "device_class");
    char *end = NULL;
    const double number = strtod(state, &end);
    const bool is_number = end != state && *end == '\0' && isfinite(number);
    json_object_del(entity, "numeric_value");
    json_object_del(entity, "string_value");
    json_object_del(entity, "unit");
    json_object_del(entity, "device_class");
    int failed = json_object_set_new(entity, is_number ? "numeric_value" : "string_value",
                                     is_number ? json_real(number) : json_string(state));
    failed |= json_object_set_new(
        entity, "last_measurement",
        json_string(json_string_value(json_object_get(entity, "last_updated"))));
    if (unit != NULL) {
        failed |= json_object_set_new(entity, "unit", json_deep_copy(unit));
    }
    if (class != NULL) {
        failed |= json_object_set_new(entity, "device_class", json_deep_copy(class));
    }
    return failed != 0 ? -ENOMEM : 0;
}

/* What follows from type, state and attributes. */
static int derive(json_t *entity)
{
    const char *type = pma_entity_type(entity);
    if (strcmp(type, "light") == 0) {
        return derive_light(entity);
    }
    return strcmp(type, "sensor") == 0 ? derive_sensor(entity) : 0;
}

static int complete(json_t *entity, const json_t *given, const json_t *old, char *why)
{
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    int failed = set_default(entity, "state", json_string("unknown"));
    failed |= set_default(entity, "attributes", json_object());
    failed |= set_default(entity, "capabilities", json_array());
    failed |= set_default(entity, "metadata", json_object());
    if (failed == 0 && json_object_get(given, "available") == NULL) {
        failed |= json_object_set_new(
            entity, "available",
            json_boolean(strcmp(pma_entity_state(entity), "unavailable") != 0));
    }
    failed |= set_default(entity, "available", json_true());
    if (failed != 0) {
        return -ENOMEM;
    }
    int err = check_metadata(entity, old, why);
    if (err == 0) {
        err = complete_metadata(entity, old, now);
    }
    if (err == 0) {
        err = stamp(entity, given, old, now, why);
    }
    return err != 0 ? err : derive(entity);
}

int pma_entity_build(const json_t *given, const json_t *old, json_t **entity, char *why)
{
    if (!json_is_object(given)) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "an entity is an object");
        return -EINVAL;
    }
    snprintf(why, PMA_ENTITY_WHY_BYTES, "out of memory");
    json_t *fresh = json_object();
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = copy_members(given, old, fresh, why);
    if (err == 0) {
        err = complete(fresh, given, old, why);
    }
    if (err != 0) {
        json_decref(fresh);
        return err;
    }
    *entity = fresh;
    return 0;
}

static int overlay(json_t *entity, const json_t *changes)
{
    json_t *attributes = json_object_get(entity, "attributes");
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)changes, key, value)
    {
        if (json_is_null(value)) {
            json_object_del(attributes, key);
        } else if (json_object_set_new(attributes, key, json_deep_copy(value)) != 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* Ends a change: new time, derived members. Takes `fresh` in any case. */
static int finish(json_t *fresh, int err, json_t **entity)
{
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    if (err == 0 && json_object_set_new(fresh, "last_updated", json_string(now)) != 0) {
        err = -ENOMEM;
    }
    if (err == 0) {
        err = derive(fresh);
    }
    if (err != 0) {
        json_decref(fresh);
        return err;
    }
    *entity = fresh;
    return 0;
}

int pma_entity_change(const json_t *old, const char *state, const json_t *attributes,
                      json_t **entity, char *why)
{
    if (state != NULL && strlen(state) > PMA_ENTITY_STATE_BYTES_MAX) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "state has more than 255 bytes");
        return -EINVAL;
    }
    if (attributes != NULL &&
        (!json_is_object(attributes) || !is_shallow(attributes, PMA_ENTITY_DEPTH_MAX))) {
        snprintf(why, PMA_ENTITY_WHY_BYTES,
                 "attributes must be an object of at most 16 levels");
        return -EINVAL;
    }
    snprintf(why, PMA_ENTITY_WHY_BYTES, "out of memory, or state is not UTF-8");
    json_t *fresh = json_deep_copy(old);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = overlay(fresh, attributes);
    if (err == 0 && state != NULL) {
        const bool is_available = strcmp(state, "unavailable") != 0;
        json_t *text = json_string(state);
        err = text == NULL ? -EINVAL : 0;
        if (json_object_set_new(fresh, "state", text) == 0) {
            json_object_set_new(fresh, "available", json_boolean(is_available));
        }
    }
    return finish(fresh, err, entity);
}

int pma_entity_move(const json_t *old, const char *room_id, json_t **entity, char *why)
{
    if (room_id != NULL && !pma_entity_id_is_valid(room_id)) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "room_id is no valid id");
        return -EINVAL;
    }
    snprintf(why, PMA_ENTITY_WHY_BYTES, "out of memory");
    json_t *fresh = json_deep_copy(old);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = 0;
    if (room_id == NULL) {
        json_object_del(fresh, "room_id");
    } else if (json_object_set_new(fresh, "room_id", json_string(room_id)) != 0) {
        err = -ENOMEM;
    }
    return finish(fresh, err, entity);
}

const char *pma_entity_id(const json_t *entity)
{
    return json_string_value(json_object_get(entity, "id"));
}

const char *pma_entity_type(const json_t *entity)
{
    return json_string_value(json_object_get(entity, "type"));
}

const char *pma_entity_state(const json_t *entity)
{
    return json_string_value(json_object_get(entity, "state"));
}

const char *pma_entity_room(const json_t *entity)
{
    return json_string_value(json_object_get(entity, "room_id"));
}

const char *pma_entity_source(const json_t *entity)
{
    return json_string_value(
        json_object_get(json_object_get(entity, "metadata"), "source"));
}

bool pma_entity_is_available(const json_t *entity)
{
    return json_is_true(json_object_get(entity, "available"));
}

bool pma_entity_is_virtual(const json_t *entity)
{
    return json_is_true(
        json_object_get(json_object_get(entity, "metadata"), "is_virtual"));
}

bool pma_entity_is_capable(const json_t *entity, const json_t *wanted)
{
    const json_t *has = json_object_get(entity, "capabilities");
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        bool is_there = false;
        for (size_t j = 0; j < json_array_size(has) && !is_there; j++) {
            is_there = json_equal(json_array_get(wanted, i), json_array_get(has, j));
        }
        if (!is_there) {
            return false;
        }
    }
    return true;
}

bool pma_entity_mentions(const json_t *entity, const char *text)
{
    static const char *const searched[] = {"id", "friendly_name", "type", "state"};
    for (size_t i = 0; i < COUNT(searched); i++) {
        const char *value = json_string_value(json_object_get(entity, searched[i]));
        if (value != NULL && strcasestr(value, text) != NULL) {
            return true;
        }
    }
    return false;
}

static json_t *texts_json(const char *const *names, size_t count)
{
    json_t *texts = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(texts, json_string(names[i]));
    }
    return texts;
}

json_t *pma_entity_types_json(void)
{
    return texts_json(types, COUNT(types));
}

json_t *pma_entity_capabilities_json(void)
{
    return texts_json(capabilities, COUNT(capabilities));
}
