/* Actions from one table: which types have it, what state follows, which parameter sets
 * which attribute within which range.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_action.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/config/config_value.h"
#include "server/entity/entity_core.h"
#include "server/entity/entity_fault.h"
#include "server/metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Types as bits; an action is for those in its set. */
enum type_set {
    LIGHT = 1 << 0,
    SWITCH = 1 << 1,
    CLIMATE = 1 << 2,
    COVER = 1 << 3,
    LOCK = 1 << 4,
    FAN = 1 << 5,
    MEDIA = 1 << 6,
    CAMERA = 1 << 7,
    OTHER = 1 << 8, /* device, generic */
    SWITCHED = LIGHT | SWITCH | CLIMATE | FAN | MEDIA | CAMERA | OTHER,
};

enum parameter_kind {
    PARAMETER_NONE = 0,
    PARAMETER_NUMBER = 1, /* from least to most */
    PARAMETER_TEXT = 2,
    PARAMETER_COLOR = 3, /* three whole numbers from 0 to 255 */
    PARAMETER_BOOL = 4,
};

struct action {
    const char *name;
    unsigned types;
    const char *state; /* that follows; NULL: as it is */
    enum parameter_kind kind;
    const char *parameter; /* required, except for PARAMETER_NONE */
    const char *attribute; /* that it sets */
    double least, most;
};

#define NO_PARAMETER PARAMETER_NONE, NULL, NULL, 0, 0

static const struct action actions[] = {
    {"turn_on", SWITCHED, "on", NO_PARAMETER},
    {"turn_off", SWITCHED, "off", NO_PARAMETER},
    {"set_brightness", LIGHT, "on", PARAMETER_NUMBER, "brightness", "brightness", 0, 255},
    {"set_color", LIGHT, "on", PARAMETER_COLOR, "rgb_color", "rgb_color", 0, 255},
    {"set_color_temp", LIGHT, "on", PARAMETER_NUMBER, "color_temp", "color_temp", 100,
     10000},
    {"open", COVER, "open", NO_PARAMETER},
    {"close", COVER, "closed", NO_PARAMETER},
    {"stop", COVER | MEDIA, "idle", NO_PARAMETER},
    {"set_position", COVER, NULL, PARAMETER_NUMBER, "position", "position", 0, 100},
    {"set_tilt", COVER, NULL, PARAMETER_NUMBER, "tilt", "tilt_position", 0, 100},
    {"set_temperature", CLIMATE, NULL, PARAMETER_NUMBER, "temperature", "temperature",
     -50, 100},
    {"set_hvac_mode", CLIMATE, NULL, PARAMETER_TEXT, "hvac_mode", "hvac_mode", 0, 0},
    {"set_fan_mode", CLIMATE, NULL, PARAMETER_TEXT, "fan_mode", "fan_mode", 0, 0},
    {"set_speed", FAN, "on", PARAMETER_NUMBER, "speed", "speed", 0, 100},
    {"play", MEDIA, "active", NO_PARAMETER},
    {"pause", MEDIA, "idle", NO_PARAMETER},
    {"volume_set", MEDIA, NULL, PARAMETER_NUMBER, "volume", "volume", 0, 100},
    {"volume_mute", MEDIA, NULL, PARAMETER_BOOL, "muted", "muted", 0, 0},
    {"lock", LOCK, "locked", NO_PARAMETER},
    {"unlock", LOCK, "unlocked", NO_PARAMETER},
};

static unsigned type_bit(const char *type)
{
    static const struct {
        const char *type;
        unsigned bit;
    } bits[] = {
        {"light", LIGHT},   {"switch", SWITCH},      {"climate", CLIMATE},
        {"cover", COVER},   {"lock", LOCK},          {"fan", FAN},
        {"camera", CAMERA}, {"media_player", MEDIA}, {"device", OTHER},
        {"generic", OTHER},
    };
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if (strcmp(bits[i].type, type) == 0) {
            return bits[i].bit;
        }
    }
    return 0; /* sensors only report */
}

