/* seep bisect: the commit that brought a leak.
 *
 * `git bisect run` does the search; its command is this program again, with --step, which
 * builds one commit, records it, and compares it with the recording of the good commit
 * that was made first. So leaks that the good commit has already are no answer. A search
 * of our own was rejected: git knows merges, skips and the state of the work tree.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/progress_line.h"
#include "diff/diff.h"

enum {
    HELP_WANTED = 1,
    STEP_GOOD = 0,
    STEP_BAD = 1,
    STEP_SKIP = 125, /* of git bisect run */
    STEP_STOP = 128,
    SHELL_CANNOT = 126, /* and 127: the shell could not start it */
    ATTEMPTS = 3,
    WORDS_MAX = 24
};

const char *const seep_help_bisect =
    "seep bisect - finds the commit that brought a leak, with git bisect\n"
    "\n"
    "usage: seep bisect --good REV --bad REV [--build CMD] --run CMD [options]\n"
    "\n"
    "  --good REV         a commit without the leak\n"
    "  --bad REV          a later one with it\n"
    "  --build CMD        builds the checked out commit; one that fails is skipped\n"
    "  --run CMD          the program to record; the shell's exec, so one command\n"
    "  --duration S       end it after S seconds (see: seep help run)\n"
    "  --interval S       seconds between snapshots (see: seep help run)\n"
    "  --fail-on VERDICT  what is new or worse and at least this is bad: suspect, "
    "probable\n"
    "                     (default), definite\n"
    "  -q, --quiet        no line on the terminal that says how far a comparison is\n"
    "\n"
    "Start it at the top of a clean work tree. The good commit is recorded first; a "
    "commit is bad\n"
    "when `seep diff` finds something new or worse against it. A run that tells nothing "
    "is repeated\n"
    "twice, then the commit is skipped. At the end: the first bad commit, and what came "
    "with it.\n"
    "\n"
    "example:\n"
    "  seep bisect --good v1.2 --bad main --build 'make -j8' --duration 60 --run "
    "./server\n";

struct request {
    const char *good, *bad, *build, *run, *duration, *interval, *step;
    const char *fail_on_word;
    enum seep_verdict fail_on;
    bool quiet;
    char self[PATH_MAX];
};

/* Runs a program, its stdout on our stderr, and waits. Returns: its exit status;
 * 128 when a signal ended it; 127 when it could not be started. */
