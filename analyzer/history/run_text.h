/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_RUN_TEXT_H
#define SEEP_ANALYZER_HISTORY_RUN_TEXT_H

#include <stdint.h>

#include "history/history_run.h"
#include "report/text_layout.h"

/* A table of runs, the newest first. Thread-safety of all: any thread on its own buffer.
 */
void seep_run_text_list(const struct seep_history_runs *runs,
                        const struct seep_layout *layout);
/* One run with its findings. */
void seep_run_text_show(const struct seep_history_run *run,
                        const struct seep_layout *layout);

/* "2026-11-28 04:40", in UTC. out: SEEP_RUN_TIME_MAX. Returns: out. */
enum { SEEP_RUN_TIME_MAX = 32 };
const char *seep_run_text_time(uint64_t since_1970_ns, char *out);
/* A name of any length in at most 60 columns, cut in its middle, between characters.
 * out: SEEP_RUN_CUT_MAX. Returns: out. */
enum { SEEP_RUN_CUT_MAX = 256 };
const char *seep_run_text_cut(const char *name, char *out);
/* The beginning of a commit, as git shows it; "-" for none. out: SEEP_RUN_COMMIT_MAX. */
enum { SEEP_RUN_COMMIT_MAX = 64 };
const char *seep_run_text_commit(const struct seep_history_run *run, char *out);

#endif
