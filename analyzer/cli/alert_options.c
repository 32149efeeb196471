/* Alerts as options of a command.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/alert_options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

enum { GRACE_MS = 5000 };

void seep_alert_options_declare(struct seep_alert_choice *choice,
                                struct seep_option *options)
{
    options[SEEP_ALERT_OPTION_TO] = (struct seep_option){
        .name = "alert-to", .values = choice->to, .most = SEEP_ALERT_TARGETS_MOST};
    options[SEEP_ALERT_OPTION_AT] = (struct seep_option){.name = "alert-at"};
    options[SEEP_ALERT_OPTION_FORECAST] = (struct seep_option){.name = "alert-forecast"};
    options[SEEP_ALERT_OPTION_SECRET_FILE] =
        (struct seep_option){.name = "alert-secret-file"};
    options[SEEP_ALERT_OPTION_TEST] =
        (struct seep_option){.name = "alert-test", .flag = true};
}

static int read_secret(const char *command, const char *path,
                       struct seep_alert_choice *choice)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd >= 0 && fstat(fd, &status) == 0
                    ? read(fd, choice->secret, sizeof(choice->secret) - 1)
                    : -1;
    int code = errno;

    if (fd >= 0) {
        close(fd);
    }
    if (n < 0) {
        return seep_cli_usage_error(command, "--alert-secret-file %s: %s", path,
                                    strerrordesc_np(code));
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return seep_cli_usage_error(
            command,
            "--alert-secret-file %s: others may read the secret; type: chmod 600 %s",
            path, path);
    }
    choice->secret[n] = '\0';
    choice->secret[strcspn(choice->secret, "\r\n")] = '\0';
    size_t length = strlen(choice->secret);

    if (length < SEEP_ALERT_SECRET_LEAST || length > SEEP_ALERT_SECRET_MOST) {
        return seep_cli_usage_error(
            command,
            "--alert-secret-file %s: the first line has to have %d to %d characters; "
            "make "
            "one with: (umask 077; head -c 24 /dev/urandom | base64 > FILE)",
            path, SEEP_ALERT_SECRET_LEAST, SEEP_ALERT_SECRET_MOST);
    }
    choice->options.secret = (struct seep_alert_secret){choice->secret, length};
    return 0;
}

static int read_targets(const char *command, const struct seep_option *to,
                        struct seep_alert_choice *choice)
{
    for (size_t i = 0; i < to->count; i++) {
        struct seep_error error = {0};

        if (seep_alert_target_parse(to->values[i], &choice->options.targets[i], &error) <
            0) {
            return seep_cli_usage_error(command, "--alert-to %s", error.message);
        }
    }
    choice->options.target_count = to->count;
    return 0;
}

static bool has_webhook(const struct seep_alert_choice *choice)
{
    for (size_t i = 0; i < choice->options.target_count; i++) {
        if (choice->options.targets[i].kind == SEEP_TARGET_WEBHOOK) {
            return true;
        }
    }
    return false;
}

static int read_levels(const char *command, const struct seep_option *options,
                       struct seep_alert_choice *choice)
{
    const char *at = options[SEEP_ALERT_OPTION_AT].value;
    const char *forecast = options[SEEP_ALERT_OPTION_FORECAST].value;

    if (at != NULL) {
        choice->options.rules.at = seep_verdict_from_name(at);
        if (choice->options.rules.at < SEEP_VERDICT_SUSPECT) {
            return seep_cli_usage_error(
                command, "--alert-at \"%s\": use suspect, probable or definite", at);
        }
    }
    if (forecast != NULL &&
        seep_option_duration(forecast, &choice->options.forecast_s) < 0) {
        return seep_cli_usage_error(
            command,
            "--alert-forecast \"%s\": a time, as in 30m, 6h or 2d (at most a year)",
            forecast);
    }
    return 0;
}

int seep_alert_options_read(const char *command, const struct seep_option *options,
                            struct seep_alert_choice *choice)
{
    static const enum seep_alert_option alone[] = {
        SEEP_ALERT_OPTION_AT, SEEP_ALERT_OPTION_FORECAST, SEEP_ALERT_OPTION_SECRET_FILE,
        SEEP_ALERT_OPTION_TEST};
    const char *secret = options[SEEP_ALERT_OPTION_SECRET_FILE].value;
    int status = 0;

    choice->options.rules = SEEP_ALERT_RULES_DEFAULT;
    choice->test = options[SEEP_ALERT_OPTION_TEST].value != NULL;
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        if (options[alone[i]].value != NULL && options[SEEP_ALERT_OPTION_TO].count == 0) {
            return seep_cli_usage_error(command,
                                        "--%s: to whom? add --alert-to, as in --alert-to "
                                        "alertmanager:http://localhost:9093",
                                        options[alone[i]].name);
        }
    }
    status = read_targets(command, &options[SEEP_ALERT_OPTION_TO], choice);
    if (status == 0) {
        status = read_levels(command, options, choice);
    }
    if (status == 0 && secret != NULL) {
        status =
            has_webhook(choice)
                ? read_secret(command, secret, choice)
                : seep_cli_usage_error(command, "--alert-secret-file signs webhooks: "
                                                "there is no --alert-to webhook:...");
    }
    return status;
}

static double monotonic_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int seep_alert_options_test(const struct seep_alert_choice *choice)
{
    int status = SEEP_EXIT_OK;

    for (size_t i = 0; i < choice->options.target_count; i++) {
        struct seep_error error = {0};
        double from_s = monotonic_s();

        if (seep_alerts_test(&choice->options, i, &error) == 0) {
            printf("taken: %s, in %.0f ms\n", choice->options.targets[i].shown,
                   1e3 * (monotonic_s() - from_s));
        } else {
            printf("not taken: %s\n", error.message);
            status = SEEP_EXIT_FOUND;
        }
    }
    return status;
}

int seep_alert_options_start(struct seep_alert_choice *choice, struct seep_error *error)
{
    return choice->options.target_count > 0
               ? seep_alerts_new(&choice->options, &choice->alerts, error)
               : 0;
}

static void say_one(struct seep_alert_choice *choice, const char *command, size_t i)
{
    struct seep_alert_receiver receiver;
    uint64_t lost = 0;

    seep_alerts_receiver(choice->alerts, i, &receiver);
    lost = receiver.counts.expired + receiver.counts.full;
    if (receiver.away && !choice->said_away[i]) {
        fprintf(stderr, "seep %s: alerts wait: %s; tried again for an hour\n", command,
                receiver.why);
    } else if (!receiver.away && choice->said_away[i]) {
        fprintf(stderr, "seep %s: alerts go on: %s is back\n", command, receiver.shown);
    }
    if (receiver.counts.refused != choice->said_refused[i] && receiver.why[0] != '\0') {
        fprintf(stderr, "seep %s: an alert was refused: %s\n", command, receiver.why);
    }
    if (lost != choice->said_lost[i]) {
        fprintf(stderr, "seep %s: %" PRIu64 " alerts for %s were given up\n", command,
                lost - choice->said_lost[i], receiver.shown);
    }
    choice->said_away[i] = receiver.away;
    choice->said_refused[i] = receiver.counts.refused;
    choice->said_lost[i] = lost;
}

void seep_alert_options_say(struct seep_alert_choice *choice, const char *command)
{
    for (size_t i = 0; choice->alerts != NULL && i < choice->options.target_count; i++) {
        say_one(choice, command, i);
    }
}

void seep_alert_options_end(struct seep_alert_choice *choice, const char *command)
{
    struct seep_alert_counts counts;

    if (choice->alerts == NULL) {
        return;
    }
    seep_alerts_finish(choice->alerts, GRACE_MS);
    seep_alert_options_say(choice, command);
    counts = seep_alerts_counts(choice->alerts);
    if (counts.pending > 0) {
        fprintf(stderr, "seep %s: %" PRIu64 " alerts could not be sent any more\n",
                command, counts.pending);
    }
    seep_alerts_free(choice->alerts);
    choice->alerts = NULL;
}
