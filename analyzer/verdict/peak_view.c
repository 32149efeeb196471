/* Who held the heap at its highest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/peak_view.h"

#include <errno.h>

#include "verdict/stack_view.h"

int seep_peak_view_fill(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    const struct seep_rec_peak *from = &recording->peak;
    struct seep_findings *findings = analysis->findings;
    struct seep_view_peak *peak = &findings->peak;

    if (from->t_ns == 0) {
        return 0;
    }
    peak->at_s = (double)from->t_ns / 1e9;
    peak->seen_bytes = from->live_bytes;
    for (size_t i = 0; i < from->count && i < SEEP_VIEW_HOLDERS_MAX; i++) {
        struct seep_finding site = {.kind = SEEP_KIND_HEAP, .through = ""};
        int status = seep_stack_view_fill(findings, recording, analysis->symbolizer,
                                          from->holders[i].site, &site);

        if (status < 0) {
            return status;
        }
        peak->holders[peak->holder_count++] = (struct seep_view_holder){
            .headline = site.headline,
            .subsystem = seep_findings_text(
                findings,
                recording->subsystems[recording->sites[from->holders[i].site].subsystem]),
            .live = from->holders[i].live,
            .live_bytes = from->holders[i].live_bytes};
    }
    return 0;
}
