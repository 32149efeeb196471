/* seep fleet: which place leaks, on which of many instances.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fleet_options.h"
#include "cli/judge.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_line.h"
#include "fleet/fleet_pivot.h"
#include "fleet/fleet_report.h"

enum { HELP_WANTED = 1, TOP_DEFAULT = 20, TOP_MOST = 1000000 };

const char *const seep_help_fleet =
    "seep fleet - which place leaks, on which of many instances, and what those share\n"
    "\n"
    "usage: seep fleet --prometheus URL [options]\n"
    "\n"
    "Asks a Prometheus or VictoriaMetrics for the series of all sites on all instances\n"
    "(Seep's own /metrics, see `seep help serve`), judges each as `seep report` does, "
    "and\n"
    "then counts: a site that grows on 40 of 40 instances of version 2.3.1 and on 1 of\n"
    "960 of the others is a leak of version 2.3.1.\n"
    "\n"
    "  --prometheus URL   the server, up to before /api/v1: http://prometheus:9090\n"
    "  --query NAME       metric with a series per site; bytes where the name ends in\n"
    "                     _bytes, else a count. Default: seep_site_live_bytes for heap\n"
    "                     and mappings, seep_site_live for threads, fds and timers\n"
    "  --match MATCHERS   only series that fit, in PromQL: 'job=\"api\",region=\"eu\"'\n"
    "  --since TIME       how far back: 24h (default), 7d, 90m\n"
    "  --step TIME        between two samples: 5m (default), 30s\n"
    "  --until S          end of the range, seconds since 1970 (default: now)\n"
    "  --group LABELS     labels to compare instances by (version,host,region)\n"
    "  --token-file FILE  holds the bearer token that the server wants\n"
    "  --format FORMAT    text (default), json or markdown\n"
    "  -o, --output FILE  write there instead of to the terminal\n"
    "  --top N            sites shown at most (20)\n"
    "  --suppress FILE    findings that you do not want to hear of, as for `seep "
    "report`\n"
    "  --fail-on VERDICT  exit 1 when there is such a finding: suspect, probable or\n"
    "                     definite\n"
    "  --quiet            no line on stderr that tells how far it is\n"
    "\n"
    "examples:\n"
    "  seep fleet --prometheus http://localhost:9090\n"
    "  seep fleet --prometheus http://vm:8428 --since 7d --step 1h --group version,zone\n"
    "  seep fleet --prometheus https://metrics.example --token-file token \\\n"
    "      --match 'job=\"api\"' --fail-on definite --format markdown\n"
    "\n"
    "Verdicts: definite grows on five instances or more of one group, and not on the\n"
    "others; probable on several, or surely on one; suspect on so few that it may be\n"
    "chance, or too slowly to matter. A series needs 20 samples to be judged.\n"
    "\n"
    "Exit status: 0 done, 1 found what --fail-on asks for, 2 wrong usage, or the server\n"
    "does not have or give what is asked for, 3 the server or the way to it failed.\n";

enum {
    URL,
    QUERY,
    MATCH,
    SINCE,
    STEP,
    UNTIL,
    GROUP,
    TOKEN,
    FORMAT,
    OUTPUT,
    TOP,
    SUPPRESS,
    FAIL_ON,
    QUIET,
    OPTION_COUNT
};

static const struct format {
    const char *name;
    int (*render)(const struct seep_fleet_report *report,
                  const struct seep_render_options *options, struct seep_buf *out);
} formats[] = {{"text", seep_fleet_render_text},
               {"json", seep_fleet_render_json},
               {"markdown", seep_fleet_render_markdown}};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

struct request {
    struct seep_fleet_asked asked;
    const struct format *format;
    const char *output, *suppress; /* borrowed; NULL: none */
    enum seep_verdict fail_on;     /* NONE: never */
    size_t top;
    bool quiet;
};

static int complain(const struct seep_error *error)
{
    bool failed = error->code == -ENOMEM || error->code == -EIO ||
                  error->code == -EAGAIN || error->code == -ETIMEDOUT;

    fprintf(stderr, "seep fleet: %s\n", error->message);
    return failed ? SEEP_EXIT_FAILED : SEEP_EXIT_USAGE;
}

