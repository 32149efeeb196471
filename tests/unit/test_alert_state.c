/* When findings become alerts, against what the header promises and, for random lives of
 * findings, against an oracle that keeps all of history and looks nothing up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
enum { EVENTS_MOST = 4096, LOG_BYTES = 1 << 16 };

/* What was told, as text: "+a1:3 " fires, "^a1:2>4 " rises, "-a1 " resolves. */
struct log {
    char text[LOG_BYTES];
    size_t len_bytes;
    unsigned fires, rises, resolves;
    bool tags_fit; /* a tag was there, or not, as it must be */
};

static struct log told;

static void note(void *arg, const struct seep_alert_event *event)
{
    struct log *log = arg;
    size_t room = sizeof(log->text) - log->len_bytes;
    const char *id = event->id[0] != '\0' ? event->id : "more";
    int n = 0;

    switch (event->what) {
    case SEEP_ALERT_FIRES:
        n = snprintf(log->text + log->len_bytes, room, "+%s:%d%s ", id,
                     event->id[0] != '\0' ? (int)event->level.verdict : (int)event->more,
                     event->level.urgent ? "!" : "");
        log->fires++;
        log->tags_fit = log->tags_fit && *event->tag == NULL;
        *event->tag = strdup(id);
        break;
    case SEEP_ALERT_RISES:
        n = snprintf(log->text + log->len_bytes, room, "^%s:%d>%d%s ", id,
                     event->id[0] != '\0' ? (int)event->was.verdict : 0,
                     event->id[0] != '\0' ? (int)event->level.verdict : (int)event->more,
                     event->level.urgent ? "!" : "");
        log->rises++;
        log->tags_fit = log->tags_fit && strcmp(*event->tag, id) == 0;
        break;
    case SEEP_ALERT_RESOLVES:
        n = snprintf(log->text + log->len_bytes, room, "-%s ", id);
        log->resolves++;
        log->tags_fit = log->tags_fit && strcmp(*event->tag, id) == 0;
        free(*event->tag);
        break;
    }
    log->len_bytes += (size_t)n < room ? (size_t)n : 0;
}

#define SINK ((struct seep_alert_sink){.take = note, .arg = &told})

static void clear(void)
{
    told = (struct log){.tags_fit = true};
}

static struct seep_alert_watch *watch_of(struct seep_alert_rules rules)
{
    struct seep_alert_watch *watch = NULL;

    clear();
    assert_int_equal(seep_alert_watch_new(&rules, &watch), 0);
    return watch;
}

static void end(struct seep_alert_watch *watch)
{
    seep_alert_watch_free(watch, SINK);
    assert_true(told.tags_fit);
    assert_int_equal(told.fires, told.resolves); /* no tag was left behind */
}

/* A judgement that finds one id with a verdict, or nothing (verdict 0). */
static void judge(struct seep_alert_watch *watch, const char *id, int verdict,
                  bool urgent, uint64_t at_s)
{
    struct seep_alert_seen seen = {
        .id = id, .level = {.verdict = (enum seep_verdict)verdict, .urgent = urgent}};

    assert_int_equal(seep_alert_watch_judge(watch, "r", &seen, verdict != 0 ? 1 : 0,
                                            at_s * SECOND, SINK),
                     0);
    assert_true(seep_alert_watch_is_valid(watch));
}

/* Judges the same id, a second each: a digit is a verdict, 0 nothing, 'u' an urgent
 * suspect, 'U' an urgent definite. */
static void judge_all(struct seep_alert_watch *watch, const char *verdicts)
{
    static uint64_t at_s;

    for (const char *at = verdicts; *at != '\0'; at++) {
        bool urgent = *at == 'u' || *at == 'U';
        int verdict = *at == 'u' ? 2 : *at == 'U' ? 4 : *at - '0';

        judge(watch, "a", verdict, urgent, ++at_s);
    }
}

