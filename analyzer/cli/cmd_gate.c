/* seep gate: fails a build that leaks more than a branch's history.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/history_open.h"
#include "cli/option.h"
#include "cli/output.h"
#include "history/gate_ci.h"
#include "history/gate_json.h"
#include "history/gate_text.h"
#include "history/history_load.h"
#include "history/history_store.h"
#include "history/leak_gate.h"

enum { HELP_WANTED = 1, LAST_RUNS = 20, LAST_MOST = 1000 };

const char *const seep_help_gate =
    "seep gate - fails a build when something leaks anew or faster than on a branch\n"
    "\n"
    "usage: seep gate FILE... --against BRANCH [options]\n"
    "\n"
    "Each FILE is judged and compared with what the newest runs of the same program on\n"
    "BRANCH found (seep store add ... --branch BRANCH). A finding, probable or definite, "
    "is\n"
    "  new    when no such run has it\n"
    "  worse  when it grows faster than these runs let expect: above the 99 % "
    "prediction\n"
    "         limit for one more run, per unit of work where the program counts its "
    "work,\n"
    "         else per hour; with fewer than 3 runs, above 1.5 times the largest\n"
    "Either fails the gate. What is known and no worse does not. docs/history.md has "
    "the\n"
    "rule's rates of false alarms and of detection.\n"
    "\n"
    "  --against BRANCH   whose history\n"
    "  --last N           runs of it, the newest (20)\n"
    "  --db WHERE         as of `seep store`: a file, or postgresql://...; SEEP_STORE\n"
    "  --format F         text (default), json, junit or markdown\n"
    "  --when-empty W     when BRANCH has no run: pass (default) or fail\n"
    "  --add              add the runs to the history, whether the gate passes or not;\n"
    "                     needs --branch\n"
    "  --branch B         with --add: the branch that was built (not BRANCH, but for "
    "its\n"
    "                     own runs)\n"
    "  --commit C         what was built: for --add, and so that an earlier run of it "
    "on\n"
    "                     BRANCH is no history of itself\n"
    "  --label K=V        with --add; again for more\n"
    "  --suppress FILE    rules for what is known and accepted (see: seep help report)\n"
    "  --subsystems FILE  rules that name parts of the program\n"
    "\n"
    "examples:\n"
    "  seep gate soak.seep --against main\n"
    "  seep gate soak.seep --against main --format markdown > comment.md\n"
    "  seep gate soak.seep --against main --add --branch main --commit $(git rev-parse "
    "HEAD)\n"
    "\n"
    "Exit status: 0 passes, 1 fails, 2 wrong usage or unreadable FILE or history, 3 "
    "Seep\n"
    "failed.\n";

struct request {
    struct seep_operands operands;
    struct seep_history_said said;
    const char *against, *where, *format, *suppress, *subsystems;
    struct seep_history_db *db; /* NULL: there is none */
    struct seep_judge_rules rules;
    size_t last;
    bool add, when_empty_fails;
};

/* A recording on its way through the gate. */
struct passage {
    struct seep_judged judged;
    struct seep_history_run run;
    struct seep_history_runs history;
};

static int complain(const struct seep_error *error)
{
    fprintf(stderr, "seep gate: %s\n", error->message);
    return error->code == -ENOMEM || error->code == -ENOSPC || error->code == -EROFS ||
                   error->code == -EIO || error->code == -EBUSY ||
                   error->code == -EACCES || error->code == -ECONNREFUSED
               ? SEEP_EXIT_FAILED
               : SEEP_EXIT_USAGE;
}

/* Runs of the commit itself say nothing of what was before it. */
static void leave_out_commit(struct seep_history_runs *history, const char *commit)
{
    size_t kept = 0;

    for (size_t i = 0; i < history->count; i++) {
        if (commit == NULL || strcmp(history->runs[i].commit, commit) != 0) {
            history->runs[kept++] = history->runs[i];
        }
    }
    history->count = kept;
}

static int pass_one(const struct request *request, size_t at, struct passage *passage,
                    struct seep_gate *gate, struct seep_error *error)
{
    struct seep_history_filter filter = {.branch = request->against,
                                         .limit = request->last};
    int status =
        seep_history_take_file(request->operands.at[at], &request->rules, &request->said,
                               &passage->judged, &passage->run, error);

