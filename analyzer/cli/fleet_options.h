/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_FLEET_OPTIONS_H
#define SEEP_ANALYZER_CLI_FLEET_OPTIONS_H

#include "fleet/fleet_gather.h"

enum { SEEP_FLEET_TOKEN_MAX = 8192, SEEP_FLEET_STEPS_MAX = 11000 };

/* What the options of `seep fleet` ask for. */
struct seep_fleet_asked {
    struct seep_fleet_question question;
    char *url;        /* owned; without a slash at its end */
    char *group_text; /* owned; the names in question.labels point into it */
    char token[SEEP_FLEET_TOKEN_MAX];
};
void seep_fleet_asked_fini(struct seep_fleet_asked *asked);

/* Each interprets one option's value.
 * Returns: 0; SEEP_EXIT_USAGE or SEEP_EXIT_FAILED, after one line on stderr. */
int seep_fleet_set_url(struct seep_fleet_asked *asked, const char *url);
/* NULL: Seep's own metrics. */
int seep_fleet_set_query(struct seep_fleet_asked *asked, const char *name);
int seep_fleet_set_groups(struct seep_fleet_asked *asked, const char *names);
int seep_fleet_set_token(struct seep_fleet_asked *asked, const char *path);
/* since, step: "24h", "5m", "90s", "7d"; until: Unix time, NULL now. */
int seep_fleet_set_range(struct seep_fleet_asked *asked, const char *since,
                         const char *step, const char *until);

/* "300", "5m", "1.5h", "7d" as seconds. Returns: 0; -EINVAL. Thread-safety: pure. */
int seep_fleet_duration(const char *text, double *out_s);

#endif
