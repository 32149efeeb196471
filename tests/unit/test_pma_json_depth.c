/* Depth of JSON, as text and as a value, at the edge and far beyond it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/json_depth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool text_is_shallow(const char *text, size_t levels)
{
    return pma_json_text_is_shallow(text, strlen(text), levels);
}

static void levels_are_those_of_arrays_and_objects(void **state)
{
    static const struct {
        const char *text;
        size_t levels;
    } rows[] = {
        {"7", 0},       {"[]", 1},
        {"[[],[]]", 2}, {"{\"a\":[1,{}]}", 3},
        {"[[[]]]", 3},  {"{\"a\":{\"b\":1}}", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t levels = rows[i].levels;
        json_t *value = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
        assert_true(text_is_shallow(rows[i].text, levels));
        assert_true(pma_json_is_shallow(value, levels));
        if (levels > 0) {
            assert_false(text_is_shallow(rows[i].text, levels - 1));
            assert_false(pma_json_is_shallow(value, levels - 1));
        }
        json_decref(value);
    }
}

static void brackets_within_strings_do_not_count(void **state)
{
    (void)state;
    assert_true(text_is_shallow("\"[[[[\"", 0));
    assert_true(text_is_shallow("[\"\\\"[[\"]", 1));
    assert_true(text_is_shallow("[\"\\\\\",[]]", 2));
    assert_false(text_is_shallow("[\"\\\\\",[]]", 1));
}

static void what_is_no_json_is_looked_at_all_the_same(void **state)
{
    char deep[10001];
    (void)state;
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_false(text_is_shallow(deep, PMA_JSON_DEPTH_MAX));
    assert_true(text_is_shallow("]]]]{", 1));
    assert_true(text_is_shallow("\"\\", 0));
    assert_true(text_is_shallow("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_those_of_arrays_and_objects),
        cmocka_unit_test(brackets_within_strings_do_not_count),
        cmocka_unit_test(what_is_no_json_is_looked_at_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
