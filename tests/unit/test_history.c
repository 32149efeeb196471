/* A history in a database: schema, identity, what goes in comes out.
 *
 * The database is a file in a folder of its own; with SEEP_TEST_POSTGRES in the
 * environment (history.postgres sets it) it is that one, emptied before each test.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_db.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "history/history_load.h"
#include "history/history_schema.h"
#include "history/history_store.h"

enum { NAME_BYTES = 4096 };

struct fixture {
    char folder[64], file[96];
    struct seep_history_db *db;
    struct seep_history_finding finding;
    struct seep_history_label label;
    struct seep_history_run run;
};

static const char *where(const struct fixture *f)
{
    const char *postgres = getenv("SEEP_TEST_POSTGRES");

    return postgres != NULL ? postgres : f->file;
}

static void drop_all(struct seep_history_db *db)
{
    static const char *const tables[] = {"seep_label", "seep_finding", "seep_run",
                                         "seep_schema"};

    for (size_t i = 0; i < 4; i++) {
        char sql[64];

        (void)snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS %s", tables[i]);
        assert_int_equal(seep_history_db_exec(db, sql, NULL), 0);
    }
}

static void begin(struct fixture *f)
{
    struct seep_error error = {0};

    memset(f, 0, sizeof(*f));
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/seep-history-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->file, sizeof(f->file), "%s/it's a \"history\"%%?.db", f->folder);
    assert_int_equal(seep_history_db_open(where(f), SEEP_DB_WRITE, &f->db, &error), 0);
    drop_all(f->db);
    f->finding = (struct seep_history_finding){
        .id = "00000000000a",
        .kind = SEEP_KIND_HEAP,
        .verdict = SEEP_VERDICT_DEFINITE,
        .cause = "growth",
        .subsystem = "websocket",
        .headline = "hub_register",
        .summary = "it grows",
        .place = "hub.c:120",
        .live = UINT64_MAX,
        .growth_per_s = 1.0 / 3,
        .growth_bytes_per_s = 1e-300,
        .growth_per_s_ci = {0.3, INFINITY},
        .growth_bytes_per_s_ci = {NAN, NAN},
        .q_value = NAN,
        .pattern = "steady",
        .unit = "",
        .growth_per_unit = NAN,
        .growth_bytes_per_unit = NAN,
        .limit = "",
        .time_to_limit_s = NAN,
    };
    f->label = (struct seep_history_label){"release", "1.2"};
    f->run = (struct seep_history_run){.id = "0123456789abcdef",
                                       .program = "server",
                                       .command = "server -x",
                                       .host = "h",
                                       .commit = "c1",
                                       .branch = "main",
                                       .seep_version = "1",
                                       .mode = "full",
                                       .ending = "exited 0",
                                       .outcome = "leak",
                                       .inconclusive = "",
                                       .pid = 7,
                                       .started_ns = UINT64_C(1767225600123456789),
                                       .duration_s = 60,
                                       .heap_live = 3,
                                       .labels = &f->label,
                                       .label_count = 1,
                                       .findings = &f->finding,
                                       .finding_count = 1};
}

static void begin_ready(struct fixture *f)
{
    struct seep_error error = {0};

    begin(f);
    assert_int_equal(
        seep_history_schema_ready(f->db, SEEP_HISTORY_SCHEMA_VERSION, &error), 0);
}

static void end(struct fixture *f)
{
    char path[128];
    static const char *const endings[] = {"", "-wal", "-shm"};

    seep_history_db_close(f->db);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", f->file, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(f->folder);
}

static enum seep_history_added add(struct fixture *f)
{
    enum seep_history_added how = 0;
    struct seep_error error = {0};

    assert_int_equal(seep_history_store_add(f->db, &f->run, &how, &error), 0);
    return how;
}

static struct seep_history_runs load(struct fixture *f, struct seep_history_filter filter)
{
    struct seep_history_runs runs = {0};
    struct seep_error error = {0};

    if (seep_history_load(f->db, &filter, &runs, &error) != 0) {
        fail_msg("%s", error.message);
    }
    return runs;
}

static size_t count(struct fixture *f, struct seep_history_filter filter)
{
    struct seep_history_runs runs = load(f, filter);
    size_t n = runs.count;

    seep_history_runs_fini(&runs);
    return n;
}

static void what_is_added_comes_back_to_the_bit(void **state)
{
    struct fixture f;
    struct seep_history_runs runs;
    const struct seep_history_finding *back = NULL;

    (void)state;
    begin_ready(&f);
    assert_int_equal(add(&f), SEEP_HISTORY_NEW);
    runs = load(&f, (struct seep_history_filter){0});
    assert_int_equal(runs.count, 1);
    assert_string_equal(runs.runs[0].commit, "c1");
    assert_true(runs.runs[0].started_ns == f.run.started_ns);
    assert_string_equal(runs.runs[0].labels[0].value, "1.2");
    back = &runs.runs[0].findings[0];
    assert_true(back->growth_per_s == f.finding.growth_per_s);
    assert_true(back->growth_bytes_per_s == 1e-300);
    assert_true(back->live == INT64_MAX); /* cut, not negative */
    assert_true(isnan(back->growth_per_s_ci.high) && isnan(back->q_value));
    assert_int_equal(back->verdict, SEEP_VERDICT_DEFINITE);
    assert_string_equal(back->place, "hub.c:120");
    seep_history_runs_fini(&runs);
    end(&f);
}

