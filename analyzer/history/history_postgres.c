/* PostgreSQL, through libpq.
 *
 * Parameters and results travel as text, which needs no types of the server's own;
 * numbers are written so that they read back as the same bits. One writer at a time is
 * held by an advisory lock of the transaction, also while the tables do not exist yet.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 32 };

/* The first line of what the server or libpq says, without a line break at its end. */
static void first_line(const char *said, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes, "%.*s", (int)strcspn(said, "\n"), said);
}

static int code_of(const char *state)
{
    static const struct {
        const char *state;
        int code;
    } known[] = {
        {"53100", -ENOSPC}, {"25006", -EROFS},  {"42501", -EROFS},
        {"55P03", -EBUSY},  {"53200", -ENOMEM},
    };

    for (size_t i = 0; state != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(state, known[i].state) == 0) {
            return known[i].code;
        }
    }
    return -EIO;
}

static void ignore_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

static bool set_up(PGconn *connection)
{
    static const char *const sql[] = {"SET statement_timeout='120s'",
                                      "SET lock_timeout='20s'"};
    bool good = true;

    for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
        PGresult *result = PQexec(connection, sql[i]);

        good = good && PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
    }
    return good;
}

static int open_postgres(const char *where, enum seep_db_purpose purpose,
                         void **connection_out, bool *read_only, struct seep_error *error)
{
    const char *const names[] = {"dbname", "connect_timeout", "client_encoding",
                                 "fallback_application_name", NULL};
    const char *const values[] = {where, "10", "UTF8", "seep", NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1);
    char said[400];

    (void)purpose;
    if (connection == NULL) {
        return seep_error_set(error, -ENOMEM, "out of memory");
    }
    (void)PQsetNoticeReceiver(connection, ignore_notice, NULL);
    if (PQstatus(connection) != CONNECTION_OK || !set_up(connection)) {
        first_line(PQerrorMessage(connection), said, sizeof(said));
        PQfinish(connection);
        return seep_error_set(error, -ECONNREFUSED, "PostgreSQL: %s", said);
    }
    *read_only = false;
    *connection_out = connection;
    return 0;
}

static void close_postgres(void *connection)
{
    PQfinish(connection);
}

/* The text of a value; NULL for SQL's NULL. */
static const char *parameter(const struct seep_db_value *value, char *number)
{
    switch (value->type) {
    case SEEP_DB_INTEGER:
        (void)snprintf(number, NUMBER_BYTES, "%" PRId64, value->integer);
        return number;
    case SEEP_DB_REAL:
        (void)snprintf(number, NUMBER_BYTES, "%.17g", value->real);
        return isfinite(value->real) ? number : NULL;
    case SEEP_DB_TEXT:
        return value->text;
    case SEEP_DB_NULL:
        break;
    }
    return NULL;
}

static const PGresult *result_of(const struct seep_db_row *row)
{
    return row->result;
}
static int64_t row_integer(const struct seep_db_row *row, int column)
{
    return strtoll(PQgetvalue(result_of(row), row->row, column), NULL, 10);
}
static double row_real(const struct seep_db_row *row, int column)
{
    const char *text = PQgetvalue(result_of(row), row->row, column);
    char *end = NULL;
    double value = strtod(text, &end);

    return end != text && *end == '\0' ? value : NAN;
}
static const char *row_text(const struct seep_db_row *row, int column)
{
    return PQgetvalue(result_of(row), row->row, column);
}

static int give_rows(const struct seep_db_statement *statement, const PGresult *result)
{
    int status = 0;

    for (int i = 0; i < PQntuples(result) && status == 0; i++) {
        struct seep_db_row row = {.result = result,
                                  .row = i,
                                  .integer = row_integer,
                                  .real = row_real,
                                  .text = row_text};

        status = statement->on_row(statement->context, &row);
    }
    return status;
}

static int run_postgres(void *connection, const struct seep_db_statement *statement,
                        struct seep_error *error)
{
    char numbers[SEEP_DB_VALUES_MAX][NUMBER_BYTES];
    const char *values[SEEP_DB_VALUES_MAX] = {NULL};
    PGresult *result = NULL;
    int status = 0;

    for (size_t i = 0; i < statement->count; i++) {
        values[i] = parameter(&statement->values[i], numbers[i]);
    }
    result = PQexecParams(connection, statement->sql, (int)statement->count, NULL, values,
                          NULL, NULL, 0);
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
        break;
    case PGRES_TUPLES_OK:
        if (statement->on_row != NULL) {
            status = give_rows(statement, result);
        }
        if (status < 0) {
            (void)seep_error_set(error, status, "%s", strerrordesc_np(-status));
        }
        break;
    default: {
        char said[400];

        first_line(PQerrorMessage(connection), said, sizeof(said));
        status =
            seep_error_set(error, code_of(PQresultErrorField(result, PG_DIAG_SQLSTATE)),
                           "PostgreSQL: %s", said);
        break;
    }
    }
    PQclear(result);
    return status;
}

const struct seep_db_backend SEEP_DB_POSTGRES = {
    .open = open_postgres,
    .close = close_postgres,
    .run = run_postgres,
    .begin = {"BEGIN", "SELECT pg_advisory_xact_lock(x'73656570'::bigint)"}};
