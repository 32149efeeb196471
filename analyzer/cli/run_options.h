/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_RUN_OPTIONS_H
#define SEEP_ANALYZER_CLI_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect/options.h"

enum { SEEP_RUN_PASSED_MOST = 32 };

/* The command line of `seep run`. Strings are borrowed from argv. */
struct seep_run_options {
    const char *out;                   /* -o; NULL = PROGRAM.PID.seep here */
    const char *fail_on;               /* NULL = never */
    const char *suppress, *subsystems; /* files of rules, sound when parsed; or NULL */
    const char *listen;                /* --listen; NULL = no page */
    bool listen_after_end;
    /* Options of `seep serve` that are its child's: --alert-to TO ..., sound when parsed.
     */
    const char *passed[SEEP_RUN_PASSED_MOST];
    size_t passed_count;  /* with any, `listen` is set */
    uint64_t duration_ns; /* 0 = as long as the program wants */
    bool quiet;
    struct seep_collect_options collect;
    char **program; /* PROGRAM ARG..., NULL terminated */
};

/* Returns: 0; 1 when --help is wanted; SEEP_EXIT_USAGE after one line on stderr. */
int seep_run_options_parse(int argc, char **argv, struct seep_run_options *options);

#endif
