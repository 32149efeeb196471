/* --push of a command.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/push_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

enum { GRACE_MS = 5000 };

int seep_push_options_read(const char *command, const char *url,
                           struct seep_push_choice *choice)
{
    struct seep_error error = {0};

    choice->url = url;
    return url == NULL || seep_push_check(url, &error) == 0
               ? 0
               : seep_cli_usage_error(command, "--push %s", error.message);
}

int seep_push_options_start(struct seep_push_choice *choice, struct seep_error *error)
{
    return choice->url != NULL ? seep_push_new(choice->url, &choice->push, error) : 0;
}

void seep_push_options_put(struct seep_push_choice *choice, const char *command,
                           const struct seep_findings *findings, uint64_t seconds)
{
    struct seep_push_profile profiles[SEEP_PUSH_NAMES_MOST];
    uint64_t now_s = (uint64_t)time(NULL);
    int n = seep_push_profiles_make(findings, now_s - seconds, now_s, profiles);

    if (n < 0) {
        fprintf(stderr, "seep %s: no memory for a profile to push\n", command);
    } else if (n > 0) {
        seep_push_put(choice->push, profiles, (size_t)n);
    }
}

void seep_push_options_say(struct seep_push_choice *choice, const char *command)
{
    struct seep_push_counts counts;

    if (choice->push == NULL) {
        return;
    }
    counts = seep_push_counts(choice->push);
    if (counts.away && !choice->said_away) {
        fprintf(stderr, "seep %s: a profile was not taken: %s; tried again\n", command,
                counts.why);
    } else if (!counts.away && choice->said_away && counts.sent > 0) {
        fprintf(stderr, "seep %s: profiles are taken again\n", command);
    }
    choice->said_away = counts.away;
}

void seep_push_options_end(struct seep_push_choice *choice, const char *command)
{
    struct seep_push_counts counts;

    if (choice->push == NULL) {
        return;
    }
    seep_push_finish(choice->push, GRACE_MS);
    seep_push_options_say(choice, command);
    counts = seep_push_counts(choice->push);
    if (counts.dropped > 0) {
        fprintf(stderr,
                "seep %s: profiles pushed: %" PRIu64
                ", given up for newer ones or at the "
                "end: %" PRIu64 "\n",
                command, counts.sent, counts.dropped);
    }
    seep_push_free(choice->push);
    choice->push = NULL;
}

int seep_push_options_report(const char *command, const char *url,
                             const struct seep_findings *findings)
{
    struct seep_push_profile profiles[SEEP_PUSH_NAMES_MOST];
    uint64_t from_s = findings->started_realtime_ns / 1000000000;
    uint64_t until_s = from_s + (uint64_t)findings->duration_s + 1;
    int n = seep_push_profiles_make(findings, from_s, until_s, profiles);
    int status = n < 0 ? SEEP_EXIT_FAILED : SEEP_EXIT_OK;

    if (n < 0) {
        fprintf(stderr, "seep %s: --push: out of memory\n", command);
        return status;
    }
    for (int i = 0; i < n && status == SEEP_EXIT_OK; i++) {
        struct seep_error error = {0};

        if (seep_push_send(url, &profiles[i], &error) < 0) {
            fprintf(stderr, "seep %s: --push: %s\n", command, error.message);
            status = SEEP_EXIT_FAILED;
        }
    }
    if (n == 0) {
        fprintf(stderr, "seep %s: --push: nothing on the heap is live: no profile\n",
                command);
    }
    seep_push_profiles_fini(profiles, (size_t)n);
    return status;
}
