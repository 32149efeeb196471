/* What a receiver is told, when, and what is given up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_outbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
enum { MOST = 8 };

static struct seep_outbox *outbox_of(bool repeats)
{
    const struct seep_outbox_rules rules = {.most = MOST,
                                            .repeat_ns = repeats ? 60 * SECOND : 0,
                                            .keep_ns = 3600 * SECOND,
                                            .seed = 7};
    struct seep_outbox *outbox = NULL;

    assert_int_equal(seep_outbox_new(&rules, &outbox), 0);
    return outbox;
}

/* A note of an alert with a key. */
static struct seep_alert_note *make(const char *key, bool resolved)
{
    struct seep_findings findings = {.host = "h", .pid = 1};
    struct seep_alert_event event = {
        .what = SEEP_ALERT_FIRES, .recording = key, .id = ""};
    struct seep_alert_note *note = NULL;
    struct seep_alert_note *end = NULL;

    assert_int_equal(seep_alert_note_new(&event, &findings, NULL, NULL, 1, &note), 0);
    if (!resolved) {
        return note;
    }
    assert_int_equal(seep_alert_note_resolved(note, 2, &end), 0);
    seep_alert_note_put(note);
    return end;
}

static int put(struct seep_outbox *outbox, const char *key, bool resolved, uint64_t at_s)
{
    struct seep_alert_note *note = make(key, resolved);
    int status = seep_outbox_put(outbox, note, at_s * SECOND);

    seep_alert_note_put(note);
    return status;
}

/* Takes what is due and says what became of it. Returns: its recordings, "a b-". */
static const char *send(struct seep_outbox *outbox, uint64_t at_s,
                        enum seep_outbox_outcome outcome)
{
    static char text[256];
    struct seep_alert_note *notes[MOST];
    size_t n = seep_outbox_due(outbox, at_s * SECOND, false, notes, MOST);

    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s",
                       i > 0 ? " " : "", notes[i]->text[SEEP_NOTE_RECORDING],
                       notes[i]->resolved ? "-" : "");
    }
    if (n > 0) {
        seep_outbox_done(outbox, notes, n, outcome, at_s * SECOND);
    }
    for (size_t i = 0; i < n; i++) {
        seep_alert_note_put(notes[i]);
    }
    return text;
}

static void rules_out_of_range_are_refused(void **state)
{
    struct seep_outbox *outbox = NULL;
    struct seep_outbox_rules rules = {.most = 0, .keep_ns = 1};

    (void)state;
    assert_int_equal(seep_outbox_new(&rules, &outbox), -EINVAL);
    rules.most = SEEP_OUTBOX_MOST + 1;
    assert_int_equal(seep_outbox_new(&rules, &outbox), -EINVAL);
    rules.most = 1;
    rules.keep_ns = 0;
    assert_int_equal(seep_outbox_new(&rules, &outbox), -EINVAL);
}

static void what_was_taken_is_not_sent_again(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);

    (void)state;
    assert_int_equal(put(outbox, "a", false, 1), 0);
    assert_int_equal(put(outbox, "b", false, 1), 0);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_TAKEN), "a b");
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_TAKEN), "");
    assert_int_equal(seep_outbox_counts(outbox).sent, 2);
    assert_true(seep_outbox_wake_ns(outbox) == UINT64_MAX);
    seep_outbox_free(outbox);
}

static void the_newest_state_of_an_alert_wins(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);

    (void)state;
    (void)put(outbox, "a", false, 1);
    (void)put(outbox, "b", false, 1);
    (void)put(outbox, "a", true, 2);
    assert_string_equal(send(outbox, 3, SEEP_OUTBOX_TAKEN), "a- b");
    assert_int_equal(seep_outbox_counts(outbox).replaced, 1);
    seep_outbox_free(outbox);
}

static void a_newer_note_is_sent_though_the_older_was_on_its_way(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);
    struct seep_alert_note *notes[MOST];

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_int_equal(seep_outbox_due(outbox, SECOND, false, notes, MOST), 1);
    (void)put(outbox, "a", true, 2);
    seep_outbox_done(outbox, notes, 1, SEEP_OUTBOX_TAKEN, 2 * SECOND);
    seep_alert_note_put(notes[0]);
    assert_string_equal(send(outbox, 2, SEEP_OUTBOX_TAKEN), "a-");
    seep_outbox_free(outbox);
}

