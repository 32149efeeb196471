/* What SQLite and PostgreSQL have in common.
 *
 * An interface of statements and rows is all that the history needs, so that is all there
 * is: no ORM, no dialects. ODBC was rejected: a driver manager to configure on each host
 * for two databases whose own libraries are in every distribution.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/history_postgres.h"
#include "history/history_sqlite.h"

struct seep_history_db {
    const struct seep_db_backend *backend;
    void *connection; /* owned */
    char *where;      /* owned; without a password */
    bool read_only;
};

static bool is_url(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 ||
           strncmp(where, "postgres://", 11) == 0;
}

/* "postgresql://user:secret@host/db?password=secret" without the secrets; else a copy. */
static char *without_password(const char *where)
{
    const char *host = strstr(where, "://");
    const char *at = host != NULL ? strrchr(host + 3, '@') : NULL;
    const char *colon = at != NULL ? strchr(host + 3, ':') : NULL;
    size_t query = strcspn(where, "?");
    char *copy = NULL;

    if (!is_url(where)) {
        return strdup(where);
    }
    if (colon != NULL && colon < at) {
        if (asprintf(&copy, "%.*s***%.*s", (int)(colon + 1 - where), where,
                     (int)strcspn(at, "?"), at) < 0) {
            return NULL;
        }
        return copy;
    }
    return strndup(where, query);
}

int seep_history_db_open(const char *where, enum seep_db_purpose purpose,
                         struct seep_history_db **out, struct seep_error *error)
{
    struct seep_history_db *db = calloc(1, sizeof(*db));
    int status = 0;

    if (db == NULL || (db->where = without_password(where)) == NULL) {
        free(db);
        return seep_error_set(error, -ENOMEM, "out of memory");
    }
    db->backend = is_url(where) ? &SEEP_DB_POSTGRES : &SEEP_DB_SQLITE;
    status = db->backend->open(where, purpose, &db->connection, &db->read_only, error);
    if (status < 0) {
        free(db->where);
        free(db);
        return status;
    }
    *out = db;
    return 0;
}

void seep_history_db_close(struct seep_history_db *db)
{
    if (db != NULL) {
        db->backend->close(db->connection);
        free(db->where);
        free(db);
    }
}

static int with_place(const struct seep_history_db *db, int status,
                      struct seep_error *error)
{
    struct seep_error cause;

    if (status == 0 || error == NULL || error->code == 0) {
        return status;
    }
    cause = *error;
    return seep_error_set(error, status, "%.200s: %.250s", db->where, cause.message);
}

int seep_history_db_run(struct seep_history_db *db,
                        const struct seep_db_statement *statement,
                        struct seep_error *error)
{
    return with_place(db, db->backend->run(db->connection, statement, error), error);
}

int seep_history_db_exec(struct seep_history_db *db, const char *sql,
                         struct seep_error *error)
{
    return seep_history_db_run(db, &(struct seep_db_statement){.sql = sql}, error);
}

int seep_history_db_begin(struct seep_history_db *db, struct seep_error *error)
{
    int status = seep_history_db_exec(db, db->backend->begin[0], error);

    if (status == 0 && db->backend->begin[1] != NULL) {
        status = seep_history_db_exec(db, db->backend->begin[1], error);
        if (status < 0) {
            (void)seep_history_db_exec(db, "ROLLBACK", NULL);
        }
    }
    return status;
}

int seep_history_db_end(struct seep_history_db *db, int status, struct seep_error *error)
{
    if (status == 0) {
        status = seep_history_db_exec(db, "COMMIT", error);
    }
    if (status != 0) {
        (void)seep_history_db_exec(db, "ROLLBACK", NULL);
    }
    return status;
}

bool seep_history_db_is_read_only(const struct seep_history_db *db)
{
    return db->read_only;
}

const char *seep_history_db_where(const struct seep_history_db *db)
{
    return db->where;
}
