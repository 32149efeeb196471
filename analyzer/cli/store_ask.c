/* Options of `seep store`, and its actions that read or remove.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/store_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "history/history_store.h"
#include "history/run_json.h"
#include "history/run_text.h"
#include "history/trend_json.h"
#include "history/trend_text.h"

enum {
    LIST_RUNS = 50,
    TREND_RUNS = 500,
    TREND_TOP = 10,
    WHOLE_MOST = 1000000,
    DAY_S = 86400
};
static const uint64_t NS_PER_S = 1000000000;

int seep_store_complain(const struct seep_error *error)
{
    fprintf(stderr, "seep store: %s\n", error->message);
    return error->code == -ENOMEM || error->code == -ENOSPC || error->code == -EROFS ||
                   error->code == -EIO || error->code == -EBUSY ||
                   error->code == -EACCES || error->code == -ECONNREFUSED
               ? SEEP_EXIT_FAILED
               : SEEP_EXIT_USAGE;
}

static int set_whole(const struct seep_option *option, size_t least, size_t *out)
{
    double value = 0;

    if (option->value == NULL) {
        return 0;
    }
    if (seep_option_number(option->value, &value) < 0 || value < (double)least ||
        value > WHOLE_MOST || value != (double)(size_t)value) {
        return seep_cli_usage_error("store", "--%s \"%s\": a whole number from %zu to %d",
                                    option->name, option->value, least, WHOLE_MOST);
    }
    *out = (size_t)value;
    return 0;
}

static uint64_t now_s(void)
{
    return (uint64_t)time(NULL);
}

static int set_since(const char *word, uint64_t *out_ns)
{
    struct tm day = {0};
    const char *end = strptime(word, "%Y-%m-%d", &day);
    char *unit = NULL;
    double days = 0;

    if (end != NULL && *end == '\0') {
        time_t seconds = timegm(&day);

        *out_ns = seconds > 0 ? (uint64_t)seconds * NS_PER_S : 0;
        return 0;
    }
    days = strtod(word, &unit);
    if (unit == word || strcmp(unit, "d") != 0 || !(days >= 0 && days <= 36500)) {
        return seep_cli_usage_error(
            "store", "--since \"%s\": a day (2026-11-01) or days back (30d)", word);
    }
    *out_ns = (now_s() - (uint64_t)(days * DAY_S)) * NS_PER_S;
    return 0;
}

enum {
    DB,
    FORMAT,
    COMMIT,
    BRANCH,
    LABEL,
    SUPPRESS,
    SUBSYSTEMS,
    PROGRAM,
    SINCE,
    LIMIT,
    KIND,
    TOP,
    KEEP_DAYS,
    KEEP_RUNS,
    DRY_RUN,
    OPTION_COUNT
};

static int set_words(const struct seep_option *options,
                     struct seep_store_request *request)
{
    const char *format = options[FORMAT].value;

    request->db = options[DB].value;
    request->suppress = options[SUPPRESS].value;
    request->subsystems = options[SUBSYSTEMS].value;
    request->program = options[PROGRAM].value;
    request->dry_run = options[DRY_RUN].value != NULL;
    request->json = format != NULL && strcmp(format, "json") == 0;
    if (format != NULL && !request->json && strcmp(format, "text") != 0) {
        return seep_cli_usage_error("store", "--format \"%s\": use text or json", format);
    }
    if (request->db != NULL && request->db[0] == '\0') {
        return seep_cli_usage_error("store", "--db \"\": a file or postgresql://...");
    }
    if (options[KIND].value != NULL) {
        request->kind = seep_kind_from_name(options[KIND].value);
        if (request->kind == SEEP_KIND_NONE) {
            return seep_cli_usage_error(
                "store", "--kind \"%s\": use heap, mapping, thread, fd or timer",
                options[KIND].value);
        }
    }
    return options[SINCE].value != NULL
               ? set_since(options[SINCE].value, &request->since_ns)
               : 0;
}

static int set_numbers(const struct seep_option *options,
                       struct seep_store_request *request)
{
    int status = set_whole(&options[LIMIT], 1, &request->limit);

    if (status == 0) {
        status = set_whole(&options[TOP], 1, &request->top);
    }
    if (status == 0) {
        status = set_whole(&options[KEEP_RUNS], 1, &request->keep_runs);
    }
    request->keep_days = -1;
    if (status == 0 && options[KEEP_DAYS].value != NULL &&
        (seep_option_number(options[KEEP_DAYS].value, &request->keep_days) < 0 ||
         request->keep_days > 36500)) {
        status =
            seep_cli_usage_error("store", "--keep-days \"%s\": days, from 0 to 36500",
                                 options[KEEP_DAYS].value);
    }
    return status;
}

int seep_store_request_take(int argc, char **argv, struct seep_store_request *request)
{
    const char *labels[SEEP_HISTORY_LABELS_MAX];
    struct seep_option options[OPTION_COUNT] = {
        [DB] = {.name = "db"},
        [FORMAT] = {.name = "format"},
        [COMMIT] = {.name = "commit"},
        [BRANCH] = {.name = "branch"},
        [LABEL] = {.name = "label", .values = labels, .most = SEEP_HISTORY_LABELS_MAX},
        [SUPPRESS] = {.name = "suppress"},
        [SUBSYSTEMS] = {.name = "subsystems"},
        [PROGRAM] = {.name = "program"},
        [SINCE] = {.name = "since"},
        [LIMIT] = {.name = "limit"},
        [KIND] = {.name = "kind"},
        [TOP] = {.name = "top"},
        [KEEP_DAYS] = {.name = "keep-days"},
        [KEEP_RUNS] = {.name = "keep-runs"},
        [DRY_RUN] = {.name = "dry-run", .flag = true},
    };
    int status = 0;

    request->action = argv[0];
    request->operands.most = SEEP_OPERANDS_MAX;
    status = seep_option_parse_operands("store", argc, argv, options, OPTION_COUNT,
                                        &request->operands);
    if (status == 0) {
        status = set_words(options, request);
    }
    if (status == 0) {
        status = set_numbers(options, request);
    }
    if (status == 0) {
        status = seep_history_said_take("store", &options[COMMIT], &options[BRANCH],
                                        &options[LABEL], &request->said);
    }
    return status;
}

static struct seep_history_filter filter_of(const struct seep_store_request *request,
                                            size_t limit)
{
    const struct seep_history_said *said = &request->said;
    struct seep_history_filter filter = {
        .branch = said->branch,
        .commit = said->commit,
        .program = request->program,
        .since_ns = request->since_ns,
        .limit = request->limit > 0 ? request->limit : limit,
    };

    if (said->label_count > 0) {
        filter.label = said->labels[said->label_count - 1];
    }
    return filter;
}

static int open_and_load(const struct seep_store_request *request,
                         const struct seep_history_filter *filter,
                         struct seep_history_runs *runs)
{
    struct seep_history_db *db = NULL;
    struct seep_error error = {0};
    int status = seep_history_open(request->db, SEEP_DB_READ, &db, &error);

    if (status == 0) {
        status = seep_history_load(db, filter, runs, &error);
    }
    seep_history_db_close(db);
    if (status == -ENOENT) {
        fprintf(stderr,
                "seep store: %s: no history there (seep store add FILE makes one)\n",
                error.message);
        return SEEP_EXIT_USAGE;
    }
    return status < 0 ? seep_store_complain(&error) : SEEP_EXIT_OK;
}

/* Prints what was built. status: of the building. Returns: the exit status. */
static int print(int status, struct seep_buf *bytes)
{
    struct seep_error error = {0};

    if (status < 0 || bytes->failed) {
        status = seep_error_set(&error, -ENOMEM, "out of memory");
    } else {
        status = seep_output_stream(stdout, bytes, &error);
    }
    seep_buf_fini(bytes);
    if (status < 0) {
        fprintf(stderr, "seep store: %s\n", error.message);
        return SEEP_EXIT_FAILED;
    }
    return SEEP_EXIT_OK;
}