static void beyond_its_bound_notes_are_dropped_and_counted(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);

    (void)state;
    for (int i = 0; i < MOST + 3; i++) {
        char key[8];

        (void)snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(put(outbox, key, false, 1), i < MOST ? 0 : -ENOSPC);
    }
    assert_int_equal(put(outbox, "k0", true, 1), 0); /* one that is known has its place */
    assert_int_equal(seep_outbox_counts(outbox).full, 3);
    assert_int_equal(seep_outbox_counts(outbox).pending, MOST);
    seep_outbox_free(outbox);
}

static void a_receiver_that_is_away_is_asked_less_and_less(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);
    uint64_t now_ns = SECOND;
    double before_s = 0;

    (void)state;
    (void)put(outbox, "a", false, 1);
    for (int i = 0; i < 12; i++) {
        struct seep_alert_note *notes[MOST];
        double wait_s = 0;
        double full_s = i < 6 ? (double)(1 << i) : 60;

        assert_int_equal(seep_outbox_due(outbox, now_ns, false, notes, MOST), 1);
        seep_outbox_done(outbox, notes, 1, SEEP_OUTBOX_AWAY, now_ns);
        seep_alert_note_put(notes[0]);
        wait_s = (double)(seep_outbox_wake_ns(outbox) - now_ns) / 1e9;
        assert_true(wait_s <= full_s && wait_s > 0.75 * full_s);
        assert_true(wait_s != before_s); /* by chance */
        before_s = wait_s;
        assert_int_equal(
            seep_outbox_due(outbox, seep_outbox_wake_ns(outbox) - 1, false, notes, MOST),
            0);
        now_ns = seep_outbox_wake_ns(outbox);
    }
    assert_int_equal(seep_outbox_counts(outbox).failed, 12);
    seep_outbox_free(outbox);
}

static void one_that_is_back_is_asked_at_once_again(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_AWAY), "a");
    assert_string_equal(send(outbox, 3, SEEP_OUTBOX_AWAY), "a");
    assert_string_equal(send(outbox, 8, SEEP_OUTBOX_TAKEN), "a");
    (void)put(outbox, "b", false, 8);
    assert_string_equal(send(outbox, 8, SEEP_OUTBOX_TAKEN), "b");
    (void)put(outbox, "c", false, 9);
    assert_string_equal(send(outbox, 9, SEEP_OUTBOX_AWAY), "c");
    assert_true(seep_outbox_wake_ns(outbox) <= 10 * SECOND); /* patience begins anew */
    seep_outbox_free(outbox);
}

static void what_waited_for_an_hour_is_lost_and_counted(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_AWAY), "a");
    (void)put(outbox, "b", false, 2000);
    assert_string_equal(send(outbox, 3600, SEEP_OUTBOX_AWAY), "a b");
    assert_string_equal(send(outbox, 3610, SEEP_OUTBOX_TAKEN), "b");
    assert_int_equal(seep_outbox_counts(outbox).expired, 1);
    seep_outbox_free(outbox);
}

static void what_fires_is_repeated_each_minute_until_it_resolves(void **state)
{
    struct seep_outbox *outbox = outbox_of(true);

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_TAKEN), "a");
    assert_true(seep_outbox_wake_ns(outbox) == 61 * SECOND);
    assert_string_equal(send(outbox, 60, SEEP_OUTBOX_TAKEN), "");
    assert_string_equal(send(outbox, 61, SEEP_OUTBOX_TAKEN), "a");
    assert_string_equal(send(outbox, 120, SEEP_OUTBOX_TAKEN), "");
    assert_string_equal(send(outbox, 121, SEEP_OUTBOX_TAKEN), "a");
    (void)put(outbox, "a", true, 130);
    assert_string_equal(send(outbox, 130, SEEP_OUTBOX_TAKEN), "a-");
    assert_true(seep_outbox_wake_ns(outbox) == UINT64_MAX);
    seep_outbox_free(outbox);
}

