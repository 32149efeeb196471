/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_PUSH_OPTIONS_H
#define SEEP_ANALYZER_CLI_PUSH_OPTIONS_H

#include <stdint.h>

#include "cli/profile_push.h"

/* --push URL of a command: its life, and what is said of it. All-zero: none. */
struct seep_push_choice {
    const char *url; /* of argv; NULL: none */
    struct seep_push *push;
    uint64_t said_failed;
    bool said_away;
};

/* Returns: 0; SEEP_EXIT_USAGE after one line on stderr. url: NULL is fine. */
int seep_push_options_read(const char *command, const char *url,
                           struct seep_push_choice *choice);
/* Returns: 0; negative errno with *error. */
int seep_push_options_start(struct seep_push_choice *choice, struct seep_error *error);
/* The profile of a program at this moment, over the `seconds` before. Never waits for the
 * server; trouble is said in a line on stderr. */
void seep_push_options_put(struct seep_push_choice *choice, const char *command,
                           const struct seep_findings *findings, uint64_t seconds);
/* Says on stderr when nobody answers, and when somebody does again. */
void seep_push_options_say(struct seep_push_choice *choice, const char *command);
void seep_push_options_end(struct seep_push_choice *choice, const char *command);

/* Sends the profile of a whole recording and waits. Returns: SEEP_EXIT_OK;
 * SEEP_EXIT_FAILED after a line on stderr. */
int seep_push_options_report(const char *command, const char *url,
                             const struct seep_findings *findings);

#endif
