/* seep bisect: the commit that brought a leak.
 *
 * `git bisect run` does the search; its command is this program again, with --step, which
 * builds one commit, records it, and compares it with the recording of the good commit
 * that was made first. So leaks that the good commit has already are no answer. A search
 * of our own was rejected: git knows merges, skips and the state of the work tree.
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bisect_child.h"
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
    STATUS_SIGNALLED = 128, /* plus the signal, as a shell says it */
    SHELL_CANNOT = 126,     /* and 127: the shell could not start it */
    ATTEMPTS = 3,
    NAME_DIGITS = 12, /* of a commit, in words */
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
    "What builds and programs say is kept beside the recordings, in a folder of /tmp "
    "that "
    "is named.\n"
    "Ctrl-C ends the search and puts the work tree back as it was.\n"
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

/* What of a commit is kept: its recording, and what its build and its program said. */
static void path_of(char out[PATH_MAX], const char *folder, const char *name,
                    const char *suffix)
{
    (void)snprintf(out, PATH_MAX, "%s/%s%s", folder, name, suffix);
}

static void say(const char *commit, const char *what, const char *log)
{
    fprintf(stderr, "seep bisect: %.*s %s%s%s\n", NAME_DIGITS, commit, what,
            log[0] != '\0' ? "; its words are in " : "", log);
}

/* Records what is checked out. Returns: 0; STEP_SKIP. */
static int record(const struct request *request, const char *folder, const char *name)
{
    char path[PATH_MAX];
    char log[PATH_MAX];
    char command[4096];
    const char *words[WORDS_MAX] = {request->self, "run", "--quiet", "-o", path};
    size_t n = 5;
    int status = 0;

    path_of(path, folder, name, ".seep");
    path_of(log, folder, name, ".run.log");
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
    say(name, "is recorded", "");
    status = seep_bisect_child_run(words, log);
    if (status != SHELL_CANNOT && status != SHELL_CANNOT + 1 && access(path, R_OK) == 0) {
        return 0;
    }
    say(name, "cannot be run", log);
    return STEP_SKIP;
}

static int build(const struct request *request, const char *folder, const char *name)
{
    const char *const words[] = {"sh", "-c", request->build, NULL};
    char log[PATH_MAX];

    if (request->build == NULL) {
        return 0;
    }
    path_of(log, folder, name, ".build.log");
    say(name, "is built", "");
    if (seep_bisect_child_run(words, log) == 0) {
        return 0;
    }
    say(name, "does not build: skipped", log);
    return STEP_SKIP;
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
    int status = 0;

    if (ask_git("git rev-parse HEAD", commit, sizeof(commit)) < 0) {
        return STEP_STOP;
    }
    path_of(good, request->step, "good", ".seep");
    path_of(fresh, request->step, commit, ".seep");
    status = build(request, request->step, commit);
    if (status != 0) {
        return status;
    }
    for (int i = 0; i < ATTEMPTS && seep_bisect_child_interrupted() == 0; i++) {
        status = record(request, request->step, commit);
        if (status == 0) {
            status = compare(request, good, fresh);
        }
        if (status != STEP_SKIP) {
            break;
        }
        fprintf(stderr, "seep bisect: %.*s tells nothing (run %d of %d)\n", NAME_DIGITS,
                commit, i + 1, ATTEMPTS);
    }
    return status;
}

/* After a signal nothing has failed. */
static int fail(const char *what)
{
    if (seep_bisect_child_interrupted() != 0) {
        return SEEP_EXIT_FAILED;
    }
    fprintf(stderr, "seep bisect: %s\n", what);
    return SEEP_EXIT_FAILED;
}