static struct seep_layout layout_over(struct seep_buf *bytes)
{
    struct seep_render_options options = seep_output_options(stdout);

    return (struct seep_layout){.out = bytes,
                                .columns = options.columns > SEEP_LAYOUT_COLUMNS_MIN
                                               ? options.columns
                                               : SEEP_LAYOUT_COLUMNS_MIN,
                                .color = options.color,
                                .utf8 = options.utf8};
}

int seep_store_list(const struct seep_store_request *request)
{
    struct seep_history_filter filter = filter_of(request, LIST_RUNS);
    struct seep_history_runs runs = {0};
    struct seep_buf bytes = {0};
    struct seep_layout layout = layout_over(&bytes);
    int status = open_and_load(request, &filter, &runs);

    if (status == SEEP_EXIT_OK) {
        int built = 0;

        if (request->json) {
            built = seep_run_json_list(&runs, false, &bytes);
        } else if (runs.count == 0) {
            seep_buf_printf(&bytes, "no such run is kept\n");
        } else {
            seep_run_text_list(&runs, &layout);
            if (runs.count == filter.limit) {
                seep_buf_printf(&bytes, "(the newest %zu; more with --limit)\n",
                                filter.limit);
            }
        }
        status = print(built, &bytes);
        seep_history_runs_fini(&runs);
    }
    return status;
}

