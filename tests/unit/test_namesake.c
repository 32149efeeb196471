/* Sentences on the same function say by which caller they differ.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/namesake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DRAFTS = 3, FRAMES = 4 };

struct fixture {
    struct seep_analysis analysis;
    struct seep_draft drafts[DRAFTS];
    struct seep_view_frame frames[DRAFTS][FRAMES];
};

/* The stack is alloc < new_session < the handler < loop. */
static void put(struct fixture *f, size_t at, const char *handler, uint32_t line)
{
    const char *const functions[FRAMES] = {"alloc", "new_session", handler, "loop"};
    struct seep_finding *finding = &f->drafts[at].finding;

    for (size_t i = 0; i < FRAMES; i++) {
        f->frames[at][i] = (struct seep_view_frame){.function = functions[i],
                                                    .line = i == 1 ? line : 7,
                                                    .role = SEEP_ROLE_PROGRAM};
    }
    *finding = (struct seep_finding){.kind = SEEP_KIND_HEAP,
                                     .verdict = SEEP_VERDICT_PROBABLE,
                                     .headline = "new_session",
                                     .subsystem = "auth",
                                     .summary = "It leaks.",
                                     .stack = f->frames[at],
                                     .stack_count = FRAMES};
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(seep_findings_new(&f->analysis.findings), 0);
    f->analysis.drafts = f->drafts;
    f->analysis.count = DRAFTS;
    put(f, 0, "log_in", 20);
    put(f, 1, "log_out", 20);
    put(f, 2, "other", 30);
}

static void tell(struct fixture *f)
{
    assert_int_equal(seep_namesakes_tell(&f->analysis), 0);
}

static void each_names_the_caller_that_the_other_has_not(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    tell(&f);
    assert_string_equal(f.drafts[0].finding.summary, "It leaks. Reached through log_in.");
    assert_string_equal(f.drafts[1].finding.summary,
                        "It leaks. Reached through log_out.");
    assert_string_equal(f.drafts[2].finding.summary, "It leaks."); /* another line */
    seep_findings_free(f.analysis.findings);
}

static void nothing_is_said_where_nothing_tells_them_apart(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    put(&f, 1, "log_in", 20);
    tell(&f);
    assert_string_equal(f.drafts[0].finding.summary, "It leaks.");
    seep_findings_free(f.analysis.findings);
    begin(&f);
    f.frames[0][2].function = "??"; /* then the next one that has a name */
    f.drafts[1].finding.kind = SEEP_KIND_FD;
    tell(&f);
    assert_string_equal(f.drafts[0].finding.summary, "It leaks.");
    seep_findings_free(f.analysis.findings);
}

static void bounded_findings_are_left_alone(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.drafts[1].finding.verdict = SEEP_VERDICT_BOUNDED;
    tell(&f);
    assert_string_equal(f.drafts[0].finding.summary, "It leaks.");
    assert_string_equal(f.drafts[1].finding.summary, "It leaks.");
    seep_findings_free(f.analysis.findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_names_the_caller_that_the_other_has_not),
        cmocka_unit_test(nothing_is_said_where_nothing_tells_them_apart),
        cmocka_unit_test(bounded_findings_are_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
