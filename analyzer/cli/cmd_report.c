/* seep report: a recording judged and shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_line.h"
#include "cli/push_options.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "report/renderer.h"
#include "verdict/verdict.h"

enum { CHILDREN_JUDGED_MAX = 32, TOP_MOST = 1000000, HELP_WANTED = 1 };

const char *const seep_help_report =
    "seep report - judges a recording and shows what leaks\n"
    "\n"
    "usage: seep report FILE [options]\n"
    "\n"
    "  --format FORMAT    text (default) or json; for a merge request: markdown (64 KiB\n"
    "                     at most); for flame graphs: folded (a line per stack);\n"
    "                     for `go tool pprof`: pprof (binary); for code scanning:\n"
    "                     sarif (2.1.0); for CI servers: junit;\n"
    "                     to look at: html (one file, readable without a network)\n"
    "  -o, --output OUT   write to OUT instead of the terminal; replaced as a whole\n"
    "  --value VALUE      what folded counts and pprof shows first: live-bytes\n"
    "                     (default), live, growth (per hour), allocated (in all); of\n"
    "                     the heap, or of --kind\n"
    "  --kind KIND        only findings of this kind: heap, thread, fd, timer,\n"
    "                     mapping\n"
    "  --subsystem NAME   only findings of this subsystem of the program\n"
    "  --top N            show at most N findings (text and markdown: 10;\n"
    "                     html: 100; others: all)\n"
    "  --since S          judge from S seconds after the start, instead of after "
    "warm-up\n"
    "  --until S          judge up to S seconds after the start\n"
    "  --fail-on VERDICT  exit 1 when a finding is at least: suspect, probable, "
    "definite\n"
    "  --at-exit-threads none\n"
    "                     each thread that was left when the program exited, running or\n"
    "                     unjoined, is a definite finding (record with it, too: then\n"
    "                     those about to end get a moment)\n"
    "  --suppress FILE    leave out findings that its rules name; they are counted, and "
    "never\n"
    "                     fail a run\n"
    "  --subsystems FILE  name the subsystems of a program without annotations, by "
    "rules\n"
    "  --push URL         also push the heap's profile to a Pyroscope there (POST "
    "URL/ingest),\n"
    "                     one for each subsystem\n"
    "  -q, --quiet        no line on the terminal that says how far it is\n"
    "  --suggest-suppressions\n"
    "                     print such a file for the present findings, instead of the "
    "report\n"
    "\n"
    "Rules to suppress, one a line, # for comments; expires: and reason: where wanted:\n"
    "  leak:PATTERN       as LeakSanitizer's: in function, module or source path of any "
    "frame;\n"
    "                     * is anything, ^ and $ are the ends\n"
    "  thread:PATTERN     the same for one kind: heap, mapping, thread, fd, timer\n"
    "  finding:0123456789ab expires:2027-03-31 reason:fixed upstream in 4.2\n"
    "\n"
    "Rules for subsystems, one a line; the innermost frame that fits one decides:\n"
    "  websocket  function:hub_*  source:server/hub/\n"
    "  tls        module:libssl.so*\n"
    "  workers    thread:pool-*\n"
    "\n"
    "Verdicts: definite and probable are leaks; suspect wants a longer run; bounded is "
    "listed so\n"
    "that you know it was looked at (a cache that filled, memory left at a normal "
    "exit).\n"
    "\n"
    "examples:\n"
    "  seep report soak.seep\n"
    "  seep report soak.seep --kind thread --top 3\n"
    "  seep report soak.seep --since 600          the first ten minutes were warm-up\n"
    "  seep report soak.seep --format json | jq '.findings[0].summary'\n"
    "  seep report soak.seep --format markdown -o comment.md\n"
    "  seep report soak.seep --format html -o soak.html\n"
    "  seep report soak.seep --format folded --value growth | flamegraph.pl > a.svg\n"
    "  seep report soak.seep --format pprof -o soak.pb.gz && go tool pprof soak.pb.gz\n";

struct request {
    const char *path, *out;
    const char *suppress, *subsystems; /* files of rules; NULL: none */
    struct seep_push_choice push;
    bool suggest, quiet;
    const char *command; /* that speaks: "report" or "run" */
    const struct seep_renderer *renderer;
    struct seep_verdict_options verdict;
    enum seep_verdict fail_on;
    size_t top;
    enum seep_site_value value;
};

