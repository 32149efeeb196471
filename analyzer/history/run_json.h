/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_RUN_JSON_H
#define SEEP_ANALYZER_HISTORY_RUN_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "history/history_measure.h"
#include "history/history_run.h"

/* Runs as JSON values, version 1 ("seep_store": 1): fields are added, never changed.
 * All return a new reference, NULL when memory is out. */
json_t *seep_run_json(const struct seep_history_run *run, bool with_findings);
/* The few fields by which a run is named elsewhere. */
json_t *seep_run_json_name(const struct seep_history_run *run);
json_t *seep_run_json_finding(const struct seep_history_finding *finding);
/* A number; null when it is not finite. */
json_t *seep_run_json_real(double value);

/* {"seep_store": 1, "runs": [...]}, the newest first. Returns: 0; -ENOMEM. */
int seep_run_json_list(const struct seep_history_runs *runs, bool with_findings,
                       struct seep_buf *out);
/* Writes a value with a line break and gives its reference back. Returns: 0; -ENOMEM,
 * also for NULL. */
int seep_run_json_write(json_t *value, struct seep_buf *out);

#endif
