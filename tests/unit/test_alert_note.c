/* What receivers are told of an alert.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_note.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct seep_view_frame frames[] = {
    {.function = "malloc", .file = "", .module = "libc.so.6", .role = SEEP_ROLE_RUNTIME},
    {.function = "hub_register",
     .file = "server/hub/hub.c",
     .line = 120,
     .module = "pma-backend",
     .role = SEEP_ROLE_PROGRAM},
    {.function = "main", .file = "main.c", .line = 9, .role = SEEP_ROLE_PROGRAM},
};

static struct seep_finding finding_of_heap(void)
{
    return (struct seep_finding){.id = "0123456789ab",
                                 .kind = SEEP_KIND_HEAP,
                                 .verdict = SEEP_VERDICT_DEFINITE,
                                 .cause = SEEP_CAUSE_GROWTH,
                                 .subsystem = "websocket",
                                 .summary = "hub_register leaks \"512\" bytes",
                                 .headline = "hub_register",
                                 .evidence = {.live = 7,
                                              .live_bytes = 3584,
                                              .measured = true,
                                              .growth_per_s = 2,
                                              .growth_bytes_per_s = 1024},
                                 .forecast = {.limit = "rss",
                                              .time_to_limit_s = 7200,
                                              .ci_s = {.low = 7000, .high = INFINITY}},
                                 .stack = frames,
                                 .stack_count = 3};
}

static struct seep_findings findings = {.host = "web-1", .pid = 42};

static struct seep_alert_note *make(const struct seep_finding *finding,
                                    const struct seep_alert_note *started,
                                    enum seep_verdict was)
{
    struct seep_alert_event event = {.what =
                                         was != 0 ? SEEP_ALERT_RISES : SEEP_ALERT_FIRES,
                                     .recording = "soak.seep",
                                     .id = finding != NULL ? finding->id : "",
                                     .level = {.verdict = SEEP_VERDICT_DEFINITE},
                                     .was = {.verdict = was},
                                     .more = 37};
    struct seep_alert_note *note = NULL;

    assert_int_equal(seep_alert_note_new(&event, &findings, finding, started,
                                         UINT64_C(1767225600500000000), &note),
                     0);
    return note;
}

static json_t *parsed(struct seep_buf *buf)
{
    json_error_t error;
    json_t *value = json_loadb((const char *)buf->data, buf->len_bytes, 0, &error);

    assert_non_null(value);
    seep_buf_fini(buf);
    return value;
}

static json_t *json_of(const struct seep_alert_note *note)
{
    struct seep_buf buf = {0};

    assert_int_equal(seep_alert_note_json(note, &buf), 0);
    return parsed(&buf);
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "(none)";
}

static void a_webhook_is_told_all_there_is(void **state)
{
    struct seep_finding finding = finding_of_heap();
    struct seep_alert_note *note = make(&finding, NULL, SEEP_VERDICT_NONE);
    json_t *json = json_of(note);

    (void)state;
    assert_string_equal(text_of(json, "status"), "firing");
    assert_string_equal(text_of(json, "name"), "SeepLeak");
    assert_string_equal(text_of(json, "key"), "soak.seep/0123456789ab");
    assert_string_equal(text_of(json, "verdict"), "definite");
    assert_string_equal(text_of(json, "severity"), "critical");
    assert_string_equal(text_of(json, "place"), "hub.c:120");
    assert_string_equal(text_of(json, "instance"), "web-1:42");
    assert_string_equal(text_of(json, "summary"), "hub_register leaks \"512\" bytes");
    assert_string_equal(text_of(json, "report"), "seep report soak.seep");
    assert_string_equal(text_of(json, "starts_at"), "2026-01-01T00:00:00.500Z");
    assert_non_null(strstr(text_of(json, "forecast"), "rss limit in 2.0 h"));
    assert_non_null(strstr(text_of(json, "forecast"), "to never"));
    assert_non_null(
        strstr(text_of(json, "description"), "#1 hub_register (server/hub/hub.c:120)"));
    assert_true(json_is_null(json_object_get(json, "ends_at")));
    assert_true(json_is_null(json_object_get(json, "was")));
    assert_int_equal(json_integer_value(json_object_get(json, "live_bytes")), 3584);
    assert_true(json_real_value(json_object_get(json, "time_to_limit_s")) == 7200);
    json_decref(json);
    seep_alert_note_put(note);
}

static void every_field_of_the_schema_is_there_for_what_has_few(void **state)
{
    static const char *const keys[] = {"seep_alert",
                                       "status",
                                       "key",
                                       "name",
                                       "recording",
                                       "finding",
                                       "kind",
                                       "cause",
                                       "verdict",
                                       "severity",
                                       "function",
                                       "subsystem",
                                       "place",
                                       "host",
                                       "instance",
                                       "summary",
                                       "description",
                                       "forecast",
                                       "report",
                                       "was",
                                       "pid",
                                       "more",
                                       "live",
                                       "live_bytes",
                                       "growth_per_s",
                                       "starts_at",
                                       "ends_at",
                                       "growth_bytes_per_s",
                                       "time_to_limit_s"};
    struct seep_alert_note *note = make(NULL, NULL, SEEP_VERDICT_NONE);
    json_t *json = json_of(note);

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_non_null(json_object_get(json, keys[i]));
    }
    assert_int_equal(json_object_size(json), sizeof(keys) / sizeof(keys[0]));
    assert_string_equal(text_of(json, "name"), "SeepMore");
    assert_non_null(strstr(text_of(json, "summary"), "and 37 more findings"));
    json_decref(json);
    seep_alert_note_put(note);
}

/* The alert that Alertmanager gets; the last of `expected`. */
static json_t *posted(struct seep_alert_note *note, size_t expected)
{
    struct seep_buf buf = {0};
    json_t *array = NULL;
    json_t *last = NULL;

    assert_int_equal(
        seep_alert_note_alertmanager(&note, 1, UINT64_C(1767225840000000000), &buf), 0);
    array = parsed(&buf);
    assert_int_equal(json_array_size(array), expected);
    last = json_incref(json_array_get(array, expected - 1));
    json_decref(array);
    return last;
}

