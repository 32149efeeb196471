/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_TARGET_H
#define SEEP_ANALYZER_ALERT_TARGET_H

#include "base/error.h"

/* Where alerts go. */
enum seep_alert_target_kind {
    SEEP_TARGET_ALERTMANAGER = 1,
    SEEP_TARGET_WEBHOOK = 2,
    SEEP_TARGET_COMMAND = 3
};

enum {
    SEEP_ALERT_ADDRESS_BYTES = 1024,
    SEEP_ALERT_TARGETS_MOST = 8,
    SEEP_ALERT_WORDS_MOST = 32
};

struct seep_alert_target {
    enum seep_alert_target_kind kind;
    char address[SEEP_ALERT_ADDRESS_BYTES]; /* the URL to POST to; the command line */
    char shown[SEEP_ALERT_ADDRESS_BYTES];   /* as it was written, without user, password
                                               and query: for people */
};

/* Reads "alertmanager:http://host:9093", "webhook:https://host/path" or
 * "command:/path word ...".
 *
 * Returns: 0; -EINVAL with *error set: what it is, and how it is written; -ENOENT,
 *   -EACCES for a command that is not there or may not be run; *target untouched.
 */
int seep_alert_target_parse(const char *text, struct seep_alert_target *target,
                            struct seep_error *error);

#endif