    filter.program = passage->run.program;
    filter.not_run = passage->run.id;
    if (status == 0) {
        status = request->db != NULL
                     ? seep_history_load(request->db, &filter, &passage->history, error)
                     : seep_findings_new(&passage->history.memory);
    }
    if (status < 0) {
        return status;
    }
    leave_out_commit(&passage->history, request->said.commit);
    status = seep_gate_judge(&passage->run, &passage->history, request->when_empty_fails,
                             gate);
    gate->file = seep_findings_text(passage->judged.findings, request->operands.at[at]);
    gate->against = request->against;
    return status < 0 ? seep_error_set(error, status, "out of memory") : 0;
}

static int build(const struct request *request, const struct seep_gate *gates,
                 size_t count, struct seep_buf *out)
{
    struct seep_render_options options = seep_output_options(stdout);
    struct seep_layout layout = {.out = out,
                                 .columns = options.columns > SEEP_LAYOUT_COLUMNS_MIN
                                                ? options.columns
                                                : SEEP_LAYOUT_COLUMNS_MIN,
                                 .color = options.color,
                                 .utf8 = options.utf8};

    if (strcmp(request->format, "json") == 0) {
        return seep_gate_json(gates, count, out);
    }
    if (strcmp(request->format, "junit") == 0) {
        seep_gate_junit(gates, count, out);
    } else if (strcmp(request->format, "markdown") == 0) {
        seep_gate_markdown(gates, count, out);
    } else {
        for (size_t i = 0; i < count; i++) {
            seep_gate_text(&gates[i], &layout);
        }
    }
    return out->failed ? -ENOMEM : 0;
}

static int tell(const struct request *request, const struct seep_gate *gates,
                size_t count)
{
    struct seep_buf bytes = {0};
    struct seep_error error = {0};
    int status = build(request, gates, count, &bytes);

    status = status < 0 ? seep_error_set(&error, -ENOMEM, "out of memory")
                        : seep_output_stream(stdout, &bytes, &error);
    seep_buf_fini(&bytes);
    if (status < 0) {
        return complain(&error);
    }
    for (size_t i = 0; i < count; i++) {
        status = gates[i].fails ? SEEP_EXIT_FOUND : status;
    }
    return status;
}

static int add_runs(const struct passage *passages, size_t count,
                    struct seep_history_db *db, struct seep_error *error)
{
    enum seep_history_added how = SEEP_HISTORY_NEW;
    int status = 0;

    for (size_t i = 0; i < count && status == 0; i++) {
        status = seep_history_store_add(db, &passages[i].run, &how, error);
    }
    return status;
}

static int pass_all(const struct request *request)
{
    size_t count = request->operands.count;
    struct passage *passages = calloc(count, sizeof(*passages));
    struct seep_gate *gates = calloc(count, sizeof(*gates));
    struct seep_error error = {0};
    int status = passages == NULL || gates == NULL
                     ? seep_error_set(&error, -ENOMEM, "out of memory")
                     : 0;
    int result = SEEP_EXIT_OK;

    for (size_t i = 0; i < count && status == 0; i++) {
        status = pass_one(request, i, &passages[i], &gates[i], &error);
    }
    result = status < 0 ? complain(&error) : tell(request, gates, count);
    if (status == 0 && request->add &&
        add_runs(passages, count, request->db, &error) < 0) {
        result = complain(&error);
    }
    for (size_t i = 0; i < count && gates != NULL && passages != NULL; i++) {
        seep_gate_fini(&gates[i]);
        seep_history_runs_fini(&passages[i].history);
        seep_judged_fini(&passages[i].judged);
    }
    free(gates);
    free(passages);
    return result;
}

static int carry_out(struct request *request)
{
    struct seep_error error = {0};
    int status = seep_judge_rules_open(request->suppress, request->subsystems,
                                       &request->rules, &error);
    int result = SEEP_EXIT_OK;

    if (status == 0) {
        status =
            seep_history_open(request->where, request->add ? SEEP_DB_WRITE : SEEP_DB_READ,
                              &request->db, &error);
        if (status == -ENOENT) { /* no history at all: as one without such runs */
            fprintf(stderr, "seep gate: %s: there is no history yet\n", error.message);
            status = 0;
        }
    }
    result = status < 0 ? complain(&error) : pass_all(request);
    seep_history_db_close(request->db);
    seep_judge_rules_close(&request->rules);
    return result;
}