static void labels_stay_the_same_while_figures_change(void **state)
{
    struct seep_finding finding = finding_of_heap();
    struct seep_alert_note *note = make(&finding, NULL, SEEP_VERDICT_NONE);
    struct seep_alert_note *later = NULL;
    json_t *before = posted(note, 1);
    json_t *after = NULL;

    (void)state;
    finding.evidence.live = 99;
    finding.headline = "hub_register_by_another_name";
    finding.subsystem = "";
    finding.summary = "hub_register leaks more";
    later = make(&finding, note, SEEP_VERDICT_NONE);
    after = posted(later, 1);
    assert_true(
        json_equal(json_object_get(before, "labels"), json_object_get(after, "labels")));
    assert_string_equal(text_of(json_object_get(after, "annotations"), "summary"),
                        "hub_register leaks more");
    assert_string_equal(text_of(after, "startsAt"), text_of(before, "startsAt"));
    assert_string_equal(text_of(after, "endsAt"), "2026-01-01T00:04:00.000Z");
    json_decref(before);
    json_decref(after);
    seep_alert_note_put(note);
    seep_alert_note_put(later);
}

static void labels_are_never_empty(void **state)
{
    struct seep_finding finding = finding_of_heap();
    struct seep_alert_note *note = NULL;
    json_t *alert = NULL;

    (void)state;
    finding.subsystem = "";
    note = make(&finding, NULL, SEEP_VERDICT_NONE);
    alert = posted(note, 1);
    assert_null(json_object_get(json_object_get(alert, "labels"), "subsystem"));
    assert_string_equal(text_of(json_object_get(alert, "labels"), "alertname"),
                        "SeepLeak");
    json_decref(alert);
    seep_alert_note_put(note);
}

static void a_rise_ends_the_alert_with_the_former_verdict(void **state)
{
    struct seep_finding finding = finding_of_heap();
    struct seep_alert_note *note = make(&finding, NULL, SEEP_VERDICT_PROBABLE);
    struct seep_buf buf = {0};
    json_t *array = NULL;
    json_t *json = json_of(note);

    (void)state;
    assert_string_equal(text_of(json, "was"), "probable");
    json_decref(json);
    assert_int_equal(
        seep_alert_note_alertmanager(&note, 1, UINT64_C(1767225840000000000), &buf), 0);
    array = parsed(&buf);
    assert_int_equal(json_array_size(array), 2);
    json_t *former = json_array_get(array, 0);

    assert_string_equal(text_of(json_object_get(former, "labels"), "verdict"),
                        "probable");
    assert_string_equal(text_of(json_object_get(former, "labels"), "severity"),
                        "warning");
    assert_string_equal(text_of(former, "endsAt"), "2026-01-01T00:00:00.500Z");
    json_decref(array);
    seep_alert_note_put(note);
}

