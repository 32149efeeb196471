/* Faults: off by default, counted, limited, driven at a rate.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/fault/fault_driver.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void switch_fault(enum pma_fault fault, bool enabled, double rate, uint64_t limit)
{
    const struct pma_fault_setting setting = {enabled, rate, limit};
    assert_int_equal(pma_fault_set(fault, &setting), 0);
}

static void every_fault_is_off_at_first(void **state)
{
    size_t count = 0;
    const struct pma_fault_row *rows = pma_fault_rows(&count);
    (void)state;
    assert_true(count >= 4);
    for (size_t i = 0; i < count; i++) {
        assert_false(pma_fault_enabled(rows[i].fault));
        assert_false(pma_fault_take(rows[i].fault));
        assert_int_equal(pma_fault_total(rows[i].fault), 0);
        assert_ptr_equal(pma_fault_find(rows[i].id), &rows[i]);
        assert_ptr_equal(pma_fault_find(rows[i].name), &rows[i]);
    }
    assert_null(pma_fault_find("F99"));
    assert_null(pma_fault_find(""));
}

static void a_limit_is_kept_and_starts_anew_when_switched_on_again(void **state)
{
    (void)state;
    switch_fault(PMA_FAULT_F11, true, 0, 3);
    for (int i = 0; i < 3; i++) {
        assert_true(pma_fault_take(PMA_FAULT_F11));
    }
    assert_false(pma_fault_take(PMA_FAULT_F11));
    assert_int_equal(pma_fault_total(PMA_FAULT_F11), 3);
    switch_fault(PMA_FAULT_F11, true, 0, 4); /* still on: the count goes on */
    assert_true(pma_fault_take(PMA_FAULT_F11));
    assert_false(pma_fault_take(PMA_FAULT_F11));
    switch_fault(PMA_FAULT_F11, false, 0, 0);
    switch_fault(PMA_FAULT_F11, true, 0, 1);
    assert_true(pma_fault_take(PMA_FAULT_F11));
    assert_false(pma_fault_take(PMA_FAULT_F11));
    assert_int_equal(pma_fault_total(PMA_FAULT_F11), 5);
    assert_int_equal(pma_fault_enablings(PMA_FAULT_F11), 2);
    switch_fault(PMA_FAULT_F11, false, 0, 0);
}

static void impossible_settings_are_refused(void **state)
{
    const struct pma_fault_setting negative = {true, -1, 0};
    const struct pma_fault_setting nan = {true, NAN, 0};
    const struct pma_fault_setting fast = {true, 1e6, 0};
    struct pma_fault_setting fine = {true, 1, 0};
    (void)state;
    assert_int_equal(pma_fault_set(PMA_FAULT_F01, &negative), -EINVAL);
    assert_int_equal(pma_fault_set(PMA_FAULT_F01, &nan), -EINVAL);
    assert_int_equal(pma_fault_set(PMA_FAULT_F01, &fast), -EINVAL);
    assert_int_equal(pma_fault_set(PMA_FAULT_NONE, &fine), -EINVAL);
    assert_int_equal(pma_fault_set((enum pma_fault)63, &fine), -EINVAL);
    assert_int_equal(pma_fault_get((enum pma_fault)1000, &fine), -EINVAL);
    assert_false(pma_fault_enabled(PMA_FAULT_F01));
}

static void take_one(void *arg)
{
    if (pma_fault_take(PMA_FAULT_F01)) {
        atomic_fetch_add((_Atomic unsigned *)arg, 1);
    }
}

static void await_total(enum pma_fault fault, uint64_t total)
{
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    while (pma_fault_total(fault) < total && pma_now_ns() < deadline_ns) {
        usleep(1000);
    }
    assert_int_equal(pma_fault_total(fault), total);
}

static void the_driver_commits_at_its_rate_up_to_the_limit(void **state)
{
    _Atomic unsigned commits = 0;
    struct pma_fault_driver *driver = NULL;
    const struct pma_fault_action action = {PMA_FAULT_F01, take_one, &commits, false};
    (void)state;
    assert_int_equal(pma_fault_driver_start(&action, 1, &driver), 0);
    const uint64_t begin_ns = pma_now_ns();
    switch_fault(PMA_FAULT_F01, true, 200, 10);
    pma_fault_driver_wake(driver);
    await_total(PMA_FAULT_F01, 10);
    assert_true(pma_now_ns() - begin_ns >=
                40 * PMA_MS_NS); /* nine periods of 5 ms, roughly */
    switch_fault(PMA_FAULT_F01, false, 0, 0);
    assert_int_equal(pma_fault_driver_stop(driver, PMA_S_NS), 0);
    assert_int_equal(commits, 10);
}

static void a_blocked_thread_is_made_once_per_enabling(void **state)
{
    struct pma_fault_driver *driver = NULL;
    const struct pma_fault_action action = {PMA_FAULT_F00, pma_blocked_thread_commit,
                                            NULL, true};
    (void)state;
    assert_int_equal(pma_fault_driver_start(&action, 1, &driver), 0);
    for (uint64_t i = 1; i <= 2; i++) {
        switch_fault(PMA_FAULT_F00, true, 0, 0);
        pma_fault_driver_wake(driver);
        await_total(PMA_FAULT_F00, i);
        switch_fault(PMA_FAULT_F00, false, 0, 0);
    }
    assert_int_equal(pma_fault_driver_stop(driver, PMA_S_NS), 0);
    assert_int_equal(pma_fault_total(PMA_FAULT_F00), 2);
    assert_int_equal(pma_worker_count(), 2); /* leaked on purpose */
}

static void more_actions_than_there_is_room_for_are_refused(void **state)
{
    static const struct pma_fault_action actions[PMA_FAULT_END + 1];
    struct pma_fault_driver *driver = NULL;
    (void)state;
    assert_int_equal(pma_fault_driver_start(actions, PMA_FAULT_END + 1, &driver),
                     -EINVAL);
    assert_null(driver);
    assert_int_equal(pma_fault_driver_stop(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_off_at_first),
        cmocka_unit_test(a_limit_is_kept_and_starts_anew_when_switched_on_again),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(the_driver_commits_at_its_rate_up_to_the_limit),
        cmocka_unit_test(a_blocked_thread_is_made_once_per_enabling),
        cmocka_unit_test(more_actions_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