/* "toggle" is the opposite of the present state. */
static const char *resolve(const json_t *entity, const char *action)
{
    const char *type = pma_entity_type(entity);
    const char *state = pma_entity_state(entity);
    if (strcmp(action, "toggle") != 0) {
        return action;
    }
    if (strcmp(type, "cover") == 0) {
        return strcmp(state, "open") == 0 ? "close" : "open";
    }
    if (strcmp(type, "lock") == 0) {
        return strcmp(state, "locked") == 0 ? "unlock" : "lock";
    }
    return strcmp(state, "on") == 0 ? "turn_off" : "turn_on";
}

static const struct action *find_action(const char *name, const char *type)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, name) == 0 && (actions[i].types & type_bit(type))) {
            return &actions[i];
        }
    }
    return NULL;
}

static bool is_color(const json_t *value)
{
    if (json_array_size(value) != 3) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        const json_t *part = json_array_get(value, i);
        if (!json_is_integer(part) || json_integer_value(part) < 0 ||
            json_integer_value(part) > 255) {
            return false;
        }
    }
    return true;
}

static int check_parameter(const struct action *action, const json_t *value, char *why)
{
    const double number = json_number_value(value);
    const char *text = json_string_value(value);
    switch (action->kind) {
    case PARAMETER_NUMBER:
        if (json_is_number(value) && number >= action->least && number <= action->most) {
            return 0;
        }
        snprintf(why, PMA_ENTITY_WHY_BYTES, "%s needs %s, a number from %g to %g",
                 action->name, action->parameter, action->least, action->most);
        return -EINVAL;
    case PARAMETER_TEXT:
        if (text != NULL && text[0] != '\0' &&
            strlen(text) <= PMA_ENTITY_STATE_BYTES_MAX) {
            return 0;
        }
        snprintf(why, PMA_ENTITY_WHY_BYTES, "%s needs %s, a text", action->name,
                 action->parameter);
        return -EINVAL;
    case PARAMETER_COLOR:
        if (is_color(value)) {
            return 0;
        }
        snprintf(why, PMA_ENTITY_WHY_BYTES,
                 "%s needs %s, three whole numbers from 0 to 255", action->name,
                 action->parameter);
        return -EINVAL;
    case PARAMETER_BOOL:
        if (json_is_boolean(value)) {
            return 0;
        }
        snprintf(why, PMA_ENTITY_WHY_BYTES, "%s needs %s, true or false", action->name,
                 action->parameter);
        return -EINVAL;
    case PARAMETER_NONE:
    default:
        return 0;
    }
}

/* The state that follows: for a cover it depends on its position, for a climate device on
 * its mode. */
static const char *state_after(const struct action *action, const json_t *value)
{
    if (strcmp(action->name, "set_position") == 0) {
        return json_number_value(value) > 0 ? "open" : "closed";
    }
    if (strcmp(action->name, "set_hvac_mode") == 0) {
        return strcmp(json_string_value(value), "off") == 0 ? "off" : "on";
    }
    if (strcmp(action->name, "set_brightness") == 0 && json_number_value(value) <= 0) {
        return "off";
    }
    return action->state;
}

int pma_action_apply(const json_t *entity, const char *action, const json_t *parameters,
                     const char **state, json_t **attributes, char *why)
{
    const char *type = pma_entity_type(entity);
    const struct action *row = find_action(resolve(entity, action), type);
    if (row == NULL) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "a %s has no action \"%.60s\"", type, action);
        return -ENOTSUP;
    }
    if (!pma_entity_is_available(entity)) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "the entity is unavailable");
        return -EHOSTUNREACH;
    }
    json_t *value =
        row->parameter != NULL ? json_object_get(parameters, row->parameter) : NULL;
    const int err = check_parameter(row, value, why);
    if (err != 0) {
        return err;
    }
    json_t *changes = json_object();
    if (value != NULL &&
        json_object_set_new(changes, row->attribute, json_deep_copy(value)) != 0) {
        json_decref(changes);
        snprintf(why, PMA_ENTITY_WHY_BYTES, "out of memory");
        return -ENOMEM;
    }
    *state = state_after(row, value);
    *attributes = changes;
    return changes != NULL ? 0 : -ENOMEM;
}