static const char *value_or(const struct seep_option *option, const char *other)
{
    return option->value != NULL ? option->value : other;
}

static int interpret_output(struct request *request, const struct seep_option *options)
{
    const char *format = value_or(&options[FORMAT], "text");
    double top = TOP_DEFAULT;
    size_t known = 0;

    while (known < FORMAT_COUNT && strcmp(formats[known].name, format) != 0) {
        known++;
    }
    if (known == FORMAT_COUNT) {
        return seep_cli_usage_error(
            "fleet", "--format \"%s\": use one of: text, json, markdown", format);
    }
    if (options[TOP].value != NULL &&
        (seep_option_number(options[TOP].value, &top) < 0 || top < 1 || top > TOP_MOST ||
         top != (double)(size_t)top)) {
        return seep_cli_usage_error("fleet", "--top \"%s\": a whole number from 1 on",
                                    options[TOP].value);
    }
    if (options[FAIL_ON].value != NULL) {
        request->fail_on = seep_verdict_from_name(options[FAIL_ON].value);
        if (request->fail_on < SEEP_VERDICT_SUSPECT) {
            return seep_cli_usage_error(
                "fleet", "--fail-on \"%s\": use one of: suspect, probable, definite",
                options[FAIL_ON].value);
        }
    }
    request->format = &formats[known];
    request->top = (size_t)top;
    request->output = options[OUTPUT].value;
    request->suppress = options[SUPPRESS].value;
    request->quiet = options[QUIET].value != NULL;
    return 0;
}

static int interpret(struct request *request, const struct seep_option *options)
{
    struct seep_fleet_asked *asked = &request->asked;
    int status = 0;

    if (options[URL].value == NULL) {
        return seep_cli_usage_error(
            "fleet", "--prometheus is missing: the server to ask, http://HOST:9090");
    }
    if (options[MATCH].value != NULL) {
        asked->question.match = options[MATCH].value;
    }
    status = interpret_output(request, options);
    if (status == 0) {
        status = seep_fleet_set_url(asked, options[URL].value);
    }
    if (status == 0) {
        status = seep_fleet_set_query(asked, options[QUERY].value);
    }
    if (status == 0) {
        status = seep_fleet_set_groups(asked,
                                       value_or(&options[GROUP], "version,host,region"));
    }
    if (status == 0) {
        status =
            seep_fleet_set_range(asked, value_or(&options[SINCE], "24h"),
                                 value_or(&options[STEP], "5m"), options[UNTIL].value);
    }
    if (status == 0 && options[TOKEN].value != NULL) {
        status = seep_fleet_set_token(asked, options[TOKEN].value);
    }
    return status;
}

/* Takes out what the user's rules name: they see a finding of one frame. */
static int suppress(const struct request *request, const struct seep_fleet_table *table,
                    struct seep_fleet_findings *found, size_t *taken,
                    struct seep_error *error)
{
    const struct seep_fleet_grid *grid = &request->asked.question.grid;
    struct seep_judge_rules rules = {0};
    struct seep_findings *findings = NULL;
    size_t kept = 0;
    int status = seep_judge_rules_open(request->suppress, NULL, &rules, error);

    if (status == 0 && seep_findings_new(&findings) < 0) {
        status = seep_error_set(error, -ENOMEM, "out of memory");
    }
    if (status == 0) {
        findings->started_realtime_ns = (uint64_t)(grid->start_s * 1e9);
    }
    for (size_t i = 0; i < found->count && status == 0; i++) {
        const struct seep_fleet_site *site = &table->sites[found->findings[i].site];
        struct seep_view_frame frame = {.function =
                                            seep_fleet_text(table, site->function),
                                        .file = seep_fleet_text(table, site->place),
                                        .module = "",
                                        .module_path = NULL,
                                        .build_id = ""};
        struct seep_finding finding = {.kind = site->kind,
                                       .verdict = found->findings[i].verdict,
                                       .stack = &frame,
                                       .stack_count = 1};

        (void)snprintf(finding.id, sizeof(finding.id), "%s",
                       seep_fleet_text(table, site->id));
        if (seep_suppressions_take(rules.suppressions, findings, &finding)) {
            (*taken)++;
        } else {
            found->findings[kept++] = found->findings[i];
        }
    }
    found->count = status == 0 ? kept : found->count;
    seep_findings_free(findings);
    seep_judge_rules_close(&rules);
    return status;
}

