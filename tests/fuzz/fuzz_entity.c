/* The fuzz target of entities and of their times: any document is refused with a reason
 * or becomes an entity that is whole, and a whole entity is one again when it is read
 * back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_entity.h"

#include "server/entity/entity_action.h"
#include "server/entity/entity_model.h"
#include "server/entity/entity_time.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t pma_fuzz_decoded;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_entity: broken promise: %s\n", promise);
        abort();
    }
}

static void try_time(const char *text)
{
    char once[PMA_TIMESTAMP_BYTES];
    char twice[PMA_TIMESTAMP_BYTES];
    int64_t unix_us = -1;
    if (pma_instant_normalise(text, once) != 0) {
        return;
    }
    must(pma_instant_normalise(once, twice) == 0 && strcmp(once, twice) == 0,
         "a normal time stays as it is");
    must(pma_instant_parse(text, &unix_us) == 0 && unix_us >= 0, "and is a number");
}

static void must_be_whole(const json_t *entity)
{
    must(pma_entity_id_is_valid(pma_entity_id(entity)), "an id is valid");
    must(pma_entity_type(entity) != NULL, "there is a type");
    must(strlen(pma_entity_state(entity)) <= PMA_ENTITY_STATE_BYTES_MAX,
         "a state is not too long");
    must(pma_entity_source(entity) != NULL, "there is a source");
    must(pma_entity_room(entity) == NULL ||
             pma_entity_id_is_valid(pma_entity_room(entity)),
         "a room has a valid id");
    must(json_is_object(json_object_get(entity, "attributes")), "there are attributes");
    must(json_is_array(json_object_get(entity, "capabilities")),
         "there are capabilities");
    must(json_is_boolean(json_object_get(entity, "available")), "it is available or not");
}

/* What is done with an entity that was taken. */
static void use(const json_t *entity, const json_t *given)
{
    char why[PMA_ENTITY_WHY_BYTES];
    const char *state = NULL;
    json_t *attributes = NULL;
    json_t *next = NULL;
    const char *action = json_string_value(json_object_get(given, "action"));
    if (pma_entity_change(entity, json_string_value(json_object_get(given, "next")),
                          json_object_get(given, "changes"), &next, why) == 0) {
        must_be_whole(next);
        json_decref(next);
    }
    if (pma_action_apply(entity, action != NULL ? action : "toggle",
                         json_object_get(given, "parameters"), &state, &attributes,
                         why) == 0) {
        must(json_is_object(attributes), "an action has attributes");
        must(pma_entity_change(entity, state, attributes, &next, why) == 0,
             "what an action makes of an entity is one");
        must_be_whole(next);
        json_decref(next);
        json_decref(attributes);
    }
    (void)pma_entity_mentions(entity, "a");
    (void)pma_entity_is_capable(entity, json_object_get(given, "capabilities"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[PMA_ENTITY_WHY_BYTES] = "";
    json_t *entity = NULL;
    json_t *again = NULL;
    char *text = malloc(size + 1);
    must(text != NULL, "memory");
    memcpy(text, data, size);
    text[size] = '\0';
    try_time(text);
    json_t *given = json_loadb(text, size, 0, NULL);
    free(text);
    if (given == NULL) {
        return 0;
    }
    const char *at = json_string_value(json_object_get(given, "last_updated"));
    if (at != NULL) {
        try_time(at);
    }
    if (pma_entity_build(given, NULL, &entity, why) != 0) {
        must(entity == NULL && why[0] != '\0', "a refusal has a reason and no entity");
        json_decref(given);
        return 0;
    }
    pma_fuzz_decoded++;
    must_be_whole(entity);
    must(pma_entity_build(entity, NULL, &again, why) == 0, "it can be read back");
    must_be_whole(again);
    json_decref(again);
    must(pma_entity_build(given, entity, &again, why) == 0,
         "an entity can be updated with itself");
    use(again, given);
    json_decref(again);
    json_decref(entity);
    json_decref(given);
    return 0;
}
