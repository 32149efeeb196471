/* Documents and journals in SQLite.
 *
 * Every request of the server is short and writes are few (some hundreds per second at
 * most), so one connection under one lock, with its statements prepared once, is faster
 * than a pool: no statement is compiled twice, and two writers never meet inside SQLite,
 * where the loser would sleep and try again. Rejected: a pool of readers beside one
 * writer (the reads of a whole collection happen at the start only), and a writer thread
 * with a queue (a caller could not learn that the disk is full).
 *
 * I1: a statement is reset and unbound before the lock is given back; otherwise it would
 *     hold a read transaction, and the log could never be moved into the database.
 * I2: no callback runs under the lock.
 * I3: the cache is filled and emptied under the lock, so that it never keeps what a
 *     writer has replaced meanwhile. An empty text in it: there is no such document.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/store.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/metrics/metrics.h"
#include "server/store/local_cache.h"
#include "server/store/store_file.h"
#include "server/store/store_statements.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUBSYSTEM "store"
#define BATCH     64 /* documents that pma_store_each holds */

/* In Seep's reports. */
static const char *const journal_names[PMA_JOURNAL_END] = {
    [PMA_JOURNAL_NONE] = "",
    [PMA_JOURNAL_MESSAGES] = "pages of messages",
    [PMA_JOURNAL_EXECUTIONS] = "pages of executions",
    [PMA_JOURNAL_STATES] = "pages of states",
};

/* Room for the name of a document in the cache. */
#define CACHE_KEY_BYTES (PMA_STORE_ID_BYTES_MAX + 16)

struct pma_store {
    pthread_mutex_t lock; /* PMA_LOCK_STORE; guards everything below */
    sqlite3 *database;
    struct pma_statements statements;
    uint64_t max_document_bytes;
    uint64_t max_bytes;
    uint64_t journal_pages[PMA_JOURNAL_END]; /* at most, as declared; 0: not known */
    char *path;
    struct pma_local_cache *cache;  /* borrowed; NULL: none. It has its own lock */
    uint64_t reads, writes, errors; /* calls since the start; errors are in both */
    int last_error;                 /* negative errno, 0: none so far */
    enum pma_query running;         /* from begin to end */
    uint64_t begun_ns;              /* when it got the lock */
};

/* One document of a page, copied out of the lock. */
struct page_row {
    char *id;
    json_t *document; /* NULL: damaged */
};

int pma_store_open(const struct pma_store_config *config, struct pma_store **store)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_store *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = -pthread_mutex_init(&fresh->lock, NULL);
    if (err != 0) {
        goto fail_lock;
    }
    err = pma_store_file_open(config, &fresh->database);
    if (err != 0) {
        goto fail_file;
    }
    err = pma_statements_prepare(fresh->database, &fresh->statements);
    if (err != 0) {
        goto fail_statements;
    }
    fresh->path = strdup(config->path);
    if (fresh->path == NULL) {
        err = -ENOMEM;
        goto fail_statements;
    }
    fresh->max_document_bytes = config->max_document_bytes;
    fresh->max_bytes = config->max_bytes;
    fresh->cache = config->cache;
    *store = fresh;
    return 0;

fail_statements:
    pma_statements_finalize(&fresh->statements);
    sqlite3_close(fresh->database);
fail_file:
    pthread_mutex_destroy(&fresh->lock);
fail_lock:
    free(fresh);
    return err;
}

void pma_store_close(struct pma_store *store)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (store == NULL) {
        return;
    }
    pma_statements_finalize(&store->statements);
    /* The last close does the same; here its failure can be said. */
    const int result = sqlite3_wal_checkpoint_v2(store->database, NULL,
                                                 SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (result != SQLITE_OK) {
        pma_log(PMA_LOG_WARN,
                "The store's log was not moved into its database; the next start does it",
                pma_str("path", store->path), pma_str("error", sqlite3_errstr(result)));
    }
    sqlite3_close(store->database);
    pthread_mutex_destroy(&store->lock);
    free(store->path);
    free(store);
}

/* Whether a text may be an id: no control characters, valid UTF-8, 1 to 255 bytes. */
static bool is_id_valid(const char *id)
{
    const size_t length = id != NULL ? strnlen(id, PMA_STORE_ID_BYTES_MAX + 1) : 0;
    if (length == 0 || length > PMA_STORE_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f) {
            return false;
        }
    }
    json_t *checked = json_stringn(id, length); /* NULL when it is not UTF-8 */
    const bool is_utf8 = checked != NULL;
    json_decref(checked);
    return is_utf8;
}

