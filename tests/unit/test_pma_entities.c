/* The entity service: who is let in, what is told, what is remembered.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/entity/entity_fault.h"
#include "server/entity/entity_service.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct pma_entities_config settings = {
    .max_entities = 3,
    .max_entity_bytes = 4096,
    .history_states = 4,
    .history_age_ns = 3600 * PMA_S_NS,
    .cleanup_interval_ns = 3600 * PMA_S_NS,
};
static struct pma_entities *entities;
static json_t *events; /* [type, data] of each */
static int executed;
static int execute_answer;

static void remember(void *arg, const struct pma_entity_event *event)
{
    (void)arg;
    json_array_append_new(events,
                          json_pack("[s, o]", event->type, json_deep_copy(event->data)));
}

static int execute(void *arg, const char *id, const char *state, const json_t *attributes)
{
    (void)arg;
    (void)attributes;
    assert_string_equal(id, "device");
    assert_string_equal(state, "on");
    executed++;
    return execute_answer;
}

static int setup(void **state)
{
    const struct pma_entity_hooks hooks = {.publish = remember};
    const struct pma_entity_adapter adapter = {.source = "hub", .execute = execute};
    (void)state;
    pma_log_set_level(PMA_LOG_ERROR);
    events = json_array();
    executed = 0;
    execute_answer = 0;
    assert_int_equal(pma_entities_new(&settings, &hooks, &entities), 0);
    return pma_entities_attach(entities, &adapter);
}

static int teardown(void **state)
{
    (void)state;
    pma_entities_free(entities);
    json_decref(events);
    return 0;
}

/* Puts an entity of a type and a source. */
static int put(const char *id, const char *type, const char *source)
{
    json_t *entity =
        json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "id", id, "type", type,
                  "friendly_name", id, "state", "off", "metadata", "source", source);
    const int err = pma_entities_put(entities, entity, NULL);
    json_decref(entity);
    return err;
}

static json_t *get(const char *id)
{
    json_t *entity = NULL;
    assert_int_equal(pma_entities_get(entities, id, &entity), 0);
    return entity;
}

static const char *last_event(void)
{
    const size_t count = json_array_size(events);
    assert_true(count > 0);
    return json_string_value(json_array_get(json_array_get(events, count - 1), 0));
}

static json_t *last_data(void)
{
    return json_array_get(json_array_get(events, json_array_size(events) - 1), 1);
}

static struct pma_entities_stats stats(void)
{
    struct pma_entities_stats read;
    pma_entities_stats_read(entities, &read);
    return read;
}

static void a_limit_of_zero_is_refused(void **state)
{
    struct pma_entities_config wrong = settings;
    struct pma_entities *made = NULL;
    (void)state;
    wrong.max_entities = 0;
    assert_int_equal(pma_entities_new(&wrong, NULL, &made), -EINVAL);
    assert_null(made);
    pma_entities_free(NULL);
}

static void what_is_put_is_completed_and_told(void **state)
{
    (void)state;
    assert_int_equal(put("lamp", "light", "hub"), 0);
    json_t *lamp = get("lamp");
    assert_string_equal(pma_entity_source(lamp), "hub");
    assert_true(pma_entity_is_available(lamp));
    assert_false(pma_entity_is_virtual(lamp));
    assert_int_equal(json_array_size(json_object_get(lamp, "capabilities")), 0);
    assert_true(json_is_object(json_object_get(lamp, "attributes")));
    assert_string_equal(last_event(), "pma_entity_added");
    assert_true(json_equal(json_object_get(last_data(), "entity"), lamp));
    json_decref(lamp);
}

static void an_update_keeps_what_it_does_not_name(void **state)
{
    bool created = true;
    (void)state;
    put("lamp", "light", "hub");
    pma_entities_move(entities, "lamp", "kitchen");
    json_t *update = json_pack("{s:s, s:s, s:{s:i}}", "id", "lamp", "state", "on",
                               "attributes", "brightness", 7);
    assert_int_equal(pma_entities_put(entities, update, &created), 0);
    assert_false(created);
    json_decref(update);
    json_t *lamp = get("lamp");
    assert_string_equal(pma_entity_room(lamp), "kitchen");
    assert_string_equal(pma_entity_type(lamp), "light");
    assert_int_equal(json_integer_value(json_object_get(lamp, "brightness")), 7);
    assert_string_equal(last_event(), "pma_entity_state_changed");
    assert_string_equal(json_string_value(json_object_get(last_data(), "old_state")),
                        "off");
    assert_string_equal(json_string_value(json_object_get(last_data(), "new_state")),
                        "on");
    json_decref(lamp);
}

