/* The newest lines of the log are kept, whole and in order, in bounded memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/log/log_recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char seen[100000];

static void visit(void *arg, const char *line, size_t line_bytes)
{
    (void)arg;
    snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s|", (int)line_bytes,
             line);
}

static const char *newest(enum pma_level least, uint32_t most)
{
    seen[0] = '\0';
    pma_log_recent_each(least, most, visit, NULL);
    return seen;
}

static int setup(void **state)
{
    (void)state;
    return pma_log_recent_size(4);
}

static int teardown(void **state)
{
    (void)state;
    return pma_log_recent_size(0);
}

static void keep(enum pma_level level, const char *text)
{
    pma_log_recent_keep(level, text, strlen(text));
}

static void the_newest_lines_are_kept_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        char line[8];
        snprintf(line, sizeof line, "%d\n", i);
        keep(PMA_LOG_INFO, line);
    }
    assert_string_equal(newest(PMA_LOG_DEBUG, 100), "6|7|8|9|");
    assert_string_equal(newest(PMA_LOG_DEBUG, 2), "8|9|");
    assert_string_equal(newest(PMA_LOG_DEBUG, 0), "");
    assert_int_equal(pma_log_recent_count(), 4);
}

static void lines_below_the_level_are_left_out(void **state)
{
    (void)state;
    keep(PMA_LOG_ERROR, "e\n");
    keep(PMA_LOG_INFO, "i\n");
    keep(PMA_LOG_WARN, "w\n");
    keep(PMA_LOG_DEBUG, "d\n");
    assert_string_equal(newest(PMA_LOG_WARN, 10), "e|w|");
    assert_string_equal(newest(PMA_LOG_WARN, 1), "w|");
}

static void long_lines_push_out_more_than_one(void **state)
{
    char line[1024];
    (void)state;
    keep(PMA_LOG_INFO, "a\n");
    keep(PMA_LOG_INFO, "b\n");
    memset(line, 'x', sizeof line); /* all of 4 * 256 */
    line[sizeof line - 1] = '\n';
    pma_log_recent_keep(PMA_LOG_INFO, line, sizeof line);
    assert_int_equal(pma_log_recent_count(), 1);
    assert_int_equal(strlen(newest(PMA_LOG_INFO, 9)), sizeof line);
    char longer[1025] = {0}; /* does not fit at all: nothing changes */
    pma_log_recent_keep(PMA_LOG_INFO, longer, sizeof longer);
    assert_int_equal(pma_log_recent_count(), 1);
}

struct seen_lines {
    char last;
    bool wrong;
};

/* Each line is one letter again and again, and the letters go through the alphabet. (No
 * assert here: it would jump out of the lock.) */
static void check_line(void *arg, const char *line, size_t line_bytes)
{
    struct seen_lines *lines = arg;
    for (size_t i = 1; i < line_bytes; i++) {
        lines->wrong |= line[i] != line[0];
    }
    if (lines->last != '\0') {
        lines->wrong |= line[0] != (lines->last == 'z' ? 'a' : lines->last + 1);
    }
    lines->last = line[0];
}

static void lines_of_any_length_stay_whole(void **state)
{
    char line[600];
    char expected[4][600];
    size_t kept = 0;
    unsigned seed = 7;
    (void)state;
    assert_int_equal(pma_log_recent_size(16), 0);
    for (int i = 0; i < 20000; i++) {
        const size_t length = (size_t)rand_r(&seed) % 550 + 20;
        memset(line, 'a' + i % 26, length);
        line[length] = '\n';
        pma_log_recent_keep(PMA_LOG_INFO, line, length + 1);
        line[length] = '\0';
        memcpy(expected[kept++ % 4], line, length + 1);
        if (i >= 4) {
            char all[2500];
            snprintf(all, sizeof all, "%s|%s|%s|%s|", expected[kept % 4],
                     expected[(kept + 1) % 4], expected[(kept + 2) % 4],
                     expected[(kept + 3) % 4]);
            assert_string_equal(newest(PMA_LOG_DEBUG, 4), all);
            struct seen_lines lines = {.wrong = false};
            pma_log_recent_each(PMA_LOG_DEBUG, 100, check_line, &lines);
            assert_false(lines.wrong);
        }
    }
}

static void without_a_size_nothing_is_kept(void **state)
{
    (void)state;
    assert_int_equal(pma_log_recent_size(0), 0);
    keep(PMA_LOG_INFO, "a\n");
    assert_string_equal(newest(PMA_LOG_DEBUG, 10), "");
}

#define RECENT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECENT_TEST(the_newest_lines_are_kept_in_order),
        RECENT_TEST(lines_below_the_level_are_left_out),
        RECENT_TEST(long_lines_push_out_more_than_one),
        RECENT_TEST(lines_of_any_length_stay_whole),
        RECENT_TEST(without_a_size_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
