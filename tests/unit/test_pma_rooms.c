/* Rooms, and the entities in them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/entity/room_service.h"
#include "server/log/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pma_entities *entities;
static struct pma_rooms *rooms;
static char told[400]; /* "created updated ..." */

static void remember(void *arg, const struct pma_entity_event *event)
{
    const size_t used = strlen(told);
    (void)arg;
    assert_string_equal(event->type, "room_updated");
    snprintf(told + used, sizeof told - used, "%s ",
             json_string_value(json_object_get(event->data, "action")));
}

static int setup(void **state)
{
    const struct pma_entities_config settings = {
        .max_entities = 100, .max_entity_bytes = 4096, .history_states = 4};
    const struct pma_rooms_config limits = {.max_rooms = 3};
    const struct pma_entity_hooks hooks = {.publish = remember};
    (void)state;
    pma_log_set_level(PMA_LOG_ERROR);
    told[0] = '\0';
    assert_int_equal(pma_entities_new(&settings, NULL, &entities), 0);
    return pma_rooms_new(&limits, entities, &hooks, &rooms);
}

static int teardown(void **state)
{
    (void)state;
    pma_rooms_free(rooms);
    pma_entities_free(entities);
    return 0;
}

static int put(const char *json)
{
    json_t *room = json_loads(json, 0, NULL);
    const int err = pma_rooms_put(rooms, room, NULL);
    json_decref(room);
    return err;
}

static void put_entity(const char *id, const char *room_id)
{
    json_t *entity = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "type", "light",
                               "friendly_name", id, "room_id", room_id);
    assert_int_equal(pma_entities_put(entities, entity, NULL), 0);
    json_decref(entity);
}

static json_t *get(const char *id)
{
    json_t *room = NULL;
    assert_int_equal(pma_rooms_get(rooms, id, false, &room), 0);
    return room;
}

static size_t count_in(const char *id)
{
    json_t *room = get(id);
    const size_t count = json_array_size(json_object_get(room, "entity_ids"));
    json_decref(room);
    return count;
}

static void a_room_without_an_id_gets_one_of_its_own(void **state)
{
    char ids[2][PMA_ENTITY_ID_BYTES_MAX + 1];
    struct pma_entity_outcome outcome;
    json_t *room = json_pack("{s:s}", "name", "Hall");
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pma_rooms_submit(rooms, room, ids[i], &outcome), 0);
        assert_true(outcome.created);
        assert_memory_equal(ids[i], "pma_room_", 9);
    }
    assert_string_not_equal(ids[0], ids[1]);
    json_decref(room);
    assert_string_equal(told, "created created ");
}

static void an_update_keeps_what_it_does_not_name(void **state)
{
    (void)state;
    assert_int_equal(put("{\"id\":\"r\",\"name\":\"Hall\",\"icon\":\"door\"}"), 0);
    assert_int_equal(put("{\"id\":\"r\",\"description\":\"wide\"}"), 0);
    json_t *room = get("r");
    assert_string_equal(json_string_value(json_object_get(room, "name")), "Hall");
    assert_string_equal(json_string_value(json_object_get(room, "icon")), "door");
    assert_string_equal(json_string_value(json_object_get(room, "description")), "wide");
    json_decref(room);
    assert_int_equal(put("{\"id\":\"r\",\"icon\":null}"), 0);
    room = get("r");
    assert_null(json_object_get(room, "icon"));
    json_decref(room);
}

static void what_is_wrong_changes_nothing(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "{\"id\":\"a b\",\"name\":\"x\"}",
        "{\"id\":5,\"name\":\"x\"}",
        "{\"id\":\"r\",\"name\":\"\"}",
        "{\"id\":\"r\",\"name\":null}",
        "{\"id\":\"r\",\"metadata\":[]}",
        "{\"id\":\"new\",\"icon\":\"x\"}",
    };
    (void)state;
    assert_int_equal(put("{\"id\":\"r\",\"name\":\"Hall\"}"), 0);
    json_t *before = get("r");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(put(wrong[i]), -EINVAL);
    }
    json_t *after = get("r");
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    assert_int_equal(pma_rooms_count(rooms), 1);
}

static void one_room_too_many_is_refused(void **state)
{
    (void)state;
    assert_int_equal(put("{\"id\":\"a\",\"name\":\"A\"}"), 0);
    assert_int_equal(put("{\"id\":\"b\",\"name\":\"B\"}"), 0);
    assert_int_equal(put("{\"id\":\"c\",\"name\":\"C\"}"), 0);
    assert_int_equal(put("{\"id\":\"d\",\"name\":\"D\"}"), -ENOSPC);
    assert_int_equal(put("{\"id\":\"c\",\"name\":\"Other\"}"), 0);
    assert_int_equal(pma_rooms_remove(rooms, "a", NULL), 0);
    assert_int_equal(put("{\"id\":\"d\",\"name\":\"D\"}"), 0);
}

static void entities_of_a_removed_room_go_to_another_or_to_none(void **state)
{
    (void)state;
    put("{\"id\":\"a\",\"name\":\"A\"}");
    put("{\"id\":\"b\",\"name\":\"B\",\"parent_id\":\"a\"}");
    put_entity("one", "a");
    put_entity("two", "a");
    json_t *parent = get("a");
    assert_int_equal(json_array_size(json_object_get(parent, "children")), 1);
    json_decref(parent);
    assert_int_equal(pma_rooms_remove(rooms, "none", NULL), -ENOENT);
    assert_int_equal(pma_rooms_remove(rooms, "a", "none"), -ESRCH);
    assert_int_equal(pma_rooms_remove(rooms, "a", "a"), -ESRCH);
    assert_int_equal(count_in("a"), 2);
    assert_int_equal(pma_rooms_remove(rooms, "a", "b"), 0);
    assert_int_equal(count_in("b"), 2);
    json_t *stats = pma_rooms_stats_json(rooms);
    assert_int_equal(json_integer_value(json_object_get(stats, "entities_in_rooms")), 2);
    assert_int_equal(json_integer_value(json_object_get(stats, "unassigned_entities")),
                     0);
    json_decref(stats);
    assert_int_equal(pma_rooms_remove(rooms, "b", NULL), 0);
    json_t *entity = NULL;
    assert_int_equal(pma_entities_get(entities, "one", &entity), 0);
    assert_null(pma_entity_room(entity));
    json_decref(entity);
}

static void what_is_put_back_is_not_told(void **state)
{
    json_t *room = json_pack("{s:s, s:s, s:s}", "id", "r", "name", "Hall", "created_at",
                             "2020-01-01T00:00:00Z");
    (void)state;
    assert_int_equal(pma_rooms_restore(rooms, room), 0);
    json_decref(room);
    room = get("r");
    assert_string_equal(json_string_value(json_object_get(room, "created_at")),
                        "2020-01-01T00:00:00Z");
    json_decref(room);
    pma_rooms_forget(rooms, "r");
    pma_rooms_forget(rooms, "r");
    assert_int_equal(pma_rooms_count(rooms), 0);
    assert_string_equal(told, "");
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(a_room_without_an_id_gets_one_of_its_own),
        ROW(an_update_keeps_what_it_does_not_name),
        ROW(what_is_wrong_changes_nothing),
        ROW(one_room_too_many_is_refused),
        ROW(entities_of_a_removed_room_go_to_another_or_to_none),
        ROW(what_is_put_back_is_not_told),
    };
#undef ROW
    return cmocka_run_group_tests(tests, NULL, NULL);
}
