/* Where work waits for the service thread: bounded, in order, and in portions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_inbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pma_inbox inbox;

static int setup(void **state)
{
    (void)state;
    return pma_inbox_init(&inbox, 3, 5);
}

static int teardown(void **state)
{
    (void)state;
    pma_inbox_fini(&inbox);
    return 0;
}

/* Puts a task that is known by its text. Returns: what pma_inbox_put did. */
static int put(enum pma_task_kind kind, const char *text)
{
    struct pma_task *task = calloc(1, sizeof(*task));
    int status;

    assert_non_null(task);
    task->kind = kind;
    task->fd = -1;
    task->text = strdup(text);
    status = pma_inbox_put(&inbox, task);
    if (status != 0) {
        pma_task_free(task);
    }
    return status;
}

/* Takes up to that many, and compares their texts, one after the other. */
static void expect_taken(uint32_t orders_max, uint32_t sends_max, const char *texts,
                         bool is_more_expected)
{
    bool is_more = !is_more_expected;
    struct pma_task *task = pma_inbox_take(&inbox, orders_max, sends_max, &is_more);
    char got[64] = "";
    size_t used = 0;

    while (task != NULL) {
        struct pma_task *next = task->next;

        used += (size_t)snprintf(got + used, sizeof(got) - used, "%s", task->text);
        pma_task_free(task);
        task = next;
    }
    assert_string_equal(got, texts);
    assert_int_equal(is_more, is_more_expected);
}

static void orders_come_first_and_each_kind_in_order(void **state)
{
    (void)state;
    put(PMA_TASK_SEND, "1");
    put(PMA_TASK_DISCONNECT, "a");
    put(PMA_TASK_SEND_TO, "2");
    put(PMA_TASK_PING, "b");
    expect_taken(10, 10, "ab12", false);
    expect_taken(10, 10, "", false);
}

static void a_burst_of_orders_is_taken_in_portions_beside_messages(void **state)
{
    (void)state;
    for (const char *name = "a\0b\0c\0d\0e\0"; *name != '\0'; name += 2) {
        assert_int_equal(put(PMA_TASK_ADOPT, name), 0);
    }
    put(PMA_TASK_SEND, "1");
    expect_taken(2, 10, "ab1", true);
    put(PMA_TASK_SEND, "2");
    expect_taken(2, 10, "cd2", true);
    expect_taken(2, 10, "e", false);
}

static void one_message_too_many_drops_the_oldest_and_counts(void **state)
{
    uint64_t dropped = 0;
    uint32_t waiting = 0;

    (void)state;
    for (const char *name = "1\0002\0003\0004\0005\0"; *name != '\0'; name += 2) {
        assert_int_equal(put(PMA_TASK_SEND, name), 0);
    }
    pma_inbox_figures(&inbox, &dropped, &waiting);
    assert_int_equal(dropped, 2);
    assert_int_equal(waiting, 3);
    expect_taken(10, 2, "34", true);
    expect_taken(10, 2, "5", false);
}

static void one_order_too_many_is_refused(void **state)
{
    (void)state;
    for (int n = 0; n < 5; n++) {
        assert_int_equal(put(PMA_TASK_PING, "x"), 0);
    }
    assert_int_equal(put(PMA_TASK_PING, "y"), -EAGAIN);
    expect_taken(10, 10, "xxxxx", false);
}

static void a_closed_inbox_takes_nothing(void **state)
{
    (void)state;
    put(PMA_TASK_SEND, "1");
    pma_inbox_close(&inbox);
    assert_int_equal(put(PMA_TASK_SEND, "2"), -ESHUTDOWN);
    assert_int_equal(put(PMA_TASK_PING, "a"), -ESHUTDOWN);
    expect_taken(10, 10, "1", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(orders_come_first_and_each_kind_in_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_burst_of_orders_is_taken_in_portions_beside_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(one_message_too_many_drops_the_oldest_and_counts,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(one_order_too_many_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_inbox_takes_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
