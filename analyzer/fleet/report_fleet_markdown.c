/* The report on a fleet for a merge request, an issue, a chat: a table, a sentence each.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "fleet/fleet_report.h"
#include "fleet/fleet_words.h"
#include "report/markup.h"

static void put_words(struct seep_buf *out, struct seep_buf *words)
{
    seep_buf_put(words, "", 1);
    if (words->failed) {
        out->failed = true;
    } else {
        seep_markup_put_text(out, (const char *)words->data);
    }
    seep_buf_reset(words);
}

static void put_row(const struct seep_fleet_report *report, size_t i,
                    struct seep_buf *words, struct seep_buf *out)
{
    const struct seep_fleet_finding *finding = &report->findings->findings[i];
    const struct seep_fleet_site *site = &report->table->sites[finding->site];

    seep_buf_printf(out, "| %s | %s | ", seep_verdict_name(finding->verdict),
                    seep_kind_name(site->kind));
    seep_fleet_say_site(report, finding, words);
    put_words(out, words);
    seep_buf_printf(out, " | ");
    seep_markup_put_text(out, seep_fleet_text(report->table, site->subsystem));
    seep_buf_printf(out, " | ");
    seep_fleet_say_where(report, finding, words);
    put_words(out, words);
    seep_buf_printf(out, " | ");
    seep_fleet_say_pace(finding, words);
    put_words(out, words);
    seep_buf_printf(out, " |\n");
}

int seep_fleet_render_markdown(const struct seep_fleet_report *report,
                               const struct seep_render_options *options,
                               struct seep_buf *out)
{
    const struct seep_fleet_findings *findings = report->findings;
    struct seep_buf words = {0};

    (void)options; /* a page has no width */
    seep_buf_printf(out, "### Seep: fleet\n\n");
    seep_fleet_say_total(report, &words);
    put_words(out, &words);
    seep_buf_printf(out, ".\n");
    if (findings->count > 0) {
        seep_buf_printf(out, "\n| verdict | kind | place | subsystem | where | pace |\n"
                             "|---|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < findings->count && i < report->top; i++) {
        put_row(report, i, &words, out);
    }
    if (findings->count > report->top) {
        seep_buf_printf(out, "\n%zu more are not shown.\n",
                        findings->count - report->top);
    }
    if (report->suppressed > 0) {
        seep_buf_printf(out, "\n%zu suppressed.\n", report->suppressed);
    }
    for (size_t i = 0, lines = 0; i < SEEP_FLEET_LOSS_LINES; i++) {
        if (seep_fleet_say_loss(report, i, &words)) {
            seep_buf_printf(out, lines++ == 0 ? "\nOf the data:\n\n- " : "- ");
            put_words(out, &words);
            seep_buf_printf(out, "\n");
        }
    }
    seep_buf_fini(&words);
    return out->failed ? -ENOMEM : 0;
}
