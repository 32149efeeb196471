/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_CLI_H
#define SEEP_ANALYZER_CLI_CLI_H

#include <stdbool.h>

/* Exit statuses of seep (of `seep run`: when the program's own status is not given). */
enum {
    SEEP_EXIT_OK = 0,
    SEEP_EXIT_FOUND = 1, /* --fail-on found something */
    SEEP_EXIT_USAGE = 2, /* wrong usage or unreadable input */
    SEEP_EXIT_FAILED = 3 /* Seep itself failed */
};

/* One command. argv[0] is the command's name, options follow. Returns: the exit status.
 */
int seep_cmd_run(int argc, char **argv);     /* cmd_run.c */
int seep_cmd_collect(int argc, char **argv); /* cmd_collect.c */
int seep_cmd_report(int argc, char **argv);  /* cmd_report.c */
int seep_cmd_dump(int argc, char **argv);    /* cmd_dump.c */
int seep_cmd_diff(int argc, char **argv);    /* cmd_diff.c */
int seep_cmd_bisect(int argc, char **argv);  /* cmd_bisect.c */
int seep_cmd_threads(int argc, char **argv); /* cmd_threads.c */
int seep_cmd_top(int argc, char **argv);     /* cmd_top.c */
int seep_cmd_serve(int argc, char **argv);   /* cmd_serve.c */
int seep_cmd_fleet(int argc, char **argv);   /* cmd_fleet.c */
int seep_cmd_store(int argc, char **argv);   /* cmd_store.c */
int seep_cmd_gate(int argc, char **argv);    /* cmd_gate.c */

/* The page that `seep help COMMAND` and `seep COMMAND --help` print. Never NULL. */
extern const char *const seep_help_run;     /* cmd_run.c */
extern const char *const seep_help_collect; /* cmd_collect.c */
extern const char *const seep_help_report;  /* cmd_report.c */
extern const char *const seep_help_dump;    /* cmd_dump.c */
extern const char *const seep_help_diff;    /* cmd_diff.c */
extern const char *const seep_help_bisect;  /* cmd_bisect.c */
extern const char *const seep_help_threads; /* cmd_threads.c */
extern const char *const seep_help_top;     /* cmd_top.c */
extern const char *const seep_help_serve;   /* cmd_serve.c */
extern const char *const seep_help_fleet;   /* cmd_fleet.c */
extern const char *const seep_help_store;   /* cmd_store.c */
extern const char *const seep_help_gate;    /* cmd_gate.c */

/* Prints "seep COMMAND: <message>" and a hint at the command's help on stderr, one line.
 * Returns: SEEP_EXIT_USAGE. */
int seep_cli_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes the text report of one recording to stderr, as `seep run` does at its end.
 *
 * fail_on:  "definite", "probable", "suspect", or NULL.
 * suppress, subsystems: files of rules, or NULL.
 * no_threads_left: as in struct seep_verdict_options.
 * Returns: SEEP_EXIT_OK, SEEP_EXIT_FOUND when fail_on found something, SEEP_EXIT_USAGE
 * when the file is unreadable, SEEP_EXIT_FAILED. Defined in cmd_report.c.
 */
int seep_cli_report_to_stderr(const char *path, const char *fail_on, const char *suppress,
                              const char *subsystems, bool no_threads_left);

#endif
