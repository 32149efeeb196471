/* The table of sessions and its limit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/session_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 100

static const struct pma_user anna = {.id = "1", .name = "anna"};
static const struct pma_user bert = {.id = "2", .name = "bert"};

static int setup(void **state)
{
    struct pma_session_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        return -1;
    }
    pma_session_table_init(table, LIMIT);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    assert_true(pma_session_table_is_valid(*state));
    pma_session_table_fini(*state);
    free(*state);
    return 0;
}

static void beyond_the_limit_the_session_that_expires_first_goes(void **state)
{
    struct pma_session_table *table = *state;
    char tokens[LIMIT + 5][PMA_AUTH_TOKEN_BYTES];
    for (size_t i = 0; i < LIMIT + 5; i++) {
        assert_int_equal(pma_session_table_open(table, &anna, 1000 + i, tokens[i]), 0);
        assert_true(pma_session_table_is_valid(table));
    }
    assert_int_equal(table->count, LIMIT);
    assert_int_equal(table->evicted, 5);
    for (size_t i = 0; i < LIMIT + 5; i++) {
        assert_int_equal(pma_session_table_find(table, tokens[i], 0, NULL, NULL), i >= 5);
    }
}

static void a_session_is_found_until_it_expires(void **state)
{
    char token[PMA_AUTH_TOKEN_BYTES];
    struct pma_user user = {.id = ""};
    uint64_t expires_at_ns = 0;
    assert_int_equal(pma_session_table_open(*state, &bert, 50, token), 0);
    assert_true(pma_session_table_find(*state, token, 49, &user, &expires_at_ns));
    assert_string_equal(user.name, "bert");
    assert_int_equal(expires_at_ns, 50);
    assert_false(pma_session_table_find(*state, token, 50, NULL, NULL));
    pma_session_table_sweep(*state, 50);
    assert_int_equal(pma_session_table_close(*state, token), -ENOENT);
}

static void a_token_with_any_digit_changed_finds_nothing(void **state)
{
    char token[PMA_AUTH_TOKEN_BYTES];
    assert_int_equal(pma_session_table_open(*state, &anna, 50, token), 0);
    for (size_t i = 0; i < sizeof token - 1; i++) {
        const char kept = token[i];
        token[i] = kept == '0' ? '1' : '0';
        assert_false(pma_session_table_find(*state, token, 0, NULL, NULL));
        token[i] = 'G';
        assert_false(pma_session_table_find(*state, token, 0, NULL, NULL));
        token[i] = kept;
    }
    assert_false(pma_session_table_find(*state, "", 0, NULL, NULL));
    assert_true(pma_session_table_find(*state, token, 0, NULL, NULL));
}

static void sessions_of_one_user_end_together_but_the_one_kept(void **state)
{
    char kept[PMA_AUTH_TOKEN_BYTES];
    char token[PMA_AUTH_TOKEN_BYTES];
    for (int i = 0; i < 20; i++) {
        pma_session_table_open(*state, &anna, 50, i == 10 ? kept : token);
        pma_session_table_open(*state, &bert, 50, token);
    }
    assert_int_equal(pma_session_table_close_all(*state, anna.id, kept), 19);
    assert_true(pma_session_table_is_valid(*state));
    assert_true(pma_session_table_find(*state, kept, 0, NULL, NULL));
    assert_true(pma_session_table_find(*state, token, 0, NULL, NULL));
    assert_int_equal(pma_session_table_close_all(*state, anna.id, NULL), 1);
    assert_int_equal(pma_session_table_close_all(*state, bert.id, ""), 20);
}

static void random_openings_and_closings_keep_the_chains_whole(void **state)
{
    struct pma_session_table *table = *state;
    char tokens[LIMIT][PMA_AUTH_TOKEN_BYTES];
    unsigned random = 12345;
    memset(tokens, 0, sizeof tokens);
    for (int i = 0; i < 5000; i++) {
        random = random * 1103515245 + 12345;
        char *token = tokens[(random >> 16) % LIMIT];
        if (token[0] != '\0') {
            assert_int_equal(pma_session_table_close(table, token), 0);
            token[0] = '\0';
        } else {
            assert_int_equal(pma_session_table_open(table, &anna, 50, token), 0);
        }
        if (i % 100 == 0) {
            assert_true(pma_session_table_is_valid(table));
        }
    }
}

#define TABLE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(beyond_the_limit_the_session_that_expires_first_goes),
        TABLE_TEST(a_session_is_found_until_it_expires),
        TABLE_TEST(a_token_with_any_digit_changed_finds_nothing),
        TABLE_TEST(sessions_of_one_user_end_together_but_the_one_kept),
        TABLE_TEST(random_openings_and_closings_keep_the_chains_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