static int git(const char *a, const char *b, const char *c, const char *d)
{
    const char *const words[] = {"git", a, b, c, d, NULL};

    return seep_bisect_child_run(words, NULL);
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
    return seep_bisect_child_run(words, NULL);
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
    path_of(good, folder, "good", ".seep");
    path_of(fresh, folder, commit, ".seep");
    char *words[] = {(char *)"diff", good, fresh, NULL};

    if (access(fresh, R_OK) != 0) {
        printf("(it is --bad itself, which was not recorded)\n");
        return SEEP_EXIT_OK;
    }
    return seep_cmd_diff(3, words);
}

/* Records --good until it can be judged: what it cannot tell, no comparison can. */
static int record_good(const struct request *request, const char *folder)
{
    char path[PATH_MAX];
    struct seep_error error = {0};
    int status = build(request, folder, "good");

    path_of(path, folder, "good", ".seep");
    for (int i = 0; i < ATTEMPTS && status == 0; i++) {
        const struct seep_judge_rules none = {0};
        struct seep_judged judged = {0};
        bool tells = false;

        status = record(request, folder, "good");
        if (status == 0) {
            status = seep_judge(path, &SEEP_VERDICT_OPTIONS_ALL, &none, &judged, &error);
        }
        if (status == 0) {
            tells = judged.findings->inconclusive[0] == '\0';
            if (!tells) {
                fprintf(stderr,
                        "seep bisect: good tells nothing (run %d of %d): %s. %s\n", i + 1,
                        ATTEMPTS, judged.findings->inconclusive, judged.findings->advice);
            }
        }
        seep_judged_fini(&judged);
        if (tells) {
            return 0;
        }
    }
    return fail(status != 0 ? "--good cannot be built and recorded"
                            : "--good cannot be judged; see its reason above");
}

static int drive(const struct request *request, const char *folder)
{
    struct request own = *request;
    int status = 0;

    if (git("checkout", "-q", "--detach", request->good) != 0) {
        return fail("git cannot check out --good");
    }
    status = record_good(request, folder);
    if (status != 0) {
        return status;
    }
    if (git("checkout", "-q", "--detach", request->bad) != 0) {
        return fail("git cannot check out --bad");
    }
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

/* Ends the search and goes back to the branch or commit from before. What a build has
 * written over is git's own again: the tree was clean. */
static void put_back(const char *before)
{
    char now[256] = "";

    seep_bisect_child_unguard();
    (void)git("bisect", "reset", NULL, NULL);
    if (git("checkout", "-q", before, NULL) != 0) {
        (void)git("checkout", "-q", "-f", before);
    }
    if (ask_git("git symbolic-ref -q --short HEAD || git rev-parse HEAD", now,
                sizeof(now)) < 0 ||
        strcmp(now, before) != 0) {
        fprintf(stderr,
                "seep bisect: git cannot go back; type: git bisect reset; git "
                "checkout -f %s\n",
                before);
    }
}

static int bisect(const struct request *request)
{
    char folder[] = "/tmp/seep-bisect-XXXXXX";
    char before[256];
    char dirty[256];
    int status = 0;
    int number = 0;

    if (ask_git("git status --porcelain -uno", dirty, sizeof(dirty)) < 0 ||
        ask_git("git symbolic-ref -q --short HEAD || git rev-parse HEAD", before,
                sizeof(before)) < 0) {
        return seep_cli_usage_error("bisect", "this is no git work tree");
    }
    if (dirty[0] != '\0') {
        return seep_cli_usage_error("bisect", "the work tree has changes: commit them");
    }
    if (ask_git("git bisect log 2>/dev/null", dirty, sizeof(dirty)) == 0) {
        return seep_cli_usage_error(
            "bisect", "a bisect is under way here: end it (git bisect reset)");
    }
    if (mkdtemp(folder) == NULL) {
        return fail("cannot make a folder in /tmp");
    }
    seep_bisect_child_guard();
    status = drive(request, folder);
    number = seep_bisect_child_interrupted();
    put_back(before);
    fprintf(stderr, "seep bisect: %srecordings and logs are in %s\n",
            number != 0 ? "interrupted; " : "", folder);
    return number != 0 ? STATUS_SIGNALLED + number : status;
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