/* Makes the device do it. Returns: 0; -ENODEV; the adapter's error. */
static int execute(struct pma_entities *entities, const json_t *entity, const char *state,
                   const json_t *attributes)
{
    if (pma_entity_is_virtual(entity)) {
        return 0;
    }
    for (size_t i = 0; i < entities->adapters_count; i++) {
        const struct pma_entity_adapter *adapter = &entities->adapters[i];
        if (strcmp(adapter->source, pma_entity_source(entity)) == 0) {
            return adapter->execute(adapter->arg, pma_entity_id(entity), state,
                                    attributes);
        }
    }
    return -ENODEV;
}

static json_t *result_json(const json_t *entity, const char *action, uint64_t took_ns)
{
    char now[PMA_TIMESTAMP_BYTES];
    char duration[40];
    pma_timestamp_now(now);
    snprintf(duration, sizeof duration, "%.3fms", (double)took_ns / 1e6);
    return json_pack("{s:b, s:s, s:s, s:s, s:o, s:s, s:s}", "success", 1, "entity_id",
                     pma_entity_id(entity), "action", action, "new_state",
                     pma_entity_state(entity), "attributes",
                     json_deep_copy(json_object_get(entity, "attributes")),
                     "processed_at", now, "duration", duration);
}

int pma_entities_act(struct pma_entities *entities, const char *id, const char *action,
                     const json_t *parameters, json_t **result, char *why)
{
    SEEP_SUBSYSTEM("entity");
    const uint64_t begin_ns = pma_now_ns();
    struct pma_entity_outcome outcome = {.created = false};
    struct pma_shared_json *before = NULL;
    json_t *attributes = NULL;
    json_t *after = NULL;
    const char *state = NULL;
    why[0] = '\0';
    int err = pma_entities_snapshot(entities, id, &before);
    if (err != 0) {
        return err;
    }
    const json_t *entity = pma_shared_json_get(before);
    err = pma_action_apply(entity, action, parameters, &state, &attributes, why);
    if (err != 0) {
        goto fail_apply;
    }
    err = execute(entities, entity, state, attributes);
    if (err != 0) {
        snprintf(why, PMA_ENTITY_WHY_BYTES,
                 err == -ENODEV ? "no adapter serves source \"%.60s\""
                                : "the adapter of source \"%.60s\" failed",
                 pma_entity_source(entity));
        goto fail_execute;
    }
    const struct pma_entity_decision decision = {id, state, attributes};
    if (!pma_entity_fault_change(entities, &decision, &outcome, &err)) {
        err = pma_entities_change(entities, id, state, attributes, "action", &outcome);
    }
    if (err == 0) {
        err = pma_entities_get(entities, id, &after);
    }
    if (err == 0) {
        *result = result_json(after, action, pma_now_ns() - begin_ns);
        err = *result != NULL ? 0 : -ENOMEM;
        json_decref(after);
    } else {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "%s", outcome.why);
    }
fail_execute:
    json_decref(attributes);
    pma_metric_add(
        PMA_METRIC_DEVICE_OPERATIONS, 1,
        PMA_LABELS(pma_entity_type(entity), action, err == 0 ? "true" : "false"));
fail_apply:
    pma_shared_json_release(before);
    return err;
}

int pma_entities_action(struct pma_entities *entities, const char *id, const char *action,
                        const json_t *parameters, json_t **result)
{
    char why[PMA_ENTITY_WHY_BYTES];
    return pma_entities_act(entities, id, action, parameters, result, why);
}
