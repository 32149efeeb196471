/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_ALERT_H
#define SEEP_ANALYZER_ALERT_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert_outbox.h"
#include "alert/alert_sender.h"
#include "alert/alert_state.h"
#include "alert/alert_target.h"
#include "base/error.h"
#include "verdict/findings.h"

/* Alerts of all recordings to all receivers.
 *
 *     seep_alerts_new(&options, &alerts, &error);
 *     ... after each judgement of a recording of a running program:
 *     seep_alerts_update(alerts, name, findings, now_ns);
 *     ... when it has ended, or nobody records it any more:
 *     seep_alerts_gone(alerts, name, now_ns);
 *     seep_alerts_finish(alerts, 5000);
 *     seep_alerts_free(alerts);
 *
 * The caller decides what fires and never waits: each receiver has a thread of its own
 * and a bounded set of what it has still to be told.
 */
struct seep_alerts;

struct seep_alerts_options {
    struct seep_alert_target targets[SEEP_ALERT_TARGETS_MOST];
    size_t target_count;
    struct seep_alert_rules rules;
    double forecast_s; /* a limit nearer than that is urgent; 0: never */
    /* Borrowed while the alerts live. */
    struct seep_alert_secret secret;
};

/* options: copied. Returns: 0; -ENOMEM, -EINVAL (rules), -EAGAIN (no thread) with *error
 * set, *alerts untouched. */
int seep_alerts_new(const struct seep_alerts_options *options,
                    struct seep_alerts **alerts, struct seep_error *error);

/* Ends the threads: what is pending is tried once more, for `grace_ms` at most, then
 * given up; an attempt on its way is waited for. Counts and receivers can still be asked.
 * Alerts that fire are not resolved: the program may go on without us (Alertmanager
 * forgets them after SEEP_ALERT_LASTS_NS). */
void seep_alerts_finish(struct seep_alerts *alerts, int grace_ms);
/* After seep_alerts_finish, which it calls without grace when that was not done. NULL is
 * ignored. */
void seep_alerts_free(struct seep_alerts *alerts);

/* A judgement of a recording. Findings of a program that has ended resolve its alerts, as
 * seep_alerts_gone does.
 *
 * now_ns:  monotonic. Returns: 0; -ENOMEM: some alerts were not made, and are counted as
 *   dropped.
 * Thread-safety: one thread at a time for update and gone. Never waits for a receiver.
 */
int seep_alerts_update(struct seep_alerts *alerts, const char *recording_name,
                       const struct seep_findings *findings, uint64_t now_ns);
void seep_alerts_gone(struct seep_alerts *alerts, const char *recording_name,
                      uint64_t now_ns);

/* Over all receivers. */
struct seep_alert_counts {
    uint64_t sent;         /* notes that receivers took */
    uint64_t failed;       /* attempts that failed */
    uint64_t dropped;      /* notes given up: the sum of the next four */
    uint64_t full;         /* no room in what waits */
    uint64_t expired;      /* the receiver was away for an hour */
    uint64_t refused;      /* it said no */
    uint64_t unmade;       /* no memory, or more findings than are followed */
    uint64_t replaced;     /* by a newer note of the same alert, before they were sent */
    uint64_t deduplicated; /* judgements that found again what had been sent */
    uint64_t pending, firing, folded; /* now */
};
/* Any thread. */
struct seep_alert_counts seep_alerts_counts(struct seep_alerts *alerts);

/* How a receiver does. */
struct seep_alert_receiver {
    const char *shown; /* its address, for people; borrowed from the alerts */
    bool away;         /* the last attempt found nobody; it is tried again */
    char why[512];     /* why the last attempt failed; "": it did not */
    struct seep_outbox_counts counts;
};
/* i < the number of targets. Any thread. */
void seep_alerts_receiver(struct seep_alerts *alerts, size_t i,
                          struct seep_alert_receiver *receiver);

/* Sends a test alert to one target and waits for how it went. Returns: 0 it was taken;
 * -EIO with *error set. Needs no seep_alerts. */
int seep_alerts_test(const struct seep_alerts_options *options, size_t target,
                     struct seep_error *error);

#endif
