/* The tables of a history.
 *
 * A run's key is its identity (host, pid, start), so that the same recording added twice
 * is one row without a search. Rates are stored per second as the verdict has them;
 * whoever shows them chooses the unit. Series stay in the recordings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

struct step {
    int64_t version;
    const char *sql;
};

/* One statement each: PostgreSQL takes no more than one with parameters. */
static const struct step steps[] = {
    {1, "CREATE TABLE seep_run (run_id TEXT NOT NULL PRIMARY KEY, program TEXT NOT NULL, "
        "command TEXT NOT NULL, host TEXT NOT NULL, pid BIGINT NOT NULL, started_ns "
        "BIGINT NOT NULL, added_ns BIGINT NOT NULL, duration_s DOUBLE PRECISION NOT "
        "NULL, commit_id TEXT NOT NULL, branch TEXT NOT NULL, seep_version TEXT NOT "
        "NULL, mode TEXT NOT NULL, ending TEXT NOT NULL, outcome TEXT NOT NULL, "
        "inconclusive TEXT NOT NULL, heap_live BIGINT NOT NULL, heap_live_bytes BIGINT "
        "NOT NULL, heap_peak_bytes BIGINT NOT NULL, threads_live BIGINT NOT NULL, "
        "threads_peak BIGINT NOT NULL, fds_live BIGINT NOT NULL, fds_peak BIGINT NOT "
        "NULL, lost_events BIGINT NOT NULL)"},
    {1, "CREATE TABLE seep_finding (run_id TEXT NOT NULL REFERENCES seep_run (run_id) ON "
        "DELETE CASCADE, position BIGINT NOT NULL, finding_id TEXT NOT NULL, kind TEXT "
        "NOT NULL, verdict TEXT NOT NULL, cause TEXT NOT NULL, subsystem TEXT NOT NULL, "
        "headline TEXT NOT NULL, place TEXT NOT NULL, summary TEXT NOT NULL, live BIGINT "
        "NOT NULL, live_bytes BIGINT NOT NULL, acquired BIGINT NOT NULL, released BIGINT "
        "NOT NULL, growth_per_s DOUBLE PRECISION, growth_low DOUBLE PRECISION, "
        "growth_high DOUBLE PRECISION, growth_bytes_per_s DOUBLE PRECISION, "
        "growth_bytes_low DOUBLE PRECISION, growth_bytes_high DOUBLE PRECISION, q_value "
        "DOUBLE PRECISION, judged_s DOUBLE PRECISION, pattern TEXT NOT NULL, unit TEXT "
        "NOT NULL, growth_per_unit DOUBLE PRECISION, growth_bytes_per_unit DOUBLE "
        "PRECISION, limit_name TEXT NOT NULL, time_to_limit_s DOUBLE PRECISION, "
        "PRIMARY KEY (run_id, position))"},
    {1, "CREATE INDEX seep_run_of_branch ON seep_run (branch, program, started_ns)"},
    {2, "CREATE TABLE seep_label (run_id TEXT NOT NULL REFERENCES seep_run (run_id) ON "
        "DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, "
        "name))"},
    {2, "CREATE INDEX seep_label_of_value ON seep_label (name, value)"},
    {2, "CREATE INDEX seep_finding_of_id ON seep_finding (finding_id)"},
};
enum { STEP_COUNT = sizeof(steps) / sizeof(steps[0]) };

static int take_version(void *context, const struct seep_db_row *row)
{
    *(int64_t *)context = row->integer(row, 0);
    return 0;
}

/* The table is made first when it is missing: a question that both databases understand
 * without asking their catalogues. */
static int version_of(struct seep_history_db *db, int64_t *out, struct seep_error *error)
{
    struct seep_db_statement newest = {
        .sql = "SELECT coalesce(max(version), 0) FROM seep_schema",
        .on_row = take_version,
        .context = out,
    };

    return seep_history_db_run(db, &newest, error);
}

int seep_history_schema_version(struct seep_history_db *db, int64_t *out,
                                struct seep_error *error)
{
    int64_t version = 0;
    int status = version_of(db, &version, error);

    if (status == 0) {
        *out = version;
    }
    return status;
}

static int refuse_newer(const struct seep_history_db *db, int64_t version,
                        struct seep_error *error)
{
    return seep_error_set(error, -ENOTSUP,
                          "%.300s: written by a newer Seep (schema %" PRId64
                          ", this one knows %d): use that one, or another --db",
                          seep_history_db_where(db), version,
                          SEEP_HISTORY_SCHEMA_VERSION);
}

static int take_steps(struct seep_history_db *db, int64_t version,
                      struct seep_error *error)
{
    int64_t now = 0;
    int status = seep_history_db_exec(
        db,
        "CREATE TABLE IF NOT EXISTS seep_schema (version BIGINT NOT NULL PRIMARY KEY)",
        error);

    if (status == 0) {
        status = version_of(db, &now, error);
    }
    if (status == 0 && now > SEEP_HISTORY_SCHEMA_VERSION) {
        status = refuse_newer(db, now, error);
    }
    for (size_t i = 0; i < STEP_COUNT && status == 0; i++) {
        if (steps[i].version > now && steps[i].version <= version) {
            status = seep_history_db_exec(db, steps[i].sql, error);
        }
    }
    for (int64_t step = now + 1; step <= version && status == 0; step++) {
        struct seep_db_value value = seep_db_integer(step);

        status = seep_history_db_run(
            db,
            &(struct seep_db_statement){.sql = "INSERT INTO seep_schema VALUES ($1)",
                                        .values = &value,
                                        .count = 1},
            error);
    }
    return status;
}

int seep_history_schema_ready(struct seep_history_db *db, int64_t version,
                              struct seep_error *error)
{
    int64_t now = 0;
    struct seep_error ignored = {0};
    int status = version_of(db, &now, &ignored);

    if (status == 0 && now > SEEP_HISTORY_SCHEMA_VERSION) {
        return refuse_newer(db, now, error);
    }
    if (status == 0 && now >= version) {
        return 0;
    }
    if (seep_history_db_is_read_only(db)) {
        return status < 0 ? seep_error_set(error, -EPROTO, "%s", ignored.message)
                          : seep_error_set(error, -EROFS,
                                           "%.300s: made by an older Seep, and this user "
                                           "may not bring it up to date",
                                           seep_history_db_where(db));
    }
    status = seep_history_db_begin(db, error);
    return status < 0 ? status
                      : seep_history_db_end(db, take_steps(db, version, error), error);
}
