/* The log of executions and their contexts: limits, figures, and faults F23 and F25.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_executions.h"

#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/mcp/mcp_contexts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct pma_mcp_executions *make(uint32_t max_entries, uint64_t max_age_ns)
{
    const struct pma_mcp_executions_config config = {
        .max_entries = max_entries, .max_age_ns = max_age_ns, .max_entry_bytes = 100};
    struct pma_mcp_executions *log = NULL;
    assert_int_equal(pma_mcp_executions_new(&config, &log), 0);
    return log;
}

static void add(struct pma_mcp_executions *log, const char *tool, int number,
                bool success)
{
    json_t *parameters = json_pack("{s:i}", "number", number);
    const struct pma_mcp_execution execution = {.server_id = "builtin",
                                                .tool_name = tool,
                                                .parameters = parameters,
                                                .error = success ? "" : "it broke",
                                                .duration_ns = 2 * PMA_MS_NS,
                                                .success = success};
    json_t *entry = pma_mcp_executions_add(log, &execution);
    assert_non_null(entry);
    assert_true(pma_mcp_executions_is_valid(log));
    json_decref(entry);
    json_decref(parameters);
}

static int number_of(const json_t *list, size_t at)
{
    return (int)json_integer_value(json_object_get(
        json_object_get(json_array_get(list, at), "parameters"), "number"));
}

static void set_fault(enum pma_fault fault, bool enabled, uint64_t limit)
{
    const struct pma_fault_setting setting = {.enabled = enabled, .limit = limit};
    assert_int_equal(pma_fault_set(fault, &setting), 0);
}

static size_t entries_of(struct pma_mcp_executions *log)
{
    struct pma_mcp_executions_info info;
    pma_mcp_executions_info_read(log, &info);
    return info.entries;
}

static void the_oldest_gives_way_when_the_log_is_full(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(3, 0);
    for (int i = 0; i < 5; i++) {
        add(log, "tool", i, true);
    }
    json_t *list = pma_mcp_executions_json(log, NULL, 10, 0);
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(number_of(list, 0), 4);
    assert_int_equal(number_of(list, 2), 2);
    json_decref(list);
    struct pma_mcp_executions_info info;
    pma_mcp_executions_info_read(log, &info);
    assert_int_equal(info.evicted, 2);
    assert_int_equal(info.total, 5);
    pma_mcp_executions_free(log);
}

static void a_page_and_a_tool_can_be_asked_for(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(100, 0);
    for (int i = 0; i < 10; i++) {
        add(log, i % 2 == 0 ? "even" : "odd", i, true);
    }
    json_t *list = pma_mcp_executions_json(log, "odd", 2, 1);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(number_of(list, 0), 7);
    assert_int_equal(number_of(list, 1), 5);
    json_decref(list);
    list = pma_mcp_executions_json(log, NULL, 10, 100);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    pma_mcp_executions_free(log);
}

static void what_is_too_old_is_swept(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(100, 20 * PMA_MS_NS);
    add(log, "tool", 1, true);
    add(log, "tool", 2, true);
    assert_int_equal(pma_mcp_executions_sweep(log), 0);
    usleep(30000);
    add(log, "tool", 3, true);
    assert_int_equal(pma_mcp_executions_sweep(log), 2);
    assert_int_equal(entries_of(log), 1);
    assert_true(pma_mcp_executions_is_valid(log));
    pma_mcp_executions_free(log);
}

static void long_parameters_are_kept_as_their_length(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct pma_mcp_executions *log = make(3, 0);
    json_t *parameters = json_pack("{s:s}", "text", text);
    const struct pma_mcp_execution execution = {.server_id = "builtin",
                                                .tool_name = "tool",
                                                .parameters = parameters,
                                                .error = "",
                                                .success = true};
    json_t *entry = pma_mcp_executions_add(log, &execution);
    const json_t *kept = json_object_get(entry, "parameters");
    assert_true(json_is_true(json_object_get(kept, "truncated")));
    assert_int_equal(json_integer_value(json_object_get(kept, "bytes")), 199 + 11);
    json_decref(entry);
    json_decref(parameters);
    pma_mcp_executions_free(log);
}

static void figures_are_kept_per_tool_and_bounded(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(10, 0);
    add(log, "first", 0, true);
    add(log, "first", 1, false);
    for (int i = 0; i < PMA_MCP_TOOL_FIGURES_MAX + 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "tool-%d", i);
        add(log, name, i, true);
    }
    json_t *statistics = pma_mcp_executions_statistics(log);
    const json_t *tools = json_object_get(statistics, "tools");
    const json_t *first = json_object_get(tools, "first");
    assert_int_equal(json_object_size(tools), PMA_MCP_TOOL_FIGURES_MAX + 1);
    assert_int_equal(json_integer_value(json_object_get(first, "count")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "failed")), 1);
    assert_float_equal(json_number_value(json_object_get(first, "average_ms")), 2, 1e-9);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(tools, "(other)"), "count")),
        11);
    json_decref(statistics);
    pma_mcp_executions_free(log);
}

static void a_journal_is_taken_back_and_nonsense_is_not(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(2, 0);
    json_t *entries = json_array();
    for (int i = 0; i < 3; i++) {
        json_array_append_new(entries, json_pack("{s:s, s:i, s:{s:i}}", "tool_name",
                                                 "tool", "created_at_ms", 1000 + i,
                                                 "parameters", "number", i));
    }
    json_array_append_new(entries, json_string("nonsense"));
    assert_int_equal(pma_mcp_executions_restore(log, entries), 2);
    json_t *list = pma_mcp_executions_json(log, NULL, 10, 0);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(number_of(list, 0), 2);
    json_decref(list);
    json_decref(entries);
    pma_mcp_executions_free(log);
}

static void with_f23_only_a_clean_up_by_hand_frees_the_log(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(5, PMA_MS_NS);
    const uint64_t before = pma_fault_total(PMA_FAULT_F23);
    set_fault(PMA_FAULT_F23, true, 0);
    for (int i = 0; i < 50; i++) {
        add(log, "tool", i, true);
    }
    usleep(5000);
    assert_int_equal(pma_mcp_executions_sweep(log), 0);
    assert_int_equal(entries_of(log), 50);
    assert_int_equal(pma_fault_total(PMA_FAULT_F23) - before, 45);
    assert_int_equal(pma_mcp_executions_cleanup(log, 0), 50);
    set_fault(PMA_FAULT_F23, false, 0);
    for (int i = 0; i < 50; i++) {
        add(log, "tool", i, true);
    }
    assert_int_equal(entries_of(log), 5);
    pma_mcp_executions_free(log);
}

static void f23_stays_quiet_at_its_limit(void **state)
{
    (void)state;
    struct pma_mcp_executions *log = make(5, 0);
    set_fault(PMA_FAULT_F23, true, 3);
    for (int i = 0; i < 50; i++) {
        add(log, "tool", i, true);
    }
    assert_int_equal(entries_of(log), 8);
    set_fault(PMA_FAULT_F23, false, 0);
    pma_mcp_executions_free(log);
}

static size_t live_of(struct pma_mcp_contexts *contexts)
{
    struct pma_mcp_contexts_info info;
    pma_mcp_contexts_info_read(contexts, &info);
    return info.live;
}

static void run_executions(struct pma_mcp_contexts *contexts, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t id = 0;
        assert_int_equal(pma_mcp_contexts_begin(contexts, "tool", NULL, &id), 0);
        assert_true(id > 0);
        assert_int_equal(pma_mcp_contexts_end(contexts, id), 0);
    }
}

static void a_context_ends_once(void **state)
{
    (void)state;
    struct pma_mcp_contexts *contexts = NULL;
    uint64_t first = 0;
    uint64_t second = 0;
    assert_int_equal(pma_mcp_contexts_new(PMA_S_NS, &contexts), 0);
    assert_int_equal(pma_mcp_contexts_begin(contexts, "tool", NULL, &first), 0);
    assert_int_equal(pma_mcp_contexts_begin(contexts, "tool", NULL, &second), 0);
    assert_int_equal(live_of(contexts), 2);
    assert_int_equal(pma_mcp_contexts_end(contexts, first), 0);
    assert_int_equal(pma_mcp_contexts_end(contexts, first), -ENOENT);
    assert_int_equal(pma_mcp_contexts_end(contexts, second), 0);
    assert_int_equal(live_of(contexts), 0);
    pma_mcp_contexts_free(contexts);
}

static void f25_leaves_a_context_per_execution_until_the_sweep(void **state)
{
    (void)state;
    struct pma_mcp_contexts *contexts = NULL;
    assert_int_equal(pma_mcp_contexts_new(10 * PMA_MS_NS, &contexts), 0);
    run_executions(contexts, 20);
    assert_int_equal(live_of(contexts), 0);
    set_fault(PMA_FAULT_F25, true, 0);
    run_executions(contexts, 20);
    assert_int_equal(live_of(contexts), 20);
    usleep(20000);
    run_executions(contexts, 5);
    assert_int_equal(pma_mcp_contexts_sweep(contexts), 20); /* the tooth falls */
    assert_int_equal(live_of(contexts), 5);
    set_fault(PMA_FAULT_F25, false, 0);
    pma_mcp_contexts_free(contexts);
}

