/* Alerts of all recordings to all receivers: the state machine on the caller's side, a
 * thread for each receiver on the other, and between them one lock that is held for as
 * long as it takes to put a pointer into an array.
 *
 * One thread for all receivers was rejected: a webhook that does not answer would delay
 * the page of a command that would have worked.
 *
 * I1: `lock` guards every outbox, `away`, `why` and `ending`; no lock is held while a
 *     note is made or sent.
 * I2: the tag of an alert that fires is its newest note, with a reference.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_MOST = 64, PENDING_MOST = 1024 };
static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const uint64_t REPEAT_NS = UINT64_C(60000000000);
static const uint64_t KEEP_NS = UINT64_C(3600000000000);
static const uint64_t REFRESH_NS = UINT64_C(30000000000);

struct receiver {
    struct seep_alerts *alerts;
    const struct seep_alert_target *target;
    struct seep_alert_sender *sender; /* owned; its thread's */
    struct seep_outbox *outbox;       /* owned; I1 */
    pthread_t thread;
    bool started;
    bool away;     /* I1 */
    char why[512]; /* I1 */
};

struct seep_alerts {
    struct seep_alerts_options options;
    struct receiver receivers[SEEP_ALERT_TARGETS_MOST];
    pthread_mutex_t lock;
    pthread_cond_t news; /* of CLOCK_MONOTONIC: an outbox or `ending` changed */
    bool ending;         /* I1 */
    uint64_t give_up_ns; /* I1; when ending */
    /* Of the thread that updates; its counts are published under the lock. */
    struct seep_alert_watch *watch;
    struct seep_alert_watch_counts watched; /* I1 */
    uint64_t unmade;                        /* I1 */
};

/* What the state machine's events need to become notes. */
struct telling {
    struct seep_alerts *alerts;
    const struct seep_findings *findings; /* NULL: the program has ended */
    uint64_t now_ns;
    uint64_t unmade;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* ---- a receiver's thread ---- */

static void wait_for_news(struct seep_alerts *alerts, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / SECOND_NS),
                             .tv_nsec = (long)(until_ns % SECOND_NS)};

    if (until_ns == UINT64_MAX) {
        (void)pthread_cond_wait(&alerts->news, &alerts->lock);
    } else {
        (void)pthread_cond_timedwait(&alerts->news, &alerts->lock, &until);
    }
}

/* Sends what is due. Called with the lock, which is let go of meanwhile. Returns: what
 * became of it. */
static enum seep_outbox_outcome send_due(struct receiver *receiver,
                                         struct seep_alert_note **notes, size_t n)
{
    struct seep_alerts *alerts = receiver->alerts;
    struct seep_error error = {0};
    enum seep_outbox_outcome outcome = SEEP_OUTBOX_AWAY;

    (void)pthread_mutex_unlock(&alerts->lock);
    outcome = seep_alert_sender_send(receiver->sender, notes, n, &error);
    (void)pthread_mutex_lock(&alerts->lock);
    seep_outbox_done(receiver->outbox, notes, n, outcome, clock_ns(CLOCK_MONOTONIC));
    receiver->away = outcome == SEEP_OUTBOX_AWAY;
    (void)snprintf(receiver->why, sizeof(receiver->why), "%s",
                   outcome != SEEP_OUTBOX_TAKEN ? error.message : "");
    for (size_t i = 0; i < n; i++) {
        seep_alert_note_put(notes[i]);
    }
    return outcome;
}