static void rules_out_of_range_are_refused(void **state)
{
    struct seep_alert_rules rules = SEEP_ALERT_RULES_DEFAULT;
    struct seep_alert_watch *watch = NULL;

    (void)state;
    rules.at = SEEP_VERDICT_BOUNDED;
    assert_int_equal(seep_alert_watch_new(&rules, &watch), -EINVAL);
    rules = SEEP_ALERT_RULES_DEFAULT;
    rules.hold = 0;
    assert_int_equal(seep_alert_watch_new(&rules, &watch), -EINVAL);
    rules = SEEP_ALERT_RULES_DEFAULT;
    rules.gone = 0;
    assert_int_equal(seep_alert_watch_new(&rules, &watch), -EINVAL);
    rules = SEEP_ALERT_RULES_DEFAULT;
    rules.per_minute = SEEP_ALERT_PER_MINUTE_MOST + 1;
    assert_int_equal(seep_alert_watch_new(&rules, &watch), -EINVAL);
    assert_null(watch);
}

static void a_verdict_fires_when_it_held_for_two_judgements(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "3");
    assert_string_equal(told.text, "");
    judge_all(watch, "3");
    assert_string_equal(told.text, "+a:3 ");
    judge_all(watch, "33333");
    assert_string_equal(told.text, "+a:3 ");
    assert_int_equal(seep_alert_watch_counts(watch).deduplicated, 5);
    assert_int_equal(seep_alert_watch_counts(watch).firing, 1);
    end(watch);
}

static void what_comes_and_goes_never_fires(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "30303030404040402323232323");
    assert_string_equal(told.text, "");
    end(watch);
}

static void a_verdict_below_the_least_is_no_alert(void **state)
{
    struct seep_alert_rules rules = SEEP_ALERT_RULES_DEFAULT;
    struct seep_alert_watch *watch = watch_of(rules);

    (void)state;
    judge_all(watch, "22222211111");
    assert_string_equal(told.text, "");
    end(watch);
    rules.at = SEEP_VERDICT_SUSPECT;
    watch = watch_of(rules);
    judge_all(watch, "1122");
    assert_string_equal(told.text, "+a:2 ");
    end(watch);
}

static void it_fires_with_what_both_judgements_agree_on(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "34");
    assert_string_equal(told.text, "+a:3 ");
    judge_all(watch, "4");
    assert_string_equal(told.text, "+a:3 ^a:3>4 ");
    end(watch);
}

static void what_fires_never_falls(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "44333344");
    assert_string_equal(told.text, "+a:4 ");
    end(watch);
}

static void a_near_limit_fires_below_the_least_verdict(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "2uu");
    assert_string_equal(told.text, "+a:2! ");
    judge_all(watch, "UU");
    assert_string_equal(told.text, "+a:2! ^a:2>4! ");
    end(watch);
}

static void a_limit_that_comes_near_raises_what_fires(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "44U");
    assert_string_equal(told.text, "+a:4 ");
    judge_all(watch, "U");
    assert_string_equal(told.text, "+a:4 ^a:4>4! ");
    end(watch);
}

static void it_resolves_when_it_was_gone_for_three_judgements(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "3300");
    assert_string_equal(told.text, "+a:3 ");
    judge_all(watch, "300");
    assert_string_equal(told.text, "+a:3 ");
    judge_all(watch, "2"); /* found, but not as much as is asked for */
    assert_string_equal(told.text, "+a:3 -a ");
    assert_int_equal(seep_alert_watch_counts(watch).firing, 0);
    end(watch);
}

static void what_comes_back_takes_twice_as_long_to_resolve(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "3300033");
    assert_string_equal(told.text, "+a:3 -a +a:3 ");
    judge_all(watch, "00000");
    assert_int_equal(told.resolves, 1);
    judge_all(watch, "0");
    assert_int_equal(told.resolves, 2);
    end(watch);
}

static void an_hour_later_flapping_is_forgotten(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);
    uint64_t at_s = 1000000;

    (void)state;
    for (int i = 0; i < 5; i++) {
        judge(watch, "a", i < 2 ? 3 : 0, false, at_s++);
    }
    assert_string_equal(told.text, "+a:3 -a ");
    judge(watch, "a", 0, false, at_s + 3600);
    for (int i = 0; i < 5; i++) {
        judge(watch, "a", i < 2 ? 3 : 0, false, at_s + 3601 + (uint64_t)i);
    }
    assert_string_equal(told.text, "+a:3 -a +a:3 -a ");
    end(watch);
}

