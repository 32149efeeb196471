/* seep diff: two recordings compared.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_line.h"
#include "diff/diff.h"
#include "report/diff_view.h"

enum { HELP_WANTED = 1 };

const char *const seep_help_diff =
    "seep diff - compares two recordings: what leaks anew, more, less, or no more\n"
    "\n"
    "usage: seep diff BASE NEW [options]\n"
    "\n"
    "  --format FORMAT    text (default), json, markdown, html, junit, sarif; html is "
    "one "
    "page\n"
    "                     with charts of both runs and differential flame graphs\n"
    "  -o, --output OUT   write to OUT instead of the terminal; replaced as a whole\n"
    "  --per UNIT         compare growth per time, operation or both (default: a change "
    "counts\n"
    "                     when both show it, so twice the load is not twice the leak)\n"
    "  --suppress FILE    leave out findings that its rules name (see: seep help "
    "report)\n"
    "  --subsystems FILE  name subsystems by rules (see: seep help report)\n"
    "  --fail-on VERDICT  exit 1 when something new or worse is at least: suspect,\n"
    "                     probable, definite\n"
    "  -q, --quiet        no line on the terminal that says how far it is\n"
    "\n"
    "The two may be of different builds: sites are matched by functions, modules and "
    "lines; moved\n"
    "lines and inlining do no harm. A change needs ranges of growth that do not overlap, "
    "so a longer\n"
    "run or a larger cache is none. An operation is a mark of the program (seep_mark of "
    "seep/seep.h, one\n"
    "for each request or batch of them) that both runs set ten times or more; else an "
    "allocation of\n"
    "the site that is busiest in both; else only time is compared, and a line says so. "
    "Marks are\n"
    "counted, however many.\n"
    "\n"
    "examples:\n"
    "  seep diff v1.seep v2.seep\n"
    "  seep diff main.seep branch.seep --fail-on probable --format markdown -o "
    "comment.md\n";

struct request {
    const char *paths[2], *out, *suppress, *subsystems;
    int (*view)(const struct seep_diff_view *view, struct seep_buf *out);
    enum seep_diff_per per;
    enum seep_verdict fail_on;
    bool quiet;
};

static int complain(const struct seep_error *error)
{
    fprintf(stderr, "seep diff: %s\n", error->message);
    return error->code == -ENOMEM ? SEEP_EXIT_FAILED : SEEP_EXIT_USAGE;
}

static int emit(const struct request *request, const struct seep_diff_view *view)
{
    struct seep_buf bytes = {0};
    struct seep_error error = {0};

    if (request->view(view, &bytes) < 0 || bytes.failed) {
        (void)seep_error_set(&error, -ENOMEM, "out of memory while writing");
    } else if (request->out != NULL) {
        (void)seep_output_file(request->out, &bytes, &error);
    } else {
        (void)seep_output_stream(stdout, &bytes, &error);
    }
    seep_buf_fini(&bytes);
    if (error.code != 0) {
        (void)complain(&error);
        return SEEP_EXIT_FAILED;
    }
    return request->fail_on != SEEP_VERDICT_NONE &&
                   seep_diff_worst(view->diff) >= request->fail_on
               ? SEEP_EXIT_FOUND
               : SEEP_EXIT_OK;
}

static int compare(const struct request *request, const struct seep_judged judged[2],
                   struct seep_progress_line *line, struct seep_error *error)
{
    struct seep_diff_side sides[2];
    struct seep_diff_view view = {0};
    struct seep_diff diff = {0};
    int status = 0;

    for (unsigned i = 0; i < 2; i++) {
        sides[i] = (struct seep_diff_side){judged[i].recording, judged[i].symbolizer,
                                           judged[i].findings};
        view.paths[i] = seep_findings_text(judged[i].findings, request->paths[i]);
        view.findings[i] = judged[i].findings;
    }
    seep_progress_tell(&line->progress, "comparing with", 0, 0);
    status = seep_diff_make(&sides[0], &sides[1], request->per, &diff);
    seep_progress_line_end(line);
    if (status < 0) {
        (void)seep_error_set(error, status, "out of memory while comparing");
        return complain(error);
    }
    view.diff = &diff;
    status = emit(request, &view);
    seep_diff_fini(&diff);
    return status;
}

static int carry_out(const struct request *request)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_judge_rules rules = {0};
    struct seep_judged judged[2] = {0};
    struct seep_error error = {0};
    struct seep_progress_line line;
    int status =
        seep_judge_rules_open(request->suppress, request->subsystems, &rules, &error);

    seep_progress_line_start(&line, "diff", request->quiet);
    options.progress = &line.progress;
    options.profile = request->view == seep_diff_view_html;
    for (unsigned i = 0; i < 2 && status == 0; i++) {
        seep_progress_line_set_file(&line, request->paths[i]);
        status = seep_judge(request->paths[i], &options, &rules, &judged[i], &error);
    }
    if (status < 0) {
        seep_progress_line_end(&line);
        status = complain(&error);
    } else {
        status = compare(request, judged, &line, &error);
    }
    seep_judged_fini(&judged[0]);
    seep_judged_fini(&judged[1]);
    seep_judge_rules_close(&rules);
    return status;
}

static int set_format(struct request *request, const char *word)
{
    static const struct {
        const char *name;
        int (*view)(const struct seep_diff_view *view, struct seep_buf *out);
    } formats[] = {
        {"text", seep_diff_view_text},         {"json", seep_diff_view_json},
        {"markdown", seep_diff_view_markdown}, {"html", seep_diff_view_html},
        {"junit", seep_diff_view_junit},       {"sarif", seep_diff_view_sarif},
    };

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(word, formats[i].name) == 0) {
            request->view = formats[i].view;
            return 0;
        }
    }
    return seep_cli_usage_error(
        "diff", "--format \"%s\": use text, json, markdown, html, junit or sarif", word);
}

static int set_per(struct request *request, const char *word)
{
    static const char *const words[] = {"both", "time", "operation"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            request->per = (enum seep_diff_per)i;
            return 0;
        }
    }
    return seep_cli_usage_error("diff", "--per \"%s\": use time, operation or both",
                                word);
}

static int set_fail_on(struct request *request, const char *word)
{
    request->fail_on = seep_verdict_from_name(word);
    return request->fail_on >= SEEP_VERDICT_SUSPECT
               ? 0
               : seep_cli_usage_error(
                     "diff", "--fail-on \"%s\": use suspect, probable or definite", word);
}

enum { FORMAT, OUTPUT, PER, SUPPRESS, SUBSYSTEMS, FAIL_ON, QUIET, OPTION_COUNT };

static int interpret(struct request *request, const struct seep_option *options)
{
    int status = 0;

    if (options[FORMAT].value != NULL) {
        status = set_format(request, options[FORMAT].value);
    }
    if (status == 0 && options[PER].value != NULL) {
        status = set_per(request, options[PER].value);
    }
    if (status == 0 && options[FAIL_ON].value != NULL) {
        status = set_fail_on(request, options[FAIL_ON].value);
    }
    request->suppress = options[SUPPRESS].value;
    request->subsystems = options[SUBSYSTEMS].value;
    request->out = options[OUTPUT].value;
    request->quiet = options[QUIET].value != NULL;
    if (request->out != NULL && strcmp(request->out, "-") == 0) {
        request->out = NULL;
    }
    return status;
}

int seep_cmd_diff(int argc, char **argv)
{
    struct seep_option options[OPTION_COUNT] = {
        [FORMAT] = {.name = "format"},
        [OUTPUT] = {.name = "output", .letter = 'o'},
        [PER] = {.name = "per"},
        [SUPPRESS] = {.name = "suppress"},
        [SUBSYSTEMS] = {.name = "subsystems"},
        [FAIL_ON] = {.name = "fail-on"},
        [QUIET] = {.name = "quiet", .letter = 'q', .flag = true},
    };
    struct seep_operands operands = {.most = 2};
    struct request request = {.view = seep_diff_view_text};
    int status =
        seep_option_parse_operands("diff", argc, argv, options, OPTION_COUNT, &operands);

    if (status == HELP_WANTED) {
        fputs(seep_help_diff, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0) {
        status = interpret(&request, options);
    }
    if (status != 0) {
        return status;
    }
    if (operands.count < 2) {
        return seep_cli_usage_error("diff", "which two recordings? BASE and NEW");
    }
    request.paths[0] = operands.at[0];
    request.paths[1] = operands.at[1];
    for (unsigned i = 0; i < 2; i++) {
        if (request.out != NULL && strcmp(request.out, request.paths[i]) == 0) {
            return seep_cli_usage_error(
                "diff", "-o %s would overwrite the recording itself", request.out);
        }
    }
    return carry_out(&request);
}