static void f25_without_an_age_is_permanent(void **state)
{
    (void)state;
    struct pma_mcp_contexts *contexts = NULL;
    assert_int_equal(pma_mcp_contexts_new(0, &contexts), 0);
    set_fault(PMA_FAULT_F25, true, 0);
    run_executions(contexts, 20);
    usleep(5000);
    assert_int_equal(pma_mcp_contexts_sweep(contexts), 0);
    assert_int_equal(live_of(contexts), 20);
    set_fault(PMA_FAULT_F25, false, 0);
    pma_mcp_contexts_free(contexts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_gives_way_when_the_log_is_full),
        cmocka_unit_test(a_page_and_a_tool_can_be_asked_for),
        cmocka_unit_test(what_is_too_old_is_swept),
        cmocka_unit_test(long_parameters_are_kept_as_their_length),
        cmocka_unit_test(figures_are_kept_per_tool_and_bounded),
        cmocka_unit_test(a_journal_is_taken_back_and_nonsense_is_not),
        cmocka_unit_test(with_f23_only_a_clean_up_by_hand_frees_the_log),
        cmocka_unit_test(f23_stays_quiet_at_its_limit),
        cmocka_unit_test(a_context_ends_once),
        cmocka_unit_test(f25_leaves_a_context_per_execution_until_the_sweep),
        cmocka_unit_test(f25_without_an_age_is_permanent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
