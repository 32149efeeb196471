/* Alerts as a whole: judgements in, receivers told by threads of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
enum { PATIENCE_S = 20, FINDINGS = 3 };

static struct seep_finding list[FINDINGS];
static struct seep_findings findings;

static void set_up(void)
{
    static char ids[FINDINGS][13];

    findings = (struct seep_findings){.host = "h",
                                      .pid = 7,
                                      .ending_kind = "lost", /* so far */
                                      .findings = list,
                                      .finding_count = FINDINGS};
    for (int i = 0; i < FINDINGS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "00000000000%d", i);
        list[i] = (struct seep_finding){.kind = SEEP_KIND_HEAP,
                                        .verdict = SEEP_VERDICT_DEFINITE,
                                        .cause = SEEP_CAUSE_GROWTH,
                                        .subsystem = "",
                                        .summary = "it leaks",
                                        .headline = "f"};
        memcpy(list[i].id, ids[i], sizeof(ids[i]));
    }
}

static struct seep_alerts *alerts_to(const char *const *targets, size_t n)
{
    struct seep_alerts_options options = {.target_count = n,
                                          .rules = SEEP_ALERT_RULES_DEFAULT};
    struct seep_alerts *alerts = NULL;
    struct seep_error error = {0};

    set_up();
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(seep_alert_target_parse(targets[i], &options.targets[i], &error),
                         0);
    }
    assert_int_equal(seep_alerts_new(&options, &alerts, &error), 0);
    return alerts;
}

/* Judgements are at real times: what waits is as old as it is. */
static uint64_t at(uint64_t second)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + second;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void judge(struct seep_alerts *alerts, uint64_t at_s)
{
    assert_int_equal(seep_alerts_update(alerts, "r", &findings, at(at_s)), 0);
}

/* Waits until so many notes were taken and attempts failed. */
static struct seep_alert_counts wait_for(struct seep_alerts *alerts, uint64_t sent,
                                         uint64_t failed)
{
    double until_s = now_s() + PATIENCE_S;
    struct seep_alert_counts counts = seep_alerts_counts(alerts);

    while (counts.sent < sent || counts.failed < failed) {
        const struct timespec pause = {.tv_nsec = 2000000};

        assert_true(now_s() < until_s);
        (void)nanosleep(&pause, NULL);
        counts = seep_alerts_counts(alerts);
    }
    return counts;
}

static void each_receiver_is_told_of_each_alert_and_its_end(void **state)
{
    static const char *const targets[] = {"command:/bin/true", "command:/bin/true x"};
    struct seep_alerts *alerts = alerts_to(targets, 2);
    struct seep_alert_counts counts;

    (void)state;
    judge(alerts, 1);
    judge(alerts, 2);
    counts = wait_for(alerts, 2 * FINDINGS, 0);
    assert_int_equal(counts.firing, FINDINGS);
    judge(alerts, 3);
    seep_alerts_gone(alerts, "r", at(4));
    counts = wait_for(alerts, 4 * FINDINGS, 0);
    assert_int_equal(counts.firing, 0);
    assert_int_equal(counts.deduplicated, FINDINGS);
    assert_int_equal(counts.dropped, 0);
    seep_alerts_free(alerts);
}

static void findings_of_a_program_that_ended_resolve_its_alerts(void **state)
{
    static const char *const targets[] = {"command:/bin/true"};
    struct seep_alerts *alerts = alerts_to(targets, 1);

    (void)state;
    judge(alerts, 1);
    judge(alerts, 2);
    (void)wait_for(alerts, FINDINGS, 0);
    findings.ending_kind = "exited";
    judge(alerts, 3);
    assert_int_equal(wait_for(alerts, 2 * FINDINGS, 0).firing, 0);
    seep_alerts_free(alerts);
}

static void one_that_fails_is_away_and_says_why(void **state)
{
    static const char *const targets[] = {"command:/bin/false", "command:/bin/true"};
    struct seep_alerts *alerts = alerts_to(targets, 2);
    struct seep_alert_receiver receiver;

    (void)state;
    judge(alerts, 1);
    judge(alerts, 2);
    (void)wait_for(alerts, FINDINGS, 1);
    seep_alerts_receiver(alerts, 0, &receiver);
    assert_true(receiver.away);
    assert_string_equal(receiver.shown, "/bin/false");
    assert_non_null(strstr(receiver.why, "exit status 1"));
    assert_int_equal(receiver.counts.pending, FINDINGS);
    seep_alerts_receiver(alerts, 1, &receiver);
    assert_false(receiver.away);
    assert_string_equal(receiver.why, "");
    seep_alerts_free(alerts);
}

static void who_judges_never_waits_for_a_receiver(void **state)
{
    static const char *const targets[] = {"command:/bin/sleep 2"};
    struct seep_alerts *alerts = alerts_to(targets, 1);
    double from_s = now_s();

    (void)state;
    for (uint64_t s = 1; s <= 1000; s++) {
        judge(alerts, s);
    }
    seep_alerts_gone(alerts, "r", at(1001));
    assert_true(now_s() - from_s < 1.5);
    assert_int_equal(seep_alerts_counts(alerts).sent, 0);
    seep_alerts_free(alerts);
}

static void at_the_end_what_waits_is_sent(void **state)
{
    static const char *const targets[] = {"command:/bin/true"};
    struct seep_alerts *alerts = alerts_to(targets, 1);

    (void)state;
    judge(alerts, 1);
    judge(alerts, 2);
    seep_alerts_gone(alerts, "r", at(3));
    seep_alerts_finish(alerts, 10000);
    assert_int_equal(seep_alerts_counts(alerts).pending, 0);
    assert_true(seep_alerts_counts(alerts).sent >= FINDINGS);
    seep_alerts_free(alerts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_receiver_is_told_of_each_alert_and_its_end),
        cmocka_unit_test(findings_of_a_program_that_ended_resolve_its_alerts),
        cmocka_unit_test(one_that_fails_is_away_and_says_why),
        cmocka_unit_test(who_judges_never_waits_for_a_receiver),
        cmocka_unit_test(at_the_end_what_waits_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
