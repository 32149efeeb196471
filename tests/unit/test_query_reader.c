/* The reader together with the slice that it fills. SPDX-License-Identifier: MIT */
#include "fleet/query_reader.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet_slice.h"

#define REPLY(series)                                                                    \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" series    \
    "]}}"

static const struct seep_fleet_labels labels = {
    {"id", "function", "place", "subsystem", "kind", "instance", "recording", "version"},
    8};
static const struct seep_fleet_grid grid = {.start_s = 1000, .step_s = 10, .steps = 5};

static int read_reply(struct seep_fleet_slice *slice, const char *text, size_t piece,
                      struct seep_error *error)
{
    struct seep_query_reader *reader = malloc(sizeof(*reader));
    size_t n = strlen(text);

    seep_fleet_slice_init(slice, &labels, &grid);
    const struct seep_query_sink sink = seep_fleet_slice_sink(slice);

    assert_non_null(reader);
    seep_query_reader_init(reader, &sink);
    for (size_t at = 0; at < n; at += piece) {
        (void)seep_query_reader_feed(reader, text + at, n - at < piece ? n - at : piece);
    }
    int status = seep_query_reader_end(reader);

    slice->losses.histograms += reader->histograms;
    slice->losses.warnings += reader->warnings;
    slice->losses.partial += reader->is_partial;
    if (status == -EBADMSG) {
        assert_int_equal(seep_query_reader_explain(reader, error), -EBADMSG);
    }
    free(reader);
    return status;
}

static void a_reply_of_prometheus_is_laid_out_on_the_grid(void **state)
{
    static const char text[] =
        REPLY("{\"metric\":{\"__name__\":\"m\",\"id\":\"0a1b\",\"function\":\"f\","
              "\"version\":\"2\"},"
              "\"values\":[[1000,\"5\"],[1010.0,\"1e+03\"],[1030,\"2.5\"]]},"
              "{\"metric\":{\"id\":\"0c\"},\"values\":[[1040,\"7\"]]}");

    (void)state;
    for (size_t piece = 1; piece < 80; piece += 3) {
        struct seep_fleet_slice slice;

        assert_int_equal(read_reply(&slice, text, piece, NULL), 0);
        assert_int_equal(slice.count, 2);
        const double *first = seep_fleet_slice_values(&slice, 0);

        assert_true(first[0] == 5 && first[1] == 1000 && isnan(first[2]));
        assert_true(first[3] == 2.5 && isnan(first[4]));
        assert_true(seep_fleet_slice_values(&slice, 1)[4] == 7);
        assert_string_equal(seep_fleet_slice_label(&slice, 0, SEEP_FLEET_ID), "0a1b");
        assert_string_equal(seep_fleet_slice_label(&slice, 0, SEEP_FLEET_GROUP), "2");
        assert_string_equal(seep_fleet_slice_label(&slice, 1, SEEP_FLEET_GROUP), "");
        seep_fleet_slice_fini(&slice);
    }
}

static void what_victoria_metrics_adds_is_passed_over_and_counted(void **state)
{
    static const char text[] =
        "{\"status\":\"success\",\"isPartial\":true,\"data\":{\"resultType\":\"matrix\","
        "\"result\":[{\"metric\":{\"id\":\"a\"},\"values\":[],\"histograms\":[[1,{\"a\":"
        "[]}]]}]},\"stats\":{\"seriesFetched\":\"1\",\"deep\":[[{}]]},\"warnings\":["
        "\"w1\",\"w2\"]}";
    struct seep_fleet_slice slice;

    (void)state;
    assert_int_equal(read_reply(&slice, text, 1000, NULL), 0);
    assert_int_equal(slice.count, 1);
    assert_int_equal(slice.losses.partial, 1);
    assert_int_equal(slice.losses.warnings, 2);
    assert_int_equal(slice.losses.histograms, 1);
    seep_fleet_slice_fini(&slice);
}

static void each_sample_that_is_left_out_is_counted(void **state)
{
    static const char text[] = REPLY(
        "{\"metric\":{\"id\":\"a\"},\"values\":[[990,\"1\"],[1000,\"1\"],[1000,\"2\"],"
        "[1020,\"3\"],[1010,\"4\"],[1030,\"NaN\"],[1030,\"+Inf\"],[1040,\"-1\"],"
        "[1060,\"9\"]]},{\"metric\":{\"job\":\"x\"},\"values\":[[1000,\"1\"]]}");
    struct seep_fleet_slice slice;

    (void)state;
    assert_int_equal(read_reply(&slice, text, 7, NULL), 0);
    assert_int_equal(slice.count, 1);
    assert_int_equal(slice.losses.off_grid, 2);
    assert_int_equal(slice.losses.duplicates, 1);
    assert_int_equal(slice.losses.out_of_order, 1);
    assert_int_equal(slice.losses.not_finite, 3);
    assert_int_equal(slice.losses.no_name, 1);
    assert_true(seep_fleet_slice_values(&slice, 0)[0] == 1);
    seep_fleet_slice_fini(&slice);
}

