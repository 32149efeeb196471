/* Runs into the database, and out of it for good.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_store.h"

#include <math.h>

struct known {
    bool there;
    double duration_s;
};

static int take_known(void *context, const struct seep_db_row *row)
{
    struct known *known = context;

    known->there = true;
    known->duration_s = row->real(row, 0);
    return 0;
}

static int look_up(struct seep_history_db *db, const char *id, struct known *known,
                   struct seep_error *error)
{
    struct seep_db_value value = seep_db_text(id);

    return seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql = "SELECT duration_s FROM seep_run WHERE run_id = $1",
            .values = &value,
            .count = 1,
            .on_row = take_known,
            .context = known},
        error);
}

static int put_run(struct seep_history_db *db, const struct seep_history_run *run,
                   struct seep_error *error)
{
    struct seep_db_value values[] = {
        seep_db_text(run->id),
        seep_db_text(run->program),
        seep_db_text(run->command),
        seep_db_text(run->host),
        seep_db_count(run->pid),
        seep_db_count(run->started_ns),
        seep_db_count(run->added_ns),
        seep_db_real(run->duration_s),
        seep_db_text(run->commit),
        seep_db_text(run->branch),
        seep_db_text(run->seep_version),
        seep_db_text(run->mode),
        seep_db_text(run->ending),
        seep_db_text(run->outcome),
        seep_db_text(run->inconclusive),
        seep_db_count(run->heap_live),
        seep_db_count(run->heap_live_bytes),
        seep_db_count(run->heap_peak_bytes),
        seep_db_count(run->threads_live),
        seep_db_count(run->threads_peak),
        seep_db_count(run->fds_live),
        seep_db_count(run->fds_peak),
        seep_db_count(run->lost_events),
    };

    return seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql =
                "INSERT INTO seep_run (run_id, program, command, host, pid, started_ns, "
                "added_ns, duration_s, commit_id, branch, seep_version, mode, ending, "
                "outcome, inconclusive, heap_live, heap_live_bytes, heap_peak_bytes, "
                "threads_live, threads_peak, fds_live, fds_peak, lost_events) VALUES "
                "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
                "$17, $18, $19, $20, $21, $22, $23) ON CONFLICT (run_id) DO UPDATE SET "
                "program = excluded.program, command = excluded.command, added_ns = "
                "excluded.added_ns, duration_s = excluded.duration_s, commit_id = CASE "
                "WHEN excluded.commit_id = '' THEN seep_run.commit_id ELSE "
                "excluded.commit_id END, branch = CASE WHEN excluded.branch = '' THEN "
                "seep_run.branch ELSE excluded.branch END, seep_version = "
                "excluded.seep_version, mode = excluded.mode, ending = excluded.ending, "
                "outcome = excluded.outcome, inconclusive = excluded.inconclusive, "
                "heap_live = excluded.heap_live, heap_live_bytes = "
                "excluded.heap_live_bytes, heap_peak_bytes = excluded.heap_peak_bytes, "
                "threads_live = excluded.threads_live, threads_peak = "
                "excluded.threads_peak, fds_live = excluded.fds_live, fds_peak = "
                "excluded.fds_peak, lost_events = excluded.lost_events",
            .values = values,
            .count = sizeof(values) / sizeof(values[0])},
        error);
}

static int put_finding(struct seep_history_db *db, const char *run_id, size_t position,
                       const struct seep_history_finding *f, struct seep_error *error)
{
    struct seep_db_value values[] = {
        seep_db_text(run_id),
        seep_db_count(position),
        seep_db_text(f->id),
        seep_db_text(seep_kind_name(f->kind)),
        seep_db_text(seep_verdict_name(f->verdict)),
        seep_db_text(f->cause),
        seep_db_text(f->subsystem),
        seep_db_text(f->headline),
        seep_db_text(f->place),
        seep_db_text(f->summary),
        seep_db_count(f->live),
        seep_db_count(f->live_bytes),
        seep_db_count(f->acquired),
        seep_db_count(f->released),
        seep_db_real(f->growth_per_s),
        seep_db_real(f->growth_per_s_ci.low),
        seep_db_real(f->growth_per_s_ci.high),
        seep_db_real(f->growth_bytes_per_s),
        seep_db_real(f->growth_bytes_per_s_ci.low),
        seep_db_real(f->growth_bytes_per_s_ci.high),
        seep_db_real(f->q_value),
        seep_db_real(f->judged_s),
        seep_db_text(f->pattern),
        seep_db_text(f->unit),
        seep_db_real(f->growth_per_unit),
        seep_db_real(f->growth_bytes_per_unit),
        seep_db_text(f->limit),
        seep_db_real(f->time_to_limit_s),
    };

    return seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql = "INSERT INTO seep_finding (run_id, position, finding_id, kind, "
                   "verdict, cause, subsystem, headline, place, summary, live, "
                   "live_bytes, acquired, released, growth_per_s, growth_low, "
                   "growth_high, growth_bytes_per_s, growth_bytes_low, "
                   "growth_bytes_high, q_value, judged_s, pattern, unit, "
                   "growth_per_unit, growth_bytes_per_unit, limit_name, time_to_limit_s) "
                   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
                   "$15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, "
                   "$28)",
            .values = values,
            .count = sizeof(values) / sizeof(values[0])},
        error);
}

static int put_label(struct seep_history_db *db, const char *run_id,
                     const struct seep_history_label *label, struct seep_error *error)
{
    struct seep_db_value values[] = {seep_db_text(run_id), seep_db_text(label->name),
                                     seep_db_text(label->value)};

    return seep_history_db_run(
        db,
        &(struct seep_db_statement){
            .sql = "INSERT INTO seep_label (run_id, name, value) VALUES ($1, $2, $3) ON "
                   "CONFLICT (run_id, name) DO UPDATE SET value = excluded.value",
            .values = values,
            .count = 3},
        error);
}

static int by_id(struct seep_history_db *db, const char *sql, const char *id,
                 struct seep_error *error)
{
    struct seep_db_value value = seep_db_text(id);

    return seep_history_db_run(
        db, &(struct seep_db_statement){.sql = sql, .values = &value, .count = 1}, error);
}

static int put_all(struct seep_history_db *db, const struct seep_history_run *run,
                   enum seep_history_added *how, struct seep_error *error)
{
    struct known known = {0};
    int status = look_up(db, run->id, &known, error);

    if (status < 0) {
        return status;
    }
    if (known.there && known.duration_s > run->duration_s) {
        *how = SEEP_HISTORY_KEPT;
        return 0;
    }
    *how = known.there ? SEEP_HISTORY_REPLACED : SEEP_HISTORY_NEW;
    status = put_run(db, run, error);
    if (status == 0 && known.there) {
        status = by_id(db, "DELETE FROM seep_finding WHERE run_id = $1", run->id, error);
    }
    for (size_t i = 0; i < run->finding_count && status == 0; i++) {
        status = put_finding(db, run->id, i, &run->findings[i], error);
    }
    for (size_t i = 0; i < run->label_count && status == 0; i++) {
        status = put_label(db, run->id, &run->labels[i], error);
    }
    return status;
}

int seep_history_store_add(struct seep_history_db *db, const struct seep_history_run *run,
                           enum seep_history_added *out, struct seep_error *error)
{
    enum seep_history_added how = SEEP_HISTORY_NEW;
    int status = seep_history_db_begin(db, error);

    if (status < 0) {
        return status;
    }
    status = seep_history_db_end(db, put_all(db, run, &how, error), error);
    if (status == 0) {
        *out = how;
    }
    return status;
}

int seep_history_store_remove(struct seep_history_db *db, const char *const *ids,
                              size_t count, struct seep_error *error)
{
    int status = seep_history_db_begin(db, error);

    if (status < 0) {
        return status;
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        status = by_id(db, "DELETE FROM seep_run WHERE run_id = $1", ids[i], error);
    }
    return seep_history_db_end(db, status, error);
}
