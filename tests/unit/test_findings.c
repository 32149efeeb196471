/* The findings' text and words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void text_becomes_valid_utf8_without_control_characters(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"a\033[2J", "a?[2J"},
        {"a\nb\tc", "a b c"},
        {"\xff\xfe", "??"},
        {"cut\xe2\x82", "cut??"},
        {"\xed\xa0\x80", "???"},
        {"\xc0\xaf", "??"},
        {"\xf0\x9f\x92\xa7", "\xf0\x9f\x92\xa7"},
        {"\xc2\x9b", "??"},
    };
    struct seep_findings *findings;

    (void)state;
    assert_int_equal(seep_findings_new(&findings), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(seep_findings_text(findings, cases[i].from), cases[i].to);
    }
    assert_string_equal(seep_findings_text(findings, NULL), "");
    seep_findings_free(findings);
    seep_findings_free(NULL);
}

static void words_and_values_are_each_others_reverse(void **state)
{
    (void)state;
    for (enum seep_verdict v = SEEP_VERDICT_BOUNDED; v <= SEEP_VERDICT_DEFINITE; v++) {
        assert_int_equal(seep_verdict_from_name(seep_verdict_name(v)), v);
    }
    assert_int_equal(seep_verdict_from_name("none"), SEEP_VERDICT_NONE);
    assert_int_equal(seep_verdict_from_name("certain"), SEEP_VERDICT_NONE);
    assert_int_equal(seep_kind_from_name("thread"), SEEP_KIND_THREAD);
    assert_int_equal(seep_kind_from_name("none"), SEEP_KIND_NONE);
    assert_string_equal(seep_kind_name(SEEP_KIND_HEAP), "heap");
}

static void the_worst_finding_decides(void **state)
{
    struct seep_finding list[] = {{.verdict = SEEP_VERDICT_BOUNDED},
                                  {.verdict = SEEP_VERDICT_PROBABLE},
                                  {.verdict = SEEP_VERDICT_SUSPECT}};
    struct seep_findings findings = {.findings = list, .finding_count = 3};

    (void)state;
    assert_int_equal(seep_findings_worst(&findings), SEEP_VERDICT_PROBABLE);
    findings.finding_count = 0;
    assert_int_equal(seep_findings_worst(&findings), SEEP_VERDICT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_valid_utf8_without_control_characters),
        cmocka_unit_test(words_and_values_are_each_others_reverse),
        cmocka_unit_test(the_worst_finding_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
