/* The database file.
 *
 * A store that is wrong has to be wrong at the start, in words, and not at the first
 * write an hour later. So opening proves everything that can be proven: that the file is
 * ours (application id), of a version that we know, whole (SQLite's quick check, for
 * files small enough), and writable together with its folder, where the write-ahead log
 * goes (the version is written again at each start). Rejected: to rename a damaged file
 * and begin an empty one. It would turn a broken disk into lost data that nobody notices.
 *
 * The file is made by ourselves, not by SQLite, for its mode: conversations are private.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/store_file.h"

#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID        0x504D4173 /* "PMAs" */
#define SCHEMA_VERSION        1
#define LOG_BYTES_MAX         "8388608" /* of the log's file while it is not in use */
#define QUICK_CHECK_BYTES_MAX ((off_t)64 * 1024 * 1024)

/* at_ms: wall clock, for trimming by age. No AUTOINCREMENT: entries of one key only have
 * to be in order, and the greatest sequence is enough for that. */
static const char schema[] =
    "CREATE TABLE documents(collection INTEGER NOT NULL, id TEXT NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY(collection, id)) WITHOUT ROWID;"
    "CREATE TABLE journal(sequence INTEGER PRIMARY KEY, journal INTEGER NOT NULL,"
    " key TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX journal_by_key ON journal(journal, key, sequence);"
    "CREATE INDEX journal_by_age ON journal(journal, at_ms);";

int pma_store_file_error(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    default:
        return -EIO;
    }
}

static bool is_in_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

/* Makes the file, or finds out why it cannot be used. size_bytes: out. */
static int touch(const char *path, off_t *size_bytes)
{
    struct stat status;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        return -errno;
    }
    int err = fstat(fd, &status) == 0 ? 0 : -errno;
    if (err == 0 && !S_ISREG(status.st_mode)) {
        err = -EBADMSG;
    }
    if (err == 0) {
        *size_bytes = status.st_size;
    }
    close(fd);
    return err;
}

static int run(sqlite3 *database, const char *sql)
{
    return pma_store_file_error(sqlite3_exec(database, sql, NULL, NULL, NULL));
}

/* Reads one row of one column. `text` may be NULL. */
static int ask(sqlite3 *database, const char *sql, int64_t *number, char text[32])
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *number = sqlite3_column_int64(statement, 0);
        if (text != NULL) {
            snprintf(text, 32, "%s", (const char *)sqlite3_column_text(statement, 0));
        }
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? -EBADMSG : pma_store_file_error(result);
}

static int check_whole(sqlite3 *database, off_t size_bytes)
{
    char verdict[32] = "";
    int64_t unused = 0;
    if (size_bytes == 0 || size_bytes > QUICK_CHECK_BYTES_MAX) {
        return 0;
    }
    const int err = ask(database, "PRAGMA quick_check(1)", &unused, verdict);
    if (err != 0) {
        return err;
    }
    return strcmp(verdict, "ok") == 0 ? 0 : -EBADMSG;
}

static int make_tables(sqlite3 *database)
{
    char stamp[96];
    int64_t version = 0;
    int64_t application = 0;
    int64_t tables = 0;
    int err = ask(database, "PRAGMA user_version", &version, NULL);
    err = err != 0 ? err : ask(database, "PRAGMA application_id", &application, NULL);
    err = err != 0 ? err
                   : ask(database, "SELECT count(*) FROM sqlite_schema", &tables, NULL);
    if (err != 0) {
        return err;
    }
    if (version > SCHEMA_VERSION || (tables > 0 && application != APPLICATION_ID)) {
        return -EPROTONOSUPPORT;
    }
    if (tables == 0) {
        err = run(database, schema);
    }
    snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             APPLICATION_ID, SCHEMA_VERSION);
    return err != 0 ? err : run(database, stamp);
}

/* Tables and version in one transaction: a start that is cut off leaves an empty file. */
static int prepare(sqlite3 *database, const struct pma_store_config *config,
                   off_t size_bytes)
{
    char limit[64];
    snprintf(limit, sizeof limit, "PRAGMA max_page_count=%" PRIu64,
             config->max_bytes > 0 ? config->max_bytes / PMA_STORE_PAGE_BYTES + 1
                                   : (uint64_t)4294967294);
    int err = run(database, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;"
                            "PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;"
                            "PRAGMA journal_size_limit=" LOG_BYTES_MAX);
    err = err != 0 ? err : run(database, limit);
    err = err != 0 ? err : check_whole(database, size_bytes);
    err = err != 0 ? err : run(database, "BEGIN IMMEDIATE");
    err = err != 0 ? err : make_tables(database);
    return err != 0 ? err : run(database, "COMMIT");
}

int pma_store_file_open(const struct pma_store_config *config, sqlite3 **database)
{
    sqlite3 *opened = NULL;
    off_t size_bytes = 0;
    int err = 0;
    if (config->path == NULL || config->path[0] == '\0') {
        return -EINVAL;
    }
    if (!is_in_memory(config->path)) {
        err = touch(config->path, &size_bytes);
    }
    if (err != 0) {
        return err;
    }
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    err = pma_store_file_error(sqlite3_open_v2(config->path, &opened, flags, NULL));
    if (err != 0) {
        goto fail_open;
    }
    const uint64_t busy_ms = config->busy_timeout_ns / PMA_MS_NS;
    sqlite3_busy_timeout(opened, busy_ms < 3600000 ? (int)busy_ms : 3600000);
    err = prepare(opened, config, size_bytes);
    if (err != 0) {
        goto fail_open;
    }
    *database = opened;
    return 0;

fail_open:
    sqlite3_close(opened); /* also due when opening failed */
    return err;
}

void pma_store_explain(int err, const char *path, char *text, size_t text_bytes)
{
    static const struct {
        int err;
        const char *what;
    } rows[] = {
        {-EINVAL, "database.path is empty: give a file, or :memory:"},
        {-ENOENT, "its folder does not exist: make it, or change database.path"},
        {-EISDIR, "it is a folder: database.path has to name a file"},
        {-EACCES, "the file or its folder cannot be written by this user: change their "
                  "owner or mode, or database.path"},
        {-EROFS, "it lies on a read-only file system: change database.path"},
        {-EBADMSG, "the file is damaged or not an SQLite database: restore it from a "
                   "copy, or move it away to begin with an empty one"},
        {-EPROTONOSUPPORT, "the file belongs to another program or to a later version "
                           "of this one: change database.path"},
        {-EBUSY, "another program holds it: end that one, or raise "
                 "database.busy_timeout"},
        {-ENOSPC, "the disk is full, or the file is larger than database.max_bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].err == err) {
            snprintf(text, text_bytes, "%.200s: %s", path, rows[i].what);
            return;
        }
    }
    snprintf(text, text_bytes, "%.200s: %s", path, strerrordesc_np(-err));
}
