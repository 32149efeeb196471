/* The text report's layout.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/renderer.h"
#include "report/report_text_causes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/finding_lines.h"
#include "report/text_layout.h"

static struct seep_buf bytes;

static const char *taken(void)
{
    seep_buf_put(&bytes, "", 1);
    return (const char *)bytes.data;
}

static struct seep_layout layout(unsigned columns)
{
    seep_buf_reset(&bytes);
    return (struct seep_layout){.out = &bytes, .columns = columns, .utf8 = true};
}

static void words_wrap_at_the_width_and_are_indented(void **state)
{
    struct seep_layout to = layout(12);

    (void)state;
    seep_layout_wrap(&to, SEEP_INK_PLAIN, "one two three four", 4, 2);
    assert_string_equal(taken(), "one two\n  three four\n");
}

static void a_word_that_is_too_long_stands_alone(void **state)
{
    struct seep_layout to = layout(8);

    (void)state;
    seep_layout_wrap(&to, SEEP_INK_PLAIN, "a incomprehensible b", 0, 0);
    assert_string_equal(taken(), "a\nincomprehensible\nb\n");
}

static void cells_are_cut_and_filled_by_characters(void **state)
{
    struct seep_layout to = layout(80);

    (void)state;
    seep_layout_cell(&to, SEEP_INK_PLAIN, "gr\xc3\xbcn", 6);
    seep_layout_cell(&to, SEEP_INK_PLAIN, "12", -4);
    seep_layout_cell(&to, SEEP_INK_PLAIN, "abcdefgh", 6);
    assert_string_equal(taken(), "gr\xc3\xbcn    12abc...");
}

static void without_utf8_only_ascii_is_written(void **state)
{
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct seep_layout to = layout(80);

    (void)state;
    to.utf8 = false;
    seep_layout_sparkline(&to, values, 9, 40);
    seep_layout_put(&to, SEEP_INK_PLAIN, "\xc3\xbc");
    assert_string_equal(taken(), "_.:-=+*##?");
}

static void colours_are_written_only_when_wanted(void **state)
{
    struct seep_layout to = layout(80);

    (void)state;
    seep_layout_put(&to, SEEP_INK_RED, "x");
    to.color = true;
    seep_layout_put(&to, SEEP_INK_RED, "x");
    assert_string_equal(taken(), "x\033[1;31mx\033[0m");
}

static struct seep_finding thread_finding(void)
{
    static struct seep_view_frame stack[] = {
        {.function = "pthread_create",
         .file = "",
         .module = "libc.so.6",
         .role = SEEP_ROLE_RUNTIME},
        {.function = "auth_service_new",
         .file = "server/auth/service.c",
         .line = 120,
         .module = "pma-backend",
         .inlined = true,
         .role = SEEP_ROLE_PROGRAM},
    };

    return (struct seep_finding){.id = "0123456789ab",
                                 .kind = SEEP_KIND_THREAD,
                                 .verdict = SEEP_VERDICT_DEFINITE,
                                 .cause = SEEP_CAUSE_GROWTH,
                                 .subsystem = "auth",
                                 .summary = "Threads leak.",
                                 .headline = "auth_service_new",
                                 .stack = stack,
                                 .stack_count = 2,
                                 .stack_end = ""};
}

static void the_verdict_is_the_first_line_and_own_frames_are_marked(void **state)
{
    struct seep_finding list[] = {thread_finding(), thread_finding()};
    struct seep_findings findings = {.exe = "x",
                                     .ending = "exited 0",
                                     .mode = "full",
                                     .inconclusive = "",
                                     .advice = "",
                                     .findings = list,
                                     .finding_count = 2,
                                     .outcome = SEEP_OUTCOME_LEAK};
    const struct seep_render_options options = {.columns = 80, .utf8 = true, .top = 1};
    const char *text;

    (void)state;
    seep_buf_reset(&bytes);
    assert_int_equal(SEEP_RENDERER_TEXT.render(&findings, &options, &bytes), 0);
    text = taken();
    assert_int_equal(strncmp(text, "LEAK: 2 findings\n", 17), 0);
    assert_non_null(
        strstr(text, "> auth_service_new  server/auth/service.c:120 (inlined)\n"));
    assert_non_null(strstr(text, "    pthread_create  libc.so.6\n"));
    assert_non_null(strstr(text, "... and 1 finding more (--top 2 shows all)\n"));
}

static const char *rendered(struct seep_finding *finding)
{
    struct seep_findings findings = {.ending = "exited 0",
                                     .mode = "full",
                                     .inconclusive = "",
                                     .advice = "",
                                     .exe = "/opt/server",
                                     .findings = finding,
                                     .finding_count = 1,
                                     .left_at_exit_sites = 9,
                                     .outcome = SEEP_OUTCOME_LEAK};
    const struct seep_render_options options = {.columns = 80, .utf8 = true};

    seep_buf_reset(&bytes);
    assert_int_equal(SEEP_RENDERER_TEXT.render(&findings, &options, &bytes), 0);
    return taken();
}

static void threads_say_what_they_do_and_what_is_kept_for_them(void **state)
{
    struct seep_view_thread threads[] = {
        {.tid = 5,
         .name = "idle",
         .state = "waiting",
         .wait = "futex",
         .idle_s = 1,
         .start = "loop",
         .place = ""},
        {.tid = 6,
         .name = "",
         .state = "blocked",
         .wait = "read",
         .idle_s = 50,
         .blocked_s = 50,
         .start = "loop",
         .place = "loop (a.c:7)"},
    };
    struct seep_finding finding = thread_finding();
    const char *text = NULL;

    (void)state;
    finding.threads = threads;
    finding.thread_count = finding.thread_total = 2;
    finding.companion_sites = 1;
    finding.companion_bytes = 368;
    text = rendered(&finding);
    assert_non_null(
        strstr(text, "tid 5 \"idle\" in loop: waiting (futex, woke 1.0 s ago)\n"));
    assert_non_null(
        strstr(text, "tid 6 in loop: blocked for 50 s (read) in loop (a.c:7)\n"));
    assert_non_null(strstr(
        text, "   plus      368 B of heap per thread at 1 site, held by pthread_create"));
}

static void what_was_left_at_exit_takes_one_line_each(void **state)
{
    struct seep_finding finding = thread_finding();

    (void)state;
    finding.kind = SEEP_KIND_HEAP;
    finding.verdict = SEEP_VERDICT_BOUNDED;
    finding.cause = SEEP_CAUSE_LEFT_AT_EXIT;
    finding.headline = "auth_service_new";
    finding.evidence.live = 1;
    finding.evidence.live_bytes = 2048;
    assert_non_null(strstr(rendered(&finding),
                           "left at exit, no leak by itself, never fails a run:\n"
                           "     2.0 KiB       1 block   auth_service_new\n"
                           "   and 8 sites more\n"));
}

static void rates_of_one_finding_share_one_unit_of_time(void **state)
{
    struct seep_finding finding = thread_finding();

    (void)state;
    finding.evidence = (struct seep_view_evidence){.measured = true,
                                                   .growth_per_s = 0.1,
                                                   .growth_per_s_ci = {0.05, 0.2},
                                                   .growth_bytes_per_s = 100};
    assert_non_null(
        strstr(rendered(&finding),
               "growth    6.00/min (3.00 .. 12.00), 5.9 KiB/min, 352 KiB/h\n"));
}

static const char *until(struct seep_finding *list, size_t n)
{
    static char text[SEEP_FINDING_LINE_BYTES];
    const struct seep_findings findings = {.findings = list, .finding_count = n};

    seep_finding_lines_until(&findings, text);
    return text;
}

static void
findings_on_one_limit_reach_it_together_and_the_first_limit_is_said(void **state)
{
    const struct seep_view_forecast memory = {.limit = "rss",
                                              .limit_value = 1 << 30,
                                              .time_to_limit_s = 7200,
                                              .ci_s = {3600, INFINITY}};
    struct seep_finding list[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        list[i] = thread_finding();
        list[i].kind = SEEP_KIND_HEAP;
        list[i].forecast = memory;
    }
    assert_string_equal(until(list, 1),
                        "If it goes on: the memory limit of 1.0 GiB is reached in 2.0 h "
                        "(60 min or more).");
    assert_string_equal(until(list, 2),
                        "If it goes on: the memory limit of 1.0 GiB is reached in 60 min "
                        "(30 min or more).");
    list[2].forecast = (struct seep_view_forecast){
        .limit = "nofile", .limit_value = 1024, .time_to_limit_s = 60, .ci_s = {60, 60}};
    assert_string_equal(
        until(list, 3),
        "If it goes on: the limit of 1,024 open files is reached in 60 s.");
}

static void memory_without_a_limit_says_how_fast_it_grows(void **state)
{
    struct seep_finding finding = thread_finding();

    (void)state;
    finding.kind = SEEP_KIND_HEAP;
    finding.forecast.limit = NULL;
    finding.evidence.growth_bytes_per_s = 1024;
    assert_non_null(
        strstr(until(&finding, 1), "If it goes on: 3.5 MiB more memory per hour"));
    finding.verdict = SEEP_VERDICT_BOUNDED;
    assert_string_equal(until(&finding, 1), "");
}

static void threads_that_wait_for_ever_are_stuck_and_leak_nothing(void **state)
{
    struct seep_finding list[] = {thread_finding(), thread_finding()};
    struct seep_findings findings = {
        .findings = list, .finding_count = 1, .outcome = SEEP_OUTCOME_LEAK};

    (void)state;
    list[0].verdict = list[1].verdict = SEEP_VERDICT_DEFINITE;
    list[0].cause = SEEP_CAUSE_LOCK_CYCLE;
    list[1].cause = SEEP_CAUSE_GROWTH;
    assert_string_equal(seep_report_text_verdict(&findings), "STUCK");
    findings.finding_count = 2;
    assert_string_equal(seep_report_text_verdict(&findings), "LEAK");
    list[1].verdict = SEEP_VERDICT_SUSPECT;
    assert_string_equal(seep_report_text_verdict(&findings), "STUCK");
}

static void a_suspect_says_what_would_prove_it(void **state)
{
    struct seep_finding finding = thread_finding();
    struct seep_findings findings = {.findings = &finding,
                                     .finding_count = 1,
                                     .outcome = SEEP_OUTCOME_SUSPECT,
                                     .judged_from_s = 10,
                                     .judged_to_s = 35};
    char text[200] = "";

    (void)state;
    finding.verdict = SEEP_VERDICT_SUSPECT;
    finding.cause = SEEP_CAUSE_GROWTH;
    assert_true(seep_report_text_doubt(&findings, text, sizeof(text)));
    assert_string_equal(
        text, "Not proved: only 25 s were judged; a run of 90 s or longer tells.");
    findings.judged_to_s = 100;
    assert_true(seep_report_text_doubt(&findings, text, sizeof(text)));
    assert_null(strstr(text, "only"));
    findings.outcome = SEEP_OUTCOME_LEAK;
    assert_false(seep_report_text_doubt(&findings, text, sizeof(text)));
}

static void frames_without_a_name_are_counted_where_they_are_many(void **state)
{
    struct seep_view_frame stack[6];
    struct seep_finding finding = thread_finding();
    const char *text = NULL;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        stack[i] = (struct seep_view_frame){.function = "??",
                                            .file = "",
                                            .module = "libx.so.1",
                                            .offset = 0x10 * i,
                                            .role = SEEP_ROLE_LIBRARY};
    }
    finding.stack = stack;
    finding.stack_count = 6;
    text = rendered(&finding);
    assert_non_null(strstr(text, "?? (libx.so.1+0x0)"));
    assert_non_null(strstr(text, "... 4 more of libx.so.1, without names\n"));
    assert_non_null(strstr(text, "?? (libx.so.1+0x50)"));
    assert_null(strstr(text, "?? (libx.so.1+0x20)"));
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(seep_renderer_find("text"), &SEEP_RENDERER_TEXT);
    assert_ptr_equal(seep_renderer_find("json"), &SEEP_RENDERER_JSON);
    assert_ptr_equal(seep_renderer_find("html"), &SEEP_RENDERER_HTML);
}

static int tear_down(void **state)
{
    (void)state;
    seep_buf_fini(&bytes);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_wrap_at_the_width_and_are_indented),
        cmocka_unit_test(a_word_that_is_too_long_stands_alone),
        cmocka_unit_test(cells_are_cut_and_filled_by_characters),
        cmocka_unit_test(without_utf8_only_ascii_is_written),
        cmocka_unit_test(colours_are_written_only_when_wanted),
        cmocka_unit_test(the_verdict_is_the_first_line_and_own_frames_are_marked),
        cmocka_unit_test(threads_say_what_they_do_and_what_is_kept_for_them),
        cmocka_unit_test(what_was_left_at_exit_takes_one_line_each),
        cmocka_unit_test(rates_of_one_finding_share_one_unit_of_time),
        cmocka_unit_test(
            findings_on_one_limit_reach_it_together_and_the_first_limit_is_said),
        cmocka_unit_test(memory_without_a_limit_says_how_fast_it_grows),
        cmocka_unit_test(threads_that_wait_for_ever_are_stuck_and_leak_nothing),
        cmocka_unit_test(a_suspect_says_what_would_prove_it),
        cmocka_unit_test(frames_without_a_name_are_counted_where_they_are_many),
        cmocka_unit_test(formats_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
