/* The report on a fleet for a terminal.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "fleet/fleet_report.h"
#include "fleet/fleet_words.h"
#include "report/text_layout.h"

enum { INDENT = 4 };

static enum seep_ink ink_of(enum seep_verdict verdict)
{
    return verdict >= SEEP_VERDICT_PROBABLE ? SEEP_INK_RED : SEEP_INK_YELLOW;
}

/* A sentence on lines of its own. */
static void put_wrapped(const struct seep_layout *layout, enum seep_ink ink,
                        struct seep_buf *words)
{
    seep_buf_put(words, "", 1);
    if (words->failed) {
        layout->out->failed = true;
        return;
    }
    seep_layout_put(layout, SEEP_INK_PLAIN, "    ");
    seep_layout_wrap(layout, ink, (const char *)words->data, INDENT, INDENT);
    seep_buf_reset(words);
}

static void put_head(const struct seep_fleet_report *report,
                     const struct seep_layout *layout, struct seep_buf *words)
{
    const struct seep_fleet_grid *grid = &report->question->grid;
    time_t end = (time_t)(grid->start_s + (double)(grid->steps - 1) * grid->step_s);
    char text[SEEP_FMT_MAX];
    char when[64];
    struct tm parts;

    (void)gmtime_r(&end, &parts);
    (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &parts);
    seep_buf_printf(
        words, "%s, %s to %s", report->question->source.url,
        seep_fmt_seconds(text, sizeof(text), (double)(grid->steps - 1) * grid->step_s),
        when);
    seep_buf_printf(words, ", a sample each %s",
                    seep_fmt_seconds(text, sizeof(text), grid->step_s));
    seep_buf_put(words, "", 1);
    if (!words->failed) {
        seep_layout_wrap(layout, SEEP_INK_DIM, (const char *)words->data, 0, 0);
    }
    seep_buf_reset(words);
    seep_fleet_say_total(report, words);
    seep_buf_put(words, "", 1);
    if (!words->failed) {
        seep_layout_wrap(layout, SEEP_INK_BOLD, (const char *)words->data, 0, 0);
    }
    layout->out->failed |= words->failed;
    seep_buf_reset(words);
}

static void put_title(const struct seep_fleet_report *report,
                      const struct seep_layout *layout,
                      const struct seep_fleet_finding *finding, size_t number,
                      struct seep_buf *words)
{
    const struct seep_fleet_site *site = &report->table->sites[finding->site];
    const char *subsystem = seep_fleet_text(report->table, site->subsystem);
    const char *id = seep_fleet_text(report->table, site->id);
    char text[32];

    (void)snprintf(text, sizeof(text), "\n%3zu ", number);
    seep_layout_put(layout, SEEP_INK_PLAIN, text);
    seep_layout_put(layout, ink_of(finding->verdict),
                    seep_verdict_name(finding->verdict));
    seep_layout_put(layout, SEEP_INK_PLAIN, " ");
    seep_layout_put(layout, SEEP_INK_PLAIN, seep_kind_name(site->kind));
    seep_layout_put(layout, SEEP_INK_PLAIN, " ");
    seep_fleet_say_site(report, finding, words);
    seep_buf_put(words, "", 1);
    if (!words->failed) {
        seep_layout_put(layout, SEEP_INK_BOLD, (const char *)words->data);
    }
    seep_buf_reset(words);
    if (subsystem[0] != '\0') {
        seep_layout_put(layout, SEEP_INK_PLAIN, " in ");
        seep_layout_put(layout, SEEP_INK_CYAN, subsystem);
    }
    if (id[0] != '\0') {
        seep_layout_put(layout, SEEP_INK_DIM, "  ");
        seep_layout_put(layout, SEEP_INK_DIM, id);
    }
    seep_buf_put(layout->out, "\n", 1);
}

static void put_finding(const struct seep_fleet_report *report,
                        const struct seep_layout *layout, size_t i,
                        struct seep_buf *words)
{
    const struct seep_fleet_finding *finding = &report->findings->findings[i];

    put_title(report, layout, finding, i + 1, words);
    seep_fleet_say_where(report, finding, words);
    put_wrapped(layout, SEEP_INK_PLAIN, words);
    seep_fleet_say_pace(finding, words);
    put_wrapped(layout, SEEP_INK_PLAIN, words);
    if (finding->growing > 1) {
        seep_buf_printf(words, "fastest: ");
        seep_fleet_say_fastest(report, finding, words);
    } else {
        seep_buf_printf(words, "on ");
        seep_fleet_say_unit(report->table, finding->fastest[0].unit, words);
    }
    put_wrapped(layout, SEEP_INK_DIM, words);
}

static void put_tail(const struct seep_fleet_report *report,
                     const struct seep_layout *layout, struct seep_buf *words)
{
    size_t count = report->findings->count;

    if (count > report->top) {
        seep_buf_printf(words, "%zu more: --top %zu shows them", count - report->top,
                        count);
        seep_buf_put(layout->out, "\n", 1);
        put_wrapped(layout, SEEP_INK_DIM, words);
    }
    if (report->suppressed > 0) {
        seep_buf_printf(words, "%zu suppressed", report->suppressed);
        put_wrapped(layout, SEEP_INK_DIM, words);
    }
    for (size_t i = 0, lines = 0; i < SEEP_FLEET_LOSS_LINES; i++) {
        if (seep_fleet_say_loss(report, i, words)) {
            if (lines++ == 0) {
                seep_layout_put(layout, SEEP_INK_PLAIN, "\nOf the data:\n");
            }
            put_wrapped(layout, SEEP_INK_DIM, words);
        }
    }
}

int seep_fleet_render_text(const struct seep_fleet_report *report,
                           const struct seep_render_options *options,
                           struct seep_buf *out)
{
    const struct seep_layout layout = {
        .out = out,
        .columns = options->columns > SEEP_LAYOUT_COLUMNS_MIN ? options->columns
                                                              : SEEP_LAYOUT_COLUMNS_MIN,
        .color = options->color,
        .utf8 = options->utf8};
    struct seep_buf words = {0};

    put_head(report, &layout, &words);
    for (size_t i = 0; i < report->findings->count && i < report->top; i++) {
        put_finding(report, &layout, i, &words);
    }
    put_tail(report, &layout, &words);
    seep_buf_fini(&words);
    return out->failed ? -ENOMEM : 0;
}
