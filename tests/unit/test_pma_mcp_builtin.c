/* The built-in tools on services made of tables, and the figures that they work out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_builtin.h"

#include "server/mcp/mcp_insight.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* JSON with single quotes for double ones; owned. */
static json_t *parse(const char *text)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *at = copy; *at != '\0'; at++) {
        if (*at == '\'') {
            *at = '"';
        }
    }
    json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

static int fake_entity_get(void *arg, const char *id, json_t **entity)
{
    (void)arg;
    if (strcmp(id, "lamp") != 0) {
        return -ENOENT;
    }
    *entity = parse("{'id':'lamp','state':'on','attributes':{'brightness':7}}");
    return 0;
}

static int fake_entity_set_state(void *arg, const char *id, const char *state,
                                 const json_t *attributes, json_t **result)
{
    (void)arg;
    if (strcmp(id, "sensor") == 0) {
        return -ENOTSUP;
    }
    *result = json_pack("{s:s, s:b}", "new_state", state, "with", attributes != NULL);
    return 0;
}

static int fake_entity_list(void *arg, const char *room_id, json_t **entities)
{
    (void)arg;
    *entities = parse(room_id == NULL ? "[{'id':'a'},{'id':'b'}]" : "[{'id':'a'}]");
    return 0;
}

static int fake_room_get(void *arg, const char *id, json_t **room)
{
    (void)arg;
    *room = json_pack("{s:s}", "id", id);
    return strcmp(id, "kitchen") == 0 ? 0 : (json_decref(*room), -ENOENT);
}

static int fake_history(void *arg, const char *id, size_t limit, json_t **states)
{
    (void)arg;
    assert_true(limit > 0);
    if (strcmp(id, "lamp") != 0) {
        return -ENOENT;
    }
    *states = parse("[{'state':'off','timestamp':'2026-11-27T08:00:00Z'},"
                    "{'state':'on','timestamp':'2026-11-27T09:00:00Z'}]");
    return 0;
}

static int full(void *arg, const json_t *definition, json_t **automation)
{
    (void)arg;
    (void)definition;
    (void)automation;
    return -ENOSPC;
}

static const struct pma_mcp_bindings fakes = {
    .entity_get = fake_entity_get,
    .entity_list = fake_entity_list,
    .entity_history = fake_history,
    .entity_set_state = fake_entity_set_state,
    .room_get = fake_room_get,
    .automation_create = full,
};

/* Runs a tool; *result is owned by the caller. */
static int run(const struct pma_mcp_bindings *bindings, const char *tool,
               const char *arguments, struct pma_mcp_outcome *outcome)
{
    json_t *json = arguments != NULL ? parse(arguments) : NULL;
    *outcome = (struct pma_mcp_outcome){.result = NULL};
    const int err = pma_mcp_builtin_call(bindings, tool, json, outcome);
    json_decref(json);
    return err;
}

static void expect_error(const char *tool, const char *arguments, int err,
                         const char *words)
{
    struct pma_mcp_outcome outcome;
    assert_int_equal(run(&fakes, tool, arguments, &outcome), err);
    assert_null(outcome.result);
    assert_non_null(strstr(outcome.error, words));
}

static void every_schema_can_be_read_and_is_of_an_object(void **state)
{
    json_t *list = pma_mcp_builtin_list();
    size_t at = 0;
    const json_t *tool = NULL;
    (void)state;
    assert_int_equal(json_array_size(list), PMA_MCP_BUILTIN_COUNT);
    json_array_foreach(list, at, tool)
    {
        const json_t *schema = json_object_get(tool, "inputSchema");
        assert_string_equal(json_string_value(json_object_get(schema, "type")), "object");
        assert_true(json_is_array(json_object_get(schema, "required")));
        assert_true(
            pma_mcp_builtin_has(json_string_value(json_object_get(tool, "name"))));
    }
    assert_false(pma_mcp_builtin_has("no_such_tool"));
    json_decref(list);
}

static void a_tool_whose_service_does_not_run_says_so(void **state)
{
    static const char *const rows[][2] = {
        {"get_entity_state", "{'entity_id':'x'}"},
        {"set_entity_state", "{'entity_id':'x','state':'on'}"},
        {"get_room_entities", "{'room_id':'x'}"},
        {"create_automation", "{'name':'n','triggers':[{'entity_id':'x'}],"
                              "'actions':[{'entity_id':'x','action':'turn_on'}]}"},
        {"get_system_status", NULL},
        {"get_energy_data", NULL},
        {"analyze_patterns", "{'entity_ids':['x']}"},
        {"execute_scene", "{'scene_id':'x'}"},
    };
    const struct pma_mcp_bindings nothing = {.arg = NULL};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pma_mcp_outcome outcome;
        assert_int_equal(run(&nothing, rows[i][0], rows[i][1], &outcome), -ENOTCONN);
        assert_non_null(strstr(outcome.error, "does not run"));
    }
}