/* Children have recordings beside their parent's; one that cannot be read has no outcome.
 */
static void judge_children(const char *path, const struct seep_judge_rules *rules,
                           struct seep_progress_line *line,
                           struct seep_findings *findings)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    char folder[PATH_MAX];
    size_t done = 0;

    options.progress = &line->progress;
    for (size_t i = 0; i < findings->child_count && done < CHILDREN_JUDGED_MAX; i++) {
        struct seep_view_child *child = &findings->children[i];
        const char *slash = strrchr(child->file, '/');
        char beside[PATH_MAX + 1024];
        struct seep_judged judged = {0};
        struct seep_error ignored;

        if (child->file[0] == '\0' || strlen(path) >= sizeof(folder)) {
            continue;
        }
        (void)snprintf(folder, sizeof(folder), "%s", path);
        (void)snprintf(beside, sizeof(beside), "%s/%s", dirname(folder),
                       slash != NULL ? slash + 1 : child->file);
        done++;
        seep_progress_line_set_file(line, beside);
        if (seep_judge(beside, &options, rules, &judged, &ignored) == 0) {
            child->outcome = judged.findings->outcome;
            seep_judged_fini(&judged);
        }
    }
}

static int exit_status_of(int code)
{
    return code == -ENOMEM ? SEEP_EXIT_FAILED : SEEP_EXIT_USAGE;
}

static int complain(const struct seep_error *error, int exit_status)
{
    fprintf(stderr, "seep report: %s\n", error->message);
    return exit_status;
}

static int emit(const struct request *request, const struct seep_findings *findings,
                struct seep_progress_line *line, FILE *stream)
{
    struct seep_render_options options = seep_output_options(stream);
    struct seep_buf bytes = {0};
    struct seep_error error = {0};
    int status = 0;

    options.top = request->top;
    options.kind = request->verdict.kind;
    options.subsystem = request->verdict.subsystem;
    options.value = request->value;
    options.color = options.color && request->out == NULL;
    seep_progress_tell(&line->progress, "writing the report of", 0, 0);
    if (request->suggest) {
        seep_suppressions_suggest(findings, &bytes);
        status = bytes.failed ? -ENOMEM : 0;
    } else {
        status = request->renderer->render(findings, &options, &bytes);
    }
    seep_progress_line_end(line);
    if (status < 0) {
        (void)seep_error_set(&error, -ENOMEM, "out of memory while writing the report");
    } else if (request->out != NULL) {
        (void)seep_output_file(request->out, &bytes, &error);
    } else {
        (void)seep_output_stream(stream, &bytes, &error);
    }
    seep_buf_fini(&bytes);
    status = 0;
    if (error.code != 0) {
        status = complain(&error, SEEP_EXIT_FAILED);
    } else if (request->fail_on != SEEP_VERDICT_NONE &&
               seep_findings_worst(findings) >= request->fail_on) {
        status = SEEP_EXIT_FOUND;
    }
    return status;
}

