/* A database that keeps histories: SQLite in a file, or a PostgreSQL server.
 *
 * One SQL for both: parameters are $1 to $N and always bound, never written into the
 * text; types are BIGINT, DOUBLE PRECISION and TEXT. What differs (how to connect, how to
 * wait for another writer) is behind struct seep_db_backend.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_DB_H
#define SEEP_ANALYZER_HISTORY_HISTORY_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum seep_db_type {
    SEEP_DB_NULL = 0,
    SEEP_DB_INTEGER = 1,
    SEEP_DB_REAL = 2, /* one that is not finite is stored as NULL */
    SEEP_DB_TEXT = 3
};
struct seep_db_value {
    enum seep_db_type type;
    int64_t integer;
    double real;
    const char *text; /* borrowed */
};
enum { SEEP_DB_VALUES_MAX = 48 }; /* bound to one statement */

/* A row of a result, valid during the call that gets it. Columns count from 0; NULL is 0,
 * NAN, "". What is no number where one is asked for counts as NULL. */
struct seep_db_row {
    const void *result;
    int row;
    int64_t (*integer)(const struct seep_db_row *row, int column);
    double (*real)(const struct seep_db_row *row, int column);
    const char *(*text)(const struct seep_db_row *row, int column); /* never NULL */
};
/* Returns: 0 to go on; negative errno to end the query with it. */
typedef int seep_db_on_row(void *context, const struct seep_db_row *row);

struct seep_db_statement {
    const char *sql;
    const struct seep_db_value *values; /* $1 first; may be NULL when there are none */
    size_t count;
    seep_db_on_row *on_row; /* NULL: rows are of no interest */
    void *context;
};

enum seep_db_purpose {
    SEEP_DB_READ = 1, /* what is not there is -ENOENT */
    SEEP_DB_WRITE = 2 /* what is not there is made */
};

struct seep_history_db; /* owned; one thread at a time */

struct seep_db_backend {
    int (*open)(const char *where, enum seep_db_purpose purpose, void **connection,
                bool *read_only, struct seep_error *error);
    void (*close)(void *connection);
    int (*run)(void *connection, const struct seep_db_statement *statement,
               struct seep_error *error);
    const char *begin[2]; /* of a transaction that writes, one writer at a time */
};

/* Opens a database, without looking at what is in it.
 *
 * where:   borrowed: "postgresql://..." or "postgres://..." (docs of libpq), else the
 *          path of a file.
 * out:     owned (seep_history_db_close); untouched on error.
 * Returns: 0; -ENOENT nothing there to read; another negative errno; *error is set.
 */
int seep_history_db_open(const char *where, enum seep_db_purpose purpose,
                         struct seep_history_db **out, struct seep_error *error);
/* NULL is ignored. */
void seep_history_db_close(struct seep_history_db *db);

/* Runs one statement.
 * Returns: 0; negative errno with *error set (-ENOSPC full, -EROFS may not be written,
 * -EBUSY another writer for longer than 20 s, -EIO all else), or what on_row returned. */
int seep_history_db_run(struct seep_history_db *db,
                        const struct seep_db_statement *statement,
                        struct seep_error *error);
/* The same for text without parameters or rows. */
int seep_history_db_exec(struct seep_history_db *db, const char *sql,
                         struct seep_error *error);

/* A transaction that writes: it waits for other writers. `end` commits when `status` is
 * 0, else takes all back.
 * Returns: 0; negative errno with *error set; `end` returns status when that is not 0. */
int seep_history_db_begin(struct seep_history_db *db, struct seep_error *error);
int seep_history_db_end(struct seep_history_db *db, int status, struct seep_error *error);

/* Whether it was opened without the right to write to it. */
bool seep_history_db_is_read_only(const struct seep_history_db *db);
/* Where it is, for messages: a password in it is "***". */
const char *seep_history_db_where(const struct seep_history_db *db);

static inline struct seep_db_value seep_db_integer(int64_t value)
{
    return (struct seep_db_value){.type = SEEP_DB_INTEGER, .integer = value};
}
static inline struct seep_db_value seep_db_count(uint64_t value) /* cut at INT64_MAX */
{
    return seep_db_integer(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}
static inline struct seep_db_value seep_db_real(double value)
{
    return (struct seep_db_value){.type = SEEP_DB_REAL, .real = value};
}
static inline struct seep_db_value seep_db_text(const char *value) /* NULL is "" */
{
    return (struct seep_db_value){.type = SEEP_DB_TEXT,
                                  .text = value != NULL ? value : ""};
}

#endif