static bool is_document_id(enum pma_collection collection, const char *id)
{
    return collection > PMA_COLLECTION_NONE && collection < PMA_COLLECTION_END &&
           is_id_valid(id);
}

static bool is_journal(enum pma_journal journal)
{
    return journal > PMA_JOURNAL_NONE && journal < PMA_JOURNAL_END;
}

/* Takes the lock and binds the first two parameters, which all statements share. */
static sqlite3_stmt *begin(struct pma_store *store, enum pma_query query, int class,
                           const char *id)
{
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *statement = store->statements.items[query];
    store->running = query;
    store->begun_ns = pma_now_ns();
    sqlite3_bind_int(statement, 1, class);
    if (id != NULL) {
        sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
    }
    return statement;
}

/* Ends what begin() began (I1). result: of SQLite; err: found beside it. */
static int end(struct pma_store *store, sqlite3_stmt *statement, int result, int err)
{
    const bool is_write = sqlite3_stmt_readonly(statement) == 0;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (err == 0) {
        err = pma_store_file_error(result);
    }
    store->writes += is_write;
    store->reads += !is_write;
    if (err != 0 && err != -ENOENT) {
        store->errors++;
        store->last_error = err;
    }
    const char *operation = pma_query_operation(store->running);
    const uint64_t took_ns = pma_now_ns() - store->begun_ns;
    pthread_mutex_unlock(&store->lock);
    pma_metric_observe(PMA_METRIC_DATABASE_DURATION, took_ns, PMA_LABELS(operation));
    return err;
}

/* The JSON text of a document, owned by the caller. */
static int encode(const struct pma_store *store, const json_t *document, char **text,
                  size_t *text_bytes)
{
    if (document == NULL) {
        return -EINVAL;
    }
    char *made = json_dumps(document, JSON_COMPACT | JSON_ENCODE_ANY);
    if (made == NULL) {
        return -ENOMEM;
    }
    const size_t length = strlen(made);
    if ((store->max_document_bytes > 0 && length > store->max_document_bytes) ||
        length > INT_MAX) {
        free(made);
        return -EMSGSIZE;
    }
    *text = made;
    *text_bytes = length;
    return 0;
}

static void cache_key(int collection, const char *id, char key[CACHE_KEY_BYTES])
{
    snprintf(key, CACHE_KEY_BYTES, "%d:%s", collection, id);
}

/* Parses the first column of the present row. Returns: NULL when it is not JSON. */
static json_t *decode(sqlite3_stmt *statement)
{
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    const int length = sqlite3_column_bytes(statement, 0);
    return text != NULL ? json_loadb(text, (size_t)length, JSON_DECODE_ANY, NULL) : NULL;
}

static void log_damage(const char *id, size_t count)
{
    pma_log(PMA_LOG_ERROR, "Damaged data in the store: not JSON", pma_str("id", id),
            pma_u64("count", count));
}

static void uncache(struct pma_store *store, int collection, const char *id)
{
    char key[CACHE_KEY_BYTES];
    cache_key(collection, id, key);
    pma_local_cache_remove(store->cache, key);
}

static int64_t unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int write_text(struct pma_store *store, enum pma_query query, int class,
                      const char *id, const json_t *document)
{
    char *text = NULL;
    size_t text_bytes = 0;
    int err = encode(store, document, &text, &text_bytes);
    if (err != 0) {
        return err;
    }
    sqlite3_stmt *statement = begin(store, query, class, id);
    sqlite3_bind_text(statement, 3, text, (int)text_bytes, SQLITE_STATIC);
    if (query == PMA_QUERY_APPEND) {
        sqlite3_bind_int64(statement, 4, unix_ms());
    }
    const int result = sqlite3_step(statement);
    if (query == PMA_QUERY_PUT) {
        uncache(store, class, id);
    }
    err = end(store, statement, result, 0);
    free(text);
    return err;
}

int pma_store_put(struct pma_store *store, enum pma_collection collection, const char *id,
                  const json_t *document)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (!is_document_id(collection, id)) {
        return -EINVAL;
    }
    return write_text(store, PMA_QUERY_PUT, (int)collection, id, document);
}

/* Reads a document from the cache. Returns: whether the cache knew; *err and *document
 * are what it knew then. */
