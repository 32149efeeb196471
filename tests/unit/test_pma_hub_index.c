/* Table of named things.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THINGS 1000

struct thing {
    struct pma_index_node node;
    char name[24];
};

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    struct thing *things = calloc(THINGS, sizeof(*things));
    struct pma_index index;

    (void)state;
    assert_non_null(things);
    assert_int_equal(pma_index_init(&index), 0);
    for (int n = 0; n < THINGS; n++) {
        snprintf(things[n].name, sizeof(things[n].name), "thing-%d", n);
        things[n].node.name = things[n].name;
        pma_index_add(&index, &things[n].node);
    }
    assert_true(pma_index_is_valid(&index));
    assert_true(index.bucket_count >= THINGS);
    for (int n = 0; n < THINGS; n += 2) {
        pma_index_remove(&index, &things[n].node);
    }
    assert_true(pma_index_is_valid(&index));
    for (int n = 0; n < THINGS; n++) {
        const struct pma_index_node *found =
            pma_index_find(&index, things[n].name, strlen(things[n].name));

        assert_ptr_equal(found, n % 2 == 0 ? NULL : &things[n].node);
    }
    pma_index_fini(&index);
    free(things);
}

static void a_name_is_compared_as_a_whole(void **state)
{
    struct thing longer = {.name = "abc"};
    struct pma_index index;

    (void)state;
    assert_int_equal(pma_index_init(&index), 0);
    longer.node.name = longer.name;
    pma_index_add(&index, &longer.node);
    assert_null(pma_index_find(&index, "ab", 2));
    assert_null(pma_index_find(&index, "abcd", 4));
    assert_ptr_equal(pma_index_find(&index, "abcd", 3), &longer.node);
    pma_index_fini(&index);
}

static void a_walk_meets_each_node_once(void **state)
{
    struct thing things[100] = {0};
    const struct pma_index_node *at = NULL;
    struct pma_index index;
    int met = 0;

    (void)state;
    assert_int_equal(pma_index_init(&index), 0);
    assert_null(pma_index_next(&index, NULL));
    for (int n = 0; n < 100; n++) {
        snprintf(things[n].name, sizeof(things[n].name), "%d", n % 50);
        things[n].node.name = things[n].name;
        pma_index_add(&index, &things[n].node);
    }
    while ((at = pma_index_next(&index, at)) != NULL) {
        met++;
    }
    assert_int_equal(met, 100);
    pma_index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(a_name_is_compared_as_a_whole),
        cmocka_unit_test(a_walk_meets_each_node_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