static void flapping_for_a_day_is_told_a_few_times(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    for (uint64_t s = 1; s <= 86400; s++) { /* 3 s there, 3 s gone */
        judge(watch, "a", s % 6 < 3 ? 4 : 0, false, s);
    }
    assert_true(told.fires <= 2);
    end(watch);
}

static void all_alerts_of_a_program_that_ended_resolve(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_all(watch, "33");
    seep_alert_watch_gone(watch, "another", SINK);
    assert_string_equal(told.text, "+a:3 ");
    seep_alert_watch_gone(watch, "r", SINK);
    assert_string_equal(told.text, "+a:3 -a ");
    judge_all(watch, "3"); /* a new program under the name begins from nothing */
    assert_string_equal(told.text, "+a:3 -a ");
    judge_all(watch, "3");
    assert_string_equal(told.text, "+a:3 -a +a:3 ");
    end(watch);
}

static void the_same_finding_of_two_recordings_is_two_alerts(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);
    struct seep_alert_seen seen = {.id = "a",
                                   .level = {.verdict = SEEP_VERDICT_DEFINITE}};

    (void)state;
    for (uint64_t s = 1; s <= 2; s++) {
        (void)seep_alert_watch_judge(watch, "x", &seen, 1, s * SECOND, SINK);
        (void)seep_alert_watch_judge(watch, "y", &seen, 1, s * SECOND, SINK);
    }
    assert_string_equal(told.text, "+a:4 +a:4 ");
    seep_alert_watch_gone(watch, "x", SINK);
    assert_int_equal(seep_alert_watch_counts(watch).firing, 1);
    end(watch);
}

/* A judgement that finds ids f000 to f(n-1) with a verdict. */
static void judge_many(struct seep_alert_watch *watch, unsigned n, int verdict,
                       uint64_t at_s)
{
    static char ids[SEEP_ALERT_IDS_MOST + 8][13];
    static struct seep_alert_seen seen[SEEP_ALERT_IDS_MOST + 8];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "f%04u", i);
        seen[i] = (struct seep_alert_seen){
            .id = ids[i], .level = {.verdict = (enum seep_verdict)verdict}};
    }
    assert_int_equal(seep_alert_watch_judge(watch, "r", seen, n, at_s * SECOND, SINK), 0);
    assert_true(seep_alert_watch_is_valid(watch));
}

static void more_than_a_minute_allows_are_one_alert(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_many(watch, 57, 4, 10);
    judge_many(watch, 57, 4, 11);
    assert_int_equal(told.fires, 21);
    assert_non_null(strstr(told.text, "+more:37 "));
    assert_int_equal(seep_alert_watch_counts(watch).folded, 37);
    assert_int_equal(seep_alert_watch_counts(watch).firing, 21);
    for (uint64_t s = 12; s < 300; s++) { /* folded stay folded */
        judge_many(watch, 57, 4, s);
    }
    assert_int_equal(told.fires, 21);
    assert_int_equal(told.rises, 0);
    end(watch);
}

static void folded_ones_are_counted_anew_once_a_minute(void **state)
{
    struct seep_alert_rules rules = SEEP_ALERT_RULES_DEFAULT;
    struct seep_alert_watch *watch = NULL;

    (void)state;
    rules.per_minute = 1;
    watch = watch_of(rules);
    judge_many(watch, 3, 4, 10);
    judge_many(watch, 3, 4, 11);
    assert_string_equal(told.text, "+f0000:4 +more:2 ");
    judge_many(watch, 6, 4, 20);
    judge_many(watch, 6, 4, 21);
    assert_string_equal(told.text, "+f0000:4 +more:2 ");
    judge_many(watch, 6, 4, 71);
    assert_string_equal(told.text, "+f0000:4 +more:2 ^more:0>5 ");
    for (uint64_t s = 72; s < 75; s++) {
        judge_many(watch, 1, 4, s);
    }
    assert_string_equal(told.text, "+f0000:4 +more:2 ^more:0>5 -more ");
    end(watch);
}

