/* The text report's layout.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/renderer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(seep_renderer_find("text"), &SEEP_RENDERER_TEXT);
    assert_ptr_equal(seep_renderer_find("json"), &SEEP_RENDERER_JSON);
    assert_null(seep_renderer_find("html"));
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
        cmocka_unit_test(formats_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