static void a_resolved_one_has_its_labels_and_its_end(void **state)
{
    struct seep_finding finding = finding_of_heap();
    struct seep_alert_note *note = make(&finding, NULL, SEEP_VERDICT_PROBABLE);
    struct seep_alert_note *end = NULL;
    json_t *alert = NULL;

    (void)state;
    assert_int_equal(seep_alert_note_resolved(note, UINT64_C(1767225700000000000), &end),
                     0);
    alert = posted(end, 1);
    assert_string_equal(text_of(alert, "endsAt"), "2026-01-01T00:01:40.000Z");
    assert_string_equal(text_of(json_object_get(alert, "labels"), "finding"),
                        "0123456789ab");
    json_decref(alert);
    json_t *json = json_of(end);

    assert_string_equal(text_of(json, "status"), "resolved");
    assert_string_equal(text_of(json, "ends_at"), "2026-01-01T00:01:40.000Z");
    json_decref(json);
    seep_alert_note_put(note);
    seep_alert_note_put(end);
}

/* The texts of an alert on a recording of that name. */
static struct seep_alert_note *named(const char *recording)
{
    struct seep_alert_event event = {
        .what = SEEP_ALERT_FIRES, .recording = recording, .id = "", .more = 1};
    struct seep_alert_note *note = NULL;

    assert_int_equal(seep_alert_note_new(&event, &findings, NULL, NULL, 1, &note), 0);
    return note;
}

static void a_name_that_is_no_text_is_told_as_far_as_it_is(void **state)
{
    struct seep_alert_note *note = named("a\xff\x01z.seep");
    json_t *json = json_of(note);

    (void)state;
    assert_string_equal(text_of(json, "recording"), "a??z.seep");
    json_decref(json);
    seep_alert_note_put(note);
    note = named("gr\xc3\xbc\xc3\x9f.seep");
    assert_string_equal(note->text[SEEP_NOTE_RECORDING], "gr\xc3\xbc\xc3\x9f.seep");
    seep_alert_note_put(note);
}

static void the_command_to_paste_runs_nothing_else(void **state)
{
    static const char *const names[][2] = {
        {"soak.1-b.seep", "seep report soak.1-b.seep"},
        {"$(reboot).seep", "seep report '$(reboot).seep'"},
        {"it's.seep", "seep report 'it'\\''s.seep'"},
        {"-o.seep", "seep report ./-o.seep"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct seep_alert_note *note = named(names[i][0]);

        assert_string_equal(note->text[SEEP_NOTE_REPORT], names[i][1]);
        seep_alert_note_put(note);
    }
}

static void threads_that_stand_still_and_near_limits_are_urgent(void **state)
{
    struct seep_finding finding = finding_of_heap();

    (void)state;
    assert_false(seep_alert_note_is_urgent(&finding, 0));
    assert_false(seep_alert_note_is_urgent(&finding, 7199));
    assert_true(seep_alert_note_is_urgent(&finding, 7200));
    finding.forecast.limit = NULL;
    assert_false(seep_alert_note_is_urgent(&finding, 7200));
    finding.cause = SEEP_CAUSE_LOCK_CYCLE;
    assert_true(seep_alert_note_is_urgent(&finding, 0));
    finding.cause = SEEP_CAUSE_STUCK;
    assert_true(seep_alert_note_is_urgent(&finding, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_webhook_is_told_all_there_is),
        cmocka_unit_test(every_field_of_the_schema_is_there_for_what_has_few),
        cmocka_unit_test(labels_stay_the_same_while_figures_change),
        cmocka_unit_test(labels_are_never_empty),
        cmocka_unit_test(a_rise_ends_the_alert_with_the_former_verdict),
        cmocka_unit_test(a_resolved_one_has_its_labels_and_its_end),
        cmocka_unit_test(a_name_that_is_no_text_is_told_as_far_as_it_is),
        cmocka_unit_test(the_command_to_paste_runs_nothing_else),
        cmocka_unit_test(threads_that_stand_still_and_near_limits_are_urgent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
