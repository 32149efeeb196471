/* SARIF 2.1.0: findings where code scanning shows those of other tools.
 *
 * A rule per kind and cause. A finding's id, which is the same from build to build, is
 * its fingerprint, so that a platform tells new from known. Levels follow the verdict;
 * what is bounded is informational and thus has level "none" (section 3.27.10). The
 * location is the innermost frame of the program's own code; the whole stack stands as a
 * call stack (innermost first) and as a code flow (outermost first), since viewers show
 * one or the other.
 *
 * Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_sarif.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/finding_lines.h"
#include "report/renderer.h"

enum { RULE_ID_MAX = 48, CAUSE_COUNT = SEEP_CAUSE_LOCK_CYCLE + 1 };

/* A message object. What a viewer would take for a placeholder is doubled (section
 * 3.11.5); what it would take for a link, as in "operator[](int)", is parted (3.11.6). */
static json_t *message(const char *text)
{
    struct seep_buf plain = {0};
    json_t *string = NULL;

    for (size_t i = 0; text[i] != '\0'; i++) {
        seep_buf_put(&plain, &text[i], 1);
        if (text[i] == '{' || text[i] == '}') {
            seep_buf_put(&plain, &text[i], 1);
        } else if (text[i] == ']' && text[i + 1] == '(') {
            seep_buf_put(&plain, " ", 1);
        }
    }
    string =
        json_stringn(plain.data != NULL ? (const char *)plain.data : "", plain.len_bytes);
    seep_buf_fini(&plain);
    return json_pack("{s:o}", "text", string);
}

static void rule_id(enum seep_kind kind, enum seep_cause cause, char *out)
{
    const char *name = seep_cause_name(cause);
    int at = snprintf(out, RULE_ID_MAX, "%s-%s", seep_kind_name(kind), name);

    for (int i = 0; i < at && i < RULE_ID_MAX; i++) {
        if (out[i] == '_') {
            out[i] = '-';
        }
    }
}

static const char *level(enum seep_verdict verdict)
{
    static const char *const levels[] = {"none", "none", "note", "warning", "error"};

    return levels[verdict];
}

static json_t *rule(enum seep_kind kind, enum seep_cause cause)
{
    static const char *const helps[CAUSE_COUNT] = {
        [SEEP_CAUSE_GROWTH] =
            "What this code acquires is alive in ever larger numbers or sizes while the "
            "program runs, after warm-up and beyond what noise explains. Find out who "
            "should release it, and when that last happened.",
        [SEEP_CAUSE_UNJOINED] =
            "Threads have ended that nobody joined or detached: each keeps its stack. "
            "Join them, or create them detached.",
        [SEEP_CAUSE_LEFT_AT_EXIT] =
            "Still there when the program ended normally. No leak by itself: the kernel "
            "takes it back.",
        [SEEP_CAUSE_STUCK] = "Threads wait for a lock whose owner has ended, or is "
                             "itself blocked. Find out "
                             "on which way the owner leaves without releasing it.",
        [SEEP_CAUSE_UNREACHABLE] =
            "Threads wait for an object that nothing in the program refers to any more: "
            "nobody can ever wake them. End and join the threads before their queue is "
            "forgotten.",
        [SEEP_CAUSE_LOCK_CYCLE] =
            "Each of these threads waits for what the next one holds. Take locks in one "
            "order everywhere, or let go of the first before the second is taken.",
    };
    char id[RULE_ID_MAX];
    char title[2 * RULE_ID_MAX];

    rule_id(kind, cause, id);
    (void)snprintf(title, sizeof(title), "%s: %s", seep_kind_name(kind),
                   seep_finding_lines_cause(cause));
    return json_pack("{s:s, s:o, s:o, s:o}", "id", id, "shortDescription", message(title),
                     "fullDescription", message(helps[cause]), "help",
                     message(helps[cause]));
}

/* A path as a URI reference: every byte that may not stand there is written as %XX. A
 * colon is among them, so that a relative path does not begin with a scheme. Source: RFC
 * 3986, section 3.3. */
