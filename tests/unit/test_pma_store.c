/* Documents and journals: kept, bounded, and wrong files said at the start.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ENTITIES PMA_COLLECTION_ENTITIES
#define STATES   PMA_JOURNAL_STATES
#define NOBODY   65534
#define WRITERS  8
#define ROUNDS   100

static char folder[64];
static char file[96];

static struct pma_store_config settings(const char *path)
{
    return (struct pma_store_config){.path = path,
                                     .busy_timeout_ns = 20 * PMA_MS_NS,
                                     .max_bytes = 4 * 1024 * 1024,
                                     .max_document_bytes = 4096};
}

static struct pma_store *opened(const char *path)
{
    const struct pma_store_config config = settings(path);
    struct pma_store *store = NULL;
    assert_int_equal(pma_store_open(&config, &store), 0);
    return store;
}

static int open_error(const char *path)
{
    const struct pma_store_config config = settings(path);
    struct pma_store *store = NULL;
    const int err = pma_store_open(&config, &store);
    assert_null(store);
    return err;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pma-store-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(file, sizeof file, "%s/pma.db", folder);
    return 0;
}

static int teardown(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[128];
    (void)state;
    chmod(folder, 0700);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s%s", file, suffixes[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void put(struct pma_store *store, const char *id, json_int_t value)
{
    json_t *document = json_pack("{s:I}", "n", value);
    assert_int_equal(pma_store_put(store, ENTITIES, id, document), 0);
    json_decref(document);
}

/* The n of a document; -1 when there is none. */
static json_int_t got(struct pma_store *store, const char *id)
{
    json_t *document = NULL;
    const int err = pma_store_get(store, ENTITIES, id, &document);
    if (err == -ENOENT) {
        return -1;
    }
    assert_int_equal(err, 0);
    const json_int_t value = json_integer_value(json_object_get(document, "n"));
    json_decref(document);
    return value;
}

static int append(struct pma_store *store, const char *key, json_int_t value)
{
    json_t *entry = json_integer(value);
    const int err = pma_store_append(store, STATES, key, entry);
    json_decref(entry);
    return err;
}

/* The newest entries as text, "[2,3]". */
static void assert_newest(struct pma_store *store, const char *key, size_t limit,
                          const char *expected)
{
    json_t *entries = NULL;
    assert_int_equal(pma_store_newest(store, STATES, key, limit, &entries), 0);
    char *text = json_dumps(entries, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(entries);
}

/* Runs SQL on the file, as another program would. */
static void alter(const char *sql)
{
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(file, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void overwrite(off_t at, const char *bytes, size_t count)
{
    const int fd = open(file, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, count, at), count);
    close(fd);
}

static void a_document_is_put_replaced_read_and_removed(void **state)
{
    (void)state;
    struct pma_store *store = opened(":memory:");
    assert_int_equal(got(store, "light"), -1);
    put(store, "light", 1);
    put(store, "light", 2);
    put(store, "lamp \xc3\xa9", 3);
    assert_int_equal(got(store, "light"), 2);
    assert_int_equal(got(store, "lamp \xc3\xa9"), 3);
    json_t *room = NULL;
    assert_int_equal(pma_store_get(store, PMA_COLLECTION_ROOMS, "light", &room), -ENOENT);
    assert_int_equal(pma_store_remove(store, ENTITIES, "light"), 0);
    assert_int_equal(pma_store_remove(store, ENTITIES, "light"), -ENOENT);
    assert_int_equal(got(store, "light"), -1);
    pma_store_close(store);
}

static void an_id_that_is_no_short_clean_text_is_refused(void **state)
{
    (void)state;
    char long_id[PMA_STORE_ID_BYTES_MAX + 2];
    memset(long_id, 'a', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    const char *const wrong[] = {"", NULL, "a\nb", "\x7f", "\xff\xfe", long_id};
    struct pma_store *store = opened(":memory:");
    json_t *document = json_object();
    json_t *out = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pma_store_put(store, ENTITIES, wrong[i], document), -EINVAL);
        assert_int_equal(pma_store_get(store, ENTITIES, wrong[i], &out), -EINVAL);
        assert_int_equal(pma_store_remove(store, ENTITIES, wrong[i]), -EINVAL);
        assert_int_equal(pma_store_append(store, STATES, wrong[i], document), -EINVAL);
        assert_int_equal(pma_store_newest(store, STATES, wrong[i], 1, &out), -EINVAL);
    }
    long_id[PMA_STORE_ID_BYTES_MAX] = '\0';
    assert_int_equal(pma_store_put(store, ENTITIES, long_id, document), 0);
    assert_int_equal(pma_store_put(store, PMA_COLLECTION_NONE, "a", document), -EINVAL);
    assert_int_equal(pma_store_put(store, PMA_COLLECTION_END, "a", document), -EINVAL);
    assert_int_equal(pma_store_append(store, PMA_JOURNAL_END, "a", document), -EINVAL);
    assert_int_equal(pma_store_put(store, ENTITIES, "a", NULL), -EINVAL);
    assert_null(out);
    json_decref(document);
    pma_store_close(store);
}

static void what_was_put_is_there_after_a_restart(void **state)
{
    (void)state;
    struct pma_store *store = opened(file);
    put(store, "light", 7);
    assert_int_equal(append(store, "light", 1), 0);
    pma_store_close(store);
    struct stat status;
    char log_path[128];
    snprintf(log_path, sizeof log_path, "%s-wal", file);
    assert_int_equal(stat(log_path, &status), -1); /* moved into the file */
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    store = opened(file);
    assert_int_equal(got(store, "light"), 7);
    assert_newest(store, "light", 9, "[1]");
    pma_store_close(store);
}

struct walk {
    struct pma_store *store;
    int seen;
    int stop_at;
    char last[16];
};

static int visit(void *arg, const char *id, json_t *document)
{
    struct walk *walk = arg;
    assert_true(strcmp(walk->last, id) < 0);
    snprintf(walk->last, sizeof walk->last, "%s", id);
    assert_int_equal(json_integer_value(json_object_get(document, "n")), walk->seen);
    /* The store may be used meanwhile. */
    assert_int_equal(got(walk->store, id), walk->seen);
    walk->seen++;
    return walk->seen == walk->stop_at ? -ECANCELED : 0;
}

static void each_document_is_visited_once_in_order(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 64, 65, 128, 300};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char id[16];
        struct walk walk = {.store = opened(":memory:")};
        for (int k = 0; k < counts[i]; k++) {
            snprintf(id, sizeof id, "e%05d", k);
            put(walk.store, id, k);
        }
        assert_int_equal(pma_store_each(walk.store, ENTITIES, visit, &walk), 0);
        assert_int_equal(walk.seen, counts[i]);
        pma_store_close(walk.store);
    }
}