static void the_same_run_is_one_and_the_longer_one_stays(void **state)
{
    struct fixture f;
    struct seep_history_runs runs;

    (void)state;
    begin_ready(&f);
    assert_int_equal(add(&f), SEEP_HISTORY_NEW);
    f.run.duration_s = 90;
    f.run.commit = ""; /* not said again: what was said stays */
    f.run.label_count = 0;
    assert_int_equal(add(&f), SEEP_HISTORY_REPLACED);
    f.run.duration_s = 30;
    assert_int_equal(add(&f), SEEP_HISTORY_KEPT);
    runs = load(&f, (struct seep_history_filter){0});
    assert_int_equal(runs.count, 1);
    assert_true(runs.runs[0].duration_s == 90);
    assert_string_equal(runs.runs[0].commit, "c1");
    assert_int_equal(runs.runs[0].label_count, 1);
    assert_int_equal(runs.runs[0].finding_count, 1);
    seep_history_runs_fini(&runs);
    end(&f);
}

static void identity_is_of_host_pid_and_start(void **state)
{
    char a[SEEP_HISTORY_ID_BYTES];
    char b[SEEP_HISTORY_ID_BYTES];

    (void)state;
    seep_history_run_identify("h", 7, 1000, a);
    seep_history_run_identify("h", 7, 1000, b);
    assert_string_equal(a, b);
    seep_history_run_identify("g", 7, 1000, b);
    assert_string_not_equal(a, b);
    seep_history_run_identify("h", 8, 1000, b);
    assert_string_not_equal(a, b);
    seep_history_run_identify("h", 7, 1001, b);
    assert_string_not_equal(a, b);
}

static void an_older_schema_is_brought_up_to_date_with_its_rows(void **state)
{
    struct fixture f;
    struct seep_error error = {0};
    int64_t version = 0;

    (void)state;
    begin(&f);
    assert_int_equal(seep_history_schema_ready(f.db, 1, &error), 0);
    assert_int_equal(seep_history_schema_version(f.db, &version, &error), 0);
    assert_int_equal(version, 1);
    f.run.label_count = 0; /* version 1 has no labels */
    assert_int_equal(add(&f), SEEP_HISTORY_NEW);
    assert_int_equal(seep_history_schema_ready(f.db, SEEP_HISTORY_SCHEMA_VERSION, &error),
                     0);
    assert_int_equal(seep_history_schema_version(f.db, &version, &error), 0);
    assert_int_equal(version, SEEP_HISTORY_SCHEMA_VERSION);
    assert_int_equal(count(&f, (struct seep_history_filter){0}), 1);
    end(&f);
}

static void a_newer_schema_is_refused_with_a_word(void **state)
{
    struct fixture f;
    struct seep_error error = {0};

    (void)state;
    begin_ready(&f);
    assert_int_equal(
        seep_history_db_exec(f.db, "INSERT INTO seep_schema VALUES (99)", &error), 0);
    assert_int_equal(seep_history_schema_ready(f.db, SEEP_HISTORY_SCHEMA_VERSION, &error),
                     -ENOTSUP);
    assert_non_null(strstr(error.message, "newer Seep (schema 99"));
    end(&f);
}

