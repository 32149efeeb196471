/* The heap as a whole, as JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_json_heap.h"

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *holders(const struct seep_view_peak *peak)
{
    json_t *array = json_array();

    for (size_t i = 0; i < peak->holder_count; i++) {
        const struct seep_view_holder *from = &peak->holders[i];

        json_array_append_new(
            array, json_pack("{s:s, s:s, s:o, s:o}", "function", from->headline,
                             "subsystem", from->subsystem, "live", integer(from->live),
                             "live_bytes", integer(from->live_bytes)));
    }
    return array;
}

json_t *seep_report_json_heap(const struct seep_findings *findings)
{
    const struct seep_view_totals *from = &findings->totals;
    const struct seep_view_peak *peak = &findings->peak;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:f}", "live", integer(from->heap_live),
        "live_bytes", integer(from->heap_live_bytes), "peak_bytes",
        integer(from->heap_peak_bytes), "peak_at_s",
        peak->at_s > 0 ? json_real(peak->at_s) : json_null(), "peak_seen_bytes",
        peak->at_s > 0 ? integer(peak->seen_bytes) : json_null(), "peak_held_by",
        holders(peak), "live_error", from->heap_live_error, "live_bytes_error",
        from->heap_live_bytes_error, "peak_bytes_error", from->heap_peak_bytes_error);
}