int seep_store_show(const struct seep_store_request *request)
{
    struct seep_history_filter filter = {.run = request->operands.at[0]};
    struct seep_history_runs runs = {0};
    struct seep_buf bytes = {0};
    struct seep_layout layout = layout_over(&bytes);
    int status = filter.run == NULL || !seep_history_is_name(filter.run)
                     ? seep_cli_usage_error("store", "show which RUN? (seep store list)")
                     : open_and_load(request, &filter, &runs);

    if (status != SEEP_EXIT_OK) {
        return status;
    }
    if (runs.count != 1) {
        fprintf(stderr, "seep store: %zu runs begin with \"%s\" (seep store list)\n",
                runs.count, filter.run);
        status = SEEP_EXIT_USAGE;
    } else if (request->json) {
        status = print(seep_run_json_list(&runs, true, &bytes), &bytes);
    } else {
        seep_run_text_show(&runs.runs[0], &layout);
        status = print(0, &bytes);
    }
    seep_history_runs_fini(&runs);
    return status;
}

static int build_trends(const struct seep_store_request *request,
                        const struct seep_trend *trends, size_t count,
                        struct seep_buf *bytes)
{
    struct seep_layout layout = layout_over(bytes);
    int status = 0;

    if (request->json) {
        return seep_trend_json(trends, count, bytes);
    }
    if (count == 0) {
        seep_buf_printf(bytes, "no finding in the runs that are kept\n");
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        status = seep_trend_text(&trends[i], request->operands.at[0] != NULL, &layout);
    }
    return status;
}

static int make_trends(const struct seep_store_request *request,
                       const struct seep_history_runs *runs, struct seep_trend **trends,
                       size_t *count)
{
    const char *id = request->operands.at[0];
    size_t top = request->top > 0 ? request->top : TREND_TOP;

    if (id == NULL) {
        return seep_trends_make(runs, request->kind, top, trends, count);
    }
    *trends = calloc(1, sizeof(**trends));
    *count = 1;
    return *trends == NULL ? -ENOMEM : seep_trend_make(runs, id, *trends);
}

int seep_store_trend(const struct seep_store_request *request)
{
    struct seep_history_filter filter = filter_of(request, TREND_RUNS);
    struct seep_history_runs runs = {0};
    struct seep_trend *trends = NULL;
    struct seep_buf bytes = {0};
    size_t count = 0;
    int status = SEEP_EXIT_OK;
    int made = 0;

    filter.finding = request->operands.at[0];
    if (filter.finding != NULL && !seep_history_is_name(filter.finding)) {
        return seep_cli_usage_error("store", "trend of which ID? (12 hex digits of a "
                                             "report)");
    }
    status = open_and_load(request, &filter, &runs);
    if (status != SEEP_EXIT_OK) {
        return status;
    }
    made = make_trends(request, &runs, &trends, &count);
    if (made == -ENOENT) {
        fprintf(stderr,
                "seep store: no run that is kept has a finding %s (%zu looked "
                "at; seep store trend lists them)\n",
                filter.finding, runs.count);
        status = SEEP_EXIT_USAGE;
    } else {
        status =
            print(made < 0 ? made : build_trends(request, trends, count, &bytes), &bytes);
    }
    seep_trends_free(trends, made < 0 ? 0 : count);
    seep_history_runs_fini(&runs);
    return status;
}

/* How many newer runs of the same program and branch there are. */
static size_t newer_than(const struct seep_history_runs *runs, size_t at)
{
    size_t newer = 0;

    for (size_t i = at + 1; i < runs->count; i++) {
        newer += strcmp(runs->runs[i].program, runs->runs[at].program) == 0 &&
                 strcmp(runs->runs[i].branch, runs->runs[at].branch) == 0;
    }
    return newer;
}

static bool is_to_go(const struct seep_store_request *request,
                     const struct seep_history_runs *runs, size_t at)
{
    double age_s = (double)now_s() - (double)(runs->runs[at].started_ns / NS_PER_S);

    return (request->keep_days >= 0 && age_s > request->keep_days * DAY_S) ||
           (request->keep_runs > 0 && newer_than(runs, at) >= request->keep_runs);
}