static void a_folded_one_that_rises_is_sent_by_itself(void **state)
{
    struct seep_alert_rules rules = SEEP_ALERT_RULES_DEFAULT;
    struct seep_alert_watch *watch = NULL;

    (void)state;
    rules.per_minute = 1;
    watch = watch_of(rules);
    judge_many(watch, 2, 3, 10);
    judge_many(watch, 2, 3, 11);
    assert_string_equal(told.text, "+f0000:3 +more:1 ");
    judge_many(watch, 2, 4, 80);
    judge_many(watch, 2, 4, 81); /* f0000 takes this minute's */
    assert_string_equal(told.text, "+f0000:3 +more:1 ^f0000:3>4 ");
    judge_many(watch, 2, 4, 142);
    assert_string_equal(told.text, "+f0000:3 +more:1 ^f0000:3>4 +f0001:4 -more ");
    end(watch);
}

static void a_rise_without_room_in_its_minute_comes_later(void **state)
{
    struct seep_alert_rules rules = SEEP_ALERT_RULES_DEFAULT;
    struct seep_alert_watch *watch = NULL;

    (void)state;
    rules.per_minute = 1;
    watch = watch_of(rules);
    judge(watch, "a", 3, false, 10);
    judge(watch, "a", 3, false, 11);
    judge(watch, "a", 4, false, 12);
    judge(watch, "a", 4, false, 13);
    assert_string_equal(told.text, "+a:3 ");
    judge(watch, "a", 4, false, 71);
    assert_string_equal(told.text, "+a:3 ^a:3>4 ");
    end(watch);
}

static void findings_beyond_what_is_followed_are_counted(void **state)
{
    struct seep_alert_watch *watch = watch_of(SEEP_ALERT_RULES_DEFAULT);

    (void)state;
    judge_many(watch, SEEP_ALERT_IDS_MOST + 5, 4, 10);
    assert_int_equal(seep_alert_watch_counts(watch).overlooked, 5);
    end(watch);
}

/* ---- the oracle ---- */

enum { IDS = 6, STEPS = 400, RUNS = 300 };

struct oracle_id {
    struct seep_alert_level past[STEPS]; /* all of it */
    bool firing, folded;
    struct seep_alert_level sent;
    unsigned flaps;
    int absent_from; /* first judgement of the absence now; -1 */
    uint64_t resolved_at;
    bool ever;
};

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(dice_state >> 33) % sides;
}

static bool oracle_wanted(const struct seep_alert_rules *rules,
                          struct seep_alert_level level)
{
    return level.verdict >= 2 && (level.urgent || level.verdict >= rules->at);
}

/* The level of the last `hold` judgements together. */
static struct seep_alert_level oracle_held(const struct seep_alert_rules *rules,
                                           const struct oracle_id *id, int step)
{
    struct seep_alert_level held = {.verdict = SEEP_VERDICT_DEFINITE, .urgent = true};

    for (int i = step; i > step - (int)rules->hold; i--) {
        struct seep_alert_level one = i >= 0 ? id->past[i] : (struct seep_alert_level){0};

        one = oracle_wanted(rules, one) ? one : (struct seep_alert_level){0};
        held.verdict = one.verdict < held.verdict ? one.verdict : held.verdict;
        held.urgent = held.urgent && one.urgent;
    }
    return held;
}

static void oracle_line(struct log *log, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof(log->text) - log->len_bytes;

    va_start(arguments, format);
    log->len_bytes +=
        (size_t)vsnprintf(log->text + log->len_bytes, room, format, arguments);
    va_end(arguments);
}

