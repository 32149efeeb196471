/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_STATE_H
#define SEEP_ANALYZER_ALERT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/finding.h"

/* When a finding becomes an alert, rises, and passes: a state machine for all recordings.
 * It knows ids and levels, no texts and no receivers, and time is an argument.
 *
 * A level that is wanted fires once it has held for `hold` judgements on end. While it
 * fires the level can only rise, each rise again after `hold` judgements. It resolves
 * when it was not wanted for `gone` judgements on end; each time that it comes back
 * within an hour doubles how many that takes, up to 64 times, so that what flaps fires on
 * instead of toggling. Beyond `per_minute` new alerts in a minute findings are folded:
 * counted in one alert per recording ("and 37 more"), and sent on their own only when
 * they rise.
 */
struct seep_alert_rules {
    enum seep_verdict at; /* least verdict; SUSPECT to DEFINITE */
    unsigned hold, gone;  /* judgements; 1 to 1,000 */
    unsigned per_minute;  /* 1 to SEEP_ALERT_PER_MINUTE_MOST */
};
enum { SEEP_ALERT_PER_MINUTE_MOST = 1000, SEEP_ALERT_IDS_MOST = 4096 };
static const struct seep_alert_rules SEEP_ALERT_RULES_DEFAULT = {
    .at = SEEP_VERDICT_PROBABLE, .hold = 2, .gone = 3, .per_minute = 20};

struct seep_alert_level {
    enum seep_verdict verdict; /* NONE: not found */
    bool
        urgent; /* a limit is near, or threads stand still: wanted whatever the verdict */
};

/* One finding of a judgement. */
struct seep_alert_seen {
    const char *id; /* 12 hex digits; unique within the judgement */
    struct seep_alert_level level;
};

enum seep_alert_what {
    SEEP_ALERT_FIRES = 1,
    SEEP_ALERT_RISES = 2, /* of the folded ones: there are more or fewer now */
    SEEP_ALERT_RESOLVES = 3
};

struct seep_alert_event {
    enum seep_alert_what what;
    const char *recording;              /* borrowed, as all here, during the call */
    const char *id;                     /* "": the alert on the folded ones */
    struct seep_alert_level level, was; /* was: before a rise */
    unsigned more;                      /* folded ones */
    /* The caller's, of this alert; NULL when it fires. Kept until it resolves. */
    void **tag;
};
/* Who is told. */
struct seep_alert_sink {
    void (*take)(void *arg, const struct seep_alert_event *event); /* NULL: nobody */
    void *arg;
};

struct seep_alert_watch;

/* rules: copied. Returns: 0; -ENOMEM; -EINVAL for rules out of range. */
int seep_alert_watch_new(const struct seep_alert_rules *rules,
                         struct seep_alert_watch **watch);
/* Alerts that fire are not resolved; `forget` is told of each with
 * RESOLVES, so that tags can be freed. NULL is ignored. */
void seep_alert_watch_free(struct seep_alert_watch *watch, struct seep_alert_sink forget);

/* A judgement of a recording.
 *
 * seen:    n findings; more than SEEP_ALERT_IDS_MOST of them are not looked at, and
 *          counted.
 * now_ns:  monotonic, never lower than before.
 * sink:    is told of each event, in the order of ids, the folded ones' last.
 * Returns: 0; -ENOMEM: findings that were new are not followed yet.
 * Thread-safety of all here: owner thread. Cost: O((n + followed) log followed).
 */
int seep_alert_watch_judge(struct seep_alert_watch *watch, const char *recording_name,
                           const struct seep_alert_seen *seen, size_t n, uint64_t now_ns,
                           struct seep_alert_sink sink);

/* The program has ended, or nobody records it any more: all of its alerts resolve. An
 * unknown recording is ignored. */
void seep_alert_watch_gone(struct seep_alert_watch *watch, const char *recording_name,
                           struct seep_alert_sink sink);

/* Tells FIRES for each alert that fires now, of one recording, with its
 * level. */
void seep_alert_watch_each(struct seep_alert_watch *watch, const char *recording_name,
                           struct seep_alert_sink sink);

struct seep_alert_watch_counts {
    uint64_t deduplicated; /* judgements that found again what had been sent */
    uint64_t overlooked;   /* findings beyond SEEP_ALERT_IDS_MOST */
    size_t firing, folded; /* now; an alert on folded ones is one that fires */
};
struct seep_alert_watch_counts
seep_alert_watch_counts(const struct seep_alert_watch *watch);

bool seep_alert_watch_is_valid(const struct seep_alert_watch *watch);

#endif
