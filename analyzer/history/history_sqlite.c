/* SQLite: a file, written by whoever may write it.
 *
 * Write-ahead logging, so that readers never wait for a writer, and a busy timeout, so
 * that two writers at once are one after the other. A file that may not be written is
 * opened for reading; in a folder that may not be written either, WAL's own files cannot
 * be made, so the file is read as unchanging (`immutable`) - only when it has no log.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_sqlite.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 20000 };

static int code_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CANTOPEN:
        return -EACCES;
    default:
        return -EIO;
    }
}

static const char *advice(int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return " (make room on the file system; nothing was changed)";
    case SQLITE_READONLY:
        return " (it may only be read by this user; see --db)";
    case SQLITE_BUSY:
        return " (another process has been writing for 20 s)";
    case SQLITE_NOTADB:
        return " (it is no history of Seep's; see --db)";
    case SQLITE_CORRUPT:
        return " (it is damaged; restore a copy)";
    case SQLITE_IOERR:
        return " (the disk may be full or broken; nothing was changed)";
    case SQLITE_CANTOPEN:
        return " (is its folder there, and may this user write to it?)";
    default:
        return "";
    }
}

static int fail(sqlite3 *connection, int result, struct seep_error *error)
{
    return seep_error_set(error, code_of(result), "%s%s", sqlite3_errmsg(connection),
                          advice(result));
}

/* The path as a URI that SQLite reads back as the same bytes. NULL: out of memory. */
static char *uri_of(const char *path)
{
    static const char hex[] = "0123456789abcdef";
    char *uri = malloc(strlen(path) * 3 + sizeof("file:?immutable=1"));
    char *at = uri;

    if (uri == NULL) {
        return NULL;
    }
    at = stpcpy(at, "file:");
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;

        if (strchr("?#%", byte) != NULL || byte <= ' ' || byte >= 0x7f) {
            *at++ = '%';
            *at++ = hex[byte >> 4];
            *at++ = hex[byte & 15];
        } else {
            *at++ = (char)byte;
        }
    }
    (void)stpcpy(at, "?immutable=1");
    return uri;
}

static bool has_log(const char *path)
{
    char *log = NULL;
    struct stat facts;
    bool has = asprintf(&log, "%s-wal", path) >= 0 && stat(log, &facts) == 0 &&
               facts.st_size > 0;

    free(log);
    return has;
}

static int open_at(const char *path, int flags, sqlite3 **connection)
{
    int result = sqlite3_open_v2(path, connection, flags, NULL);

    if (result == SQLITE_OK) {
        (void)sqlite3_busy_timeout(*connection, BUSY_MS);
        /* The first look into the file: opening alone reads nothing. */
        result = sqlite3_exec(*connection, "SELECT count(*) FROM sqlite_schema", NULL,
                              NULL, NULL);
    }
    return result;
}

static int open_for_reading(const char *path, sqlite3 **connection)
{
    int result = open_at(path, SQLITE_OPEN_READONLY, connection);
    char *uri = NULL;

    if (result == SQLITE_OK || (result & 0xff) == SQLITE_NOTADB || has_log(path)) {
        return result;
    }
    (void)sqlite3_close(*connection);
    *connection = NULL;
    uri = uri_of(path);
    result = uri == NULL
                 ? SQLITE_NOMEM
                 : open_at(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, connection);
    free(uri);
    return result;
}

/* Busy: another one is just turning the log on, which this one then sees. */
static int set_up(sqlite3 *connection)
{
    int result = sqlite3_exec(connection, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);

    return result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY
               ? result
               : sqlite3_exec(connection,
                              "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL", NULL,
                              NULL, NULL);
}

