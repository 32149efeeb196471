/* Runs out of the database.
 *
 * What is in it was written by whoever may write there: text is cleaned like that of a
 * recording, words that are not known are none, numbers below zero are 0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one table, in memory that doubles. */
struct rows {
    struct seep_findings *memory; /* borrowed: of the texts */
    void *at;                     /* of the memory */
    size_t count, capacity, item_bytes;
};

static void *next_row(struct rows *rows)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity > 0 ? rows->capacity * 2 : 16;
        void *more = seep_findings_alloc(rows->memory, capacity, rows->item_bytes);

        if (more == NULL) {
            return NULL;
        }
        if (rows->count > 0) {
            memcpy(more, rows->at, rows->count * rows->item_bytes);
        }
        rows->at = more;
        rows->capacity = capacity;
    }
    return (char *)rows->at + rows->count++ * rows->item_bytes;
}

static uint64_t whole(const struct seep_db_row *row, int column)
{
    int64_t value = row->integer(row, column);

    return value > 0 ? (uint64_t)value : 0;
}

static int take_run(void *context, const struct seep_db_row *row)
{
    struct rows *rows = context;
    struct seep_history_run *run = next_row(rows);
    const char **texts[] = {&run->id,     &run->program, &run->command,      &run->host,
                            &run->commit, &run->branch,  &run->seep_version, &run->mode,
                            &run->ending, &run->outcome, &run->inconclusive};
    uint64_t *counts[] = {&run->started_ns,      &run->added_ns,
                          &run->heap_live,       &run->heap_live_bytes,
                          &run->heap_peak_bytes, &run->threads_live,
                          &run->threads_peak,    &run->fds_live,
                          &run->fds_peak,        &run->lost_events};
    enum {
        TEXTS = sizeof(texts) / sizeof(texts[0]),
        COUNTS = sizeof(counts) / sizeof(counts[0])
    };

    if (run == NULL) {
        return -ENOMEM;
    }
    for (int i = 0; i < TEXTS; i++) {
        *texts[i] = seep_findings_text(rows->memory, row->text(row, i));
    }
    for (int i = 0; i < COUNTS; i++) {
        *counts[i] = whole(row, TEXTS + i);
    }
    run->pid = (uint32_t)whole(row, TEXTS + COUNTS);
    run->duration_s = row->real(row, TEXTS + COUNTS + 1);
    return 0;
}

static int take_finding(void *context, const struct seep_db_row *row)
{
    struct rows *rows = context;
    struct seep_history_finding *f = next_row(rows);
    const char **texts[] = {&f->id,       &f->cause, &f->subsystem,
                            &f->headline, &f->place, &f->summary,
                            &f->pattern,  &f->unit,  &f->limit};
    uint64_t *counts[] = {&f->live, &f->live_bytes, &f->acquired, &f->released};
    double *reals[] = {&f->growth_per_s,
                       &f->growth_per_s_ci.low,
                       &f->growth_per_s_ci.high,
                       &f->growth_bytes_per_s,
                       &f->growth_bytes_per_s_ci.low,
                       &f->growth_bytes_per_s_ci.high,
                       &f->q_value,
                       &f->judged_s,
                       &f->growth_per_unit,
                       &f->growth_bytes_per_unit,
                       &f->time_to_limit_s};
    enum {
        TEXTS = sizeof(texts) / sizeof(texts[0]),
        COUNTS = sizeof(counts) / sizeof(counts[0]),
        REALS = sizeof(reals) / sizeof(reals[0])
    };

    if (f == NULL) {
        return -ENOMEM;
    }
    f->kind = seep_kind_from_name(row->text(row, 0));
    f->verdict = seep_verdict_from_name(row->text(row, 1));
    for (int i = 0; i < TEXTS; i++) {
        *texts[i] = seep_findings_text(rows->memory, row->text(row, 2 + i));
    }
    for (int i = 0; i < COUNTS; i++) {
        *counts[i] = whole(row, 2 + TEXTS + i);
    }
    for (int i = 0; i < REALS; i++) {
        *reals[i] = row->real(row, 2 + TEXTS + COUNTS + i);
    }
    return 0;
}

static int take_label(void *context, const struct seep_db_row *row)
{
    struct rows *rows = context;
    struct seep_history_label *label = next_row(rows);

    if (label == NULL) {
        return -ENOMEM;
    }
    label->name = seep_findings_text(rows->memory, row->text(row, 0));
    label->value = seep_findings_text(rows->memory, row->text(row, 1));
    return 0;
}