static int write_report(const struct request *request,
                        const struct seep_fleet_report *report, struct seep_error *error)
{
    const struct seep_render_options options = seep_output_options(stdout);
    struct seep_buf bytes = {0};
    int status = request->format->render(report, &options, &bytes);

    if (status < 0) {
        status = seep_error_set(error, -ENOMEM, "out of memory");
    } else if (request->output != NULL) {
        status = seep_output_file(request->output, &bytes, error);
    } else {
        status = seep_output_stream(stdout, &bytes, error);
    }
    seep_buf_fini(&bytes);
    return status;
}

static int report_on(const struct request *request, const struct seep_fleet_table *table,
                     struct seep_error *error)
{
    const struct seep_fleet_question *question = &request->asked.question;
    struct seep_fleet_findings findings = {0};
    struct seep_fleet_report report = {
        .question = question, .table = table, .findings = &findings, .top = request->top};
    int status =
        seep_fleet_pivot(table, question->labels.count - SEEP_FLEET_GROUP, &findings);

    if (status < 0) {
        (void)seep_error_set(error, status, "out of memory");
    } else if (request->suppress != NULL) {
        status = suppress(request, table, &findings, &report.suppressed, error);
    }
    if (status == 0) {
        status = write_report(request, &report, error);
    }
    bool found = request->fail_on != SEEP_VERDICT_NONE && findings.count > 0 &&
                 findings.findings[0].verdict >= request->fail_on;

    seep_fleet_findings_fini(&findings);
    if (status < 0) {
        return complain(error);
    }
    return found ? SEEP_EXIT_FOUND : SEEP_EXIT_OK;
}

static int none_found(const struct request *request)
{
    const struct seep_fleet_question *question = &request->asked.question;

    fprintf(stderr,
            "seep fleet: %s has no series of %s in that time%s; does it scrape `seep "
            "serve`? (--query, --match, --since choose others)\n",
            question->source.url, question->metrics[0].name,
            question->match[0] != '\0' ? " that fit --match" : "");
    return SEEP_EXIT_USAGE;
}

static int carry_out(const struct request *request)
{
    struct seep_fleet_question question = request->asked.question;
    struct seep_progress_line line;
    struct seep_fleet_table table = {0};
    struct seep_error error = {0};
    int status = 0;

    seep_progress_line_start(&line, "fleet", request->quiet);
    question.progress = &line.progress;
    status = seep_fleet_gather(&question, &table, &error);
    seep_progress_line_end(&line);
    if (status < 0) {
        return complain(&error);
    }
    status =
        table.row_count == 0 ? none_found(request) : report_on(request, &table, &error);
    seep_fleet_table_fini(&table);
    return status;
}

int seep_cmd_fleet(int argc, char **argv)
{
    struct seep_option options[OPTION_COUNT] = {
        [URL] = {.name = "prometheus"},  [QUERY] = {.name = "query"},
        [MATCH] = {.name = "match"},     [SINCE] = {.name = "since"},
        [STEP] = {.name = "step"},       [UNTIL] = {.name = "until"},
        [GROUP] = {.name = "group"},     [TOKEN] = {.name = "token-file"},
        [FORMAT] = {.name = "format"},   [OUTPUT] = {.name = "output", .letter = 'o'},
        [TOP] = {.name = "top"},         [SUPPRESS] = {.name = "suppress"},
        [FAIL_ON] = {.name = "fail-on"}, [QUIET] = {.name = "quiet", .flag = true},
    };
    struct request request = {.format = &formats[0], .asked.question.match = ""};
    struct seep_operands operands = {.most = 1};
    int status =
        seep_option_parse_operands("fleet", argc, argv, options, OPTION_COUNT, &operands);

    if (status == HELP_WANTED) {
        fputs(seep_help_fleet, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0 && operands.count > 0) {
        return seep_cli_usage_error(
            "fleet", "\"%s\": the server goes to --prometheus URL", operands.at[0]);
    }
    if (status == 0) {
        status = interpret(&request, options);
    }
    if (status == 0) {
        status = carry_out(&request);
    }
    seep_fleet_asked_fini(&request.asked);
    return status;
}