static void a_visitor_ends_the_walk_with_its_own_result(void **state)
{
    (void)state;
    struct walk walk = {.store = opened(":memory:"), .stop_at = 2};
    put(walk.store, "a", 0);
    put(walk.store, "b", 1);
    put(walk.store, "c", 2);
    assert_int_equal(pma_store_each(walk.store, ENTITIES, visit, &walk), -ECANCELED);
    assert_int_equal(walk.seen, 2);
    assert_int_equal(pma_store_each(walk.store, PMA_COLLECTION_NONE, visit, &walk),
                     -EINVAL);
    pma_store_close(walk.store);
}

static void a_journal_gives_its_newest_entries_oldest_first(void **state)
{
    (void)state;
    struct pma_store *store = opened(":memory:");
    assert_newest(store, "a", 5, "[]");
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(append(store, "a", i), 0);
        assert_int_equal(append(store, "b", 10 * i), 0);
    }
    assert_newest(store, "a", 2, "[4,5]");
    assert_newest(store, "b", SIZE_MAX, "[10,20,30,40,50]");
    assert_newest(store, "a", 0, "[]");
    pma_store_close(store);
}

static void trimming_keeps_the_newest_of_one_key_or_of_each(void **state)
{
    (void)state;
    uint64_t removed = 0;
    struct pma_store *store = opened(":memory:");
    for (int i = 1; i <= 5; i++) {
        append(store, "a", i);
        append(store, "b", i);
    }
    assert_int_equal(pma_store_trim(store, STATES, "a", 3, 0, &removed), 0);
    assert_int_equal(removed, 2);
    assert_newest(store, "a", 9, "[3,4,5]");
    assert_newest(store, "b", 9, "[1,2,3,4,5]");
    assert_int_equal(pma_store_trim(store, STATES, NULL, 2, 0, &removed), 0);
    assert_int_equal(removed, 4);
    assert_newest(store, "a", 9, "[4,5]");
    assert_newest(store, "b", 9, "[4,5]");
    assert_int_equal(pma_store_trim(store, STATES, "a", 0, 0, &removed), 0);
    assert_int_equal(removed, 2);
    assert_newest(store, "a", 9, "[]");
    assert_int_equal(pma_store_trim(store, STATES, "a", 0, 0, &removed), 0);
    assert_int_equal(removed, 0);
    assert_newest(store, "b", 9, "[4,5]");
    pma_store_close(store);
}