static void wrong_arguments_reach_no_service(void **state)
{
    (void)state;
    expect_error("get_entity_state", NULL, -EINVAL, "\"entity_id\"");
    expect_error("get_entity_state", "{'entity_id':''}", -EINVAL, "empty");
    expect_error("get_entity_state", "{'entity_id':'a','b':1}", -EINVAL, "\"b\"");
    expect_error("set_entity_state", "{'entity_id':'a','state':1}", -EINVAL, ".state");
    expect_error("analyze_patterns", "{'entity_ids':[]}", -EINVAL, ".entity_ids");
    expect_error("analyze_patterns", "{'entity_ids':['a',2]}", -EINVAL, "[1]");
    expect_error("analyze_patterns", "{'entity_ids':['lamp'],'analysis_type':'x'}",
                 -EINVAL, "one of");
    expect_error("analyze_patterns", "{'entity_ids':['lamp'],'time_range':'x'}", -EINVAL,
                 "time_range");
    expect_error("create_automation", "{'name':'n','triggers':[],'actions':[]}", -EINVAL,
                 ".triggers");
    expect_error("no_such_tool", NULL, -ENOENT, "no_such_tool");
}

static void what_a_service_refuses_is_explained(void **state)
{
    (void)state;
    expect_error("get_entity_state", "{'entity_id':'ghost'}", -EREMOTEIO, "\"ghost\"");
    expect_error("set_entity_state", "{'entity_id':'sensor','state':'on'}", -EREMOTEIO,
                 "cannot do that");
    expect_error("get_room_entities", "{'room_id':'attic'}", -EREMOTEIO, "no room");
    expect_error("analyze_patterns", "{'entity_ids':['lamp','ghost']}", -EREMOTEIO,
                 "\"ghost\"");
    expect_error("get_energy_data", "{'device_id':'a'}", -EREMOTEIO, "sensor");
    expect_error("create_automation",
                 "{'name':'n','triggers':[{'entity_id':'x'}],"
                 "'actions':[{'entity_id':'x','action':'turn_on'}]}",
                 -EREMOTEIO, "as many automations");
}

static void results_have_what_the_services_say(void **state)
{
    struct pma_mcp_outcome outcome;
    (void)state;
    assert_int_equal(run(&fakes, "get_entity_state", "{'entity_id':'lamp'}", &outcome),
                     0);
    assert_string_equal(json_string_value(json_object_get(outcome.result, "state")),
                        "on");
    json_decref(outcome.result);
    assert_int_equal(run(&fakes, "set_entity_state",
                         "{'entity_id':'lamp','state':'off','attributes':{}}", &outcome),
                     0);
    assert_true(json_is_true(json_object_get(outcome.result, "with")));
    json_decref(outcome.result);
    assert_int_equal(run(&fakes, "get_room_entities", "{'room_id':'kitchen'}", &outcome),
                     0);
    assert_int_equal(json_integer_value(json_object_get(outcome.result, "count")), 1);
    json_decref(outcome.result);
}

static void an_analysis_leaves_out_what_it_is_not_about(void **state)
{
    struct pma_mcp_outcome outcome;
    (void)state;
    assert_int_equal(run(&fakes, "analyze_patterns",
                         "{'entity_ids':['lamp'],'analysis_type':'trend'}", &outcome),
                     0);
    const json_t *lamp =
        json_object_get(json_object_get(outcome.result, "patterns"), "lamp");
    assert_null(json_object_get(lamp, "states"));
    assert_int_equal(json_integer_value(json_object_get(lamp, "changes")), 1);
    json_decref(outcome.result);
}

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void shares_of_time_are_weighted_by_duration(void **state)
{
    /* off 1 h, on 3 h, off (of no length yet) */
    json_t *history = parse("[{'state':'off','timestamp':'2026-11-27T08:00:00Z'},"
                            "{'state':'on','timestamp':'2026-11-27T09:00:00Z'},"
                            "{'nonsense':1},"
                            "{'state':'off','timestamp':'2026-11-27T12:00:00.000Z'}]");
    json_t *patterns = pma_mcp_patterns(history, 0);
    const json_t *states = json_object_get(patterns, "states");
    (void)state;
    assert_float_equal(number(states, "off"), 25, 1e-9);
    assert_float_equal(number(states, "on"), 75, 1e-9);
    assert_float_equal(number(patterns, "changes"), 2, 0);
    assert_float_equal(number(patterns, "samples"), 3, 0);
    assert_float_equal(number(patterns, "mean_interval_s"), 7200, 1e-9);
    json_decref(patterns);
    /* from 08:30 on, the first is not seen */
    int64_t since_ms = 0;
    assert_int_equal(pma_mcp_time_parse("2026-11-27T08:30:00Z", &since_ms), 0);
    patterns = pma_mcp_patterns(history, since_ms);
    assert_float_equal(number(patterns, "samples"), 2, 0);
    json_decref(patterns);
    json_decref(history);
}

