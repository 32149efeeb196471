/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_PROGRESS_LINE_H
#define SEEP_ANALYZER_CLI_PROGRESS_LINE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/progress.h"

/* One line on stderr that says what a command is at, and how far:
 *
 *     seep report: reading soak.seep, 45 %
 *
 * Only on a terminal, from a second after the start on, ten times a second at most, never
 * wider than the terminal, and gone at the end. It is overwritten with blanks: no colours
 * and no escapes, so NO_COLOR and simple terminals are content. Owner thread.
 */
struct seep_progress_line {
    struct seep_progress progress; /* what work is given; first */
    const char *command;           /* borrowed: "report" */
    const char *file;              /* borrowed: what is worked on; "" none */
    FILE *stream;                  /* borrowed; NULL: nothing is shown */
    unsigned columns;
    double from_s, next_s; /* on the monotonic clock: the first look, the next one */
    unsigned shown;        /* columns that the line has now; 0: none */
};

enum { SEEP_PROGRESS_AFTER_MS = 1000, SEEP_PROGRESS_EVERY_MS = 100 };

/* quiet: show nothing. Fills *line; end it with seep_progress_line_end. */
void seep_progress_line_start(struct seep_progress_line *line, const char *command,
                              bool quiet);
/* path: of what is worked on from now on; borrowed, its last part is shown. */
void seep_progress_line_set_file(struct seep_progress_line *line, const char *path);
/* Takes the line away, so that something else can be written. More may follow. */
void seep_progress_line_clear(struct seep_progress_line *line);
/* The same, and nothing is shown from here on. */
void seep_progress_line_end(struct seep_progress_line *line);

/* What seep_progress.tell does, at a given time: for tests. */
void seep_progress_line_tell_at(struct seep_progress_line *line, double now_s,
                                const char *what, uint64_t done, uint64_t total);

#endif