static int open_sqlite(const char *where, enum seep_db_purpose purpose,
                       void **connection_out, bool *read_only, struct seep_error *error)
{
    sqlite3 *connection = NULL;
    struct stat facts;
    bool exists = stat(where, &facts) == 0;
    int result = 0;

    if (!exists && (purpose == SEEP_DB_READ || errno != ENOENT)) {
        return seep_error_set(error, -errno, "%.400s: %s", where, strerrordesc_np(errno));
    }
    *read_only = exists && access(where, W_OK) != 0;
    if (*read_only && purpose == SEEP_DB_WRITE) {
        return seep_error_set(error, -EROFS,
                              "%.400s: this user may not write to it (see --db)", where);
    }
    result = *read_only ? open_for_reading(where, &connection)
                        : open_at(where, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                  &connection);
    if (result == SQLITE_OK && !*read_only) {
        result = set_up(connection);
    }
    if (result != SQLITE_OK) {
        int status = seep_error_set(error, code_of(result), "%.300s: %s%s", where,
                                    connection != NULL ? sqlite3_errmsg(connection)
                                                       : "out of memory",
                                    advice(result));

        (void)sqlite3_close(connection);
        return status;
    }
    *connection_out = connection;
    return 0;
}

static void close_sqlite(void *connection)
{
    (void)sqlite3_close(connection);
}

static int bind_one(sqlite3_stmt *prepared, int at, const struct seep_db_value *value)
{
    switch (value->type) {
    case SEEP_DB_INTEGER:
        return sqlite3_bind_int64(prepared, at, value->integer);
    case SEEP_DB_REAL:
        return isfinite(value->real) ? sqlite3_bind_double(prepared, at, value->real)
                                     : sqlite3_bind_null(prepared, at);
    case SEEP_DB_TEXT:
        return sqlite3_bind_text(prepared, at, value->text, -1, SQLITE_STATIC);
    case SEEP_DB_NULL:
        break;
    }
    return sqlite3_bind_null(prepared, at);
}

/* "$3" is a name to SQLite, so that the same text is right for PostgreSQL. */
static int bind_all(sqlite3_stmt *prepared, const struct seep_db_statement *statement)
{
    int result = SQLITE_OK;

    for (size_t i = 0; i < statement->count && result == SQLITE_OK; i++) {
        char name[24];
        int at = 0;

        (void)snprintf(name, sizeof(name), "$%zu", i + 1);
        at = sqlite3_bind_parameter_index(prepared, name);
        if (at > 0) {
            result = bind_one(prepared, at, &statement->values[i]);
        }
    }
    return result;
}

static sqlite3_stmt *statement_of(const struct seep_db_row *row)
{
    return (sqlite3_stmt *)(uintptr_t)row->result;
}
static int64_t row_integer(const struct seep_db_row *row, int column)
{
    return sqlite3_column_int64(statement_of(row), column);
}
static double row_real(const struct seep_db_row *row, int column)
{
    int type = sqlite3_column_type(statement_of(row), column);

    return type == SQLITE_FLOAT || type == SQLITE_INTEGER
               ? sqlite3_column_double(statement_of(row), column)
               : NAN;
}
static const char *row_text(const struct seep_db_row *row, int column)
{
    const unsigned char *text = sqlite3_column_text(statement_of(row), column);

    return text != NULL ? (const char *)text : "";
}

static int run_sqlite(void *connection, const struct seep_db_statement *statement,
                      struct seep_error *error)
{
    sqlite3_stmt *prepared = NULL;
    int result = sqlite3_prepare_v2(connection, statement->sql, -1, &prepared, NULL);
    int status = 0;

    if (result == SQLITE_OK) {
        result = bind_all(prepared, statement);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_step(prepared);
    }
    while (result == SQLITE_ROW && status == 0) {
        struct seep_db_row row = {.result = prepared,
                                  .integer = row_integer,
                                  .real = row_real,
                                  .text = row_text};

        status =
            statement->on_row != NULL ? statement->on_row(statement->context, &row) : 0;
        if (status == 0) {
            result = sqlite3_step(prepared);
        }
    }
    if (status == 0 && result != SQLITE_DONE) {
        status = fail(connection, result, error);
    } else if (status < 0) {
        status = seep_error_set(error, status, "%s", strerrordesc_np(-status));
    }
    (void)sqlite3_finalize(prepared);
    return status;
}

const struct seep_db_backend SEEP_DB_SQLITE = {.open = open_sqlite,
                                               .close = close_sqlite,
                                               .run = run_sqlite,
                                               .begin = {"BEGIN IMMEDIATE", NULL}};
