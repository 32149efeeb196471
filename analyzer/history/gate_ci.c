/* Gates for CI servers: JUnit and Markdown.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/gate_ci.h"

#include <stdio.h>

#include "history/gate_text.h"
#include "history/run_text.h"
#include "report/markup.h"
#include "report/report_junit.h"
#include "report/xml_text.h"

/* GitHub refuses comments of more than 65,536 characters. */
enum { MARKDOWN_BYTES_MAX = 48 * 1024, NAME_MAX_BYTES = 512 };

static void open_case(const struct seep_gate *gate, const char *name,
                      struct seep_buf *out)
{
    seep_buf_printf(out, "    <testcase");
    seep_junit_put_attribute(out, "classname", gate->run->program);
    seep_junit_put_attribute(out, "name", name);
    seep_buf_printf(out, ">");
}

static void junit_history(const struct seep_gate *gate, struct seep_buf *out)
{
    char text[SEEP_GATE_SENTENCE_MAX];

    open_case(gate, "history", out);
    if (gate->is_empty) {
        seep_buf_printf(out, "<%s", gate->fails ? "failure" : "skipped");
        seep_junit_put_attribute(out, "message", seep_gate_sentence(gate, text));
        seep_buf_printf(out, "/>");
    } else {
        seep_buf_printf(out, "<system-out>");
        seep_xml_put_text(out, seep_gate_against(gate, text));
        seep_buf_printf(out, "</system-out>");
    }
    seep_buf_printf(out, "</testcase>\n");
}

static void junit_item(const struct seep_gate *gate, const struct seep_gate_item *item,
                       struct seep_buf *out)
{
    const struct seep_history_finding *finding = item->finding;
    bool failed = item->judgement != SEEP_GATE_KNOWN;
    char text[SEEP_GATE_SENTENCE_MAX];
    char name[SEEP_RUN_CUT_MAX];

    (void)snprintf(text, NAME_MAX_BYTES, "%s %s [%.12s]", seep_kind_name(finding->kind),
                   seep_run_text_cut(finding->headline, name), finding->id);
    open_case(gate, text, out);
    if (failed) {
        seep_buf_printf(out, "<failure");
        seep_junit_put_attribute(out, "type", seep_gate_word(item->judgement));
        seep_junit_put_attribute(out, "message", finding->summary);
    } else {
        seep_buf_printf(out, "<system-out");
    }
    seep_buf_printf(out, ">");
    seep_xml_put_text(out, finding->summary);
    seep_buf_printf(out, "\n");
    seep_xml_put_text(out, seep_gate_reason(gate, item, text));
    seep_buf_printf(out, "\nagainst ");
    seep_xml_put_text(out, seep_gate_against(gate, text));
    seep_buf_printf(out, failed ? "</failure>" : "</system-out>");
    seep_buf_printf(out, "</testcase>\n");
}

void seep_gate_junit(const struct seep_gate *gates, size_t count, struct seep_buf *out)
{
    seep_buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < count; i++) {
        const struct seep_gate *gate = &gates[i];
        size_t failures = gate->failures + (gate->is_empty && gate->fails);

        seep_buf_printf(out, "  <testsuite");
        seep_junit_put_attribute(out, "name", gate->file);
        seep_buf_printf(out,
                        " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%d\">\n",
                        gate->item_count + 1, failures, gate->is_empty && !gate->fails);
        junit_history(gate, out);
        for (size_t k = 0; k < gate->item_count; k++) {
            junit_item(gate, &gate->items[k], out);
        }
        seep_buf_printf(out, "  </testsuite>\n");
    }
    seep_buf_printf(out, "</testsuites>\n");
}

static void markdown_row(const struct seep_gate *gate, const struct seep_gate_item *item,
                         struct seep_buf *out)
{
    const struct seep_history_finding *finding = item->finding;
    char text[SEEP_GATE_SENTENCE_MAX];
    char name[SEEP_RUN_CUT_MAX];

    seep_buf_printf(out, "| %s | %s | %s | <code>",
                    item->judgement == SEEP_GATE_KNOWN ? "known"
                    : item->judgement == SEEP_GATE_NEW ? "**new**"
                                                       : "**worse**",
                    seep_verdict_name(finding->verdict), seep_kind_name(finding->kind));
    seep_markup_put_code(out, seep_run_text_cut(finding->headline, name));
    seep_buf_printf(out, "</code> ");
    seep_markup_put_text(out, seep_run_text_cut(finding->place, name));
    seep_buf_printf(out, " | ");
    seep_markup_put_text(out, seep_gate_reason(gate, item, text));
    seep_buf_printf(out, " |\n");
}

static void markdown_gate(const struct seep_gate *gate, struct seep_buf *out)
{
    char text[SEEP_GATE_SENTENCE_MAX];
    char name[SEEP_RUN_CUT_MAX];

    seep_buf_printf(out, "### %s: ", gate->fails ? "Fails" : "Passes");
    seep_markup_put_text(out, seep_gate_sentence(gate, text));
    seep_buf_printf(out, "\n\n<code>");
    seep_markup_put_code(out, seep_run_text_cut(gate->file, name));
    seep_buf_printf(out, "</code> against ");
    seep_markup_put_text(out, seep_gate_against(gate, text));
    seep_buf_printf(out, "\n\n");
    if (gate->item_count > 0) {
        seep_buf_printf(out,
                        "| | verdict | kind | where | why |\n|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < gate->item_count; i++) {
        if (out->len_bytes > MARKDOWN_BYTES_MAX) {
            seep_buf_printf(out, "\n%zu more findings are not shown here.\n",
                            gate->item_count - i);
            break;
        }
        markdown_row(gate, &gate->items[i], out);
    }
    if (gate->gone_count > 0) {
        seep_buf_printf(out,
                        "\n%zu that the newest run there has %s not found any more.\n",
                        gate->gone_count, gate->gone_count == 1 ? "is" : "are");
    }
    seep_buf_printf(out, "\n");
}

void seep_gate_markdown(const struct seep_gate *gates, size_t count, struct seep_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (out->len_bytes > MARKDOWN_BYTES_MAX) {
            seep_buf_printf(out, "%zu more recordings are not shown here.\n", count - i);
            return;
        }
        markdown_gate(&gates[i], out);
    }
}
