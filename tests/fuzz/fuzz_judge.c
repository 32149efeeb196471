/* What a reader accepted, through series, verdicts and renderers.
 *
 * A recording that opens may still say anything: counters that fall, times at the end of
 * the clock, stacks that loop, names of every byte. Whatever it says, there must be a
 * report. The formats take turns: all of them for each input would try a tenth of the
 * inputs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_judge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"
#include "load/symbol.h"
#include "report/diff_view.h"
#include "report/renderer.h"
#include "verdict/verdict.h"

enum { REPORT_MOST_BYTES = 64 << 20 /* of an input of at most some MB */ };

uint64_t seep_fuzz_findings;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_judge: broken promise: %s\n", promise);
        abort();
    }
}

/* Output of a format that is JSON must parse. */
static void check_bytes(const struct seep_buf *bytes, bool is_json)
{
    json_t *parsed = NULL;

    must(!bytes->failed, "memory for a report");
    must(bytes->len_bytes <= REPORT_MOST_BYTES, "a report is no larger than its input");
    if (is_json) {
        parsed = json_loadb((const char *)bytes->data, bytes->len_bytes, 0, NULL);
        must(parsed != NULL, "JSON parses");
        json_decref(parsed);
    }
}

static void render(const struct seep_findings *findings, uint64_t choice)
{
    static const char *const names[] = {"text",   "json",  "markdown", "html",
                                        "folded", "pprof", "sarif",    "junit"};
    const char *name = names[choice % (sizeof(names) / sizeof(names[0]))];
    const struct seep_render_options options = {
        .columns = choice & 64 ? 80 : 21, .color = choice & 128, .utf8 = choice & 256};
    struct seep_buf bytes = {0};
    const struct seep_renderer *renderer = seep_renderer_find(name);

    must(renderer != NULL, "every format has a renderer");
    must(renderer->render(findings, &options, &bytes) == 0, "a renderer renders");
    check_bytes(&bytes, strcmp(name, "json") == 0 || strcmp(name, "sarif") == 0);
    seep_buf_fini(&bytes);
}

static void compare(const struct seep_diff_side *side, uint64_t choice)
{
    int (*const views[])(const struct seep_diff_view *, struct seep_buf *) = {
        seep_diff_view_text, seep_diff_view_json,  seep_diff_view_markdown,
        seep_diff_view_html, seep_diff_view_junit, seep_diff_view_sarif};
    size_t pick = choice % (sizeof(views) / sizeof(views[0]));
    struct seep_diff diff = {0};
    struct seep_buf bytes = {0};

    must(seep_diff_make(side, side, SEEP_PER_BOTH, &diff) == 0, "a diff is made");
    must(seep_diff_worst(&diff) == SEEP_VERDICT_NONE,
         "nothing is new or worse against itself");

    struct seep_diff_view view = {.paths = {"base", "new"},
                                  .findings = {side->findings, side->findings},
                                  .diff = &diff};

    must(views[pick](&view, &bytes) == 0, "a diff is shown");
    check_bytes(&bytes, pick == 1 || pick == 5);
    seep_buf_fini(&bytes);
    seep_diff_fini(&diff);
}

void seep_fuzz_judge(const struct seep_recording *recording, uint64_t choice)
{
    struct seep_verdict_options options = SEEP_VERDICT_OPTIONS_ALL;
    struct seep_symbolizer *symbolizer = NULL;
    struct seep_findings *findings = NULL;
    struct seep_error error = {0};

    options.profile = true;
    if ((choice >> 16) % 8 == 0) {
        options.since_s = (double)(choice >> 20 & 255);
        options.until_s = options.since_s + 1 + (double)(choice >> 28 & 255);
    }
    must(seep_symbolizer_new(recording, &symbolizer) == 0, "a symbolizer");
    must(seep_verdict_make(recording, symbolizer, &options, &findings, &error) == 0,
         "a recording is judged");
    seep_fuzz_findings += findings->finding_count;
    render(findings, choice >> 32);
    if ((choice >> 24) % 4 == 0) {
        compare(&(struct seep_diff_side){recording, symbolizer, findings}, choice >> 40);
    }
    seep_findings_free(findings);
    seep_symbolizer_free(symbolizer);
}