static int load_runs(struct seep_history_db *db, const struct seep_history_filter *filter,
                     struct rows *rows, struct seep_error *error)
{
    struct seep_db_value values[] = {
        seep_db_text(filter->branch),
        seep_db_text(filter->commit),
        seep_db_text(filter->program),
        seep_db_text(filter->run),
        seep_db_text(filter->label.name),
        seep_db_text(filter->label.value),
        seep_db_count(filter->since_ns),
        seep_db_text(filter->not_run),
        seep_db_integer(filter->limit > 0 ? (int64_t)filter->limit : INT64_MAX),
    };

    return seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql =
                "SELECT run_id, program, command, host, commit_id, branch, seep_version, "
                "mode, ending, outcome, inconclusive, started_ns, added_ns, heap_live, "
                "heap_live_bytes, heap_peak_bytes, threads_live, threads_peak, fds_live, "
                "fds_peak, lost_events, pid, duration_s FROM seep_run r WHERE "
                "(CAST($1 AS TEXT) = '' OR branch = CAST($1 AS TEXT)) AND "
                "substr(commit_id, 1, length(CAST($2 AS TEXT))) = CAST($2 AS TEXT) AND "
                "(CAST($3 AS TEXT) = '' OR program = CAST($3 AS TEXT)) AND "
                "substr(run_id, 1, length(CAST($4 AS TEXT))) = CAST($4 AS TEXT) AND "
                "(CAST($5 AS TEXT) = '' OR EXISTS (SELECT 1 FROM seep_label l WHERE "
                "l.run_id = r.run_id AND l.name = CAST($5 AS TEXT) AND l.value = "
                "CAST($6 AS TEXT))) AND started_ns >= CAST($7 AS BIGINT) AND run_id <> "
                "CAST($8 AS TEXT) ORDER BY started_ns DESC, run_id DESC LIMIT "
                "CAST($9 AS BIGINT)",
            .values = values,
            .count = sizeof(values) / sizeof(values[0]),
            .on_row = take_run,
            .context = rows},
        error);
}

static int load_findings(struct seep_history_db *db, const char *finding,
                         struct seep_history_run *run, struct seep_findings *memory,
                         struct seep_error *error)
{
    struct rows rows = {.memory = memory,
                        .item_bytes = sizeof(struct seep_history_finding)};
    struct seep_db_value values[] = {seep_db_text(run->id), seep_db_text(finding)};
    int status = seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql =
                "SELECT kind, verdict, finding_id, cause, subsystem, headline, place, "
                "summary, pattern, unit, limit_name, live, live_bytes, acquired, "
                "released, growth_per_s, growth_low, growth_high, growth_bytes_per_s, "
                "growth_bytes_low, growth_bytes_high, q_value, judged_s, "
                "growth_per_unit, growth_bytes_per_unit, time_to_limit_s FROM "
                "seep_finding WHERE run_id = $1 AND (CAST($2 AS TEXT) = '' OR finding_id "
                "= CAST($2 AS TEXT)) ORDER BY position",
            .values = values,
            .count = 2,
            .on_row = take_finding,
            .context = &rows},
        error);

    run->findings = rows.at;
    run->finding_count = rows.count;
    return status;
}

static int load_labels(struct seep_history_db *db, struct seep_history_run *run,
                       struct seep_findings *memory, struct seep_error *error)
{
    struct rows rows = {.memory = memory,
                        .item_bytes = sizeof(struct seep_history_label)};
    struct seep_db_value value = seep_db_text(run->id);
    int status = seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql = "SELECT name, value FROM seep_label WHERE run_id = $1 ORDER BY name",
            .values = &value,
            .count = 1,
            .on_row = take_label,
            .context = &rows},
        error);

    run->labels = rows.at;
    run->label_count = rows.count;
    return status;
}

static void turn_round(struct seep_history_run *runs, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct seep_history_run first = runs[i];

        runs[i] = runs[count - 1 - i];
        runs[count - 1 - i] = first;
    }
}

int seep_history_load(struct seep_history_db *db,
                      const struct seep_history_filter *filter,
                      struct seep_history_runs *out, struct seep_error *error)
{
    struct seep_history_runs runs = {0};
    struct rows rows = {.item_bytes = sizeof(struct seep_history_run)};
    int status = seep_findings_new(&runs.memory);

    if (status < 0) {
        return seep_error_set(error, status, "out of memory");
    }
    rows.memory = runs.memory;
    status = load_runs(db, filter, &rows, error);
    runs.runs = rows.at;
    runs.count = rows.count;
    for (size_t i = 0; i < runs.count && status == 0; i++) {
        if (!filter->without_labels) {
            status = load_labels(db, &runs.runs[i], runs.memory, error);
        }
        if (status == 0 && !filter->without_findings) {
            status =
                load_findings(db, filter->finding, &runs.runs[i], runs.memory, error);
        }
    }
    if (status < 0) {
        seep_history_runs_fini(&runs);
        return status;
    }
    turn_round(runs.runs, runs.count);
    *out = runs;
    return 0;
}
