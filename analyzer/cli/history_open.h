/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_HISTORY_OPEN_H
#define SEEP_ANALYZER_CLI_HISTORY_OPEN_H

#include "base/error.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "history/history_db.h"
#include "history/history_run.h"

/* Opens the history that the user means, ready to use: --db, else SEEP_STORE, else
 * $XDG_DATA_HOME/seep/history.db (~/.local/share/seep/history.db), whose folders are made
 * when it is to be written.
 *
 * where:   of --db; NULL: not given.
 * out:     owned; untouched on error.
 * Returns: 0; -ENOENT there is none to read; another negative errno; *error is set.
 */
int seep_history_open(const char *where, enum seep_db_purpose purpose,
                      struct seep_history_db **out, struct seep_error *error);

enum { SEEP_HISTORY_LABELS_MAX = 64 };
/* What --commit, --branch and --label say. */
struct seep_history_said {
    const char *commit, *branch; /* borrowed; NULL: not said */
    struct seep_history_label labels[SEEP_HISTORY_LABELS_MAX];
    char *texts[SEEP_HISTORY_LABELS_MAX]; /* owned: names of labels */
    size_t label_count;
};
/* Checks and takes them. Returns: 0; the exit status after a message. Free with
 * seep_history_said_fini in any case. */
int seep_history_said_take(const char *command, const struct seep_option *commit,
                           const struct seep_option *branch,
                           const struct seep_option *labels,
                           struct seep_history_said *said);
void seep_history_said_fini(struct seep_history_said *said);
/* Whether text may be stored as a name: valid UTF-8 without control characters, not
 * empty, at most 1,024 bytes. */
bool seep_history_is_name(const char *text);

/* A recording, judged, as a run. `run` points into `judged` and `said`.
 * judged:  out, owned (seep_judged_fini).
 * Returns: 0; negative errno with *error set, *judged all zero. */
int seep_history_take_file(const char *path, const struct seep_judge_rules *rules,
                           const struct seep_history_said *said,
                           struct seep_judged *judged, struct seep_history_run *run,
                           struct seep_error *error);

#endif
