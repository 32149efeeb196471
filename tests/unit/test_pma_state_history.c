/* The ring of past states, and the times in it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_time.h"
#include "server/entity/state_history.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pma_history history;
static uint64_t dropped;

static int setup(void **state)
{
    (void)state;
    memset(&history, 0, sizeof history);
    dropped = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pma_history_fini(&history);
    return 0;
}

static void record(int number, size_t limit)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    assert_int_equal(
        pma_history_record(&history, number * 1000000LL, text, NULL, limit, &dropped), 0);
}

/* The states as one text: "7 8 9". */
static const char *shown(size_t limit, uint64_t after)
{
    static char text[400];
    json_t *states = pma_history_json(&history, limit, after);
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(states); i++) {
        const json_t *past = json_array_get(states, i);
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "",
                 json_string_value(json_object_get(past, "state")));
    }
    json_decref(states);
    return text;
}

static void the_newest_are_kept_in_order(void **state)
{
    (void)state;
    assert_string_equal(shown(9, 0), "");
    for (int n = 1; n <= 11; n++) {
        record(n, 4);
    }
    assert_string_equal(shown(9, 0), "8 9 10 11");
    assert_string_equal(shown(2, 0), "10 11");
    assert_string_equal(shown(0, 0), "");
    assert_int_equal(dropped, 7);
    assert_int_equal(history.recorded, 11);
}

static void what_is_new_since_a_number_can_be_asked_for(void **state)
{
    (void)state;
    for (int n = 1; n <= 11; n++) {
        record(n, 4);
    }
    assert_string_equal(shown(9, 10), "11");
    assert_string_equal(shown(9, 11), "");
    assert_string_equal(shown(9, 99), "");
    assert_string_equal(shown(9, 3), "8 9 10 11"); /* the others gave way */
    assert_string_equal(shown(1, 9), "11");
}

static void without_a_limit_all_are_kept(void **state)
{
    (void)state;
    for (int n = 1; n <= 100; n++) {
        record(n, 0);
    }
    assert_int_equal(history.count, 100);
    assert_string_equal(shown(3, 0), "98 99 100");
    record(101, 4); /* a limit again: the ring is cut to it */
    assert_string_equal(shown(9, 0), "98 99 100 101");
}

static void old_ones_go_but_the_present_one(void **state)
{
    (void)state;
    for (int n = 1; n <= 6; n++) {
        record(n, 5);
    }
    assert_int_equal(pma_history_trim(&history, 4 * 1000000LL), 2);
    assert_string_equal(shown(9, 0), "4 5 6");
    assert_int_equal(pma_history_trim(&history, INT64_MAX), 2);
    assert_string_equal(shown(9, 0), "6");
    record(7, 5);
    assert_string_equal(shown(9, 0), "6 7");
}

static void an_entry_has_its_attributes_and_its_time(void **state)
{
    json_t *attributes = json_pack("{s:i}", "brightness", 3);
    (void)state;
    assert_int_equal(pma_history_record(&history, 1500000, "on", attributes, 4, &dropped),
                     0);
    json_t *states = pma_history_json(&history, 1, 0);
    json_t *expected = json_pack("[{s:s, s:o, s:s}]", "state", "on", "attributes",
                                 attributes, "timestamp", "1970-01-01T00:00:01.500000Z");
    assert_true(json_equal(states, expected));
    json_decref(states);
    json_decref(expected);
}

static void a_time_becomes_utc_with_microseconds(void **state)
{
    static const struct {
        const char *text, *normal; /* NULL: refused */
    } rows[] = {
        {"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000Z"},
        {"2026-01-31t12:00:00.5z", "2026-01-31T12:00:00.500000Z"},
        {"2026-01-31 12:00:00.123456789Z", "2026-01-31T12:00:00.123456Z"},
        {"2026-01-01T00:30:00+02:00", "2025-12-31T22:30:00.000000Z"},
        {"2024-02-29T23:59:59-00:30", "2024-03-01T00:29:59.000000Z"},
        {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000Z"},
        {"2026-02-29T00:00:00Z", NULL},
        {"2026-04-31T12:00:00Z", NULL},
        {"2026-13-01T00:00:00Z", NULL},
        {"2026-01-31T24:00:00Z", NULL},
        {"2026-01-31T12:00:00", NULL},
        {"2026-01-31T12:00:00.Z", NULL},
        {"2026-01-31T12:00:00.1234567890Z", NULL},
        {"2026-01-31T12:00:00+0200", NULL},
        {"2026-01-31T12:00:00Zx", NULL},
        {"1969-12-31T23:59:59Z", NULL},
        {"1970-01-01T00:00:00+01:00", NULL},
        {" 2026-01-31T12:00:00Z", NULL},
        {"+026-01-31T12:00:00Z", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char instant[PMA_TIMESTAMP_BYTES] = "untouched";
        const int err = pma_instant_normalise(rows[i].text, instant);
        assert_int_equal(err, rows[i].normal != NULL ? 0 : -EINVAL);
        assert_string_equal(instant,
                            rows[i].normal != NULL ? rows[i].normal : "untouched");
    }
}

static void a_time_survives_being_written_and_read(void **state)
{
    (void)state;
    for (int64_t us = 0; us < 253402300799000000; us = us * 3 / 2 + 999983) {
        char instant[PMA_TIMESTAMP_BYTES];
        int64_t read = -1;
        pma_instant_text(us, instant);
        assert_int_equal(pma_instant_parse(instant, &read), 0);
        assert_true(read == us);
    }
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(the_newest_are_kept_in_order),
        ROW(what_is_new_since_a_number_can_be_asked_for),
        ROW(without_a_limit_all_are_kept),
        ROW(old_ones_go_but_the_present_one),
        ROW(an_entry_has_its_attributes_and_its_time),
        ROW(a_time_becomes_utc_with_microseconds),
        ROW(a_time_survives_being_written_and_read),
    };
#undef ROW
    return cmocka_run_group_tests(tests, NULL, NULL);
}