static bool get_cached(struct pma_store *store, const char *key, int *err,
                       json_t **document)
{
    char *text = NULL;
    size_t text_bytes = 0;
    if (!pma_local_cache_get(store->cache, key, &text, &text_bytes)) {
        return false;
    }
    json_t *read = json_loadb(text, text_bytes, JSON_DECODE_ANY, NULL);
    free(text);
    *err = text_bytes == 0 ? -ENOENT : read != NULL ? 0 : -ENOMEM;
    if (read != NULL) {
        *document = read;
    }
    return true;
}

int pma_store_get(struct pma_store *store, enum pma_collection collection, const char *id,
                  json_t **document)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char key[CACHE_KEY_BYTES];
    json_t *read = NULL;
    int err = 0;
    if (!is_document_id(collection, id)) {
        return -EINVAL;
    }
    cache_key((int)collection, id, key);
    if (get_cached(store, key, &err, document)) {
        return err;
    }
    sqlite3_stmt *statement = begin(store, PMA_QUERY_GET, (int)collection, id);
    const int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        read = decode(statement);
        err = read != NULL ? 0 : -EBADMSG;
    } else if (result == SQLITE_DONE) {
        err = -ENOENT;
    }
    if (read != NULL || err == -ENOENT) {
        const char *text =
            read != NULL ? (const char *)sqlite3_column_text(statement, 0) : "";
        pma_local_cache_put(store->cache, key, text, strlen(text));
    }
    err = end(store, statement, result, err);
    if (err == 0) {
        *document = read;
    } else if (err == -EBADMSG) {
        log_damage(id, 1);
    }
    return err;
}

int pma_store_remove(struct pma_store *store, enum pma_collection collection,
                     const char *id)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (!is_document_id(collection, id)) {
        return -EINVAL;
    }
    sqlite3_stmt *statement = begin(store, PMA_QUERY_REMOVE, (int)collection, id);
    const int result = sqlite3_step(statement);
    const bool missed = result == SQLITE_DONE && sqlite3_changes(store->database) == 0;
    uncache(store, (int)collection, id);
    return end(store, statement, result, missed ? -ENOENT : 0);
}

/* Copies the documents after `after`, at most BATCH. count: out. */
static int read_page(struct pma_store *store, enum pma_collection collection,
                     const char *after, struct page_row rows[BATCH], size_t *count)
{
    int result = SQLITE_DONE;
    int err = 0;
    *count = 0;
    sqlite3_stmt *statement = begin(store, PMA_QUERY_PAGE, (int)collection, after);
    sqlite3_bind_int(statement, 3, BATCH);
    while (err == 0 && *count < BATCH &&
           (result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(statement, 1);
        rows[*count].id = id != NULL ? strdup(id) : NULL;
        rows[*count].document = decode(statement);
        err = rows[*count].id != NULL ? 0 : -ENOMEM;
        ++*count;
    }
    return end(store, statement, result, err);
}

static void free_page(struct page_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(rows[i].document);
        free(rows[i].id);
    }
}

static int visit_row(const struct page_row *row, const char *after,
                     int (*visit)(void *arg, const char *id, json_t *document), void *arg)
{
    /* Ids of our own ascend; one with a NUL inside, say, would be read for ever. */
    if (strcmp(row->id, after) <= 0) {
        return -EBADMSG;
    }
    if (row->document == NULL) {
        log_damage(row->id, 1);
        return 0;
    }
    return visit(arg, row->id, row->document);
}

int pma_store_each(struct pma_store *store, enum pma_collection collection,
                   int (*visit)(void *arg, const char *id, json_t *document), void *arg)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct page_row rows[BATCH];
    char *after = strdup(""); /* before every id */
    size_t count = BATCH;
    int err = after != NULL ? 0 : -ENOMEM;
    if (collection <= PMA_COLLECTION_NONE || collection >= PMA_COLLECTION_END) {
        err = -EINVAL;
    }
    while (err == 0 && count == BATCH) {
        err = read_page(store, collection, after, rows, &count);
        for (size_t i = 0; err == 0 && i < count; i++) {
            err = visit_row(&rows[i], after, visit, arg);
            char *last = rows[i].id;
            rows[i].id = after;
            after = last;
        }
        free_page(rows, count);
    }
    free(after);
    return err;
}

void pma_store_declare(struct pma_store *store, enum pma_journal journal,
                       uint64_t entries)
{
    /* An entry fills part of a page, or several and parts of two. */
    const uint64_t pages =
        store->max_document_bytes > 0
            ? entries * (store->max_document_bytes / PMA_STORE_PAGE_BYTES + 2)
            : 0;
    store->journal_pages[journal] = pages;
}