static void a_line_of_numbers_has_its_slope(void **state)
{
    /* 20 at 8, 21 at 9, 22 at 10: 1 per hour */
    json_t *history = parse("[{'state':'20','timestamp':'2026-11-27T08:00:00Z'},"
                            "{'state':'21','timestamp':'2026-11-27T09:00:00Z'},"
                            "{'state':'22','timestamp':'2026-11-27T10:00:00Z'}]");
    json_t *patterns = pma_mcp_patterns(history, 0);
    const json_t *numeric = json_object_get(patterns, "numeric");
    (void)state;
    assert_float_equal(number(numeric, "trend_per_h"), 1, 1e-9);
    assert_float_equal(number(numeric, "min"), 20, 0);
    assert_float_equal(number(numeric, "max"), 22, 0);
    assert_float_equal(number(numeric, "mean"), 21, 1e-9);
    json_decref(patterns);
    json_decref(history);
}

static void an_empty_history_has_no_patterns_and_no_division_by_zero(void **state)
{
    json_t *history = json_array();
    json_t *patterns = pma_mcp_patterns(history, 0);
    (void)state;
    assert_float_equal(number(patterns, "samples"), 0, 0);
    assert_float_equal(number(patterns, "mean_interval_s"), 0, 0);
    assert_null(json_object_get(patterns, "numeric"));
    assert_null(json_object_get(patterns, "most_active_hour_utc"));
    json_decref(patterns);
    json_decref(history);
}

static void energy_is_summed_in_one_unit(void **state)
{
    json_t *entities =
        parse("[{'id':'a','state':'1.5','device_id':'d','attributes':{'unit':'kW'}},"
              "{'id':'b','state':'x','attributes':{'unit':'W'}},"
              "{'id':'c','state':'9','numeric_value':250,'unit':'W'},"
              "{'id':'e','state':'4','attributes':{'device_class':'energy'}},"
              "{'id':'t','state':'20','attributes':{'unit':'K'}}]");
    json_t *energy = pma_mcp_energy(entities, NULL);
    (void)state;
    assert_float_equal(number(energy, "power_w"), 1750, 1e-9);
    assert_float_equal(number(energy, "energy_kwh"), 4, 1e-9);
    assert_float_equal(number(energy, "count"), 3, 0);
    json_decref(energy);
    energy = pma_mcp_energy(entities, "d");
    assert_float_equal(number(energy, "power_w"), 1500, 1e-9);
    json_decref(energy);
    json_decref(entities);
}

static void times_are_read_with_fraction_and_offset(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_ms;
    } rows[] = {
        {"1970-01-01T00:00:01Z", 1000},        {"1970-01-01T00:00:01.5Z", 1500},
        {"1970-01-01T00:00:01.123456Z", 1123}, {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:00:00.000-01:00", 0},  {"2026-11-27T00:00:00Z", 1795737600000},
    };
    static const char *const wrong[] = {"",
                                        "1970-01-01",
                                        "1970-01-01T00:00:01",
                                        "1970-01-01T00:00:01.Z",
                                        "1970-01-01T00:00:01+1",
                                        "1970-01-01T00:00:01Zx",
                                        "1970-01-01T00:00:01+01:00x"};
    int64_t unix_ms = 7;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(pma_mcp_time_parse(rows[i].text, &unix_ms), 0);
        assert_int_equal(unix_ms, rows[i].unix_ms);
    }
    unix_ms = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pma_mcp_time_parse(wrong[i], &unix_ms), -EINVAL);
        assert_int_equal(unix_ms, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_can_be_read_and_is_of_an_object),
        cmocka_unit_test(a_tool_whose_service_does_not_run_says_so),
        cmocka_unit_test(wrong_arguments_reach_no_service),
        cmocka_unit_test(what_a_service_refuses_is_explained),
        cmocka_unit_test(results_have_what_the_services_say),
        cmocka_unit_test(an_analysis_leaves_out_what_it_is_not_about),
        cmocka_unit_test(shares_of_time_are_weighted_by_duration),
        cmocka_unit_test(a_line_of_numbers_has_its_slope),
        cmocka_unit_test(an_empty_history_has_no_patterns_and_no_division_by_zero),
        cmocka_unit_test(energy_is_summed_in_one_unit),
        cmocka_unit_test(times_are_read_with_fraction_and_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