static int spawn(const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = 0;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    status = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (status != 0) {
        return SHELL_CANNOT + 1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : STEP_STOP;
}

/* First line that a git command prints. Returns: 0; -1 when git fails. */
static int ask_git(const char *command, char *out, size_t out_bytes)
{
    FILE *pipe = popen(command, "re"); /* NOLINT: fixed commands */
    size_t n = 0;

    if (pipe == NULL) {
        return -1;
    }
    n = fread(out, 1, out_bytes - 1, pipe);
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return pclose(pipe) == 0 ? 0 : -1;
}

/* Builds and records what is checked out. Returns: 0; STEP_SKIP. */
static int record(const struct request *request, const char *path)
{
    char command[4096];
    const char *words[WORDS_MAX] = {request->self, "run", "--quiet", "-o", path};
    size_t n = 5;
    int status = 0;

    if (request->duration != NULL) {
        words[n++] = "--duration";
        words[n++] = request->duration;
    }
    if (request->interval != NULL) {
        words[n++] = "--interval";
        words[n++] = request->interval;
    }
    (void)snprintf(command, sizeof(command), "exec %s", request->run);
    words[n++] = "--";
    words[n++] = "sh";
    words[n++] = "-c";
    words[n++] = command;
    (void)unlink(path);
    status = spawn(words);
    return status == SHELL_CANNOT || status == SHELL_CANNOT + 1 || access(path, R_OK) != 0
               ? STEP_SKIP
               : 0;
}

static int build(const struct request *request)
{
    const char *const words[] = {"sh", "-c", request->build, NULL};

    return request->build == NULL || spawn(words) == 0 ? 0 : STEP_SKIP;
}

/* Compares with the good commit's recording. Returns: STEP_GOOD, STEP_BAD, STEP_SKIP when
 * the runs do not tell, STEP_STOP. */
static int compare(const struct request *request, const char *good, const char *fresh)
{
    const struct seep_judge_rules none = {0};
    struct seep_judged judged[2] = {0};
    struct seep_error error = {0};
    struct seep_diff diff = {0};
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_progress_line line;
    int status = 0;

    seep_progress_line_start(&line, "bisect", request->quiet);
    options.progress = &line.progress;
    for (unsigned i = 0; i < 2 && status == 0; i++) {
        const char *path = i == 0 ? good : fresh;

        seep_progress_line_set_file(&line, path);
        status = seep_judge(path, &options, &none, &judged[i], &error);
    }
    if (status == 0) {
        const struct seep_diff_side sides[] = {
            {judged[0].recording, judged[0].symbolizer, judged[0].findings},
            {judged[1].recording, judged[1].symbolizer, judged[1].findings}};

        seep_progress_tell(&line.progress, "comparing with", 0, 0);
        status = seep_diff_make(&sides[0], &sides[1], SEEP_PER_BOTH, &diff);
    }
    seep_progress_line_end(&line);
    if (status < 0) {
        fprintf(stderr, "seep bisect: %s\n", error.message);
        status = STEP_STOP;
    } else if (seep_diff_worst(&diff) >= request->fail_on) {
        status = STEP_BAD;
    } else if (judged[1].findings->inconclusive[0] != '\0' ||
               diff.of_change[SEEP_CHANGE_UNSURE] > 0) {
        status = STEP_SKIP;
    }
    seep_diff_fini(&diff);
    seep_judged_fini(&judged[0]);
    seep_judged_fini(&judged[1]);
    return status;
}

/* What git bisect run calls for each commit. */
static int step(const struct request *request)
{
    char good[PATH_MAX];
    char fresh[PATH_MAX];
    char commit[128];
    int status = build(request);

    if (ask_git("git rev-parse HEAD", commit, sizeof(commit)) < 0) {
        return STEP_STOP;
    }
    (void)snprintf(good, sizeof(good), "%s/good.seep", request->step);
    (void)snprintf(fresh, sizeof(fresh), "%s/%s.seep", request->step, commit);
    if (status != 0) {
        fprintf(stderr, "seep bisect: %.12s does not build: skipped\n", commit);
        return status;
    }
    for (int i = 0; i < ATTEMPTS; i++) {
        status = record(request, fresh);
        if (status == 0) {
            status = compare(request, good, fresh);
        }
        if (status != STEP_SKIP) {
            break;
        }
        fprintf(stderr, "seep bisect: %.12s tells nothing (run %d of %d)\n", commit,
                i + 1, ATTEMPTS);
    }
    return status;
}

static int fail(const char *what)
{
    fprintf(stderr, "seep bisect: %s\n", what);
    return SEEP_EXIT_FAILED;
}

static int git(const char *a, const char *b, const char *c, const char *d)
{
    const char *const words[] = {"git", a, b, c, d, NULL};

    return spawn(words);
}

/* git bisect run SELF bisect --step DIR ...: as words, so that nothing needs quoting but
 * for git's own shell, which quotes. */
static int search(const struct request *request, const char *folder)
{
    const char *words[WORDS_MAX] = {
        "git",        "bisect", "run",        request->self, "bisect",
        "--step",     folder,   "--good",     request->good, "--bad",
        request->bad, "--run",  request->run, "--fail-on",   request->fail_on_word};
    size_t n = 15;

    if (request->build != NULL) {
        words[n++] = "--build";
        words[n++] = request->build;
    }
    if (request->duration != NULL) {
        words[n++] = "--duration";
        words[n++] = request->duration;
    }
    if (request->interval != NULL) {
        words[n++] = "--interval";
        words[n++] = request->interval;
    }
    if (request->quiet) {
        words[n++] = "--quiet";
    }
    return spawn(words);
}

/* The commit, and what came with it. */
static int conclude(const char *folder)
{
    char line[512];
    char good[PATH_MAX];
    char fresh[PATH_MAX];
    char commit[128];

    if (ask_git("git rev-parse refs/bisect/bad", commit, sizeof(commit)) < 0 ||
        ask_git("git log -1 --format='%h %an %ad %s' --date=short refs/bisect/bad", line,
                sizeof(line)) < 0) {
        return fail("git bisect found no commit");
    }
    printf("first bad commit: %s\n\n", line);
    (void)fflush(stdout);
    (void)snprintf(good, sizeof(good), "%s/good.seep", folder);
    (void)snprintf(fresh, sizeof(fresh), "%s/%s.seep", folder, commit);
    char *words[] = {(char *)"diff", good, fresh, NULL};

    if (access(fresh, R_OK) != 0) {
        printf("(it is --bad itself, which was not recorded)\n");
        return SEEP_EXIT_OK;
    }
    return seep_cmd_diff(3, words);
}

static int drive(const struct request *request, const char *folder)
{
    char good[PATH_MAX];
    int status = 0;

    (void)snprintf(good, sizeof(good), "%s/good.seep", folder);
    if (git("checkout", "-q", "--detach", request->good) != 0) {
        return fail("git cannot check out --good");
    }
    if (build(request) != 0 || record(request, good) != 0) {
        return fail("--good cannot be built and recorded");
    }
    if (git("checkout", "-q", "--detach", request->bad) != 0) {
        return fail("git cannot check out --bad");
    }
    struct request own = *request;

    own.step = folder;
    status = step(&own);
    if (status != STEP_BAD) {
        return fail(status == STEP_GOOD ? "--bad shows nothing new against --good"
                                        : "--bad cannot be judged");
    }
    if (git("bisect", "start", request->bad, request->good) != 0) {
        return fail("git bisect does not start");
    }
    status = search(request, folder);
    return status == 0 ? conclude(folder)
                       : fail("git bisect run gave up; see its words above");
}

static int bisect(const struct request *request)
{
    char folder[] = "/tmp/seep-bisect-XXXXXX";
    char before[256];
    char dirty[256];
    int status = 0;

    if (ask_git("git status --porcelain -uno", dirty, sizeof(dirty)) < 0 ||
        ask_git("git symbolic-ref -q --short HEAD || git rev-parse HEAD", before,
                sizeof(before)) < 0) {
        return seep_cli_usage_error("bisect", "this is no git work tree");
    }
    if (dirty[0] != '\0') {
        return seep_cli_usage_error("bisect", "the work tree has changes: commit them");
    }
    if (mkdtemp(folder) == NULL) {
        return fail("cannot make a folder in /tmp");
    }
    status = drive(request, folder);
    (void)git("bisect", "reset", NULL, NULL);
    (void)git("checkout", "-q", before, NULL);
    fprintf(stderr, "seep bisect: the recordings are in %s\n", folder);
    return status;
}

enum { GOOD, BAD, BUILD, RUN, DURATION, INTERVAL, FAIL_ON, STEP, QUIET, OPTION_COUNT };

int seep_cmd_bisect(int argc, char **argv)
{
    struct seep_option options[OPTION_COUNT] = {
        [GOOD] = {.name = "good"},
        [BAD] = {.name = "bad"},
        [BUILD] = {.name = "build"},
        [RUN] = {.name = "run"},
        [DURATION] = {.name = "duration"},
        [INTERVAL] = {.name = "interval"},
        [FAIL_ON] = {.name = "fail-on"},
        [STEP] = {.name = "step"},
        [QUIET] = {.name = "quiet", .letter = 'q', .flag = true},
    };
    const char *operand = NULL;
    int status = seep_option_parse("bisect", argc, argv, options, OPTION_COUNT, &operand);
    struct request request = {
        .good = options[GOOD].value,
        .bad = options[BAD].value,
        .build = options[BUILD].value,
        .run = options[RUN].value,
        .duration = options[DURATION].value,
        .interval = options[INTERVAL].value,
        .step = options[STEP].value,
        .fail_on_word = options[FAIL_ON].value,
        .quiet = options[QUIET].value != NULL,
    };
    ssize_t n = readlink("/proc/self/exe", request.self, sizeof(request.self) - 1);

    if (status == HELP_WANTED) {
        fputs(seep_help_bisect, stdout);
        return SEEP_EXIT_OK;
    }
    if (status != 0 || n < 0) {
        return status;
    }
    if (operand != NULL) {
        return seep_cli_usage_error("bisect", "\"%s\": only options are expected",
                                    operand);
    }
    if (request.good == NULL || request.bad == NULL || request.run == NULL) {
        return seep_cli_usage_error("bisect", "--good, --bad and --run are needed");
    }
    request.fail_on_word =
        request.fail_on_word != NULL ? request.fail_on_word : "probable";
    request.fail_on = seep_verdict_from_name(request.fail_on_word);
    if (request.fail_on < SEEP_VERDICT_SUSPECT) {
        return seep_cli_usage_error("bisect",
                                    "--fail-on \"%s\": use suspect, probable or definite",
                                    request.fail_on_word);
    }
    return request.step != NULL ? step(&request) : bisect(&request);
}