static int carry_out(const struct request *request, FILE *stream)
{
    struct seep_judged judged = {0};
    struct seep_error error = {0};
    struct seep_judge_rules rules = {0};
    struct seep_verdict_options options = request->verdict;
    struct seep_progress_line line;
    int status =
        seep_judge_rules_open(request->suppress, request->subsystems, &rules, &error);

    seep_progress_line_start(&line, request->command, request->quiet);
    seep_progress_line_set_file(&line, request->path);
    options.progress = &line.progress;
    if (status == 0) {
        status = seep_judge(request->path, &options, &rules, &judged, &error);
    }
    if (status < 0) {
        seep_progress_line_end(&line);
        seep_judge_rules_close(&rules);
        return complain(&error, exit_status_of(status));
    }
    judge_children(request->path, &rules, &line, judged.findings);
    seep_progress_line_set_file(&line, request->path);
    status = emit(request, judged.findings, &line, stream);
    if (request->push.url != NULL) {
        int pushed =
            seep_push_options_report("report", request->push.url, judged.findings);

        status = pushed != SEEP_EXIT_OK ? pushed : status;
    }
    seep_judged_fini(&judged);
    seep_judge_rules_close(&rules);
    return status;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static int set_format(struct request *request, const char *name)
{
    request->renderer = seep_renderer_find(name);
    return request->renderer != NULL
               ? 0
               : seep_cli_usage_error("report", "--format \"%s\": use one of: %s", name,
                                      SEEP_RENDERER_NAMES);
}

static int set_verdict(struct request *request, const char *word)
{
    request->fail_on = seep_verdict_from_name(word);
    return request->fail_on >= SEEP_VERDICT_SUSPECT
               ? 0
               : seep_cli_usage_error(
                     "report", "--fail-on \"%s\": use suspect, probable or definite",
                     word);
}

static int set_kind(struct request *request, const char *word)
{
    request->verdict.kind = seep_kind_from_name(word);
    return request->verdict.kind != SEEP_KIND_NONE
               ? 0
               : seep_cli_usage_error(
                     "report", "--kind \"%s\": use heap, mapping, thread, fd or timer",
                     word);
}

static int set_top(struct request *request, const char *word)
{
    double top = 0;

    if (seep_option_number(word, &top) < 0 || top < 1 || top > TOP_MOST ||
        top != (double)(size_t)top) {
        return seep_cli_usage_error("report", "--top \"%s\": a whole number from 1 on",
                                    word);
    }
    request->top = (size_t)top;
    return 0;
}

static int set_value(struct request *request, const char *word)
{
    request->value = seep_site_value_from_name(word);
    if (request->value == SEEP_VALUE_DEFAULT) {
        return seep_cli_usage_error(
            "report", "--value \"%s\": use live-bytes, live, growth or allocated", word);
    }
    return request->renderer->of_sites
               ? 0
               : seep_cli_usage_error(
                     "report", "--value is of profiles: add --format folded or pprof");
}

static int set_seconds(const char *name, const char *word, double *out)
{
    return seep_option_number(word, out) == 0
               ? 0
               : seep_cli_usage_error("report",
                                      "--%s \"%s\": seconds since the start, from 0 on",
                                      name, word);
}

static int set_at_exit(struct request *request, const char *word)
{
    request->verdict.no_threads_left = strcmp(word, "none") == 0;
    return request->verdict.no_threads_left
               ? 0
               : seep_cli_usage_error(
                     "report", "--at-exit-threads \"%s\": none is what it knows", word);
}

enum {
    FORMAT,
    OUTPUT,
    KIND,
    SUBSYSTEM,
    TOP,
    SINCE,
    UNTIL,
    FAIL_ON,
    SUPPRESS,
    SUGGEST,
    VALUE,
    SUBSYSTEMS,
    QUIET,
    AT_EXIT_THREADS,
    PUSH,
    OPTION_COUNT
};

static int interpret(struct request *request, const struct seep_option *options)
{
    int status = 0;

    if (options[FORMAT].value != NULL) {
        status = set_format(request, options[FORMAT].value);
    }
    if (status == 0 && options[KIND].value != NULL) {
        status = set_kind(request, options[KIND].value);
    }
    if (status == 0 && options[TOP].value != NULL) {
        status = set_top(request, options[TOP].value);
    }
    if (status == 0 && options[SINCE].value != NULL) {
        status = set_seconds("since", options[SINCE].value, &request->verdict.since_s);
    }
    if (status == 0 && options[UNTIL].value != NULL) {
        status = set_seconds("until", options[UNTIL].value, &request->verdict.until_s);
    }
    if (status == 0 && options[FAIL_ON].value != NULL) {
        status = set_verdict(request, options[FAIL_ON].value);
    }
    if (status == 0 && options[VALUE].value != NULL) {
        status = set_value(request, options[VALUE].value);
    }
    if (status == 0 && options[AT_EXIT_THREADS].value != NULL) {
        status = set_at_exit(request, options[AT_EXIT_THREADS].value);
    }
    if (status == 0) {
        status = seep_push_options_read("report", options[PUSH].value, &request->push);
    }
    request->verdict.profile =
        (request->renderer != NULL && request->renderer->of_sites) ||
        request->push.url != NULL;
    request->verdict.subsystem = options[SUBSYSTEM].value;
    request->out = options[OUTPUT].value;
    request->suppress = options[SUPPRESS].value;
    request->subsystems = options[SUBSYSTEMS].value;
    request->suggest = options[SUGGEST].value != NULL;
    request->quiet = options[QUIET].value != NULL;
    if (request->out != NULL && strcmp(request->out, "-") == 0) {
        request->out = NULL;
    }
    return status;
}

int seep_cmd_report(int argc, char **argv)
{
    struct seep_option options[OPTION_COUNT] = {
        [FORMAT] = {.name = "format"},
        [OUTPUT] = {.name = "output", .letter = 'o'},
        [KIND] = {.name = "kind"},
        [SUBSYSTEM] = {.name = "subsystem"},
        [TOP] = {.name = "top"},
        [SINCE] = {.name = "since"},
        [UNTIL] = {.name = "until"},
        [FAIL_ON] = {.name = "fail-on"},
        [SUPPRESS] = {.name = "suppress"},
        [SUBSYSTEMS] = {.name = "subsystems"},
        [SUGGEST] = {.name = "suggest-suppressions", .flag = true},
        [VALUE] = {.name = "value"},
        [QUIET] = {.name = "quiet", .letter = 'q', .flag = true},
        [AT_EXIT_THREADS] = {.name = "at-exit-threads"},
        [PUSH] = {.name = "push"},
    };
    struct request request = {.command = "report",
                              .renderer = &SEEP_RENDERER_TEXT,
                              .verdict = SEEP_VERDICT_OPTIONS_ALL};
    int status =
        seep_option_parse("report", argc, argv, options, OPTION_COUNT, &request.path);

    if (status == HELP_WANTED) {
        fputs(seep_help_report, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0) {
        status = interpret(&request, options);
    }
    if (status != 0) {
        return status;
    }
    if (request.path == NULL) {
        return seep_cli_usage_error("report", "which FILE?");
    }
    if (request.renderer->binary && !request.suggest && request.out == NULL &&
        isatty(STDOUT_FILENO) == 1) {
        return seep_cli_usage_error(
            "report", "--format %s is binary, not for a terminal: add -o OUT",
            request.renderer->name);
    }
    if (request.out != NULL && same_file(request.path, request.out)) {
        return seep_cli_usage_error(
            "report", "-o %s would overwrite the recording itself", request.out);
    }
    return carry_out(&request, stdout);
}

int seep_cli_report_to_stderr(const char *path, const char *fail_on, const char *suppress,
                              const char *subsystems, bool no_threads_left)
{
    struct request request = {.command = "run",
                              .path = path,
                              .suppress = suppress,
                              .subsystems = subsystems,
                              .renderer = &SEEP_RENDERER_TEXT,
                              .verdict = SEEP_VERDICT_OPTIONS_ALL};

    request.verdict.no_threads_left = no_threads_left;
    if (fail_on != NULL) {
        request.fail_on = seep_verdict_from_name(fail_on);
    }
    return carry_out(&request, stderr);
}
