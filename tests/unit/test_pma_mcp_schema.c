/* Schemas: what fits passes, and what does not is said in words with its place.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Checks a value against a schema, both as text (single quotes for double ones). */
static int check(const char *schema_text, const char *value_text, char why[256])
{
    char texts[2][1024];
    const char *from[2] = {schema_text, value_text};
    for (size_t i = 0; i < 2; i++) {
        snprintf(texts[i], sizeof texts[i], "%s", from[i]);
        for (char *at = texts[i]; *at != '\0'; at++) {
            if (*at == '\'') {
                *at = '"';
            }
        }
    }
    json_t *schema = json_loads(texts[0], 0, NULL);
    json_t *value = json_loads(texts[1], JSON_DECODE_ANY, NULL);
    assert_non_null(schema);
    assert_non_null(value);
    why[0] = '\0';
    const int err = pma_mcp_schema_check(schema, value, "arguments", why, 256);
    json_decref(schema);
    json_decref(value);
    return err;
}

static void assert_refused(const char *schema, const char *value,
                           const char *why_expected)
{
    char why[256];
    assert_int_equal(check(schema, value, why), -EINVAL);
    assert_string_equal(why, why_expected);
}

static void assert_taken(const char *schema, const char *value)
{
    char why[256];
    assert_int_equal(check(schema, value, why), 0);
    assert_string_equal(why, "");
}

static void every_type_is_told_from_the_others(void **state)
{
    static const char *const rows[][2] = {
        {"object", "{}"}, {"array", "[]"},     {"string", "'x'"},
        {"integer", "3"}, {"boolean", "true"}, {"null", "null"},
    };
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            char schema[64];
            char why[256];
            snprintf(schema, sizeof schema, "{'type':'%s'}", rows[i][0]);
            assert_int_equal(check(schema, rows[j][1], why), i == j ? 0 : -EINVAL);
        }
    }
    assert_taken("{'type':'number'}", "3");
    assert_taken("{'type':'number'}", "3.5");
    assert_refused("{'type':'integer'}", "3.5",
                   "arguments must be a whole number, not a number");
}

static void one_of_several_types_is_enough(void **state)
{
    (void)state;
    assert_taken("{'type':['string','object']}", "'day'");
    assert_taken("{'type':['string','object']}", "{}");
    assert_refused("{'type':['string','object']}", "1",
                   "arguments must be a text or an object, not a number");
}

static void a_missing_member_is_named(void **state)
{
    (void)state;
    assert_refused("{'type':'object','required':['id']}", "{'name':'x'}",
                   "arguments needs the member \"id\"");
    assert_taken("{'type':'object','required':['id']}", "{'id':null}");
}

static void an_unknown_member_is_refused_only_by_a_closed_object(void **state)
{
    (void)state;
    assert_taken("{'properties':{'a':{}}}", "{'b':1}");
    assert_refused("{'properties':{'a':{}},'additionalProperties':false}", "{'b':1}",
                   "arguments has no member \"b\"");
}

static void the_place_of_a_mistake_is_said(void **state)
{
    (void)state;
    assert_refused("{'properties':{'ids':{'items':{'type':'string'}}}}",
                   "{'ids':['a','b',3]}",
                   "arguments.ids[2] must be a text, not a number");
    assert_refused("{'properties':{'a':{'properties':{'b':{'minimum':1}}}}}",
                   "{'a':{'b':0}}", "arguments.a.b must be at least 1, it is 0");
}

static void limits_hold_at_their_edges(void **state)
{
    (void)state;
    assert_taken("{'minLength':1,'maxLength':3}", "'abc'");
    assert_refused("{'minLength':1}", "''", "arguments must not be empty");
    assert_refused("{'maxLength':3}", "'abcd'",
                   "arguments must have at most 3 bytes, it has 4");
    assert_taken("{'minItems':1,'maxItems':2}", "[1,2]");
    assert_refused("{'maxItems':2}", "[1,2,3]",
                   "arguments must have at most 2 items, it has 3");
    assert_refused("{'minItems':1}", "[]",
                   "arguments must have at least 1 items, it has 0");
    assert_taken("{'minimum':1,'maximum':2}", "2");
    assert_refused("{'maximum':2}", "2.5", "arguments must be at most 2, it is 2.5");
}

static void a_value_outside_of_an_enum_hears_the_choices(void **state)
{
    (void)state;
    assert_taken("{'enum':['a','b']}", "'b'");
    assert_refused("{'enum':['a','b']}", "'c'", "arguments must be one of \"a\", \"b\"");
}

static void what_is_nested_too_deep_is_refused(void **state)
{
    (void)state;
    char why[256];
    json_t *schema = json_object();
    json_object_set_new(schema, "items", json_object());
    json_t *value = json_array();
    for (int i = 0; i < 40; i++) {
        json_t *outer_schema = json_pack("{s:o}", "items", schema);
        json_t *outer = json_pack("[o]", value);
        schema = outer_schema;
        value = outer;
    }
    assert_int_equal(pma_mcp_schema_check(schema, value, "arguments", why, sizeof why),
                     -EINVAL);
    assert_non_null(strstr(why, "nested deeper than 16 levels"));
    json_decref(schema);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_told_from_the_others),
        cmocka_unit_test(one_of_several_types_is_enough),
        cmocka_unit_test(a_missing_member_is_named),
        cmocka_unit_test(an_unknown_member_is_refused_only_by_a_closed_object),
        cmocka_unit_test(the_place_of_a_mistake_is_said),
        cmocka_unit_test(limits_hold_at_their_edges),
        cmocka_unit_test(a_value_outside_of_an_enum_hears_the_choices),
        cmocka_unit_test(what_is_nested_too_deep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
