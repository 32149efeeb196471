/* seep store: what runs found, kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/history_open.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/store_ask.h"
#include "history/history_store.h"

enum { HELP_WANTED = 1 };

const char *const seep_help_store =
    "seep store - keeps what runs found: since when, how fast, in which releases\n"
    "\n"
    "usage: seep store add FILE... [--commit C] [--branch B] [--label K=V]...\n"
    "       seep store list | show RUN | trend [ID] | prune\n"
    "\n"
    "add    judges recordings and keeps their summaries and findings, not their series. "
    "The\n"
    "       same run added again is one run: the longer recording stays. A FILE that "
    "cannot\n"
    "       be read is told, and the others are added\n"
    "list   the runs, newest first\n"
    "show   one run and its findings; RUN is the beginning of its number\n"
    "trend  findings over runs and commits. With ID (of a report): one finding, run by "
    "run\n"
    "prune  removes old runs\n"
    "\n"
    "all:\n"
    "  --db WHERE         a file (SQLite), or postgresql://USER@HOST/NAME; else "
    "SEEP_STORE of\n"
    "                     the environment, else ~/.local/share/seep/history.db\n"
    "  --format F         text (default) or json\n"
    "add:\n"
    "  --commit C         what was built\n"
    "  --branch B         which branch it is of; `seep gate` compares with a branch\n"
    "  --label K=V        anything else: release=1.4, host=ci-3; again for more\n"
    "  --suppress FILE    rules for what is known and accepted (see: seep help report)\n"
    "  --subsystems FILE  rules that name parts of the program\n"
    "list, trend (as filters: --branch, --label, --commit by its beginning):\n"
    "  --program NAME     runs of this program alone\n"
    "  --since WHEN       a day (2026-11-01), or 30d: the last 30 days\n"
    "  --limit N          runs, the newest (list 50, trend 500)\n"
    "trend:\n"
    "  --kind KIND        heap, mapping, thread, fd or timer\n"
    "  --top N            findings, those of the newest run first (10)\n"
    "prune (with --branch, of that branch alone):\n"
    "  --keep-days N      remove runs that started longer ago\n"
    "  --keep-runs N      keep the newest N of each program and branch\n"
    "  --dry-run          say what would go, remove nothing\n"
    "\n"
    "examples:\n"
    "  seep store add soak.seep --commit $(git rev-parse HEAD) --branch main --label "
    "release=1.4\n"
    "  seep store trend                        what leaks, and since when\n"
    "  seep store trend 5d1f20c7a9b3           one finding, run by run\n"
    "  seep store prune --keep-runs 200 --dry-run\n"
    "\n"
    "Exit status: 0 done, 2 wrong usage or unreadable FILE or history, 3 Seep failed "
    "(a\n"
    "full disk, a history that may not be written).\n";

static int add_one(struct seep_history_db *db, const char *path,
                   const struct seep_judge_rules *rules,
                   const struct seep_history_said *said, struct seep_store_added *added,
                   struct seep_error *error)
{
    struct seep_judged judged = {0};
    struct seep_history_run run = {0};
    enum seep_history_added how = SEEP_HISTORY_NEW;
    int status = seep_history_take_file(path, rules, said, &judged, &run, error);

    if (status < 0) {
        added->unreadable = status != -ENOMEM;
        return status;
    }
    status = seep_history_store_add(db, &run, &how, error);
    if (status == 0) {
        added->how = how;
        added->findings = run.finding_count;
        added->duration_s = run.duration_s;
        (void)snprintf(added->run, sizeof(added->run), "%s", run.id);
    }
    seep_judged_fini(&judged);
    return status;
}

static int add_all(const struct seep_store_request *request, struct seep_history_db *db,
                   const struct seep_judge_rules *rules)
{
    size_t count = request->operands.count;
    struct seep_store_added *added = calloc(count, sizeof(*added));
    int result = added != NULL ? SEEP_EXIT_OK : SEEP_EXIT_FAILED;

    for (size_t i = 0; i < count && added != NULL; i++) {
        struct seep_error error = {0};

        added[i].file = request->operands.at[i];
        if (add_one(db, added[i].file, rules, &request->said, &added[i], &error) < 0) {
            fprintf(stderr, "seep store add: %s\n", error.message);
            added[i].failed = true;
            result = !added[i].unreadable         ? SEEP_EXIT_FAILED
                     : result == SEEP_EXIT_FAILED ? result
                                                  : SEEP_EXIT_USAGE;
        }
    }
    if (added != NULL && seep_store_tell_added(request, added, count) != 0) {
        result = SEEP_EXIT_FAILED;
    }
    free(added);
    return result;
}

static int run_add(const struct seep_store_request *request)
{
    struct seep_judge_rules rules = {0};
    struct seep_history_db *db = NULL;
    struct seep_error error = {0};
    int status = SEEP_EXIT_OK;

    if (request->operands.count == 0) {
        return seep_cli_usage_error("store", "add which FILE?");
    }
    if (seep_judge_rules_open(request->suppress, request->subsystems, &rules, &error) <
        0) {
        return seep_store_complain(&error);
    }
    status = seep_history_open(request->db, SEEP_DB_WRITE, &db, &error) < 0
                 ? seep_store_complain(&error)
                 : add_all(request, db, &rules);
    seep_history_db_close(db);
    seep_judge_rules_close(&rules);
    return status;
}

static const struct action {
    const char *name;
    int (*run)(const struct seep_store_request *request);
    size_t operands;
} actions[] = {
    {"add", run_add, SEEP_OPERANDS_MAX}, {"list", seep_store_list, 0},
    {"show", seep_store_show, 1},        {"trend", seep_store_trend, 1},
    {"prune", seep_store_prune, 0},
};
enum { ACTION_COUNT = sizeof(actions) / sizeof(actions[0]) };

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

int seep_cmd_store(int argc, char **argv)
{
    struct seep_store_request request = {0};
    const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
    int status = 0;

    if (argc < 2 || argv[1][0] == '-') {
        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
            fputs(seep_help_store, stdout);
            return SEEP_EXIT_OK;
        }
        return seep_cli_usage_error("store", "what? use one of: add, list, show, trend, "
                                             "prune");
    }
    if (action == NULL) {
        return seep_cli_usage_error("store",
                                    "unknown action \"%s\": use one of: add, "
                                    "list, show, trend, prune",
                                    argv[1]);
    }
    status = seep_store_request_take(argc - 1, argv + 1, &request);
    if (status == HELP_WANTED) {
        fputs(seep_help_store, stdout);
        status = SEEP_EXIT_OK;
    } else if (status == 0 && request.operands.count > action->operands) {
        status = seep_cli_usage_error("store", "%s \"%s\": too many words", action->name,
                                      request.operands.at[action->operands]);
    } else if (status == 0) {
        status = action->run(&request);
    }
    seep_history_said_fini(&request.said);
    return status;
}