static json_t *uri(const char *path)
{
    struct seep_buf text = {0};
    json_t *out = NULL;

    while (strncmp(path, "./", 2) == 0) {
        path += 2;
    }
    seep_buf_printf(&text, path[0] == '/' ? "file://" : "");
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z') || strchr("/-._~+,=@!", c) != NULL;

        seep_buf_printf(&text, plain ? "%c" : "%%%02X", c);
    }
    out = json_stringn(text.data != NULL ? (const char *)text.data : "", text.len_bytes);
    seep_buf_fini(&text);
    return out;
}

/* Where a frame is: in its source file, else at its place in the module. */
static json_t *physical(const struct seep_view_frame *frame)
{
    bool source = frame->file[0] != '\0';
    json_t *artifact =
        json_pack("{s:o}", "uri", uri(source ? frame->file : frame->module));
    json_t *place = json_pack("{s:O}", "artifactLocation", artifact);

    if (source && frame->file[0] != '/') {
        json_object_set_new(artifact, "uriBaseId", json_string("SRCROOT"));
    }
    if (source && frame->line > 0) {
        json_object_set_new(place, "region",
                            json_pack("{s:I}", "startLine", (json_int_t)frame->line));
    }
    if (!source) {
        json_object_set_new(place, "address",
                            json_pack("{s:s, s:I}", "kind", "instruction",
                                      "relativeAddress", (json_int_t)frame->offset));
    }
    json_decref(artifact);
    return place;
}

static json_t *location(const struct seep_view_frame *frame)
{
    return json_pack("{s:o, s:[{s:s, s:s}], s:o}", "physicalLocation", physical(frame),
                     "logicalLocations", "fullyQualifiedName", frame->function, "kind",
                     "function", "message", message(frame->function));
}

static const struct seep_view_frame *own_frame(const struct seep_finding *finding)
{
    for (size_t i = 0; i < finding->stack_count; i++) {
        if (finding->stack[i].role == SEEP_ROLE_PROGRAM) {
            return &finding->stack[i];
        }
    }
    return finding->stack_count > 0 ? &finding->stack[0] : NULL;
}

static void add_stack(json_t *result, const struct seep_finding *finding)
{
    json_t *frames = json_array();
    json_t *flow = json_array();

    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];
        json_t *where = location(frame);

        json_array_append_new(
            frames, json_pack("{s:O, s:s}", "location", where, "module", frame->module));
        json_array_insert_new(flow, 0, json_pack("{s:o}", "location", where));
    }
    json_object_set_new(result, "stacks",
                        json_pack("[{s:o, s:o}]", "message",
                                  message("where it is acquired, innermost first"),
                                  "frames", frames));
    json_object_set_new(result, "codeFlows",
                        json_pack("[{s:[{s:o}]}]", "threadFlows", "locations", flow));
}

/* The sentence, then what backs it. Returns: owned; NULL when memory is out. */
static json_t *message_of(const struct seep_finding *finding)
{
    struct seep_finding_line lines[SEEP_FINDING_LINES_MAX];
    size_t n = seep_finding_lines(finding, true, lines);
    struct seep_buf text = {0};
    json_t *out = NULL;

    seep_buf_put(&text, finding->summary, strlen(finding->summary));
    for (size_t i = 0; i < n; i++) {
        seep_buf_printf(&text, "\n%s: %s", lines[i].label, lines[i].text);
    }
    seep_buf_put(&text, "", 1);
    out = text.failed ? NULL : message((const char *)text.data);
    seep_buf_fini(&text);
    return out;
}