static void oracle_step(const struct seep_alert_rules *rules, struct oracle_id *id,
                        int number, int step, struct log *log)
{
    struct seep_alert_level held = oracle_held(rules, id, step);
    uint64_t now_s = (uint64_t)step + 1;

    if (!oracle_wanted(rules, id->past[step])) {
        id->absent_from = id->absent_from < 0 ? step : id->absent_from;
        if (id->firing && step - id->absent_from + 1 >= (int)(rules->gone << id->flaps)) {
            oracle_line(log, "-f%04d ", number);
            id->firing = false;
            id->flaps += id->flaps < 6;
            id->resolved_at = now_s;
            id->ever = true;
        }
        if (!id->firing && id->ever && now_s - id->resolved_at >= 3600) {
            id->ever = false;
            id->flaps = 0;
        }
        return;
    }
    id->absent_from = -1;
    if (!id->firing && oracle_wanted(rules, held)) {
        id->firing = true;
        id->sent = held;
        oracle_line(log, "+f%04d:%d%s ", number, (int)held.verdict,
                    held.urgent ? "!" : "");
    } else if (id->firing &&
               (held.verdict > id->sent.verdict || (held.urgent && !id->sent.urgent))) {
        enum seep_verdict was = id->sent.verdict;

        id->sent.verdict = held.verdict > was ? held.verdict : was;
        id->sent.urgent = id->sent.urgent || held.urgent;
        oracle_line(log, "^f%04d:%d>%d%s ", number, (int)was, (int)id->sent.verdict,
                    id->sent.urgent ? "!" : "");
    }
}

static void random_lives_agree_with_the_oracle(void **state)
{
    static struct oracle_id ids[IDS];
    static struct log expected;

    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        struct seep_alert_rules rules = {.at = SEEP_VERDICT_SUSPECT + run % 3,
                                         .hold = 1 + run % 4,
                                         .gone = 1 + run % 5,
                                         .per_minute = SEEP_ALERT_PER_MINUTE_MOST};
        struct seep_alert_watch *watch = watch_of(rules);
        unsigned stickiness = 2 + run % 9;

        dice_state = run;
        memset(ids, 0, sizeof(ids));
        expected = (struct log){0};
        for (int i = 0; i < IDS; i++) {
            ids[i].absent_from = -1;
        }
        for (int step = 0; step < STEPS; step++) {
            struct seep_alert_seen seen[IDS];
            char names[IDS][13];
            size_t n = 0;

            for (int i = 0; i < IDS; i++) {
                struct seep_alert_level *level = &ids[i].past[step];

                *level = step > 0 && dice(stickiness) != 0
                             ? ids[i].past[step - 1]
                             : (struct seep_alert_level){.verdict = dice(5),
                                                         .urgent = dice(4) == 0};
                (void)snprintf(names[i], sizeof(names[i]), "f%04d", i);
                if (level->verdict != 0) {
                    seen[n++] = (struct seep_alert_seen){.id = names[i], .level = *level};
                }
                oracle_step(&rules, &ids[i], i, step, &expected);
            }
            assert_int_equal(seep_alert_watch_judge(watch, "r", seen, n,
                                                    ((uint64_t)step + 1) * SECOND, SINK),
                             0);
            assert_true(seep_alert_watch_is_valid(watch));
        }
        assert_string_equal(told.text, expected.text);
        end(watch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_out_of_range_are_refused),
        cmocka_unit_test(a_verdict_fires_when_it_held_for_two_judgements),
        cmocka_unit_test(what_comes_and_goes_never_fires),
        cmocka_unit_test(a_verdict_below_the_least_is_no_alert),
        cmocka_unit_test(it_fires_with_what_both_judgements_agree_on),
        cmocka_unit_test(what_fires_never_falls),
        cmocka_unit_test(a_near_limit_fires_below_the_least_verdict),
        cmocka_unit_test(a_limit_that_comes_near_raises_what_fires),
        cmocka_unit_test(it_resolves_when_it_was_gone_for_three_judgements),
        cmocka_unit_test(what_comes_back_takes_twice_as_long_to_resolve),
        cmocka_unit_test(an_hour_later_flapping_is_forgotten),
        cmocka_unit_test(flapping_for_a_day_is_told_a_few_times),
        cmocka_unit_test(all_alerts_of_a_program_that_ended_resolve),
        cmocka_unit_test(the_same_finding_of_two_recordings_is_two_alerts),
        cmocka_unit_test(more_than_a_minute_allows_are_one_alert),
        cmocka_unit_test(folded_ones_are_counted_anew_once_a_minute),
        cmocka_unit_test(a_folded_one_that_rises_is_sent_by_itself),
        cmocka_unit_test(a_rise_without_room_in_its_minute_comes_later),
        cmocka_unit_test(findings_beyond_what_is_followed_are_counted),
        cmocka_unit_test(random_lives_agree_with_the_oracle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
