/* JUnit's XML, for CI servers that show tests: a test per kind and subsystem.
 *
 * What was recorded and looked at is a test, so that a clean run shows what it says is
 * clean; definite and probable findings are failures; where growth could not be judged
 * the test is skipped, with the reason. All findings of a test are in one <failure>: many
 * servers show the first alone.
 *
 * Source: the schema of Jenkins' xUnit plugin (junit-10.xsd); there is no other standard.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_junit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/finding_lines.h"
#include "report/renderer.h"
#include "report/xml_text.h"

struct counts {
    size_t tests, failures, skipped;
};

struct suite {
    const struct seep_findings *findings;
    const struct seep_render_options *options;
    const char **names; /* owned; of subsystems */
    size_t name_count;
    size_t top; /* findings before this one are written out */
    struct counts counts;
    struct seep_buf cases; /* their XML */
};

void seep_junit_put_attribute(struct seep_buf *out, const char *name, const char *value)
{
    seep_buf_printf(out, " %s=\"", name);
    seep_xml_put_text(out, value);
    seep_buf_printf(out, "\"");
}

static bool belongs(const struct seep_finding *finding, enum seep_kind kind,
                    const char *subsystem)
{
    return finding->kind == kind && strcmp(finding->subsystem, subsystem) == 0;
}

/* The findings' subsystems are in the table of them; where they are not, they are added.
 */
static int collect_names(struct suite *suite)
{
    const struct seep_findings *findings = suite->findings;

    suite->names = calloc(findings->subsystem_count + findings->finding_count + 1,
                          sizeof(*suite->names));
    if (suite->names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < findings->subsystem_count + findings->finding_count; i++) {
        const char *name =
            i < findings->subsystem_count
                ? findings->subsystems[i].name
                : findings->findings[i - findings->subsystem_count].subsystem;
        bool known = suite->options->subsystem != NULL &&
                     strcmp(suite->options->subsystem, name) != 0;

        for (size_t k = 0; k < suite->name_count && !known; k++) {
            known = strcmp(suite->names[k], name) == 0;
        }
        if (!known) {
            suite->names[suite->name_count++] = name;
        }
    }
    return 0;
}

void seep_junit_put_finding(struct seep_buf *out, const struct seep_finding *finding)
{
    struct seep_finding_line lines[SEEP_FINDING_LINES_MAX];
    size_t n = seep_finding_lines(finding, true, lines);

    seep_buf_printf(out, "%s [%s] ", seep_verdict_name(finding->verdict), finding->id);
    seep_xml_put_text(out, finding->summary);
    seep_buf_printf(out, "\n");
    for (size_t i = 0; i < n; i++) {
        seep_buf_printf(out, "  %s: ", lines[i].label);
        seep_xml_put_text(out, lines[i].text);
        seep_buf_printf(out, "\n");
    }
    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        seep_buf_printf(out, "    at ");
        seep_xml_put_text(out, frame->function);
        seep_buf_printf(out, " (");
        seep_xml_put_text(out, frame->file[0] != '\0' ? frame->file : frame->module);
        if (frame->file[0] == '\0') {
            seep_buf_printf(out, "+0x%" PRIx64 ")\n", frame->offset);
        } else {
            seep_buf_printf(out, ":%" PRIu32 ")\n", frame->line);
        }
    }
}

/* The texts of a test's findings, failures or the others. */
static void texts(struct suite *suite, enum seep_kind kind, const char *subsystem,
                  bool failures)
{
    for (size_t i = 0; i < suite->top; i++) {
        const struct seep_finding *finding = &suite->findings->findings[i];

        if (belongs(finding, kind, subsystem) &&
            (finding->verdict >= SEEP_VERDICT_PROBABLE) == failures) {
            seep_junit_put_finding(&suite->cases, finding);
        }
    }
}

