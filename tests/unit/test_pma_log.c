/* The log: valid JSON whatever goes in, bounded, and never blocking.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int pipe_fds[2];

static int setup(void **state)
{
    (void)state;
    pma_log_set_level(PMA_LOG_DEBUG);
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -1;
    }
    pma_log_set_fd(pipe_fds[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pma_log_set_fd(STDOUT_FILENO);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/* What is in the pipe, which has to be one line. Owned by the caller. */
static json_t *read_line(void)
{
    char text[8192];
    const ssize_t got = read(pipe_fds[0], text, sizeof text - 1);
    assert_true(got > 0 && got <= 4096);
    text[got] = '\0';
    assert_int_equal(text[got - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + got - 1);
    json_error_t error;
    json_t *line = json_loads(text, 0, &error);
    if (line == NULL) {
        fail_msg("not JSON: %s: %s", error.text, text);
    }
    return line;
}

static void a_line_has_time_level_message_and_fields(void **state)
{
    (void)state;
    pma_log(PMA_LOG_WARN, "hello", pma_str("s", "text"), pma_u64("u", UINT32_MAX),
            pma_i64("i", -5), pma_f64("f", 1.5), pma_bool("b", true), pma_str("n", NULL),
            pma_f64("nan", NAN));
    json_t *line = read_line();
    assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))), 27);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(line, "msg")), "hello");
    assert_string_equal(json_string_value(json_object_get(line, "s")), "text");
    assert_int_equal(json_integer_value(json_object_get(line, "u")), UINT32_MAX);
    assert_int_equal(json_integer_value(json_object_get(line, "i")), -5);
    assert_true(json_real_value(json_object_get(line, "f")) == 1.5);
    assert_true(json_is_true(json_object_get(line, "b")));
    assert_true(json_is_null(json_object_get(line, "n")));
    assert_true(json_is_null(json_object_get(line, "nan")));
    json_decref(line);
}

static void hostile_text_stays_json(void **state)
{
    (void)state;
    pma_log(PMA_LOG_INFO, "a\"b\\c\nd\te\x01\x7f",
            pma_str("utf8", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"),
            pma_str("broken", "x\xff\xc3(\xed\xa0\x80\xf5y\xe2\x82"));
    json_t *line = read_line();
    assert_string_equal(json_string_value(json_object_get(line, "msg")),
                        "a\"b\\c\nd\te\x01\x7f");
    assert_string_equal(json_string_value(json_object_get(line, "utf8")),
                        "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
    assert_non_null(strchr(json_string_value(json_object_get(line, "broken")), 'y'));
    json_decref(line);
}

static void a_line_too_long_is_cut_and_says_so(void **state)
{
    char text[10000];
    (void)state;
    for (size_t fill = 1; fill < sizeof text; fill += 37) {
        memset(text, fill % 2 != 0 ? 'x' : '\n', fill);
        text[fill] = '\0';
        pma_log(PMA_LOG_INFO, "long", pma_str("first", text), pma_str("second", text),
                pma_u64("third", 3));
        json_t *line = read_line();
        const bool whole = json_object_get(line, "third") != NULL &&
                           json_string_length(json_object_get(line, "second")) == fill;
        assert_int_equal(json_is_true(json_object_get(line, "truncated")), !whole);
        json_decref(line);
    }
}

static void lines_below_the_level_are_not_written(void **state)
{
    char byte = 0;
    (void)state;
    pma_log_set_level(PMA_LOG_WARN);
    pma_log(PMA_LOG_INFO, "no");
    assert_int_equal(read(pipe_fds[0], &byte, 1), -1);
    pma_log(PMA_LOG_ERROR, "yes");
    json_decref(read_line());
    pma_log_set_level(PMA_LOG_NONE);
    pma_log(PMA_LOG_ERROR, "no");
    assert_int_equal(read(pipe_fds[0], &byte, 1), -1);
}

static void a_full_pipe_drops_lines_and_the_next_one_counts_them(void **state)
{
    (void)state;
    /* The write end is blocking: a log that does not ask first would hang here. */
    assert_int_equal(fcntl(pipe_fds[1], F_SETFL, 0), 0);
    char padding[3000];
    memset(padding, 'p', sizeof padding - 1);
    padding[sizeof padding - 1] = '\0';
    const uint64_t before = pma_log_dropped();
    while (pma_log_dropped() < before + 5) {
        errno = 42;
        pma_log(PMA_LOG_INFO, "fill", pma_str("p", padding));
        assert_int_equal(errno, 42);
    }
    char drain[65536];
    while (read(pipe_fds[0], drain, sizeof drain) > 0) {
    }
    pma_log(PMA_LOG_INFO, "after");
    json_t *line = read_line();
    assert_int_equal(json_integer_value(json_object_get(line, "log_dropped")), 5);
    json_decref(line);
    pma_log(PMA_LOG_INFO, "again");
    line = read_line();
    assert_null(json_object_get(line, "log_dropped"));
    json_decref(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_message_and_fields, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(hostile_text_stays_json, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_too_long_is_cut_and_says_so, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lines_below_the_level_are_not_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_full_pipe_drops_lines_and_the_next_one_counts_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