enum {
    AGAINST,
    LAST,
    DB,
    FORMAT,
    WHEN_EMPTY,
    ADD,
    BRANCH,
    COMMIT,
    LABEL,
    SUPPRESS,
    SUBSYSTEMS,
    OPTION_COUNT
};

static int set_format(struct request *request, const char *word)
{
    static const char *const known[] = {"text", "json", "junit", "markdown"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(word, known[i]) == 0) {
            request->format = word;
            return 0;
        }
    }
    return seep_cli_usage_error(
        "gate", "--format \"%s\": use text, json, junit or markdown", word);
}

static int set_last(struct request *request, const char *word)
{
    double value = 0;

    if (seep_option_number(word, &value) < 0 || value < 1 || value > LAST_MOST ||
        value != (double)(size_t)value) {
        return seep_cli_usage_error("gate", "--last \"%s\": a whole number from 1 to %d",
                                    word, LAST_MOST);
    }
    request->last = (size_t)value;
    return 0;
}

static int set_when_empty(struct request *request, const char *word)
{
    request->when_empty_fails = strcmp(word, "fail") == 0;
    return request->when_empty_fails || strcmp(word, "pass") == 0
               ? 0
               : seep_cli_usage_error("gate", "--when-empty \"%s\": use pass or fail",
                                      word);
}

static int interpret(struct request *request, const struct seep_option *options)
{
    int status = 0;

    request->against = options[AGAINST].value;
    request->where = options[DB].value;
    request->suppress = options[SUPPRESS].value;
    request->subsystems = options[SUBSYSTEMS].value;
    request->add = options[ADD].value != NULL;
    if (request->operands.count == 0) {
        return seep_cli_usage_error("gate", "which FILE?");
    }
    if (request->against == NULL || !seep_history_is_name(request->against)) {
        return seep_cli_usage_error("gate", "--against which BRANCH?");
    }
    if (request->add && options[BRANCH].value == NULL) {
        return seep_cli_usage_error("gate", "--add needs --branch: which was built?");
    }
    if (options[FORMAT].value != NULL) {
        status = set_format(request, options[FORMAT].value);
    }
    if (status == 0 && options[LAST].value != NULL) {
        status = set_last(request, options[LAST].value);
    }
    if (status == 0 && options[WHEN_EMPTY].value != NULL) {
        status = set_when_empty(request, options[WHEN_EMPTY].value);
    }
    return status == 0
               ? seep_history_said_take("gate", &options[COMMIT], &options[BRANCH],
                                        &options[LABEL], &request->said)
               : status;
}

int seep_cmd_gate(int argc, char **argv)
{
    const char *labels[SEEP_HISTORY_LABELS_MAX];
    struct seep_option options[OPTION_COUNT] = {
        [AGAINST] = {.name = "against"},
        [LAST] = {.name = "last"},
        [DB] = {.name = "db"},
        [FORMAT] = {.name = "format"},
        [WHEN_EMPTY] = {.name = "when-empty"},
        [ADD] = {.name = "add", .flag = true},
        [BRANCH] = {.name = "branch"},
        [COMMIT] = {.name = "commit"},
        [LABEL] = {.name = "label", .values = labels, .most = SEEP_HISTORY_LABELS_MAX},
        [SUPPRESS] = {.name = "suppress"},
        [SUBSYSTEMS] = {.name = "subsystems"},
    };
    struct request request = {
        .format = "text", .last = LAST_RUNS, .operands = {.most = SEEP_OPERANDS_MAX}};
    int status = seep_option_parse_operands("gate", argc, argv, options, OPTION_COUNT,
                                            &request.operands);

    if (status == HELP_WANTED) {
        fputs(seep_help_gate, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0) {
        status = interpret(&request, options);
    }
    if (status == 0) {
        status = carry_out(&request);
    }
    seep_history_said_fini(&request.said);
    return status;
}
