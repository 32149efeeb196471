/* What of a conversation a model is shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_dialect.h"
#include "server/ai/chat_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One letter per message: u, a (user, assistant) with their number as the content. */
static json_t *make_entries(const char *roles)
{
    json_t *entries = json_array();
    for (size_t i = 0; roles[i] != '\0'; i++) {
        char content[24];
        snprintf(content, sizeof content, "%zu", i);
        json_array_append_new(entries, json_pack("{s:s, s:s, s:s}", "role",
                                                 roles[i] == 'u'   ? "user"
                                                 : roles[i] == 'a' ? "assistant"
                                                                   : "tool",
                                                 "content", content, "id", "unseen"));
    }
    return entries;
}

/* "u0 a1 u" and so on; the new message has the content "!". */
static void assert_shown(const char *roles, size_t limit, const char *system_prompt,
                         const char *expected)
{
    char text[400] = "";
    size_t at = 0;
    const json_t *message = NULL;
    json_t *entries = make_entries(roles);
    json_t *shown = pma_chat_history(entries, limit, system_prompt, "!");
    json_array_foreach(shown, at, message)
    {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%c%s", at > 0 ? " " : "",
                 pma_dialect_text(message, "role")[0],
                 pma_dialect_text(message, "content"));
        assert_int_equal(json_object_size(message), 2);
    }
    assert_string_equal(text, expected);
    json_decref(shown);
    json_decref(entries);
}

static void the_newest_are_shown_in_order_and_the_new_one_once(void **state)
{
    (void)state;
    assert_shown("", 20, NULL, "u!");
    assert_shown("uaua", 20, NULL, "u0 a1 u2 a3 u!");
    assert_shown("uaua", 5, NULL, "u0 a1 u2 a3 u!");
    assert_shown("uauaua", 5, NULL, "u2 a3 u4 a5 u!");
}

static void a_window_never_begins_with_an_answer(void **state)
{
    (void)state;
    assert_shown("uauaua", 4, NULL, "u4 a5 u!");
    assert_shown("aaaa", 20, NULL, "u!");
    assert_shown("uauaua", 2, NULL, "u!");
}

static void the_smallest_limits_show_the_new_message_alone(void **state)
{
    (void)state;
    assert_shown("uaua", 1, NULL, "u!");
    assert_shown("uaua", 0, NULL, "u!");
}

static void the_systems_text_comes_first_and_counts_against_no_limit(void **state)
{
    (void)state;
    assert_shown("uaua", 3, "S", "sS u2 a3 u!");
    assert_shown("uaua", 3, "", "u2 a3 u!");
}

static void other_roles_are_passed_over_and_do_not_count(void **state)
{
    (void)state;
    assert_shown("uattttu", 4, NULL, "u0 a1 u6 u!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_are_shown_in_order_and_the_new_one_once),
        cmocka_unit_test(a_window_never_begins_with_an_answer),
        cmocka_unit_test(the_smallest_limits_show_the_new_message_alone),
        cmocka_unit_test(the_systems_text_comes_first_and_counts_against_no_limit),
        cmocka_unit_test(other_roles_are_passed_over_and_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