int pma_store_append(struct pma_store *store, enum pma_journal journal, const char *key,
                     const json_t *entry)
{
    if (!is_journal(journal) || !is_id_valid(key)) {
        return -EINVAL;
    }
    SEEP_BOUNDED(SUBSYSTEM, journal_names[journal], store->journal_pages[journal]);
    return write_text(store, PMA_QUERY_APPEND, (int)journal, key, entry);
}

int pma_store_append_unbounded(struct pma_store *store, enum pma_journal journal,
                               const char *key, const json_t *entry)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (!is_journal(journal) || !is_id_valid(key)) {
        return -EINVAL;
    }
    return write_text(store, PMA_QUERY_APPEND, (int)journal, key, entry);
}

/* A count as SQLite takes it for LIMIT and OFFSET. */
static sqlite3_int64 bounded(size_t count)
{
    return count < INT64_MAX ? (sqlite3_int64)count : INT64_MAX;
}

int pma_store_newest(struct pma_store *store, enum pma_journal journal, const char *key,
                     size_t limit, json_t **entries)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    int result = SQLITE_DONE;
    int err = 0;
    size_t damaged = 0;
    if (!is_journal(journal) || !is_id_valid(key)) {
        return -EINVAL;
    }
    json_t *made = json_array();
    if (made == NULL) {
        return -ENOMEM;
    }
    sqlite3_stmt *statement = begin(store, PMA_QUERY_NEWEST, (int)journal, key);
    sqlite3_bind_int64(statement, 3, bounded(limit));
    while (err == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        json_t *entry = decode(statement);
        if (entry == NULL) {
            damaged++;
        } else if (json_array_append_new(made, entry) != 0) {
            err = -ENOMEM;
        }
    }
    err = end(store, statement, result, err);
    if (err != 0) {
        json_decref(made);
        return err;
    }
    if (damaged > 0) {
        log_damage(key, damaged);
    }
    *entries = made;
    return 0;
}

int pma_store_trim(struct pma_store *store, enum pma_journal journal, const char *key,
                   size_t keep, int64_t older_than_unix_ms, uint64_t *removed)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (!is_journal(journal) || (key != NULL && !is_id_valid(key))) {
        return -EINVAL;
    }
    sqlite3_stmt *statement = begin(
        store, key != NULL ? PMA_QUERY_TRIM_KEY : PMA_QUERY_TRIM_ALL, (int)journal, key);
    sqlite3_bind_int64(statement, 3, bounded(keep));
    sqlite3_bind_int64(statement, 4,
                       older_than_unix_ms != 0 ? older_than_unix_ms : INT64_MIN);
    const int result = sqlite3_step(statement);
    const int changed = result == SQLITE_DONE ? sqlite3_changes(store->database) : 0;
    const int err = end(store, statement, result, 0);
    if (err == 0 && removed != NULL) {
        *removed = (uint64_t)changed;
    }
    return err;
}

json_t *pma_store_stats_json(struct pma_store *store)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *statement = store->statements.items[PMA_QUERY_SIZES];
    json_t *stats = NULL;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        stats = json_pack(
            "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s*}", "path", store->path,
            "documents", (json_int_t)sqlite3_column_int64(statement, 0), "entries",
            (json_int_t)sqlite3_column_int64(statement, 1), "size_bytes",
            (json_int_t)sqlite3_column_int64(statement, 2), "max_bytes",
            (json_int_t)store->max_bytes, "reads", (json_int_t)store->reads, "writes",
            (json_int_t)store->writes, "errors", (json_int_t)store->errors, "last_error",
            store->last_error != 0 ? strerrordesc_np(-store->last_error) : NULL);
    }
    sqlite3_reset(statement);
    pthread_mutex_unlock(&store->lock);
    return stats;
}

void pma_store_simulate_read(void *arg)
{
    static atomic_uint_fast64_t number; /* relaxed: only has to be new each time */
    char id[48];
    json_t *document = NULL;
    if (!pma_fault_enabled(PMA_FAULT_F16)) {
        return;
    }
    snprintf(
        id, sizeof id, "simulated-%llu",
        (unsigned long long)atomic_fetch_add_explicit(&number, 1, memory_order_relaxed));
    if (pma_store_get(arg, PMA_COLLECTION_ENTITIES, id, &document) == 0) {
        json_decref(document);
    }
}