static void what_is_wrong_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *json;
        int err;
        const char *why; /* begins so */
    } wrong[] = {
        {"{}", -EINVAL, "id is required"},
        {"{\"id\":\"a b\"}", -EINVAL, "id must be"},
        {"{\"id\":\"n\",\"type\":\"spoon\"}", -EINVAL, "type must be"},
        {"{\"id\":\"n\",\"type\":\"light\"}", -EINVAL, "friendly_name is required"},
        {"{\"id\":\"lamp\",\"state\":5}", -EINVAL, "state must be"},
        {"{\"id\":\"lamp\",\"attributes\":[]}", -EINVAL, "attributes must be"},
        {"{\"id\":\"lamp\",\"capabilities\":[\"flying\"]}", -EINVAL, "capabilities must"},
        {"{\"id\":\"lamp\",\"metadata\":{\"source\":\"ring\"}}", -EEXIST,
         "the id belongs"},
        {"{\"id\":\"lamp\",\"last_updated\":\"2020-01-01T00:00:00Z\"}", -ESTALE,
         "last_updated is older"},
        {"{\"id\":\"lamp\",\"last_updated\":\"yesterday\"}", -EINVAL,
         "last_updated must"},
    };
    (void)state;
    put("lamp", "light", "hub");
    json_t *before = get("lamp");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pma_entity_outcome outcome;
        json_t *entity = json_loads(wrong[i].json, 0, NULL);
        assert_int_equal(pma_entities_submit(entities, entity, "api", &outcome),
                         wrong[i].err);
        assert_memory_equal(outcome.why, wrong[i].why, strlen(wrong[i].why));
        json_decref(entity);
    }
    json_t *after = get("lamp");
    assert_true(json_equal(before, after));
    assert_int_equal(json_array_size(events), 1);
    json_decref(before);
    json_decref(after);
}

static void nesting_and_size_are_limited(void **state)
{
    char why[PMA_ENTITY_WHY_BYTES];
    char big[5000];
    (void)state;
    put("lamp", "light", "hub");
    json_t *deep = json_object();
    for (int level = 0; level < PMA_ENTITY_DEPTH_MAX; level++) {
        deep = json_pack("{s:o}", "d", deep);
    }
    assert_int_equal(pma_entities_set_state(entities, "lamp", "on", deep), -EINVAL);
    json_decref(deep);
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    json_t *large = json_pack("{s:s}", "text", big);
    assert_int_equal(pma_entities_set_state(entities, "lamp", "on", large), -EINVAL);
    assert_int_equal(pma_entities_set_state(entities, "lamp", big, NULL), -EINVAL);
    assert_int_equal(pma_entities_set_state(entities, "lamp", "\xff", NULL), -EINVAL);
    json_decref(large);
    assert_int_equal(stats().changes, 0);
    (void)why;
}

static void a_full_registry_lets_the_least_used_virtual_one_go(void **state)
{
    json_t *entity = NULL;
    (void)state;
    put("device", "light", "hub");
    put("old", "light", "pma");
    put("new", "light", "pma");
    json_decref(get("old")); /* used, so "new" is the one to go */
    assert_int_equal(put("other", "light", "hub"), 0);
    assert_int_equal(pma_entities_get(entities, "new", &entity), -ENOENT);
    json_decref(get("old"));
    json_decref(get("device"));
    const json_t *removed = json_array_get(json_array_get(events, 3), 1);
    assert_string_equal(json_string_value(json_object_get(removed, "entity_id")), "new");
    assert_string_equal(last_event(), "pma_entity_added");
    assert_int_equal(stats().evicted, 1);
    assert_int_equal(stats().entities, 3);
}

static void a_connected_device_never_gives_way(void **state)
{
    (void)state;
    put("a", "light", "hub");
    put("b", "light", "hub");
    put("c", "light", "hub");
    assert_int_equal(put("d", "light", "hub"), -ENOSPC);
    assert_int_equal(stats().refused_full, 1);
    assert_int_equal(stats().evicted, 0);
    pma_entities_set_state(entities, "b", "unavailable", NULL);
    assert_int_equal(put("d", "light", "hub"), 0);
    json_t *entity = NULL;
    assert_int_equal(pma_entities_get(entities, "b", &entity), -ENOENT);
}

