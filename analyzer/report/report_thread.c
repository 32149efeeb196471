/* Threads in the text and JSON reports: what became of those of a site, and which ones
 * came past the wrappers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 4, TEXT_BYTES = 768, ROW_BYTES = 192 };

static void say_row(const struct seep_view_unwrapped_thread *from, char row[ROW_BYTES])
{
    size_t used = (size_t)snprintf(row, ROW_BYTES, "%s%.40s%stid %" PRIu32,
                                   from->name[0] != '\0' ? "\"" : "", from->name,
                                   from->name[0] != '\0' ? "\" " : "", from->tid);

    if (from->wait[0] != '\0' || from->target[0] != '\0') {
        (void)snprintf(row + used, ROW_BYTES - used, " (%.32s%s%.64s)", from->wait,
                       from->wait[0] != '\0' && from->target[0] != '\0' ? " " : "",
                       from->target);
    }
}

void seep_report_text_unwrapped(const struct seep_layout *layout,
                                const struct seep_findings *findings, size_t label)
{
    const struct seep_view_unwrapped *unwrapped = &findings->unwrapped;
    char text[TEXT_BYTES];
    size_t used = 0;

    if (unwrapped->count == 0) {
        return;
    }
    used = (size_t)snprintf(text, sizeof(text),
                            "%" PRIu64 " %s not made by a function that the shim wraps: ",
                            unwrapped->count, unwrapped->count == 1 ? "was" : "were");
    for (size_t i = 0; i < unwrapped->row_count && i < SHOWN; i++) {
        char row[ROW_BYTES];

        say_row(&unwrapped->rows[i], row);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                 i > 0 ? ", " : "", row);
    }
    if (unwrapped->count > SHOWN) {
        (void)snprintf(text + used, sizeof(text) - used, " and %" PRIu64 " more",
                       unwrapped->count - SHOWN);
    }
    seep_layout_cell(layout, SEEP_INK_DIM, "threads", (int)label);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, text, label, label);
}

json_t *seep_report_json_unwrapped(const struct seep_view_unwrapped *unwrapped)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < unwrapped->row_count; i++) {
        const struct seep_view_unwrapped_thread *from = &unwrapped->rows[i];

        json_array_append_new(
            rows, json_pack("{s:I, s:s, s:s, s:s}", "tid", (json_int_t)from->tid, "name",
                            from->name, "wait", from->wait, "target", from->target));
    }
    return json_pack("{s:I, s:o}", "live", (json_int_t)unwrapped->count, "threads", rows);
}

json_t *seep_report_json_lifetimes(const struct seep_view_lifetimes *from)
{
    json_t *buckets = json_array();

    for (size_t i = 0; i < from->bucket_count; i++) {
        json_array_append_new(buckets, json_integer((json_int_t)from->buckets[i]));
    }
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:o, s:{s:I, s:I, s:I}}",
        "created", (json_int_t)from->created, "started", (json_int_t)from->started,
        "ended", (json_int_t)from->ended, "joined", (json_int_t)from->joined, "detached",
        (json_int_t)from->detached, "left", (json_int_t)from->left, "cancelled",
        (json_int_t)from->cancelled, "cpu_s", from->cpu_s, "half_below_s",
        from->half_below_s, "all_below_s", from->all_below_s, "ended_by_log2_us", buckets,
        "stacks", "count", (json_int_t)from->stacks, "mapped_bytes",
        (json_int_t)from->stack_mapped_bytes, "resident_bytes",
        (json_int_t)from->stack_resident_bytes);
}