static void hostile_names_are_data(void **state)
{
    static const char *const names[] = {"'; DROP TABLE seep_run; --", "\"$1\" %s \\ ''",
                                        "\x01\x1b[31m\x7f", "\xc3\xa4\xe2\x82\xac", NULL};
    char *huge = malloc(NAME_BYTES + 1);
    struct fixture f;

    (void)state;
    assert_non_null(huge);
    memset(huge, '\'', NAME_BYTES);
    huge[NAME_BYTES] = '\0';
    begin_ready(&f);
    for (size_t i = 0; i < 5; i++) {
        const char *name = names[i] != NULL ? names[i] : huge;
        char id[SEEP_HISTORY_ID_BYTES];
        struct seep_history_runs runs;

        (void)snprintf(id, sizeof(id), "%016zx", i);
        f.run.id = id;
        f.run.branch = f.run.commit = f.run.host = f.run.program = name;
        f.finding.headline = f.finding.subsystem = f.finding.summary = name;
        f.label = (struct seep_history_label){name, name};
        assert_int_equal(add(&f), SEEP_HISTORY_NEW);
        runs = load(&f, (struct seep_history_filter){.branch = name,
                                                     .commit = name,
                                                     .program = name,
                                                     .label = {name, name}});
        assert_int_equal(runs.count, 1);
        if (i != 2) { /* control characters become '?' on the way out */
            assert_string_equal(runs.runs[0].findings[0].headline, name);
            assert_string_equal(runs.runs[0].labels[0].name, name);
        } else {
            assert_string_equal(runs.runs[0].findings[0].headline, "??[31m?");
        }
        seep_history_runs_fini(&runs);
    }
    assert_int_equal(count(&f, (struct seep_history_filter){0}), 5);
    free(huge);
    end(&f);
}

static void filters_and_limits_give_the_newest_oldest_first(void **state)
{
    struct fixture f;
    struct seep_history_runs runs;
    char id[SEEP_HISTORY_ID_BYTES];

    (void)state;
    begin_ready(&f);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(id, sizeof(id), "%016zx", i);
        f.run.id = id;
        f.run.started_ns = 1000 + i;
        f.run.branch = i == 4 ? "other" : "main";
        assert_int_equal(add(&f), SEEP_HISTORY_NEW);
    }
    runs = load(&f, (struct seep_history_filter){.branch = "main", .limit = 2});
    assert_int_equal(runs.count, 2);
    assert_true(runs.runs[0].started_ns == 1002 && runs.runs[1].started_ns == 1003);
    seep_history_runs_fini(&runs);
    assert_int_equal(count(&f, (struct seep_history_filter){.since_ns = 1003}), 2);
    assert_int_equal(count(&f, (struct seep_history_filter){.commit = "c"}), 5);
    assert_int_equal(count(&f, (struct seep_history_filter){.commit = "c2"}), 0);
    assert_int_equal(count(&f, (struct seep_history_filter){.not_run = id}), 4);
    assert_int_equal(count(&f, (struct seep_history_filter){.label = {"release", "1.3"}}),
                     0);
    end(&f);
}

static void what_is_removed_takes_its_findings_along(void **state)
{
    struct fixture f;
    struct seep_error error = {0};
    struct seep_history_runs runs;

    (void)state;
    begin_ready(&f);
    assert_int_equal(add(&f), SEEP_HISTORY_NEW);
    assert_int_equal(seep_history_store_remove(f.db, &f.run.id, 1, &error), 0);
    assert_int_equal(count(&f, (struct seep_history_filter){0}), 0);
    f.run.finding_count = 0;
    f.run.label_count = 0;
    assert_int_equal(add(&f), SEEP_HISTORY_NEW);
    runs = load(&f, (struct seep_history_filter){0});
    assert_int_equal(runs.runs[0].finding_count, 0);
    assert_int_equal(runs.runs[0].label_count, 0);
    seep_history_runs_fini(&runs);
    end(&f);
}

static void a_failure_in_the_middle_leaves_nothing(void **state)
{
    struct fixture f;
    enum seep_history_added how = 0;
    struct seep_error error = {0};

    (void)state;
    begin_ready(&f);
    assert_int_equal(seep_history_db_exec(f.db, "DROP TABLE seep_finding", &error), 0);
    assert_int_equal(seep_history_store_add(f.db, &f.run, &how, &error), -EIO);
    assert_int_equal(count(&f, (struct seep_history_filter){.without_labels = true,
                                                            .without_findings = true}),
                     0);
    end(&f);
}

static void passwords_are_not_told(void **state)
{
    struct seep_history_db *db = NULL;
    struct seep_error error = {0};
    int status =
        seep_history_db_open("postgresql://me:secret@127.0.0.1:1/x?password=secret",
                             SEEP_DB_READ, &db, &error);

    (void)state;
    assert_int_equal(status, -ECONNREFUSED);
    assert_null(strstr(error.message, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_comes_back_to_the_bit),
        cmocka_unit_test(the_same_run_is_one_and_the_longer_one_stays),
        cmocka_unit_test(identity_is_of_host_pid_and_start),
        cmocka_unit_test(an_older_schema_is_brought_up_to_date_with_its_rows),
        cmocka_unit_test(a_newer_schema_is_refused_with_a_word),
        cmocka_unit_test(hostile_names_are_data),
        cmocka_unit_test(filters_and_limits_give_the_newest_oldest_first),
        cmocka_unit_test(what_is_removed_takes_its_findings_along),
        cmocka_unit_test(a_failure_in_the_middle_leaves_nothing),
        cmocka_unit_test(passwords_are_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