static void only_changes_are_told_and_remembered(void **state)
{
    (void)state;
    put("lamp", "light", "hub");
    json_t *dim = json_pack("{s:i}", "brightness", 3);
    pma_entities_set_state(entities, "lamp", "on", dim);
    pma_entities_set_state(entities, "lamp", "on", dim);
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(stats().changes, 1);
    json_t *states = NULL;
    assert_int_equal(pma_entities_history(entities, "lamp", 10, &states), 0);
    assert_int_equal(json_array_size(states), 2);
    const json_t *newest = json_array_get(states, 1);
    assert_true(json_equal(json_object_get(newest, "attributes"), dim));
    json_decref(states);
    json_decref(dim);
}

static void a_history_keeps_the_newest_states(void **state)
{
    json_t *states = NULL;
    (void)state;
    put("lamp", "light", "hub");
    for (int n = 1; n <= 9; n++) {
        char text[8];
        snprintf(text, sizeof text, "%d", n);
        pma_entities_set_state(entities, "lamp", text, NULL);
    }
    assert_int_equal(pma_entities_history(entities, "lamp", 3, &states), 0);
    assert_int_equal(json_array_size(states), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(states, 0), "state")), "7");
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(states, 2), "state")), "9");
    json_decref(states);
    assert_int_equal(stats().history_states, 4);
    assert_int_equal(stats().states_dropped, 6);
    assert_int_equal(pma_entities_history(entities, "none", 3, &states), -ENOENT);
}

static void clean_up_drops_old_states_but_the_present_one(void **state)
{
    (void)state;
    struct pma_entities_config short_lived = settings;
    struct pma_entities *made = NULL;
    short_lived.history_age_ns = PMA_MS_NS;
    assert_int_equal(pma_entities_new(&short_lived, NULL, &made), 0);
    struct pma_entities *kept = entities;
    entities = made;
    put("lamp", "light", "hub");
    pma_entities_set_state(entities, "lamp", "on", NULL);
    usleep(3000);
    pma_entities_clean_up(entities);
    assert_int_equal(stats().history_states, 1);
    assert_int_equal(stats().states_expired, 1);
    pma_entities_free(made);
    entities = kept;
}

static void lists_are_filtered_and_paged(void **state)
{
    size_t total = 0;
    json_t *list = NULL;
    (void)state;
    put("lamp", "light", "hub");
    put("bulb", "light", "pma");
    put("door", "lock", "hub");
    pma_entities_move(entities, "door", "hall");
    const struct {
        struct pma_entity_filter filter;
        size_t count, total;
        const char *first;
    } cases[] = {
        {{.limit = 0}, 3, 3, "lamp"},
        {{.limit = 1, .offset = 1}, 1, 3, "bulb"},
        {{.offset = 9}, 0, 3, NULL},
        {{.type = "light"}, 2, 2, "lamp"},
        {{.type = "light", .source = "pma"}, 1, 1, "bulb"},
        {{.type = "light", .source = "pma", .room_id = "hall"}, 0, 0, NULL},
        {{.room_id = "hall"}, 1, 1, "door"},
        {{.source = "nobody"}, 0, 0, NULL},
        {{.text = "OO"}, 1, 1, "door"},
        {{.text = "l", .limit = 1}, 1, 3, "lamp"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pma_entities_page(entities, &cases[i].filter, &list, &total), 0);
        assert_int_equal(json_array_size(list), cases[i].count);
        assert_int_equal(total, cases[i].total);
        if (cases[i].first != NULL) {
            assert_string_equal(pma_entity_id(json_array_get(list, 0)), cases[i].first);
        }
        json_decref(list);
    }
    json_t *counts = pma_entities_counts(entities, PMA_GROUP_TYPE);
    assert_int_equal(json_integer_value(json_object_get(counts, "light")), 2);
    json_decref(counts);
}

