/* Suppressions: which rules hold, which are refused, and until when.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/suppress.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define REALTIME_2026_NS (UINT64_C(1767225600) * 1000000000) /* 2026-01-01 */

struct fixture {
    struct seep_view_frame frames[2];
    struct seep_finding list[3];
    struct seep_findings *findings;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->frames[0] = (struct seep_view_frame){.function = "pma_alloc",
                                            .file = "server/alloc.c",
                                            .module = "pma-backend",
                                            .module_path = "/opt/pma/bin/pma-backend"};
    f->frames[1] = (struct seep_view_frame){.function = "hub_register(int, char*)",
                                            .file = "server/hub/hub.c",
                                            .module = "libhub.so.1",
                                            .module_path = "/usr/lib/libhub.so.1"};
    for (size_t i = 0; i < 3; i++) {
        f->list[i] = (struct seep_finding){.kind = SEEP_KIND_HEAP,
                                           .verdict = SEEP_VERDICT_DEFINITE,
                                           .subsystem = "",
                                           .summary = "it leaks",
                                           .headline = "hub_register",
                                           .stack = f->frames,
                                           .stack_count = 1 + (i == 0)};
        memcpy(f->list[i].id, "00000000000a", 13);
        f->list[i].id[0] = (char)('0' + i);
    }
    f->list[1].kind = SEEP_KIND_THREAD;
    f->list[2].verdict = SEEP_VERDICT_BOUNDED;
    assert_int_equal(seep_findings_new(&f->findings), 0);
    f->findings->exe = "/opt/pma/bin/pma-backend";
    f->findings->started_realtime_ns = REALTIME_2026_NS;
    f->findings->findings = f->list;
    f->findings->finding_count = 3;
}

static void apply(struct fixture *f, const char *rules)
{
    struct seep_suppressions *made = NULL;
    struct seep_error error = {0};
    int status = seep_suppressions_parse("x.supp", rules, strlen(rules), &made, &error);

    if (status != 0) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(seep_suppressions_apply(made, f->findings), 0);
    seep_suppressions_free(made);
}

static void leaves(const char *rules, size_t left)
{
    struct fixture f;

    begin(&f);
    apply(&f, rules);
    assert_int_equal(f.findings->finding_count, left);
    assert_int_equal(f.findings->suppressed.findings, 3 - left);
    seep_findings_free(f.findings);
}

static void a_leak_rule_looks_at_function_module_and_source_of_any_frame(void **state)
{
    (void)state;
    leaves("leak:hub_register", 2);
    leaves("leak:libhub", 2);
    leaves("leak:^/usr/lib/*.so", 2);
    leaves("leak:server/hub/", 2);
    leaves("leak:hub_register(int, char\\*)", 3);
    leaves("leak:hub_register(int, *)$", 2);
    leaves("leak:pma_alloc", 0);
    leaves("leak:nothing", 3);
    leaves("# leak:pma_alloc\n\n   \t\n", 3);
    leaves("  leak:pma_alloc \r\n", 0);
}

static void a_kind_and_an_id_narrow_a_rule(void **state)
{
    (void)state;
    leaves("thread:pma_alloc", 2);
    leaves("heap:pma_alloc", 1);
    leaves("timer:pma_alloc", 3);
    leaves("finding:10000000000a", 2);
    leaves("finding:fffffffffff0", 3);
}

static void a_rule_holds_through_its_day_and_is_named_afterwards(void **state)
{
    struct fixture f;

    (void)state;
    leaves("leak:hub_register expires:2026-01-01 reason:known", 2);
    leaves("leak:hub_register expires:2025-12-31", 3);
    begin(&f);
    apply(&f, "\nleak:hub_register  expires:2025-12-31  reason:wait for 4.2\n"
              "leak:never_met expires:2020-01-01\nleak:pma");
    assert_int_equal(f.findings->suppressed.findings, 3);
    assert_int_equal(f.findings->suppressed.leaks, 2);
    assert_int_equal(f.findings->suppressed.rules, 3);
    assert_int_equal(f.findings->suppressed.rules_used, 1);
    assert_int_equal(f.findings->suppressed.expired_count, 1);
    assert_string_equal(f.findings->suppressed.expired[0],
                        "x.supp:2 expired 2025-12-31, wait for 4.2: it suppresses no "
                        "more");
    seep_findings_free(f.findings);
}

static void refuses(const char *rules, const char *message)
{
    struct seep_suppressions *made = NULL;
    struct seep_error error = {0};

    assert_int_equal(
        seep_suppressions_parse("x.supp", rules, strlen(rules), &made, &error), -EINVAL);
    assert_null(made);
    assert_non_null(strstr(error.message, message));
}

static void a_wrong_line_is_named_with_its_number(void **state)
{
    (void)state;
    refuses("leak:a\n\nnonsense\n", "x.supp:3: \"nonsense\": write leak:PATTERN");
    refuses("race:a", "x.supp:1: \"race:a\"");
    refuses("leak:", "everything or nothing");
    refuses("leak:**", "everything or nothing");
    refuses("finding:xyz", "12 hex digits");
    refuses("leak:a expires:2026-02-29", "2027-03-31");
    refuses("leak:a expires:soon", "2027-03-31");
    refuses("leak:a expires:2026-1-1", "2027-03-31");
    refuses("leak:a reason:x expires:2026-01-01", "comes before reason:");
}

static void bytes_that_are_no_text_and_long_lines_are_refused(void **state)
{
    static char line[2000];
    struct seep_suppressions *made = NULL;
    struct seep_error error = {0};

    (void)state;
    assert_int_equal(seep_suppressions_parse("x", "leak:a\0b", 8, &made, &error),
                     -EINVAL);
    memset(line, 'a', sizeof(line));
    memcpy(line, "leak:", 5);
    assert_int_equal(seep_suppressions_parse("x", line, sizeof(line), &made, &error),
                     -EINVAL);
    assert_non_null(strstr(error.message, "1,000"));
    assert_int_equal(seep_suppressions_open("/nowhere/x", &made, &error), -ENOENT);
    assert_int_equal(seep_suppressions_open("/", &made, &error), -EISDIR);
}

static void the_suggested_file_suppresses_all_but_bounded_findings(void **state)
{
    struct fixture f;
    struct seep_buf text = {0};

    (void)state;
    begin(&f);
    seep_suppressions_suggest(f.findings, &text);
    seep_buf_put(&text, "", 1);
    apply(&f, (const char *)text.data);
    assert_int_equal(f.findings->finding_count, 1);
    assert_int_equal(f.findings->findings[0].verdict, SEEP_VERDICT_BOUNDED);
    seep_buf_fini(&text);
    seep_findings_free(f.findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_rule_looks_at_function_module_and_source_of_any_frame),
        cmocka_unit_test(a_kind_and_an_id_narrow_a_rule),
        cmocka_unit_test(a_rule_holds_through_its_day_and_is_named_afterwards),
        cmocka_unit_test(a_wrong_line_is_named_with_its_number),
        cmocka_unit_test(bytes_that_are_no_text_and_long_lines_are_refused),
        cmocka_unit_test(the_suggested_file_suppresses_all_but_bounded_findings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