static void *serve_receiver(void *arg)
{
    struct receiver *receiver = arg;
    struct seep_alerts *alerts = receiver->alerts;
    size_t most = seep_alert_sender_batch(receiver->target);
    struct seep_alert_note *notes[BATCH_MOST];
    bool is_over = false;

    (void)pthread_mutex_lock(&alerts->lock);
    while (!is_over) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        bool ending = alerts->ending;
        size_t n = 0;

        if (!ending || now_ns < alerts->give_up_ns) {
            n = seep_outbox_due(receiver->outbox, now_ns, ending, notes, most);
        }
        if (n > 0) {
            /* When we end, one who does not answer had its last chance. */
            is_over = send_due(receiver, notes, n) == SEEP_OUTBOX_AWAY && ending;
        } else if (ending) {
            is_over = true;
        } else {
            wait_for_news(alerts, seep_outbox_wake_ns(receiver->outbox));
        }
    }
    (void)pthread_mutex_unlock(&alerts->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static int start_receiver(struct seep_alerts *alerts, size_t i)
{
    struct receiver *receiver = &alerts->receivers[i];
    bool repeats = alerts->options.targets[i].kind == SEEP_TARGET_ALERTMANAGER;
    const struct seep_outbox_rules rules = {.most = PENDING_MOST,
                                            .repeat_ns = repeats ? REPEAT_NS : 0,
                                            .keep_ns = KEEP_NS,
                                            .seed = clock_ns(CLOCK_REALTIME) ^
                                                    (uint64_t)getpid() << 32 ^ i};
    sigset_t all;
    sigset_t before;
    int status = 0;

    receiver->alerts = alerts;
    receiver->target = &alerts->options.targets[i];
    status = seep_outbox_new(&rules, &receiver->outbox);
    if (status == 0) {
        status = seep_alert_sender_new(receiver->target, alerts->options.secret,
                                       &receiver->sender);
    }
    if (status < 0) {
        return status;
    }
    (void)sigfillset(&all); /* signals are the caller's; SIGPIPE becomes an error */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    status = -pthread_create(&receiver->thread, NULL, serve_receiver, receiver);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    receiver->started = status == 0;
    if (receiver->started) {
        (void)pthread_setname_np(receiver->thread, "seep-alerts");
    }
    return status;
}

int seep_alerts_new(const struct seep_alerts_options *options,
                    struct seep_alerts **alerts, struct seep_error *error)
{
    struct seep_alerts *made = calloc(1, sizeof(*made));
    pthread_condattr_t attributes;
    int status = 0;

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "alerts: out of memory");
    }
    made->options = *options;
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&made->news, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    status = seep_alert_watch_new(&options->rules, &made->watch);
    for (size_t i = 0; status == 0 && i < options->target_count; i++) {
        status = start_receiver(made, i);
    }
    if (status < 0) {
        seep_alerts_free(made);
        return seep_error_set(error, status, "alerts: cannot be started: %s",
                              strerrordesc_np(-status));
    }
    *alerts = made;
    return 0;
}

static void forget(void *arg, const struct seep_alert_event *event)
{
    (void)arg;
    seep_alert_note_put(*event->tag);
    *event->tag = NULL;
}

void seep_alerts_finish(struct seep_alerts *alerts, int grace_ms)
{
    (void)pthread_mutex_lock(&alerts->lock);
    alerts->ending = true;
    alerts->give_up_ns =
        clock_ns(CLOCK_MONOTONIC) + (uint64_t)(grace_ms > 0 ? grace_ms : 0) * 1000000;
    (void)pthread_cond_broadcast(&alerts->news);
    (void)pthread_mutex_unlock(&alerts->lock);
    for (size_t i = 0; i < alerts->options.target_count; i++) {
        if (alerts->receivers[i].started) {
            (void)pthread_join(alerts->receivers[i].thread, NULL);
            alerts->receivers[i].started = false;
        }
    }
}

void seep_alerts_free(struct seep_alerts *alerts)
{
    if (alerts == NULL) {
        return;
    }
    seep_alerts_finish(alerts, 0);
    for (size_t i = 0; i < alerts->options.target_count; i++) {
        seep_alert_sender_free(alerts->receivers[i].sender);
        seep_outbox_free(alerts->receivers[i].outbox);
    }
    seep_alert_watch_free(alerts->watch, (struct seep_alert_sink){.take = forget});
    (void)pthread_cond_destroy(&alerts->news);
    (void)pthread_mutex_destroy(&alerts->lock);
    free(alerts);
}