static void only_what_the_api_made_can_be_removed_by_it(void **state)
{
    (void)state;
    put("device", "light", "hub");
    put("own", "light", "pma");
    assert_int_equal(pma_entities_remove(entities, "device"), -EPERM);
    assert_int_equal(pma_entities_remove(entities, "own"), 0);
    assert_int_equal(pma_entities_remove(entities, "own"), -ENOENT);
    assert_string_equal(last_event(), "pma_entity_removed");
    assert_int_equal(pma_entities_withdraw(entities, "device"), 0);
    assert_int_equal(stats().entities, 0);
    assert_int_equal(stats().history_states, 0);
}

static void an_action_reaches_the_device_and_then_the_registry(void **state)
{
    char why[PMA_ENTITY_WHY_BYTES];
    json_t *result = NULL;
    (void)state;
    put("device", "light", "hub");
    put("own", "lock", "pma");
    put("orphan", "light", "ring");
    assert_int_equal(pma_entities_action(entities, "device", "toggle", NULL, &result), 0);
    assert_int_equal(executed, 1);
    assert_string_equal(json_string_value(json_object_get(result, "new_state")), "on");
    json_decref(result);
    assert_int_equal(pma_entities_action(entities, "own", "lock", NULL, &result), 0);
    assert_string_equal(json_string_value(json_object_get(result, "new_state")),
                        "locked");
    json_decref(result);
    assert_int_equal(pma_entities_act(entities, "orphan", "turn_on", NULL, &result, why),
                     -ENODEV);
    assert_int_equal(pma_entities_act(entities, "own", "turn_on", NULL, &result, why),
                     -ENOTSUP);
    assert_int_equal(pma_entities_act(entities, "none", "turn_on", NULL, &result, why),
                     -ENOENT);
    json_t *parameters = json_pack("{s:i}", "brightness", 256);
    assert_int_equal(
        pma_entities_act(entities, "device", "set_brightness", parameters, &result, why),
        -EINVAL);
    assert_string_equal(why, "set_brightness needs brightness, a number from 0 to 255");
    json_decref(parameters);
}

static void a_failed_action_changes_nothing(void **state)
{
    json_t *result = NULL;
    (void)state;
    put("device", "light", "hub");
    execute_answer = -EIO;
    assert_int_equal(pma_entities_action(entities, "device", "turn_on", NULL, &result),
                     -EIO);
    json_t *device = get("device");
    assert_string_equal(pma_entity_state(device), "off");
    json_decref(device);
    pma_entities_set_state(entities, "device", "unavailable", NULL);
    assert_int_equal(pma_entities_action(entities, "device", "turn_on", NULL, &result),
                     -EHOSTUNREACH);
    assert_int_equal(executed, 1);
}

static void f15_keeps_every_state(void **state)
{
    const struct pma_fault_setting on = {.enabled = true};
    const struct pma_fault_setting off = {.enabled = false};
    (void)state;
    put("lamp", "light", "hub");
    const uint64_t before = pma_fault_total(PMA_FAULT_F15);
    pma_fault_set(PMA_FAULT_F15, &on);
    for (int n = 0; n < 20; n++) {
        pma_entities_set_state(entities, "lamp", n % 2 ? "off" : "on", NULL);
    }
    pma_fault_set(PMA_FAULT_F15, &off);
    assert_int_equal(stats().history_states, 21);
    assert_int_equal(pma_fault_total(PMA_FAULT_F15) - before, 17);
    assert_int_equal(stats().states_in_excess, 17);
    for (int n = 0; n < 20; n++) {
        pma_entities_set_state(entities, "lamp", n % 2 ? "off" : "on", NULL);
    }
    assert_int_equal(stats().history_states, 21);
}

