/* Automations: what triggers them, in which order they act, and every limit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/automation/automation.h"

#include "server/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What was done, as "entity:action " texts. */
struct diary {
    pthread_mutex_t lock;
    char text[512];
};

static int act(void *arg, const char *entity_id, const char *action,
               const json_t *parameters)
{
    struct diary *diary = arg;
    (void)parameters;
    pthread_mutex_lock(&diary->lock);
    const size_t used = strlen(diary->text);
    snprintf(diary->text + used, sizeof diary->text - used, "%s:%s ", entity_id, action);
    pthread_mutex_unlock(&diary->lock);
    return strcmp(action, "fail") == 0 ? -EIO : 0;
}

static struct pma_automations *make(struct diary *diary, uint32_t max_automations,
                                    uint32_t max_queue, uint64_t cooldown_ns)
{
    const struct pma_automations_config config = {.max_automations = max_automations,
                                                  .max_queue = max_queue,
                                                  .cooldown_ns = cooldown_ns};
    const struct pma_automation_hooks hooks = {.arg = diary, .act = act};
    struct pma_automations *automations = NULL;
    *diary = (struct diary){.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(pma_automations_new(&config, &hooks, &automations), 0);
    return automations;
}

/* door (to `to`, NULL: to anything) -> two actions. */
static int add(struct pma_automations *automations, const char *id, const char *to,
               const char *second_action)
{
    json_t *automation = NULL;
    json_t *definition = json_pack(
        "{s:s*, s:s, s:[{s:s, s:s*}], s:[{s:s, s:s}, {s:s, s:s}]}", "id", id, "name", "n",
        "triggers", "entity_id", "door", "to", to, "actions", "entity_id", "lamp",
        "action", "turn_on", "entity_id", "fan", "action", second_action);
    assert_non_null(definition);
    const int err = pma_automations_add(automations, definition, &automation);
    if (err == 0) {
        assert_true(json_is_string(json_object_get(automation, "id")));
        assert_true(json_is_string(json_object_get(automation, "created_at")));
        json_decref(automation);
    }
    json_decref(definition);
    return err;
}

static struct pma_automations_info await_runs(struct pma_automations *automations,
                                              uint64_t runs)
{
    struct pma_automations_info info;
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    do {
        usleep(500);
        pma_automations_info_read(automations, &info);
    } while (info.runs < runs && pma_now_ns() < deadline_ns);
    assert_int_equal(info.runs, runs);
    return info;
}

static void end(struct pma_automations *automations)
{
    assert_int_equal(pma_automations_stop(automations, PMA_S_NS), 0);
    pma_automations_free(automations);
}

static void actions_come_in_order_and_a_failure_does_not_end_them(void **state)
{
    struct diary diary;
    struct pma_automations *automations = make(&diary, 10, 10, 0);
    (void)state;
    assert_int_equal(add(automations, "a", "open", "fail"), 0);
    assert_int_equal(pma_automations_start(automations), 0);
    pma_automations_notice(automations, "door", "closed", "open");
    const struct pma_automations_info info = await_runs(automations, 1);
    assert_int_equal(info.failed_actions, 1);
    assert_string_equal(diary.text, "lamp:turn_on fan:fail ");
    end(automations);
}

static void only_the_state_that_is_meant_triggers(void **state)
{
    struct diary diary;
    struct pma_automations *automations = make(&diary, 10, 10, 0);
    struct pma_automations_info info;
    (void)state;
    add(automations, "a", "open", "turn_on");
    add(automations, "any", NULL, "turn_on");
    pma_automations_notice(automations, "window", "closed", "open"); /* another entity */
    pma_automations_notice(automations, "door", "open", "open");     /* no change */
    pma_automations_info_read(automations, &info);
    assert_int_equal(info.queued, 0);
    pma_automations_notice(automations, "door", "open", "closed"); /* "any" alone */
    pma_automations_info_read(automations, &info);
    assert_int_equal(info.queued, 1);
    pma_automations_notice(automations, "door", "closed", "open"); /* both */
    pma_automations_info_read(automations, &info);
    assert_int_equal(info.queued, 3);
    end(automations);
}

static void a_full_queue_drops_and_counts(void **state)
{
    struct diary diary;
    struct pma_automations *automations = make(&diary, 10, 2, 0);
    struct pma_automations_info info;
    (void)state;
    add(automations, "a", NULL, "turn_on");
    for (int i = 0; i < 5; i++) {
        pma_automations_notice(automations, "door", "x", "y");
    }
    pma_automations_info_read(automations, &info);
    assert_int_equal(info.queued, 2);
    assert_int_equal(info.dropped, 3);
    assert_int_equal(pma_automations_start(automations), 0);
    await_runs(automations, 2); /* what waited before the start is run */
    end(automations);
}

static void within_the_cool_down_nothing_is_queued(void **state)
{
    struct diary diary;
    struct pma_automations *automations = make(&diary, 10, 10, 3600 * PMA_S_NS);
    struct pma_automations_info info;
    (void)state;
    add(automations, "a", NULL, "turn_on");
    for (int i = 0; i < 5; i++) {
        pma_automations_notice(automations, "door", "x", "y");
    }
    pma_automations_info_read(automations, &info);
    assert_int_equal(info.queued, 1);
    assert_int_equal(info.cooled, 4);
    end(automations);
}

static void ids_are_taken_once_and_the_number_is_bounded(void **state)
{
    struct diary diary;
    struct pma_automations *automations = make(&diary, 2, 10, 0);
    (void)state;
    assert_int_equal(add(automations, "a", NULL, "turn_on"), 0);
    assert_int_equal(add(automations, "a", NULL, "turn_on"), -EEXIST);
    assert_int_equal(add(automations, NULL, NULL, "turn_on"), 0);
    assert_int_equal(add(automations, NULL, NULL, "turn_on"), -ENOSPC);
    json_t *list = pma_automations_json(automations);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    assert_int_equal(pma_automations_remove(automations, "a"), 0);
    assert_int_equal(pma_automations_remove(automations, "a"), -ENOENT);
    assert_int_equal(add(automations, "a", NULL, "turn_on"), 0);
    end(automations);
}

static void what_was_removed_while_it_waited_is_not_run(void **state)
{
    struct diary diary;
    struct pma_automations *automations = make(&diary, 10, 10, 0);
    (void)state;
    add(automations, "gone", NULL, "turn_on");
    add(automations, "kept", NULL, "turn_off");
    pma_automations_notice(automations, "door", "x", "y");
    pma_automations_remove(automations, "gone");
    assert_int_equal(pma_automations_start(automations), 0);
    await_runs(automations, 1);
    assert_string_equal(diary.text, "lamp:turn_on fan:turn_off ");
    end(automations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_come_in_order_and_a_failure_does_not_end_them),
        cmocka_unit_test(only_the_state_that_is_meant_triggers),
        cmocka_unit_test(a_full_queue_drops_and_counts),
        cmocka_unit_test(within_the_cool_down_nothing_is_queued),
        cmocka_unit_test(ids_are_taken_once_and_the_number_is_bounded),
        cmocka_unit_test(what_was_removed_while_it_waited_is_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