/* ---- the caller's side ---- */

static const struct seep_finding *find(const struct seep_findings *findings,
                                       const char *id)
{
    for (size_t i = 0; findings != NULL && i < findings->finding_count; i++) {
        if (strcmp(findings->findings[i].id, id) == 0) {
            return &findings->findings[i];
        }
    }
    return NULL;
}

static int make_note(const struct telling *telling, const struct seep_alert_event *event,
                     struct seep_alert_note **note)
{
    const struct seep_alert_note *last = *event->tag;
    const struct seep_finding *finding = find(telling->findings, event->id);
    uint64_t realtime_ns = clock_ns(CLOCK_REALTIME);

    if (event->what == SEEP_ALERT_RESOLVES) {
        return last != NULL ? seep_alert_note_resolved(last, realtime_ns, note) : -ENOMEM;
    }
    return seep_alert_note_new(event, telling->findings, finding, last, realtime_ns,
                               note);
}

/* Puts a note where the next one of its alert finds it (I2). */
static void keep_note(const struct seep_alert_event *event, struct seep_alert_note *note)
{
    seep_alert_note_put(*event->tag);
    *event->tag = note;
    if (event->what == SEEP_ALERT_RESOLVES) {
        forget(NULL, event);
    }
}

/* An event to all receivers. */
static void tell(void *arg, const struct seep_alert_event *event)
{
    struct telling *telling = arg;
    struct seep_alerts *alerts = telling->alerts;
    struct seep_alert_note *note = NULL;

    if (make_note(telling, event, &note) < 0) {
        telling->unmade++;
        if (event->what == SEEP_ALERT_RESOLVES) {
            forget(NULL, event);
        }
        return;
    }
    (void)pthread_mutex_lock(&alerts->lock);
    for (size_t i = 0; i < alerts->options.target_count; i++) {
        (void)seep_outbox_put(alerts->receivers[i].outbox, note, telling->now_ns);
    }
    (void)pthread_cond_broadcast(&alerts->news);
    (void)pthread_mutex_unlock(&alerts->lock);
    keep_note(event, note);
}

/* Newer figures for what fires on. */
static void refresh(void *arg, const struct seep_alert_event *event)
{
    struct telling *telling = arg;
    struct seep_alerts *alerts = telling->alerts;
    const struct seep_alert_note *last = *event->tag;
    struct seep_alert_note *note = NULL;

    if (last == NULL || clock_ns(CLOCK_REALTIME) - last->made_realtime_ns < REFRESH_NS ||
        find(telling->findings, event->id) == NULL ||
        make_note(telling, event, &note) < 0) {
        return; /* the folded ones, and what was not found this time: as it was */
    }
    (void)pthread_mutex_lock(&alerts->lock);
    for (size_t i = 0; i < alerts->options.target_count; i++) {
        seep_outbox_refresh(alerts->receivers[i].outbox, note);
    }
    (void)pthread_mutex_unlock(&alerts->lock);
    keep_note(event, note);
}

static void publish(struct seep_alerts *alerts, uint64_t unmade)
{
    (void)pthread_mutex_lock(&alerts->lock);
    alerts->watched = seep_alert_watch_counts(alerts->watch);
    alerts->unmade += unmade;
    (void)pthread_mutex_unlock(&alerts->lock);
}