/* Last but the threads: its thread waits until the process ends. */
static void f12_blocks_at_a_registration_into_a_full_registry(void **state)
{
    const struct pma_fault_setting on = {.enabled = true, .limit = 3};
    const struct pma_fault_setting off = {.enabled = false};
    const struct pma_entity_filter all = {.limit = 0};
    const size_t workers = pma_worker_count();
    json_t *unused = NULL;
    (void)state;
    pma_fault_set(PMA_FAULT_F12, &on);
    put("a", "light", "pma");
    put("b", "light", "pma");
    assert_int_equal(put("c", "light", "pma"), 0);
    assert_false(stats().is_blocked);
    assert_int_equal(put("a", "switch", "pma"), 0); /* no registration */
    assert_int_equal(put("d", "light", "pma"), -EDEADLK);
    assert_true(stats().is_blocked);
    assert_int_equal(pma_worker_count(), workers + 1);
    assert_int_equal(pma_entities_get(entities, "a", &unused), -EDEADLK);
    assert_int_equal(pma_entities_list(entities, &all, &unused), -EDEADLK);
    assert_int_equal(pma_entities_set_state(entities, "a", "on", NULL), -EDEADLK);
    assert_int_equal(pma_entities_remove(entities, "a"), -EDEADLK);
    assert_int_equal(pma_entities_move(entities, "a", "x"), -EDEADLK);
    assert_int_equal(pma_entities_history(entities, "a", 1, &unused), -EDEADLK);
    pma_entities_clean_up(entities);
    for (int n = 0; n < 4; n++) {
        pma_entity_fault_wait(); /* as whoever gets -EDEADLK over REST does */
    }
    assert_int_equal(pma_worker_count(), workers + 3); /* its limit */
    pma_fault_set(PMA_FAULT_F12, &off);
    assert_int_equal(stats().entities, 3);
}

static void f15_commits_itself_beyond_the_limit(void **state)
{
    const struct pma_fault_setting on = {.enabled = true};
    const struct pma_fault_setting off = {.enabled = false};
    (void)state;
    put("lamp", "light", "hub");
    pma_entity_fault_state_commit(entities);
    assert_int_equal(stats().history_states, 1);
    pma_fault_set(PMA_FAULT_F15, &on);
    for (int n = 0; n < 10; n++) {
        pma_entity_fault_state_commit(entities);
    }
    pma_fault_set(PMA_FAULT_F15, &off);
    assert_int_equal(stats().history_states, 11);
    assert_int_equal(stats().states_in_excess, 7);
    pma_entities_withdraw(entities, "lamp");
    assert_int_equal(stats().states_in_excess, 0);
}

static void *change_often(void *arg)
{
    const char *own = arg;
    for (int n = 0; n < 300; n++) {
        json_t *list = NULL;
        const struct pma_entity_filter all = {.limit = 0};
        pma_entities_set_state(entities, "lamp", n % 2 ? own : "x", NULL);
        assert_int_equal(pma_entities_list(entities, &all, &list), 0);
        json_object_set_new(json_array_get(list, 0), "mine", json_true());
        json_decref(list);
        put(own, "light", "pma");
        pma_entities_remove(entities, own);
    }
    return NULL;
}

/* Each change begins where the one before it ended: no event was lost or overtaken. */
static void events_of_four_threads_form_one_chain(void **state)
{
    static char names[4][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    const char *present = "off";
    uint64_t changes = 0;
    (void)state;
    put("lamp", "light", "hub");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, change_often, names[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    size_t index = 0;
    json_t *event = NULL;
    json_array_foreach(events, index, event)
    {
        const json_t *data = json_array_get(event, 1);
        if (strcmp(json_string_value(json_array_get(event, 0)),
                   "pma_entity_state_changed") != 0) {
            continue;
        }
        assert_string_equal(json_string_value(json_object_get(data, "old_state")),
                            present);
        present = json_string_value(json_object_get(data, "new_state"));
        changes++;
    }
    assert_int_equal(changes, stats().changes);
    assert_true(changes > 4);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_of_zero_is_refused),
        ROW(what_is_put_is_completed_and_told),
        ROW(an_update_keeps_what_it_does_not_name),
        ROW(what_is_wrong_is_refused_with_its_reason),
        ROW(nesting_and_size_are_limited),
        ROW(a_full_registry_lets_the_least_used_virtual_one_go),
        ROW(a_connected_device_never_gives_way),
        ROW(only_changes_are_told_and_remembered),
        ROW(a_history_keeps_the_newest_states),
        ROW(clean_up_drops_old_states_but_the_present_one),
        ROW(lists_are_filtered_and_paged),
        ROW(only_what_the_api_made_can_be_removed_by_it),
        ROW(an_action_reaches_the_device_and_then_the_registry),
        ROW(a_failed_action_changes_nothing),
        ROW(f15_keeps_every_state),
        ROW(f15_commits_itself_beyond_the_limit),
        ROW(events_of_four_threads_form_one_chain),
        ROW(f12_blocks_at_a_registration_into_a_full_registry),
    };
#undef ROW
    return cmocka_run_group_tests(tests, NULL, NULL);
}