/* Keeps, of what was loaded, the runs that are to go. */
static void select_old(const struct seep_store_request *request,
                       struct seep_history_runs *runs)
{
    size_t kept = 0;

    for (size_t i = 0; i < runs->count; i++) { /* newer_than looks at later ones alone */
        if (is_to_go(request, runs, i)) {
            runs->runs[kept++] = runs->runs[i];
        }
    }
    runs->count = kept;
}

static int remove_all(struct seep_history_db *db, const struct seep_history_runs *runs,
                      struct seep_error *error)
{
    const char **ids = calloc(runs->count + 1, sizeof(*ids));
    int status = 0;

    if (ids == NULL) {
        return seep_error_set(error, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < runs->count; i++) {
        ids[i] = runs->runs[i].id;
    }
    status = runs->count > 0 ? seep_history_store_remove(db, ids, runs->count, error) : 0;
    free(ids);
    return status;
}

static int tell_pruned(const struct seep_store_request *request,
                       const struct seep_history_runs *runs)
{
    struct seep_buf bytes = {0};
    struct seep_layout layout = layout_over(&bytes);
    int built = 0;

    if (request->json) {
        built = seep_run_json_list(runs, false, &bytes);
    } else {
        if (runs->count > 0) {
            seep_run_text_list(runs, &layout);
        }
        seep_buf_printf(&bytes, "%zu %s %s\n", runs->count,
                        runs->count == 1 ? "run" : "runs",
                        request->dry_run ? "would be removed" : "removed");
    }
    return print(built, &bytes);
}

int seep_store_prune(const struct seep_store_request *request)
{
    struct seep_history_filter filter = {.branch = request->said.branch,
                                         .program = request->program,
                                         .without_findings = true};
    struct seep_history_db *db = NULL;
    struct seep_history_runs runs = {0};
    struct seep_error error = {0};
    int status = 0;

    if (request->keep_days < 0 && request->keep_runs == 0) {
        return seep_cli_usage_error("store",
                                    "prune needs --keep-days N or --keep-runs N");
    }
    status = seep_history_open(request->db, SEEP_DB_READ, &db, &error);
    if (status == 0) {
        status = seep_history_load(db, &filter, &runs, &error);
    }
    if (status == 0) {
        select_old(request, &runs);
        status = request->dry_run ? 0 : remove_all(db, &runs, &error);
    }
    seep_history_db_close(db);
    status = status < 0 ? seep_store_complain(&error) : tell_pruned(request, &runs);
    seep_history_runs_fini(&runs);
    return status;
}

static json_t *added_json(const struct seep_store_added *added,
                          struct seep_findings *memory)
{
    static const char *const words[] = {"failed", "new", "replaced", "kept"};

    return json_pack("{s:s, s:s, s:s, s:I, s:f}", "file",
                     seep_findings_text(memory, added->file), "status", words[added->how],
                     "run", added->run, "findings", (json_int_t)added->findings,
                     "duration_s", added->duration_s);
}

static void added_text(const struct seep_store_added *added, struct seep_buf *out)
{
    static const char *const words[] = {
        "", "added", "replaced a shorter or equal recording of the same run",
        "not added: a longer recording of the same run is kept"};
    char lasted[SEEP_FMT_MAX];

    seep_buf_printf(out, "%.16s  %.2000s: %s, %s, %zu %s\n", added->run, added->file,
                    words[added->how],
                    seep_fmt_seconds(lasted, sizeof(lasted), added->duration_s),
                    added->findings, added->findings == 1 ? "finding" : "findings");
}

int seep_store_tell_added(const struct seep_store_request *request,
                          const struct seep_store_added *added, size_t count)
{
    struct seep_buf bytes = {0};
    json_t *list = json_array();
    struct seep_findings *memory = NULL; /* names of files may be any bytes */
    int built = seep_findings_new(&memory);

    for (size_t i = 0; i < count && built == 0; i++) {
        if (request->json) {
            (void)json_array_append_new(list, added_json(&added[i], memory));
        } else if (!added[i].failed) {
            added_text(&added[i], &bytes);
        }
    }
    if (request->json && built == 0) {
        built = seep_run_json_write(
            json_pack("{s:i, s:O}", "seep_store", 1, "added", list), &bytes);
    }
    json_decref(list);
    seep_findings_free(memory);
    return print(built, &bytes);
}
