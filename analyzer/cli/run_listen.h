/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_RUN_LISTEN_H
#define SEEP_ANALYZER_CLI_RUN_LISTEN_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/run_options.h"
#include "serve/serve_gate.h"

/* `seep run --listen`: a `seep serve` of the run's recording, in a process of its own
 * beside the collector. */
struct seep_run_listen {
    struct seep_gate gate;
    int fd;       /* listens; -1: nothing does */
    pid_t server; /* 0: not started */
    char url[96]; /* "" when nothing listens */
};

/* Takes the address, so that the program can be told of it: SEEP_LISTEN is set in this
 * process's environment. An address that is taken is said in one line on stderr, and the
 * run goes on without. text: sound (seep_run_listen_check). */
void seep_run_listen_open(struct seep_run_listen *listen, const char *text);
/* Starts the server. path: of the recording, which may not be there yet. options: of the
 * run; what the server has to know of them is passed on. mask: the signal mask that it
 * starts with. Trouble is one line on stderr. */
void seep_run_listen_start(struct seep_run_listen *listen, const char *path,
                           const struct seep_run_options *options, const sigset_t *mask);
/* Ends it, or, with `stay`, waits until Ctrl-C does. */
void seep_run_listen_end(struct seep_run_listen *listen, bool stay);

/* Whether a text is an address to listen on that needs no token. Returns: 0;
 * SEEP_EXIT_USAGE after a line on stderr. */
int seep_run_listen_check(const char *text);
/* Whether it looks like one: then it is --listen's value, not the program. */
bool seep_run_listen_is_address(const char *text);

#endif
