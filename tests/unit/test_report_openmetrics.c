/* Metrics as text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_openmetrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *render(const struct seep_openmetrics_recording *recordings, size_t n)
{
    const struct seep_openmetrics_own own = {.judge_s = 0.5, .running = 1};
    struct seep_buf out = {0};

    assert_int_equal(seep_openmetrics_put(recordings, n, &own, &out), 0);
    seep_buf_put(&out, "", 1);
    assert_false(out.failed);
    return (char *)out.data;
}

static void expect(const char *text, const char *line)
{
    if (strstr(text, line) == NULL) {
        fail_msg("no %s in:\n%s", line, text);
    }
}

static void nothing_is_served_and_the_text_is_whole(void **state)
{
    char *text = render(NULL, 0);
    size_t length = strlen(text);
    (void)state;

    assert_string_equal(text + length - 6, "# EOF\n");
    expect(text, "\nseep_serve_judge_seconds_total 0.5\n");
    expect(text, "\nseep_serve_recordings{state=\"running\"} 1\n");
    assert_null(strstr(text, "seep_alerts_"));
    free(text);
}

static void sites_with_the_same_labels_are_one_sample(void **state)
{
    struct seep_openmetrics_row rows[] = {
        {"0123456789ab", "f", "a.c:1", "", SEEP_KIND_HEAP, 1, 100, 5, 4},
        {"0123456789ac", "g", "a.c:2", "", SEEP_KIND_HEAP, 7, 700, 7, 0},
        {"0123456789ab", "f", "a.c:1", "", SEEP_KIND_HEAP, 2, 200, 6, 4}};
    const struct seep_openmetrics_recording recording = {
        .name = "x.seep", .state = "running", .rows = rows, .row_count = 3};
    char *text = render(&recording, 1);
    (void)state;

    expect(
        text,
        "\nseep_site_live_bytes{recording=\"x.seep\",kind=\"heap\",id=\"0123456789ab\","
        "function=\"f\",place=\"a.c:1\",subsystem=\"\"} 300\n");
    expect(text, "function=\"g\",place=\"a.c:2\",subsystem=\"\"} 700\n");
    expect(text,
           "\nseep_site_acquired_total{recording=\"x.seep\",kind=\"heap\","
           "id=\"0123456789ab\",function=\"f\",place=\"a.c:1\",subsystem=\"\"} 11\n");
    free(text);
}

static void names_cannot_leave_their_quotes(void **state)
{
    char longest[400];
    struct seep_openmetrics_row row = {
        "0123456789ab", longest, "\xff\xc3", "a\"b\\c\nd", SEEP_KIND_HEAP, 1, 1, 1, 0};
    const struct seep_openmetrics_recording recording = {
        .name = "x\"} 1\n# EOF", .state = "ended", .rows = &row, .row_count = 1};
    char *text = NULL;
    (void)state;

    for (size_t i = 0; i + 2 < sizeof(longest); i += 2) {
        memcpy(longest + i, "\xc3\xa4", 3); /* an a with dots: two bytes */
    }
    text = render(&recording, 1);
    expect(text, "{recording=\"x\\\"} 1\\n# EOF\",");
    expect(text, "subsystem=\"a\\\"b\\\\c\\nd\"} 1\n");
    expect(text, "place=\"\?\?\"");
    const char *function = strstr(text, "function=\"");

    assert_non_null(function);
    size_t length = strcspn(function + 10, "\"");

    assert_in_range(length, 198, SEEP_OPENMETRICS_LABEL_BYTES);
    assert_int_equal(length % 2, 0); /* cut between characters */
    free(text);
}

static void findings_and_the_nearest_limit_are_told(void **state)
{
    struct seep_finding findings[2] = {
        {.verdict = SEEP_VERDICT_PROBABLE,
         .forecast = {.limit = "rss", .time_to_limit_s = 7200}},
        {.verdict = SEEP_VERDICT_PROBABLE,
         .forecast = {.limit = "rss", .time_to_limit_s = 3600}}};
    struct seep_findings all = {.exe = "/bin/x",
                                .host = "h",
                                .mode = "full",
                                .findings = findings,
                                .finding_count = 2};
    const struct seep_openmetrics_recording recording = {
        .name = "x.seep", .state = "running", .findings = &all};
    char *text = NULL;
    (void)state;

    all.lost[SEEP_LOSS_NESTED] = 3;
    text = render(&recording, 1);
    expect(text, "\nseep_findings{recording=\"x.seep\",verdict=\"probable\"} 2\n");
    expect(text, "\nseep_findings{recording=\"x.seep\",verdict=\"definite\"} 0\n");
    expect(text,
           "\nseep_time_to_limit_seconds{recording=\"x.seep\",limit=\"rss\"} 3600\n");
    expect(text, "\nseep_lost_total{recording=\"x.seep\",reason=\"nested\"} 3\n");
    free(text);
}

static void subsystems_beyond_the_most_are_counted(void **state)
{
    struct seep_view_subsystem subsystems[SEEP_OPENMETRICS_SUBSYSTEMS + 3] = {0};
    struct seep_findings all = {.subsystems = subsystems,
                                .subsystem_count = SEEP_OPENMETRICS_SUBSYSTEMS + 3};
    const struct seep_openmetrics_recording recording = {
        .name = "x.seep", .state = "running", .findings = &all};
    char names[SEEP_OPENMETRICS_SUBSYSTEMS + 3][8];
    char *text = NULL;
    (void)state;

    for (size_t i = 0; i < SEEP_OPENMETRICS_SUBSYSTEMS + 3; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu", i);
        subsystems[i].name = names[i];
    }
    text = render(&recording, 1);
    expect(text, "\nseep_subsystem_threads{recording=\"x.seep\",subsystem=\"s63\"} 0\n");
    assert_null(strstr(text, "\"s64\""));
    expect(text, "\nseep_subsystems_left_out{recording=\"x.seep\"} 3\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_served_and_the_text_is_whole),
        cmocka_unit_test(sites_with_the_same_labels_are_one_sample),
        cmocka_unit_test(names_cannot_leave_their_quotes),
        cmocka_unit_test(findings_and_the_nearest_limit_are_told),
        cmocka_unit_test(subsystems_beyond_the_most_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
