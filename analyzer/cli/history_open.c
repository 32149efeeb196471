/* What `seep store` and `seep gate` have in common: where the history is, what is said of
 * a run, and a recording as a run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/history_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/cli.h"
#include "history/history_schema.h"

enum { NAME_BYTES_MAX = 1024 };

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* Makes the folders above a path, for this user alone, as XDG asks for. */
static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            int status = -errno;

            *slash = '/';
            return status;
        }
        *slash = '/';
    }
    return 0;
}

static int default_path(char **out, struct seep_error *error)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int n = 0;

    if (is_set(data) && data[0] == '/') {
        n = asprintf(out, "%s/seep/history.db", data);
    } else if (is_set(home)) {
        n = asprintf(out, "%s/.local/share/seep/history.db", home);
    } else {
        return seep_error_set(error, -EINVAL,
                              "neither XDG_DATA_HOME nor HOME is set: say where the "
                              "history is with --db FILE");
    }
    return n < 0 ? seep_error_set(error, -ENOMEM, "out of memory") : 0;
}

int seep_history_open(const char *where, enum seep_db_purpose purpose,
                      struct seep_history_db **out, struct seep_error *error)
{
    const char *environment = getenv("SEEP_STORE");
    const char *said = where != NULL ? where : is_set(environment) ? environment : NULL;
    struct seep_history_db *db = NULL;
    char *path = NULL;
    int status = said != NULL ? 0 : default_path(&path, error);

    if (status == 0 && path != NULL && purpose == SEEP_DB_WRITE) {
        status = make_folders(path);
        if (status < 0) {
            (void)seep_error_set(error, status, "%.400s: cannot make its folder: %s",
                                 path, strerrordesc_np(-status));
        }
    }
    if (status == 0) {
        status = seep_history_db_open(said != NULL ? said : path, purpose, &db, error);
    }
    if (status == 0) {
        status = seep_history_schema_ready(db, SEEP_HISTORY_SCHEMA_VERSION, error);
    }
    free(path);
    if (status < 0) {
        seep_history_db_close(db);
        return status;
    }
    *out = db;
    return 0;
}

bool seep_history_is_name(const char *text)
{
    struct seep_findings *memory = NULL;
    bool good = text[0] != '\0' && strlen(text) <= NAME_BYTES_MAX &&
                seep_findings_new(&memory) == 0 &&
                strcmp(seep_findings_text(memory, text), text) == 0;

    seep_findings_free(memory);
    return good;
}

static int take_label(const char *command, const char *word,
                      struct seep_history_said *said)
{
    const char *equals = strchr(word, '=');
    char *name = equals != NULL ? strndup(word, (size_t)(equals - word)) : NULL;
    size_t at = said->label_count;

    if (name == NULL || !seep_history_is_name(name) ||
        (equals[1] != '\0' && !seep_history_is_name(equals + 1))) {
        free(name);
        return seep_cli_usage_error(command,
                                    "--label \"%.100s\": NAME=VALUE, in UTF-8, without "
                                    "control characters, 1,024 bytes each at most",
                                    word);
    }
    for (size_t i = 0; i < said->label_count; i++) {
        if (strcmp(said->labels[i].name, name) == 0) { /* the last one given counts */
            said->labels[i].value = equals + 1;
            free(name);
            return 0;
        }
    }
    said->texts[at] = name;
    said->labels[at] = (struct seep_history_label){name, equals + 1};
    said->label_count++;
    return 0;
}

static int take_name(const char *command, const struct seep_option *option,
                     const char **out)
{
    if (option->value != NULL && !seep_history_is_name(option->value)) {
        return seep_cli_usage_error(command,
                                    "--%s \"%.100s\": text in UTF-8, not empty, without "
                                    "control characters, 1,024 bytes at most",
                                    option->name, option->value);
    }
    *out = option->value;
    return 0;
}

int seep_history_said_take(const char *command, const struct seep_option *commit,
                           const struct seep_option *branch,
                           const struct seep_option *labels,
                           struct seep_history_said *said)
{
    int status = take_name(command, commit, &said->commit);

    if (status == 0) {
        status = take_name(command, branch, &said->branch);
    }
    for (size_t i = 0; i < labels->count && status == 0; i++) {
        status = take_label(command, labels->values[i], said);
    }
    return status;
}

void seep_history_said_fini(struct seep_history_said *said)
{
    for (size_t i = 0; i < said->label_count; i++) {
        free(said->texts[i]);
    }
    *said = (struct seep_history_said){0};
}

int seep_history_take_file(const char *path, const struct seep_judge_rules *rules,
                           const struct seep_history_said *said,
                           struct seep_judged *judged, struct seep_history_run *run,
                           struct seep_error *error)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_history_origin origin = {.commit = said->commit,
                                         .branch = said->branch,
                                         .labels = said->labels,
                                         .label_count = said->label_count};
    struct timespec now = {0};
    int status = seep_judge(path, &options, rules, judged, error);

    if (status < 0) {
        return status;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    origin.added_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    origin.seep_version = judged->recording->program.seep_version;
    status = seep_history_run_make(judged->findings, &origin, run);
    if (status < 0) {
        seep_judged_fini(judged);
        return seep_error_set(error, status, "%.400s: out of memory", path);
    }
    return 0;
}