static void test_case(struct suite *suite, enum seep_kind kind, const char *subsystem)
{
    const struct seep_findings *findings = suite->findings;
    const struct seep_finding *first = NULL;
    struct seep_buf *out = &suite->cases;
    size_t others = 0;

    for (size_t i = 0; i < findings->finding_count; i++) {
        const struct seep_finding *finding = &findings->findings[i];

        if (belongs(finding, kind, subsystem)) {
            bool fails = finding->verdict >= SEEP_VERDICT_PROBABLE;

            first = fails && first == NULL ? finding : first;
            others += !fails && i < suite->top;
        }
    }
    seep_buf_printf(out, "  <testcase");
    seep_junit_put_attribute(out, "classname", seep_kind_name(kind));
    seep_junit_put_attribute(out, "name", subsystem[0] != '\0' ? subsystem : "(none)");
    seep_buf_printf(out, ">\n");
    suite->counts.tests++;
    if (first != NULL) {
        suite->counts.failures++;
        seep_buf_printf(out, "   <failure");
        seep_junit_put_attribute(out, "type", seep_verdict_name(first->verdict));
        seep_junit_put_attribute(out, "message", first->summary);
        seep_buf_printf(out, ">");
        texts(suite, kind, subsystem, true);
        seep_buf_printf(out, "</failure>\n");
    } else if (findings->inconclusive[0] != '\0') {
        suite->counts.skipped++;
        seep_buf_printf(out, "   <skipped");
        seep_junit_put_attribute(out, "message", findings->inconclusive);
        seep_buf_printf(out, "/>\n");
    }
    if (others > 0) {
        seep_buf_printf(out, "   <system-out>");
        texts(suite, kind, subsystem, false);
        seep_buf_printf(out, "</system-out>\n");
    }
    seep_buf_printf(out, "  </testcase>\n");
}

static bool is_looked_at(const struct suite *suite, enum seep_kind kind)
{
    bool any = suite->findings->recorded[kind];

    if (suite->options->kind != SEEP_KIND_NONE && suite->options->kind != kind) {
        return false;
    }
    for (size_t i = 0; i < suite->findings->finding_count && !any; i++) {
        any = suite->findings->findings[i].kind == kind;
    }
    return any;
}

static void counts(struct seep_buf *out, const struct suite *suite)
{
    seep_buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\"",
                    suite->counts.tests, suite->counts.failures, suite->counts.skipped);
    seep_buf_printf(out, " time=\"%.3f\"", suite->findings->duration_s);
}

static void summary(struct seep_buf *out, const struct seep_findings *findings)
{
    seep_buf_printf(out, "  <system-out>verdict: %s\nprogram: ",
                    seep_outcome_name(findings->outcome));
    for (size_t i = 0; i < findings->command_count; i++) {
        seep_xml_put_text(out, findings->command[i]);
        seep_buf_printf(out, " ");
    }
    seep_buf_printf(out, "(");
    seep_xml_put_text(out, findings->ending);
    seep_buf_printf(out, ")\n");
    for (size_t i = 0; i < findings->finding_count; i++) {
        if (findings->findings[i].verdict > SEEP_VERDICT_BOUNDED) {
            seep_buf_printf(out,
                            "%s: ", seep_verdict_name(findings->findings[i].verdict));
            seep_xml_put_text(out, findings->findings[i].summary);
            seep_buf_printf(out, "\n");
        }
    }
    seep_buf_printf(out, "</system-out>\n");
}

static void document(struct seep_buf *out, const struct suite *suite)
{
    const struct seep_findings *findings = suite->findings;
    time_t seconds = (time_t)(findings->started_realtime_ns / 1000000000);
    char when[40] = "";
    struct tm utc;

    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    }
    seep_buf_printf(
        out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"seep\"");
    counts(out, suite);
    seep_buf_printf(out, ">\n <testsuite");
    seep_junit_put_attribute(out, "name", findings->exe);
    counts(out, suite);
    seep_junit_put_attribute(out, "timestamp", when);
    seep_junit_put_attribute(out, "hostname", findings->host);
    seep_buf_printf(out, ">\n");
    seep_buf_put(out, suite->cases.data, suite->cases.len_bytes);
    summary(out, findings);
    seep_buf_printf(out, " </testsuite>\n</testsuites>\n");
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    struct suite suite = {.findings = findings, .options = options};
    int status = collect_names(&suite);

    if (status < 0) {
        return status;
    }
    suite.top = options->top != 0 && options->top < findings->finding_count
                    ? options->top
                    : findings->finding_count;
    for (unsigned kind = SEEP_KIND_NONE + 1; kind < SEEP_KIND_END; kind++) {
        for (size_t i = 0; i < suite.name_count; i++) {
            if (is_looked_at(&suite, (enum seep_kind)kind)) {
                test_case(&suite, (enum seep_kind)kind, suite.names[i]);
            }
        }
    }
    document(out, &suite);
    status = out->failed || suite.cases.failed ? -ENOMEM : 0;
    seep_buf_fini(&suite.cases);
    free(suite.names);
    return status;
}

const struct seep_renderer SEEP_RENDERER_JUNIT = {.name = "junit", .render = render};
