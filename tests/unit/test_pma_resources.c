/* The truth's table: who is asked, what is kept, what finds no room.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/resources.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void read_two(void *arg, struct pma_figures *figures)
{
    const uint64_t *value = arg;
    pma_figure_put(figures, "waiting", PMA_RESOURCE_QUEUE, *value);
    pma_figure_put_kept(figures, "history", *value + 1, 100);
}

static void read_many(void *arg, struct pma_figures *figures)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        pma_figure_put(figures, "timer", PMA_RESOURCE_TIMER, 2);
    }
}

static void every_part_is_asked_and_its_figures_bear_its_name(void **state)
{
    uint64_t first = 3;
    uint64_t second = 5;
    uint64_t lost = 99;
    struct pma_figure items[8];
    (void)state;
    assert_int_equal(pma_resource_add("first", read_two, &first), 0);
    assert_int_equal(pma_resource_add("second", read_two, &second), 0);
    assert_int_equal(pma_resource_read(items, 8, &lost), 4);
    assert_int_equal(lost, 0);
    assert_string_equal(items[0].name, "first.waiting");
    assert_string_equal(items[3].name, "second.history");
    assert_int_equal(items[0].limit, 0);
    assert_int_equal(items[3].value, 6);
    assert_int_equal(items[3].limit, 100);
    assert_int_equal(pma_figure_sum(items, 4, PMA_RESOURCE_QUEUE), 8);
    assert_int_equal(pma_figure_sum(items, 4, PMA_RESOURCE_FD), 0);
    pma_resource_forget(&first);
    assert_int_equal(pma_resource_read(items, 8, NULL), 2);
    assert_string_equal(items[0].name, "second.waiting");
    pma_resource_forget(&second);
    assert_int_equal(pma_resource_read(items, 8, NULL), 0);
}

static void figures_without_room_are_counted(void **state)
{
    uint64_t lost = 0;
    int part = 0;
    struct pma_figure items[4];
    (void)state;
    assert_int_equal(pma_resource_add("many", read_many, &part), 0);
    assert_int_equal(pma_resource_read(items, 4, &lost), 4);
    assert_int_equal(lost, 6);
    assert_int_equal(pma_figure_sum(items, 4, PMA_RESOURCE_TIMER), 8);
    pma_resource_forget(&part);
}

static void the_table_is_bounded_and_refuses_the_nameless(void **state)
{
    int part = 0;
    (void)state;
    assert_int_equal(pma_resource_add(NULL, read_many, &part), -EINVAL);
    assert_int_equal(pma_resource_add("", read_many, &part), -EINVAL);
    assert_int_equal(pma_resource_add("part", NULL, &part), -EINVAL);
    for (int i = 0; i < PMA_RESOURCE_PARTS_MAX; i++) {
        assert_int_equal(pma_resource_add("part", read_many, &part), 0);
    }
    assert_int_equal(pma_resource_add("part", read_many, &part), -ENOSPC);
    pma_resource_forget(&part);
    assert_int_equal(pma_resource_read(NULL, 0, NULL), 0);
}

static void each_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = PMA_RESOURCE_NONE; a <= PMA_RESOURCE_TOTAL; a++) {
        for (int b = PMA_RESOURCE_NONE; b < a; b++) {
            assert_string_not_equal(pma_resource_kind_name((enum pma_resource_kind)a),
                                    pma_resource_kind_name((enum pma_resource_kind)b));
        }
    }
    assert_string_equal(pma_resource_kind_name((enum pma_resource_kind)77), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_asked_and_its_figures_bear_its_name),
        cmocka_unit_test(figures_without_room_are_counted),
        cmocka_unit_test(the_table_is_bounded_and_refuses_the_nameless),
        cmocka_unit_test(each_kind_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
