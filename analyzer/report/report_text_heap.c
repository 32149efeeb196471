/* The heap as a whole, for people: its peak, and the errors of estimates.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_text_heap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "base/whole.h"

enum { LINE_MAX_BYTES = 1024 };

static void line(const struct seep_layout *layout, const char *label, const char *text,
                 size_t columns)
{
    seep_layout_cell(layout, SEEP_INK_DIM, label, (int)columns);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, text, columns, columns);
}

static const char *sign(const struct seep_layout *layout)
{
    return layout->utf8 ? "\xc2\xb1" : "+-";
}

const char *seep_report_text_error(const struct seep_layout *layout, char *out,
                                   size_t out_bytes, double error_bytes)
{
    char number[SEEP_FMT_MAX];

    out[0] = '\0';
    if (error_bytes > 0) {
        (void)snprintf(out, out_bytes, " %s %s", sign(layout),
                       seep_fmt_bytes(number, sizeof(number), error_bytes));
    }
    return out;
}

void seep_report_text_sampling(const struct seep_layout *layout,
                               const struct seep_findings *findings, size_t label)
{
    const struct seep_view_totals *totals = &findings->totals;
    char text[LINE_MAX_BYTES];
    char mean[SEEP_FMT_MAX];
    char live[SEEP_FMT_MAX];
    char error[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];
    char of_bytes[48];

    if (findings->sample_bytes == 0) {
        return;
    }
    (void)snprintf(
        text, sizeof(text),
        "one in %s of heap; all figures of the heap are estimates: live %s%s in %s %s %s "
        "blocks (95 %%)",
        seep_fmt_bytes(mean, sizeof(mean), (double)findings->sample_bytes),
        seep_fmt_bytes(bytes, sizeof(bytes), (double)totals->heap_live_bytes),
        seep_report_text_error(layout, of_bytes, sizeof(of_bytes),
                               totals->heap_live_bytes_error),
        seep_fmt_count(live, sizeof(live), totals->heap_live), sign(layout),
        seep_fmt_count(error, sizeof(error), seep_whole(ceil(totals->heap_live_error))));
    line(layout, "sampled", text, label);
}

void seep_report_text_peak_holders(const struct seep_layout *layout,
                                   const struct seep_findings *findings, size_t label)
{
    const struct seep_view_peak *peak = &findings->peak;
    char text[LINE_MAX_BYTES] = "";
    char number[SEEP_FMT_MAX];
    size_t used = 0;

    if (peak->holder_count == 0) {
        return;
    }
    used = (size_t)snprintf(text, sizeof(text), "at %s, held by",
                            seep_fmt_seconds(number, sizeof(number), peak->at_s));
    for (size_t i = 0; i < peak->holder_count && used < sizeof(text); i++) {
        const struct seep_view_holder *from = &peak->holders[i];

        used += (size_t)snprintf(
            text + used, sizeof(text) - used, "%s %s%s%s%s %s", i > 0 ? "," : "",
            from->headline, from->subsystem[0] != '\0' ? " (" : "", from->subsystem,
            from->subsystem[0] != '\0' ? ")" : "",
            seep_fmt_bytes(number, sizeof(number), (double)from->live_bytes));
    }
    line(layout, "", text, label);
}