static void what_fires_outlives_an_hour_of_absence_where_it_is_repeated(void **state)
{
    struct seep_outbox *outbox = outbox_of(true);

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_AWAY), "a");
    assert_string_equal(send(outbox, 9000, SEEP_OUTBOX_TAKEN), "a");
    assert_int_equal(seep_outbox_counts(outbox).expired, 0);
    seep_outbox_free(outbox);
}

static void newer_figures_come_with_the_next_repetition(void **state)
{
    struct seep_outbox *outbox = outbox_of(true);
    struct seep_alert_note *newer = make("a", false);
    struct seep_alert_note *notes[MOST];

    (void)state;
    seep_outbox_refresh(outbox, newer); /* not known: nothing */
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_TAKEN), "");
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_TAKEN), "a");
    seep_outbox_refresh(outbox, newer);
    assert_int_equal(seep_outbox_due(outbox, 2 * SECOND, false, notes, MOST), 0);
    assert_int_equal(seep_outbox_due(outbox, 61 * SECOND, false, notes, MOST), 1);
    assert_ptr_equal(notes[0], newer);
    seep_alert_note_put(notes[0]);
    seep_alert_note_put(newer);
    seep_outbox_free(outbox);
}

static void newer_figures_do_not_take_the_place_of_news(void **state)
{
    struct seep_outbox *outbox = outbox_of(true);
    struct seep_alert_note *newer = make("a", false);
    struct seep_alert_note *notes[MOST];

    (void)state;
    (void)put(outbox, "a", false, 1);
    seep_outbox_refresh(outbox, newer);
    assert_int_equal(seep_outbox_due(outbox, SECOND, false, notes, MOST), 1);
    assert_ptr_not_equal(notes[0], newer);
    seep_alert_note_put(notes[0]);
    seep_alert_note_put(newer);
    seep_outbox_free(outbox);
}

static void what_a_receiver_refuses_is_given_up_and_counted(void **state)
{
    struct seep_outbox *outbox = outbox_of(false);

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_REFUSED), "a");
    assert_string_equal(send(outbox, 100, SEEP_OUTBOX_TAKEN), "");
    assert_int_equal(seep_outbox_counts(outbox).refused, 1);
    assert_int_equal(seep_outbox_counts(outbox).failed, 1);
    assert_int_equal(seep_outbox_counts(outbox).sent, 0);
    seep_outbox_free(outbox);
}

static void at_the_end_only_news_is_sent_whatever_the_backoff_says(void **state)
{
    struct seep_outbox *outbox = outbox_of(true);
    struct seep_alert_note *notes[MOST];

    (void)state;
    (void)put(outbox, "a", false, 1);
    assert_string_equal(send(outbox, 1, SEEP_OUTBOX_TAKEN), "a");
    (void)put(outbox, "b", false, 2);
    assert_string_equal(send(outbox, 2, SEEP_OUTBOX_AWAY), "b");
    assert_int_equal(seep_outbox_due(outbox, 2 * SECOND, false, notes, MOST), 0);
    assert_int_equal(seep_outbox_due(outbox, 2 * SECOND, true, notes, MOST), 1);
    assert_string_equal(notes[0]->text[SEEP_NOTE_RECORDING], "b");
    seep_alert_note_put(notes[0]);
    seep_outbox_free(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_out_of_range_are_refused),
        cmocka_unit_test(what_was_taken_is_not_sent_again),
        cmocka_unit_test(the_newest_state_of_an_alert_wins),
        cmocka_unit_test(a_newer_note_is_sent_though_the_older_was_on_its_way),
        cmocka_unit_test(beyond_its_bound_notes_are_dropped_and_counted),
        cmocka_unit_test(a_receiver_that_is_away_is_asked_less_and_less),
        cmocka_unit_test(one_that_is_back_is_asked_at_once_again),
        cmocka_unit_test(what_waited_for_an_hour_is_lost_and_counted),
        cmocka_unit_test(what_fires_is_repeated_each_minute_until_it_resolves),
        cmocka_unit_test(what_fires_outlives_an_hour_of_absence_where_it_is_repeated),
        cmocka_unit_test(newer_figures_come_with_the_next_repetition),
        cmocka_unit_test(newer_figures_do_not_take_the_place_of_news),
        cmocka_unit_test(what_a_receiver_refuses_is_given_up_and_counted),
        cmocka_unit_test(at_the_end_only_news_is_sent_whatever_the_backoff_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