static void trimming_removes_what_is_older_than_an_instant(void **state)
{
    (void)state;
    uint64_t removed = 0;
    struct pma_store *store = opened(file);
    for (int i = 1; i <= 4; i++) {
        append(store, "a", i);
    }
    pma_store_close(store);
    alter("UPDATE journal SET at_ms = sequence * 1000");
    store = opened(file);
    assert_int_equal(pma_store_trim(store, STATES, NULL, SIZE_MAX, 2000, &removed), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(pma_store_trim(store, STATES, "a", SIZE_MAX, 4000, NULL), 0);
    assert_newest(store, "a", 9, "[4]");
    pma_store_close(store);
}

static void a_large_document_and_a_full_database_are_refused(void **state)
{
    (void)state;
    char text[4000];
    memset(text, 'x', sizeof text);
    struct pma_store *store = opened(file);
    json_t *fits = json_stringn(text, sizeof text);
    json_t *large = json_pack("[s#,s#]", text, 2100, text, 2100);
    assert_int_equal(pma_store_put(store, ENTITIES, "large", large), -EMSGSIZE);
    int err = 0;
    int written = 0;
    while (err == 0 && written < 4000) {
        err = pma_store_append(store, STATES, "a", fits);
        written += err == 0;
    }
    assert_int_equal(err, -ENOSPC);
    assert_in_range(written, 500, 1100); /* 4 MiB of 4,000 bytes, their pages included */
    assert_int_equal(got(store, "large"), -1); /* reading goes on */
    assert_int_equal(pma_store_trim(store, STATES, "a", 10, 0, NULL), 0);
    assert_int_equal(pma_store_append(store, STATES, "a", fits), 0);
    json_t *stats = pma_store_stats_json(store);
    assert_int_equal(json_integer_value(json_object_get(stats, "errors")), 1);
    assert_int_equal(json_integer_value(json_object_get(stats, "entries")), 11);
    json_decref(stats);
    json_decref(fits);
    json_decref(large);
    pma_store_close(store);
}

static void a_file_that_is_no_database_is_said_at_the_start(void **state)
{
    (void)state;
    char text[400];
    overwrite(0, "This is a letter, not a database. It goes on for a while.", 57);
    assert_int_equal(open_error(file), -EBADMSG);
    pma_store_explain(-EBADMSG, file, text, sizeof text);
    assert_non_null(strstr(text, file));
    assert_non_null(strstr(text, "damaged"));
}

static void a_damaged_page_is_said_at_the_start(void **state)
{
    (void)state;
    char noise[2048];
    struct pma_store *store = opened(file);
    for (int i = 0; i < 200; i++) {
        append(store, "a", i);
    }
    pma_store_close(store);
    memset(noise, 0x5a, sizeof noise);
    overwrite(2 * 4096, noise, sizeof noise);
    assert_int_equal(open_error(file), -EBADMSG);
}

static void a_damaged_document_is_an_error_of_that_document_alone(void **state)
{
    (void)state;
    struct pma_store *store = opened(file);
    put(store, "a", 0);
    put(store, "b", 1);
    append(store, "a", 1);
    append(store, "a", 2);
    pma_store_close(store);
    alter("UPDATE documents SET body = '{' WHERE id = 'b';"
          "UPDATE journal SET body = x'00' WHERE sequence = 1");
    struct walk walk = {.store = opened(file)};
    json_t *document = NULL;
    assert_int_equal(pma_store_get(walk.store, ENTITIES, "b", &document), -EBADMSG);
    assert_int_equal(pma_store_each(walk.store, ENTITIES, visit, &walk), 0);
    assert_int_equal(walk.seen, 1);
    assert_newest(walk.store, "a", 9, "[2]");
    pma_store_close(walk.store);
}

static void a_foreign_or_later_database_is_left_alone(void **state)
{
    (void)state;
    alter("CREATE TABLE theirs(a)");
    assert_int_equal(open_error(file), -EPROTONOSUPPORT);
    unlink(file);
    pma_store_close(opened(file));
    alter("PRAGMA user_version = 2");
    assert_int_equal(open_error(file), -EPROTONOSUPPORT);
    alter("PRAGMA user_version = 1");
    pma_store_close(opened(file));
}

static void a_folder_that_is_missing_or_cannot_be_written_is_said(void **state)
{
    (void)state;
    char path[160];
    assert_int_equal(open_error(""), -EINVAL);
    assert_int_equal(open_error(NULL), -EINVAL);
    assert_int_equal(open_error(folder), -EISDIR);
    assert_int_equal(open_error("/dev/null"), -EBADMSG);
    snprintf(path, sizeof path, "%s/nowhere/pma.db", folder);
    assert_int_equal(open_error(path), -ENOENT);
    /* The superuser may write everywhere: be somebody else. */
    const bool is_root = geteuid() == 0;
    assert_true(!is_root || (chown(folder, NOBODY, NOBODY) == 0 && seteuid(NOBODY) == 0));
    chmod(folder, 0500);
    const int missing = open_error(file);
    chmod(folder, 0700);
    pma_store_close(opened(file)); /* now there is one, but no place for its log */
    chmod(folder, 0500);
    const int no_log = open_error(file);
    chmod(file, 0400);
    const int read_only = open_error(file);
    chmod(folder, 0700);
    assert_true(!is_root || seteuid(0) == 0);
    assert_int_equal(missing, -EACCES);
    assert_int_equal(no_log, -EACCES);
    assert_int_equal(read_only, -EACCES);
}

static void a_file_that_another_program_holds_is_busy_and_not_for_ever(void **state)
{
    (void)state;
    sqlite3 *other = NULL;
    struct pma_store *store = opened(file);
    json_t *document = json_object();
    assert_int_equal(sqlite3_open(file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), 0);
    assert_int_equal(pma_store_put(store, ENTITIES, "a", document), -EBUSY);
    assert_int_equal(got(store, "a"), -1);
    assert_int_equal(open_error(file), -EBUSY);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), 0);
    assert_int_equal(pma_store_put(store, ENTITIES, "a", document), 0);
    sqlite3_close(other);
    json_decref(document);
    pma_store_close(store);
}