static json_t *result(const struct seep_finding *finding, size_t rule_index)
{
    const struct seep_view_frame *own = own_frame(finding);
    char id[RULE_ID_MAX];
    bool fails = finding->verdict > SEEP_VERDICT_BOUNDED;

    rule_id(finding->kind, finding->cause, id);
    json_t *out = json_pack(
        "{s:s, s:I, s:s, s:s, s:o, s:o, s:{s:s}}", "ruleId", id, "ruleIndex",
        (json_int_t)rule_index, "kind", fails ? "fail" : "informational", "level",
        fails ? level(finding->verdict) : "none", "message", message_of(finding),
        "locations", json_array(), "partialFingerprints", "seepFinding/v1", finding->id);

    if (own != NULL) {
        json_array_append_new(json_object_get(out, "locations"), location(own));
        add_stack(out, finding);
    }
    json_object_set_new(out, "properties",
                        json_pack("{s:s, s:s, s:I, s:I}", "verdict",
                                  seep_verdict_name(finding->verdict), "subsystem",
                                  finding->subsystem, "live",
                                  (json_int_t)finding->evidence.live, "liveBytes",
                                  (json_int_t)finding->evidence.live_bytes));
    return out;
}

/* The result of an item, with what a comparison adds to that of a report. */
static json_t *result_of(const struct seep_sarif_item *item, size_t rule_index)
{
    json_t *out = result(item->finding, rule_index);

    if (item->baseline_state != NULL) {
        json_object_set_new(out, "baselineState", json_string(item->baseline_state));
        json_object_set_new(json_object_get(out, "properties"), "change",
                            json_string(item->change));
        json_object_set_new(json_object_get(out, "properties"), "confidence",
                            json_real(item->confidence));
    }
    return out;
}

static json_t *run_of(const struct seep_findings *findings,
                      const struct seep_sarif_item *items, size_t count)
{
    size_t indexes[SEEP_KIND_END][CAUSE_COUNT] = {{0}}; /* plus 1; 0: no such rule yet */
    json_t *rules = json_array();
    json_t *results = json_array();
    json_t *command = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct seep_finding *finding = items[i].finding;
        size_t *index = &indexes[finding->kind][finding->cause];

        if (*index == 0) {
            json_array_append_new(rules, rule(finding->kind, finding->cause));
            *index = json_array_size(rules);
        }
        json_array_append_new(results, result_of(&items[i], *index - 1));
    }
    for (size_t i = 0; i < findings->command_count; i++) {
        json_array_append_new(command, json_string(findings->command[i]));
    }
    return json_pack(
        "{s:{s:{s:s, s:s, s:o}}, s:s, s:[{s:b}], s:o, s:{s:s, s:o, s:f, s:s}}", "tool",
        "driver", "name", "Seep", "version", SEEP_VERSION, "rules", rules, "columnKind",
        "utf16CodeUnits", "invocations", "executionSuccessful", 1, "results", results,
        "properties", "verdict", seep_outcome_name(findings->outcome), "command", command,
        "duration_s", findings->duration_s, "ending", findings->ending);
}

static int append(const char *bytes, size_t n, void *out)
{
    seep_buf_put(out, bytes, n);
    return 0;
}

int seep_sarif_put(struct seep_buf *out, const struct seep_findings *findings,
                   const struct seep_sarif_item *items, size_t count)
{
    json_t *log = json_pack("{s:s, s:s, s:[o]}", "$schema",
                            "https://json.schemastore.org/sarif-2.1.0.json", "version",
                            "2.1.0", "runs", run_of(findings, items, count));
    int status =
        json_dump_callback(log, append, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));

    json_decref(log);
    seep_buf_put(out, "\n", 1);
    return status != 0 || out->failed ? -ENOMEM : 0;
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    size_t shown = options->top != 0 && options->top < findings->finding_count
                       ? options->top
                       : findings->finding_count;
    struct seep_sarif_item *items = calloc(shown + 1, sizeof(*items));
    int status = -ENOMEM;

    if (items != NULL) {
        for (size_t i = 0; i < shown; i++) {
            items[i].finding = &findings->findings[i];
        }
        status = seep_sarif_put(out, findings, items, shown);
        free(items);
    }
    return status;
}

const struct seep_renderer SEEP_RENDERER_SARIF = {.name = "sarif", .render = render};
