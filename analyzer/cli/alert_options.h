/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_ALERT_OPTIONS_H
#define SEEP_ANALYZER_CLI_ALERT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "cli/option.h"

/* The alerts of a command: its options, their life, and what is said of them. */
enum seep_alert_option {
    SEEP_ALERT_OPTION_TO = 0,
    SEEP_ALERT_OPTION_AT = 1,
    SEEP_ALERT_OPTION_FORECAST = 2,
    SEEP_ALERT_OPTION_SECRET_FILE = 3,
    SEEP_ALERT_OPTION_TEST = 4,
    SEEP_ALERT_OPTIONS = 5
};

enum { SEEP_ALERT_SECRET_LEAST = 16, SEEP_ALERT_SECRET_MOST = 1024 };

/* All-zero: no alerts. */
struct seep_alert_choice {
    const char *to[SEEP_ALERT_TARGETS_MOST]; /* of argv */
    struct seep_alerts_options options;
    char secret[SEEP_ALERT_SECRET_MOST + 2];
    bool test;
    /* While they run. */
    struct seep_alerts *alerts;
    bool said_away[SEEP_ALERT_TARGETS_MOST];
    uint64_t said_refused[SEEP_ALERT_TARGETS_MOST];
    uint64_t said_lost[SEEP_ALERT_TARGETS_MOST];
};

/* Declares the options. options: room for SEEP_ALERT_OPTIONS, part of the command's. */
void seep_alert_options_declare(struct seep_alert_choice *choice,
                                struct seep_option *options);
/* Reads them. Returns: 0; SEEP_EXIT_USAGE after one line on stderr. */
int seep_alert_options_read(const char *command, const struct seep_option *options,
                            struct seep_alert_choice *choice);

/* --alert-test: a test alert to each receiver, and a line on stdout on how it went.
 * Returns: SEEP_EXIT_OK when all took it; SEEP_EXIT_FOUND. */
int seep_alert_options_test(const struct seep_alert_choice *choice);

/* Starts the alerts, when there is somebody to tell. Returns: 0; negative errno with
 * *error. */
int seep_alert_options_start(struct seep_alert_choice *choice, struct seep_error *error);
/* Says on stderr what changed: a receiver is away, is back, refuses, was given up on.
 * Cheap: call it at each look. */
void seep_alert_options_say(struct seep_alert_choice *choice, const char *command);
/* Ends them; what is still to be told is tried for a moment. */
void seep_alert_options_end(struct seep_alert_choice *choice, const char *command);

/* The part of a command's help page that is on these. */
#define SEEP_ALERT_OPTIONS_HELP                                                          \
    "  --alert-to TO          tell of findings of running programs; may be given up to " \
    "8 "                                                                                 \
    "times. TO is\n"                                                                     \
    "                         alertmanager:http://HOST:9093, webhook:https://HOST/PATH " \
    "or\n"                                                                               \
    "                         command:/PATH [WORD ...], run without a shell; see "       \
    "docs/alerts.md\n"                                                                   \
    "  --alert-at VERDICT     from which verdict on: suspect, probable (default) or "    \
    "definite;\n"                                                                        \
    "                         threads that stand still are always told of\n"             \
    "  --alert-forecast TIME  tell of what runs into its limit within TIME, whatever "   \
    "its verdict\n"                                                                      \
    "                         (30m, 6h, 2d; default: never)\n"                           \
    "  --alert-secret-file F  sign webhooks with F's first line: Seep-Signature: "       \
    "sha256=HMAC\n"                                                                      \
    "  --alert-test           send a test to each of them, say how it went, and end\n"

#endif