static void labels_are_cleaned_and_cut(void **state)
{
    char text[2048];
    char name[700];
    struct seep_fleet_slice slice;

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(text, sizeof(text),
                   REPLY("{\"metric\":{\"id\":\"a\\u001b[31m\",\"function\":\"%s\","
                         "\"place\":\"\xff\xc3\xa9\"},\"values\":[]}"),
                   name);
    assert_int_equal(read_reply(&slice, text, 100, NULL), 0);
    assert_string_equal(seep_fleet_slice_label(&slice, 0, SEEP_FLEET_ID), "a?[31m");
    assert_string_equal(seep_fleet_slice_label(&slice, 0, SEEP_FLEET_PLACE), "?\xc3\xa9");
    assert_int_equal(strlen(seep_fleet_slice_label(&slice, 0, SEEP_FLEET_FUNCTION)),
                     SEEP_FLEET_TEXT_MAX - 1);
    assert_int_equal(slice.losses.cut_labels, 1);
    seep_fleet_slice_fini(&slice);
}

static void another_shape_is_refused_with_the_byte_where_it_begins(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"<html>", "byte 0: a page of HTML"},
        {"", "byte 0: nothing"},
        {"{}", "no status"},
        {"{\"status\":\"error\",\"error\":\"x\"}", "not success"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
         "no matrix"},
        {"{\"status\":\"success\",\"data\":[]}", "an array where none belongs"},
        {"{\"status\":\"success\",\"data\":null}", "a value where none belongs"},
        {REPLY("{\"values\":[[1000,\"1\"]],\"metric\":{\"id\":\"a\"}}"),
         "values before the metric"},
        {REPLY("{\"values\":null}"), "a value where none belongs"},
        {REPLY("{}"), "a series without a metric"},
        {REPLY("{\"metric\":{\"id\":\"a\"},\"values\":[[1000]]}"), "no pair"},
        {REPLY("{\"metric\":{\"id\":\"a\"},\"values\":[[1000,1]]}"), "not [time"},
        {REPLY("{\"metric\":{\"id\":\"a\"},\"values\":[[1000,\"1\",2]]}"), "not [time"},
        {REPLY("{\"metric\":{\"id\":\"a\"},\"values\":[[1000,\"0x10\"]]}"), "not [time"},
        {REPLY("{\"metric\":{\"id\":\"a\"},\"values\":[7]}"), "a value where none"},
        {REPLY("{\"metric\":{\"id\":7},\"values\":[]}"), "no text"},
        {REPLY("{\"metric\":{\"id\":{}},\"values\":[]}"), "an object where none"},
        {REPLY("{\"metric\":{\"id\":[]},\"values\":[]}"), "an array where none"},
        {REPLY("[]"), "an array where none"},
        {"[]", "an array where none"},
        {"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[",
         "end"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seep_fleet_slice slice;
        struct seep_error error = {0};

        assert_int_equal(read_reply(&slice, cases[i].text, 5, &error), -EBADMSG);
        if (strstr(error.message, cases[i].words) == NULL) {
            fail_msg("case %zu: %s", i, error.message);
        }
        seep_fleet_slice_fini(&slice);
    }
}

static void more_series_than_fit_are_refused(void **state)
{
    struct seep_fleet_slice slice;

    (void)state;
    seep_fleet_slice_init(&slice, &labels, &grid);
    slice.points_most = 2 * grid.steps;
    const struct seep_query_sink sink = seep_fleet_slice_sink(&slice);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(sink.begin(&slice), 0);
        assert_int_equal(sink.label(&slice, "id", 2, "x", 1), 0);
        assert_int_equal(sink.end(&slice), 0);
    }
    assert_int_equal(sink.begin(&slice), -EMSGSIZE);
    seep_fleet_slice_fini(&slice);
}

static void numbers_are_read_exactly_or_not_at_all(void **state)
{
    static const char *const bad[] = {"",    " 1",  "1 ", "0x1",   "1,5",     "nan",
                                      "inf", "--1", "1e", "1.2.3", "infinity"};
    double value = 0;

    (void)state;
    assert_int_equal(seep_query_number("123456789012345", 15, &value), 0);
    assert_true(value == 123456789012345.0);
    assert_int_equal(seep_query_number("1e+06", 5, &value), 0);
    assert_true(value == 1e6);
    assert_int_equal(seep_query_number("1700000000.123", 14, &value), 0);
    assert_true(value == 1700000000.123);
    assert_int_equal(seep_query_number("-Inf", 4, &value), 0);
    assert_true(isinf(value) && value < 0);
    assert_int_equal(seep_query_number("NaN", 3, &value), 0);
    assert_true(isnan(value));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(seep_query_number(bad[i], strlen(bad[i]), &value), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_of_prometheus_is_laid_out_on_the_grid),
        cmocka_unit_test(what_victoria_metrics_adds_is_passed_over_and_counted),
        cmocka_unit_test(each_sample_that_is_left_out_is_counted),
        cmocka_unit_test(labels_are_cleaned_and_cut),
        cmocka_unit_test(another_shape_is_refused_with_the_byte_where_it_begins),
        cmocka_unit_test(more_series_than_fit_are_refused),
        cmocka_unit_test(numbers_are_read_exactly_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
