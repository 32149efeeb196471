/* The house and its store: what is changed between the two stops is kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/entity/entity_store.h"
#include "server/entity/house.h"
#include "server/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void put(struct pma_house *house, const char *state)
{
    json_t *lamp = json_pack("{s:s, s:s, s:s, s:s}", "id", "lamp", "type", "light",
                             "friendly_name", "Lamp", "state", state);
    bool created = false;
    assert_int_equal(pma_entities_put(house->entities, lamp, &created), 0);
    json_decref(lamp);
}

static void
what_an_automation_changes_after_the_sources_have_stopped_is_written(void **state)
{
    (void)state;
    const struct pma_store_config memory = {.path = ":memory:"};
    struct pma_entity_places places = {.store = NULL};
    const struct pma_entity_hooks nobody = {.publish = NULL};
    struct pma_house house = {.entities = NULL};
    struct pma_config config;
    json_t *kept = NULL;
    pma_config_defaults(&config);
    config.entities.flush_interval_ns = 3600 * PMA_S_NS; /* by the stop alone */
    assert_int_equal(pma_store_open(&memory, &places.store), 0);
    assert_int_equal(pma_house_new(&config, &nobody, &places, &house), 0);
    assert_int_equal(pma_house_start(&house), 0);
    put(&house, "off");
    assert_int_equal(pma_house_stop(&house, 10 * PMA_S_NS), 0);
    assert_int_equal(pma_entities_set_state(house.entities, "lamp", "on", NULL), 0);
    assert_int_equal(pma_house_stop_writing(&house, 10 * PMA_S_NS), 0);
    assert_int_equal(pma_store_get(places.store, PMA_COLLECTION_ENTITIES, "lamp", &kept),
                     0);
    assert_string_equal(json_string_value(json_object_get(kept, "state")), "on");
    json_decref(kept);
    pma_house_free(&house);
    pma_store_close(places.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            what_an_automation_changes_after_the_sources_have_stopped_is_written),
    };
    return cmocka_run_group_tests_name("pma_house", tests, NULL, NULL);
}
