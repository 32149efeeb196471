/* The table of model installations.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/model_installs.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MOST 3

static struct pma_installs *installs;

static int setup(void **state)
{
    (void)state;
    return pma_installs_new(MOST, &installs);
}

static int teardown(void **state)
{
    (void)state;
    pma_installs_free(installs);
    return 0;
}

static struct pma_installs_info info(void)
{
    struct pma_installs_info now;
    pma_installs_info_read(installs, &now);
    return now;
}

static void fail_one(void)
{
    char id[PMA_INSTALL_ID_BYTES];
    assert_int_equal(pma_installs_add(installs, "ollama", "m", id), 0);
    pma_installs_end(installs, id, "no");
}

static void the_oldest_queued_one_is_taken_first(void **state)
{
    char first[PMA_INSTALL_ID_BYTES];
    char second[PMA_INSTALL_ID_BYTES];
    struct pma_install taken;
    (void)state;
    assert_false(pma_installs_take(installs, &taken));
    assert_int_equal(pma_installs_add(installs, "ollama", "one", first), 0);
    assert_int_equal(pma_installs_add(installs, "ollama", "two", second), 0);
    assert_string_not_equal(first, second);
    assert_true(pma_installs_take(installs, &taken));
    assert_string_equal(taken.model, "one");
    assert_string_equal(taken.id, first);
    assert_true(pma_installs_take(installs, &taken));
    assert_string_equal(taken.model, "two");
    assert_false(pma_installs_take(installs, &taken));
}

static void what_has_ended_makes_room_and_what_has_not_does_not(void **state)
{
    char id[PMA_INSTALL_ID_BYTES];
    (void)state;
    for (int i = 0; i < 100; i++) {
        fail_one();
        assert_true(info().records <= MOST);
    }
    assert_int_equal(info().forgotten, 100 - MOST);
    for (int i = 0; i < MOST; i++) {
        assert_int_equal(pma_installs_add(installs, "ollama", "m", id), 0);
    }
    assert_int_equal(pma_installs_add(installs, "ollama", "m", id), -EBUSY);
    pma_installs_end(installs, id, NULL);
    pma_installs_end(installs, id, "twice counts once");
    pma_installs_end(installs, "unknown", "no");
    assert_int_equal(info().failed, 100);
    assert_int_equal(pma_installs_add(installs, "ollama", "m", id), 0);
}

static void the_clean_up_forgets_by_age(void **state)
{
    char id[PMA_INSTALL_ID_BYTES];
    (void)state;
    fail_one();
    assert_int_equal(pma_installs_add(installs, "ollama", "m", id), 0);
    const uint64_t now_ns = pma_now_ns();
    assert_int_equal(pma_installs_sweep(installs, now_ns, 3600 * PMA_S_NS), 0);
    assert_int_equal(
        pma_installs_sweep(installs, now_ns + 3600 * PMA_S_NS, 3600 * PMA_S_NS), 1);
    assert_int_equal(info().records, 1); /* the queued one stays */
}

static void with_f21_failed_ones_stay_for_ever(void **state)
{
    const struct pma_fault_setting on = {.enabled = true};
    const struct pma_fault_setting off = {.enabled = false};
    (void)state;
    pma_fault_set(PMA_FAULT_F21, &on);
    for (int i = 0; i < 50; i++) {
        fail_one();
    }
    pma_installs_commit_failed(installs);
    assert_int_equal(info().retained, 51);
    pma_installs_sweep(installs, UINT64_MAX, 0);
    assert_int_equal(info().records, 51);
    pma_fault_set(PMA_FAULT_F21, &off);
    for (int i = 0; i < 50; i++) {
        fail_one();
    }
    pma_installs_commit_failed(installs);
    assert_int_equal(info().retained, 51);
    assert_int_equal(info().records, 51 + MOST);
    json_t *list = pma_installs_json(installs); /* bounded all the same: the newest */
    assert_int_equal(json_array_size(list), MOST);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_queued_one_is_taken_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            what_has_ended_makes_room_and_what_has_not_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(the_clean_up_forgets_by_age, setup, teardown),
        cmocka_unit_test_setup_teardown(with_f21_failed_ones_stay_for_ever, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