struct writer {
    struct pma_store *store;
    int number;
    atomic_int errors;
};

static void write_rounds(void *arg, struct pma_cancel *cancel)
{
    struct writer *writer = arg;
    char id[32];
    (void)cancel;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(id, sizeof id, "w%d-%d", writer->number, i);
        json_t *document = json_pack("{s:i}", "n", i);
        json_t *read = NULL;
        writer->errors += pma_store_put(writer->store, ENTITIES, id, document) != 0;
        writer->errors += pma_store_get(writer->store, ENTITIES, id, &read) != 0;
        writer->errors += !json_equal(document, read);
        writer->errors += pma_store_append(writer->store, STATES, "all", document) != 0;
        json_decref(document);
        json_decref(read);
    }
}

static void many_threads_write_and_read_and_nothing_is_lost(void **state)
{
    (void)state;
    struct writer writers[WRITERS];
    struct pma_worker *workers[WRITERS];
    struct pma_store *store = opened(file);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.store = store, .number = i};
        const struct pma_worker_spec spec = {.name = "writer",
                                             .subsystem = "store",
                                             .run = write_rounds,
                                             .arg = &writers[i]};
        assert_int_equal(pma_worker_start(&spec, &workers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pma_worker_stop(workers[i], 60 * PMA_S_NS), 0);
        assert_int_equal(writers[i].errors, 0);
    }
    json_t *stats = pma_store_stats_json(store);
    const json_int_t documents = json_integer_value(json_object_get(stats, "documents"));
    const json_int_t entries = json_integer_value(json_object_get(stats, "entries"));
    assert_int_equal(documents, WRITERS * ROUNDS);
    assert_int_equal(entries, WRITERS * ROUNDS);
    assert_int_equal(json_integer_value(json_object_get(stats, "errors")), 0);
    json_decref(stats);
    pma_store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_put_replaced_read_and_removed),
        TEST(an_id_that_is_no_short_clean_text_is_refused),
        TEST(what_was_put_is_there_after_a_restart),
        TEST(each_document_is_visited_once_in_order),
        TEST(a_visitor_ends_the_walk_with_its_own_result),
        TEST(a_journal_gives_its_newest_entries_oldest_first),
        TEST(trimming_keeps_the_newest_of_one_key_or_of_each),
        TEST(trimming_removes_what_is_older_than_an_instant),
        TEST(a_large_document_and_a_full_database_are_refused),
        TEST(a_file_that_is_no_database_is_said_at_the_start),
        TEST(a_damaged_page_is_said_at_the_start),
        TEST(a_damaged_document_is_an_error_of_that_document_alone),
        TEST(a_foreign_or_later_database_is_left_alone),
        TEST(a_folder_that_is_missing_or_cannot_be_written_is_said),
        TEST(a_file_that_another_program_holds_is_busy_and_not_for_ever),
        TEST(many_threads_write_and_read_and_nothing_is_lost),
    };
    return cmocka_run_group_tests_name("pma_store", tests, NULL, NULL);
}
