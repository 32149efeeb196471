/* Requests of the load: marks are filled in, ids are taken out of answers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "bench/load/load_profile.h"
#include "bench/load/load_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct load_blanks blanks = {.host = "127.0.0.1",
                                          .port = 3001,
                                          .number = 7,
                                          .seed = 0x2a,
                                          .now_ns = 123456789,
                                          .pin = "1234",
                                          .captured = "abc"};

static void marks_are_filled_in_and_the_length_is_that_of_the_body(void **state)
{
    const struct load_step step = {
        "PUT", "/api/v1/entities/load_^_#/state", "{\"state\":\"~\"}", NULL, 0, false};
    char text[512];
    const size_t length = load_step_write(&step, &blanks, text, sizeof text);
    (void)state;
    assert_int_equal(length, strlen(text));
    assert_memory_equal(text, "PUT /api/v1/entities/load_2a_7/state HTTP/1.1\r\n", 47);
    assert_non_null(
        strstr(text, "\r\nContent-Length: 21\r\n\r\n{\"state\":\"123456789\"}"));
    assert_null(strstr(text, "Authorization"));
}

static void what_was_captured_is_the_token_of_auth_alone(void **state)
{
    const struct load_step step = {"POST", "/api/v1/auth/logout", "", NULL, 0, false};
    char text[512];
    (void)state;
    assert_int_not_equal(load_step_write(&step, &blanks, text, sizeof text), 0);
    assert_non_null(strstr(text, "\r\nAuthorization: Bearer abc\r\n"));
}

static void what_does_not_fit_is_not_written(void **state)
{
    const struct load_step step = {"GET", "/api/health", "", NULL, 0, false};
    char text[512];
    (void)state;
    assert_int_equal(load_step_write(&step, &blanks, text, 40), 0);
    const size_t length = load_step_write(&step, &blanks, text, sizeof text);
    assert_int_equal(load_step_write(&step, &blanks, text, length + 1), length);
    assert_int_equal(load_step_write(&step, &blanks, text, length), 0);
}

static void the_first_text_of_that_name_is_captured(void **state)
{
    char captured[LOAD_CAPTURE_BYTES] = "before";
    (void)state;
    assert_true(
        load_capture("{\"user_id\":\"1\",\"id\": \"x-9\",\"id\":\"y\"}", "id", captured));
    assert_string_equal(captured, "x-9");
    for (size_t i = 0; i < 6; i++) {
        static const char *const refused[] = {"",
                                              "{\"id\":7}",
                                              "{\"id\":\"\"}",
                                              "{\"id\":\"cut of",
                                              "{\"id\":\"a\\\"b\"}",
                                              "\"id\""};
        assert_false(load_capture(refused[i], "id", captured));
    }
    assert_string_equal(captured, "x-9");
}

static void a_text_that_is_too_long_is_not_captured(void **state)
{
    char captured[LOAD_CAPTURE_BYTES];
    char answer[LOAD_CAPTURE_BYTES + 16];
    (void)state;
    memset(answer, 'z', sizeof answer);
    memcpy(answer, "\"id\":\"", 6);
    answer[6 + LOAD_CAPTURE_BYTES - 1] = '"';
    answer[6 + LOAD_CAPTURE_BYTES] = '\0';
    assert_true(load_capture(answer, "id", captured));
    assert_int_equal(strlen(captured), LOAD_CAPTURE_BYTES - 1);
    answer[6 + LOAD_CAPTURE_BYTES - 1] = 'z';
    answer[6 + LOAD_CAPTURE_BYTES] = '"';
    answer[6 + LOAD_CAPTURE_BYTES + 1] = '\0';
    assert_false(load_capture(answer, "id", captured));
}

static void every_call_has_steps_and_every_profile_a_hundred_percent(void **state)
{
    size_t count = 0;
    const struct load_profile *profiles = load_profiles(&count);
    char text[1024];
    (void)state;
    for (int call = 0; call < LOAD_CALL_END; call++) {
        uint32_t steps_count = 0;
        const struct load_step *steps =
            load_call_steps((enum load_call)call, &steps_count);
        assert_non_null(load_call_name((enum load_call)call));
        assert_in_range(steps_count, 1, 6);
        for (uint32_t i = 0; i < steps_count; i++) {
            assert_int_not_equal(load_step_write(&steps[i], &blanks, text, sizeof text),
                                 0);
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t percent = 0;
        for (const struct load_share *at = profiles[i].shares; percent < 100; at++) {
            assert_in_range(at->percent, 1, 100 - percent);
            percent += at->percent;
        }
        assert_ptr_equal(load_profile_find(profiles[i].name), &profiles[i]);
    }
    assert_null(load_profile_find("calm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_filled_in_and_the_length_is_that_of_the_body),
        cmocka_unit_test(what_was_captured_is_the_token_of_auth_alone),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(the_first_text_of_that_name_is_captured),
        cmocka_unit_test(a_text_that_is_too_long_is_not_captured),
        cmocka_unit_test(every_call_has_steps_and_every_profile_a_hundred_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