/* Of a recording without an end "lost" is said: that it grows still, its reader knows. */
static bool has_ended(const struct seep_findings *findings)
{
    static const char *const ends[] = {"exited", "signalled", "exec"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (findings->ending_kind != NULL &&
            strcmp(findings->ending_kind, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

int seep_alerts_update(struct seep_alerts *alerts, const char *recording_name,
                       const struct seep_findings *findings, uint64_t now_ns)
{
    struct telling telling = {.alerts = alerts, .findings = findings, .now_ns = now_ns};
    struct seep_alert_seen *seen = NULL;
    int status = 0;

    if (has_ended(findings)) {
        seep_alerts_gone(alerts, recording_name, now_ns);
        return 0;
    }
    seen = calloc(findings->finding_count + 1, sizeof(*seen));
    if (seen == NULL) {
        publish(alerts, findings->finding_count);
        return -ENOMEM;
    }
    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        seen[i] =
            (struct seep_alert_seen){.id = finding->id,
                                     .level = {.verdict = finding->verdict,
                                               .urgent = seep_alert_note_is_urgent(
                                                   finding, alerts->options.forecast_s)}};
    }
    status = seep_alert_watch_judge(
        alerts->watch, recording_name, seen, findings->finding_count, now_ns,
        (struct seep_alert_sink){.take = tell, .arg = &telling});
    free(seen);
    seep_alert_watch_each(alerts->watch, recording_name,
                          (struct seep_alert_sink){.take = refresh, .arg = &telling});
    publish(alerts, telling.unmade);
    return status < 0 || telling.unmade > 0 ? -ENOMEM : 0;
}

void seep_alerts_gone(struct seep_alerts *alerts, const char *recording_name,
                      uint64_t now_ns)
{
    struct telling telling = {.alerts = alerts, .now_ns = now_ns};

    seep_alert_watch_gone(alerts->watch, recording_name,
                          (struct seep_alert_sink){.take = tell, .arg = &telling});
    publish(alerts, telling.unmade);
}

struct seep_alert_counts seep_alerts_counts(struct seep_alerts *alerts)
{
    struct seep_alert_counts sum = {0};

    (void)pthread_mutex_lock(&alerts->lock);
    for (size_t i = 0; i < alerts->options.target_count; i++) {
        struct seep_outbox_counts one = seep_outbox_counts(alerts->receivers[i].outbox);

        sum.sent += one.sent;
        sum.failed += one.failed;
        sum.full += one.full;
        sum.expired += one.expired;
        sum.refused += one.refused;
        sum.replaced += one.replaced;
        sum.pending += one.pending;
    }
    sum.unmade = alerts->unmade + alerts->watched.overlooked;
    sum.deduplicated = alerts->watched.deduplicated;
    sum.firing = alerts->watched.firing;
    sum.folded = alerts->watched.folded;
    (void)pthread_mutex_unlock(&alerts->lock);
    sum.dropped = sum.full + sum.expired + sum.refused + sum.unmade;
    return sum;
}

void seep_alerts_receiver(struct seep_alerts *alerts, size_t i,
                          struct seep_alert_receiver *receiver)
{
    struct receiver *from = &alerts->receivers[i];

    (void)pthread_mutex_lock(&alerts->lock);
    *receiver = (struct seep_alert_receiver){.shown = from->target->shown,
                                             .away = from->away,
                                             .counts = seep_outbox_counts(from->outbox)};
    memcpy(receiver->why, from->why, sizeof(receiver->why));
    (void)pthread_mutex_unlock(&alerts->lock);
}

int seep_alerts_test(const struct seep_alerts_options *options, size_t target,
                     struct seep_error *error)
{
    struct seep_alert_sender *sender = NULL;
    struct seep_alert_note *note = NULL;
    char host[256] = "";
    enum seep_outbox_outcome outcome = SEEP_OUTBOX_AWAY;

    (void)gethostname(host, sizeof(host) - 1);
    if (seep_alert_sender_new(&options->targets[target], options->secret, &sender) < 0 ||
        seep_alert_note_test(host, clock_ns(CLOCK_REALTIME), &note) < 0) {
        seep_alert_sender_free(sender);
        return seep_error_set(error, -EIO, "out of memory");
    }
    outcome = seep_alert_sender_send(sender, &note, 1, error);
    seep_alert_note_put(note);
    seep_alert_sender_free(sender);
    return outcome == SEEP_OUTBOX_TAKEN ? 0 : -EIO;
}
