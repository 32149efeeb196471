/* The registry's indices and its order of use.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_model.h"
#include "server/entity/entity_registry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pma_registry registry;

static int setup(void **state)
{
    (void)state;
    memset(&registry, 0, sizeof registry);
    return pma_registry_init(&registry);
}

static int teardown(void **state)
{
    (void)state;
    pma_registry_fini(&registry);
    return 0;
}

/* A whole entity; room may be NULL. */
static struct pma_shared_json *document(const char *id, const char *type,
                                        const char *source, const char *room)
{
    char why[PMA_ENTITY_WHY_BYTES];
    json_t *given =
        json_pack("{s:s, s:s, s:s, s:s*, s:{s:s}}", "id", id, "type", type,
                  "friendly_name", id, "room_id", room, "metadata", "source", source);
    json_t *entity = NULL;
    struct pma_shared_json *shared = NULL;
    assert_int_equal(pma_entity_build(given, NULL, &entity, why), 0);
    json_decref(given);
    assert_int_equal(pma_shared_json_new(entity, &shared), 0);
    return shared;
}

static struct pma_entity *add(const char *id, const char *type, const char *source,
                              const char *room)
{
    struct pma_entity *entity = NULL;
    assert_int_equal(
        pma_registry_add(&registry, document(id, type, source, room), &entity), 0);
    assert_true(pma_registry_is_valid(&registry));
    return entity;
}

static size_t members(enum pma_group_kind kind, const char *name)
{
    const struct pma_group *group = pma_registry_group(&registry, kind, name);
    return group != NULL ? group->count : 0;
}

static void an_entity_is_in_the_groups_that_it_names(void **state)
{
    (void)state;
    struct pma_entity *lamp = add("lamp", "light", "hub", "kitchen");
    add("bulb", "light", "pma", NULL);
    assert_ptr_equal(pma_registry_find(&registry, "lamp"), lamp);
    assert_null(pma_registry_find(&registry, "nothing"));
    assert_int_equal(members(PMA_GROUP_TYPE, "light"), 2);
    assert_int_equal(members(PMA_GROUP_SOURCE, "hub"), 1);
    assert_int_equal(members(PMA_GROUP_ROOM, "kitchen"), 1);
    assert_int_equal(members(PMA_GROUP_ROOM, "cellar"), 0);
}

static void an_update_moves_it_between_groups(void **state)
{
    (void)state;
    struct pma_entity *lamp = add("lamp", "light", "hub", "kitchen");
    assert_int_equal(
        pma_registry_replace(&registry, lamp, document("lamp", "switch", "net", NULL)),
        0);
    assert_true(pma_registry_is_valid(&registry));
    assert_int_equal(members(PMA_GROUP_TYPE, "light"), 0);
    assert_int_equal(members(PMA_GROUP_TYPE, "switch"), 1);
    assert_int_equal(members(PMA_GROUP_SOURCE, "net"), 1);
    assert_int_equal(registry.groups[PMA_GROUP_ROOM].count, 0);
}

static void the_victim_is_the_least_used_evictable_one(void **state)
{
    (void)state;
    add("device", "light", "hub", NULL);
    assert_null(pma_registry_victim(&registry));
    struct pma_entity *first = add("first", "light", "pma", NULL);
    struct pma_entity *second = add("second", "light", "pma", NULL);
    assert_ptr_equal(pma_registry_victim(&registry), first);
    pma_registry_touch(&registry, first);
    assert_ptr_equal(pma_registry_victim(&registry), second);
    pma_registry_remove(&registry, second);
    assert_ptr_equal(pma_registry_victim(&registry), first);
    assert_true(pma_registry_is_valid(&registry));
}

/* Against a plain array that says where each entity has to be. */
static void indices_survive_thousands_of_random_changes(void **state)
{
    enum { IDS = 40, KINDS = 4 };
    static const char *const types[KINDS] = {"light", "switch", "sensor", "lock"};
    static const char *const rooms[KINDS] = {"a", "b", "c", NULL};
    int type_of[IDS];
    unsigned random = 1;
    size_t present = 0;
    (void)state;
    memset(type_of, -1, sizeof type_of);
    for (int round = 0; round < 4000; round++) {
        char id[8];
        random = random * 1103515245U + 12345U;
        const unsigned which = random >> 16;
        const int at = (int)(which % IDS);
        snprintf(id, sizeof id, "e%d", at);
        struct pma_entity *entity = pma_registry_find(&registry, id);
        assert_int_equal(entity != NULL, type_of[at] >= 0);
        const int type = (int)(which / IDS % KINDS);
        const char *room = rooms[which / 7 % KINDS];
        if (entity == NULL) {
            add(id, types[type], which & 1 ? "pma" : "hub", room);
            present++;
            type_of[at] = type;
        } else if (which % 5 == 0) {
            pma_registry_remove(&registry, entity);
            present--;
            type_of[at] = -1;
        } else {
            pma_registry_replace(&registry, entity,
                                 document(id, types[type], "hub", room));
            type_of[at] = type;
        }
        assert_true(pma_registry_is_valid(&registry));
    }
    for (int type = 0; type < KINDS; type++) {
        size_t expected = 0;
        for (int at = 0; at < IDS; at++) {
            expected += type_of[at] == type;
        }
        assert_int_equal(members(PMA_GROUP_TYPE, types[type]), expected);
    }
    assert_int_equal(registry.by_id.count, present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entity_is_in_the_groups_that_it_names, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_update_moves_it_between_groups, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_victim_is_the_least_used_evictable_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(indices_survive_thousands_of_random_changes,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
