/* Children that ran the same program share a line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/child_groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/report_text_children.h"

enum { OWN_PID = 7 };

static struct seep_view_child child(uint32_t pid, const char *command, const char *ending)
{
    return (struct seep_view_child){.pid = pid,
                                    .command = command,
                                    .file = "",
                                    .ending = ending,
                                    .replaced = strcmp(ending, "exec") == 0,
                                    .duration_s = pid,
                                    .heap_live_bytes = 1024};
}

static char text[4096];

static const char *rendered(const struct seep_findings *findings, unsigned columns)
{
    struct seep_buf bytes = {0};
    struct seep_layout layout = {.out = &bytes, .columns = columns};

    assert_int_equal(seep_report_text_children(&layout, findings, 11), 0);
    seep_buf_put(&bytes, "", 1);
    assert_true(bytes.len_bytes < sizeof(text));
    memcpy(text, bytes.data, bytes.len_bytes);
    seep_buf_fini(&bytes);
    return text;
}

static void the_same_program_is_one_group_whatever_its_arguments(void **state)
{
    struct seep_view_child children[] = {
        child(11, "/usr/bin/cc -c a.c", "exited 0"),
        child(12, "cc -c b.c", "exited 0"),
        child(13, "make: worker", "exited 0"),
        child(14, "cc -c c.c", "exited 1"),
        child(15, "cc -c d.c", "exec"),
    };
    struct seep_findings findings = {
        .pid = OWN_PID, .children = children, .child_count = 5};
    struct seep_child_group *groups = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(seep_child_groups_make(&findings, &groups, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(groups[0].program, "cc");
    assert_int_equal(groups[0].count, 4);
    assert_int_equal(groups[0].failed, 1);
    assert_int_equal(groups[0].replaced, 1);
    assert_false(groups[0].same_command);
    assert_true(groups[0].shortest_s == 11 && groups[0].longest_s == 15);
    assert_int_equal(groups[0].heap_live_bytes, 3072);
    assert_string_equal(groups[1].program, "make");
    free(groups);
    assert_string_equal(rendered(&findings, 120),
                        "children   4 x cc (2 exited 0, 1 exited 1, 1 replaced by exec, "
                        "ran 11 s to 15 s, "
                        "left 3.0 KiB)\n"
                        "           make: worker (pid 13, ran 13 s, exited 0)\n");
}

static void one_with_a_leak_stands_alone_and_first(void **state)
{
    struct seep_view_child children[] = {
        child(11, "worker", "exited 0"),
        child(12, "worker", "exited 0"),
        child(13, "worker", "exited 0"),
    };
    struct seep_findings findings = {
        .pid = OWN_PID, .children = children, .child_count = 3};

    (void)state;
    children[2].outcome = SEEP_OUTCOME_LEAK;
    children[2].file = "x.13.seep";
    assert_string_equal(
        rendered(&findings, 80),
        "children   worker (pid 13, ran 13 s, exited 0): x.13.seep: leak\n"
        "           2 x worker (2 exited 0, ran 11 s to 12 s, left 2.0 KiB)\n");
}

static void images_before_an_exec_are_said_as_such(void **state)
{
    struct seep_view_child children[] = {
        child(OWN_PID, "/usr/bin/env bash start.sh", "exec"),
        child(OWN_PID, "bash start.sh", "exec"),
        child(12, "sh -c true", "exec"),
    };
    struct seep_findings findings = {
        .pid = OWN_PID, .children = children, .child_count = 3};

    (void)state;
    assert_string_equal(rendered(&findings, 100),
                        "before     this process was env, then 1 program more, before "
                        "exec put this one in "
                        "its place\n"
                        "children   sh -c true (pid 12, ran 12 s, replaced by exec)\n");
}

static void a_long_command_is_cut_in_its_middle(void **state)
{
    struct seep_view_child children[] = {
        child(12, "server --config /a/very/long/path/to/the/file --last-word",
              "exited 0"),
    };
    struct seep_findings findings = {
        .pid = OWN_PID, .children = children, .child_count = 1};

    (void)state;
    assert_string_equal(rendered(&findings, 50),
                        "children   server --config / ... /file --last-word\n"
                        "           (pid 12, ran 12 s, exited 0)\n");
}

static void many_programs_end_in_a_count(void **state)
{
    static char names[20][4];
    struct seep_view_child children[20];
    struct seep_findings findings = {
        .pid = OWN_PID, .children = children, .child_count = 20};

    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        names[i][0] = (char)('a' + i);
        children[i] = child(i + 10, names[i], "exited 0");
    }
    assert_non_null(
        strstr(rendered(&findings, 80), "and 8 more (--format json lists all)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_program_is_one_group_whatever_its_arguments),
        cmocka_unit_test(one_with_a_leak_stands_alone_and_first),
        cmocka_unit_test(images_before_an_exec_are_said_as_such),
        cmocka_unit_test(a_long_command_is_cut_in_its_middle),
        cmocka_unit_test(many_programs_end_in_a_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
