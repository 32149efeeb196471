/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_STORE_ASK_H
#define SEEP_ANALYZER_CLI_STORE_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cli/history_open.h"
#include "cli/option.h"
#include "history/history_load.h"

/* What `seep store` is asked for. */
struct seep_store_request {
    struct seep_operands operands;
    struct seep_history_said said;
    const char *action, *db, *suppress, *subsystems; /* borrowed */
    bool json, dry_run;
    enum seep_kind kind;
    const char *program;
    uint64_t since_ns;
    size_t limit, top; /* 0: the action's own */
    double keep_days;  /* negative: not given */
    size_t keep_runs;  /* 0: not given */
};

/* Reads the words after the action's name (argv[0]).
 * Returns: 0; 1 help is wanted; the exit status after a message. */
int seep_store_request_take(int argc, char **argv, struct seep_store_request *request);

/* Prints an error. Returns: the exit status that it means. */
int seep_store_complain(const struct seep_error *error);

/* The actions that read or remove. Return: the exit status. */
int seep_store_list(const struct seep_store_request *request);
int seep_store_show(const struct seep_store_request *request);
int seep_store_trend(const struct seep_store_request *request);
int seep_store_prune(const struct seep_store_request *request);

/* What became of the files that were to be added. */
struct seep_store_added {
    const char *file; /* borrowed */
    char run[SEEP_HISTORY_ID_BYTES];
    int how; /* enum seep_history_added; 0: failed */
    bool failed, unreadable;
    size_t findings;
    double duration_s;
};
int seep_store_tell_added(const struct seep_store_request *request,
                          const struct seep_store_added *added, size_t count);

#endif
