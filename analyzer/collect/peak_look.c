/* The heap at its largest.
 *
 * Kept in memory and written with the next snapshot: a program that grows steadily has a
 * new peak every few milliseconds, and only the last of them is of interest. It is no
 * snapshot of the series: looks that are taken because much is live would make any
 * statistics of them believe so of all times.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/peak_look.h"

enum { BURST = 32, COST_SHARE = 20 /* looks take at most this part of the time: 5 % */ };
static const uint64_t SPACING_NS = UINT64_C(1000000);     /* within a burst */
static const uint64_t TOKEN_BACK_NS = UINT64_C(20000000); /* so 50 a second for ever */

static uint64_t live_of(uint64_t acquired, uint64_t released)
{
    return acquired > released ? acquired - released : 0;
}

/* Puts a site where it belongs among the largest. */
static void insert(struct seep_peak_look *look, const struct seep_peak_holder *holder)
{
    uint32_t at = look->holder_count;

    if (at == SEEP_PEAK_HOLDERS_MAX) {
        if (look->holders[at - 1].live_bytes >= holder->live_bytes) {
            return;
        }
        at--;
    } else {
        look->holder_count++;
    }
    for (; at > 0 && look->holders[at - 1].live_bytes < holder->live_bytes; at--) {
        look->holders[at] = look->holders[at - 1];
    }
    look->holders[at] = *holder;
}

bool seep_peak_look_consider(struct seep_peak_look *look,
                             const struct seep_peak_sums *now)
{
    uint64_t live = 0;
    uint64_t live_bytes = 0;

    for (uint32_t site = 1; site < now->site_count; site++) {
        if (now->kinds[site] == SEEP_KIND_HEAP) {
            const struct seep_counters *sum = &now->sums[site];

            live += live_of(sum->acquired, sum->released);
            live_bytes += live_of(sum->acquired_bytes, sum->released_bytes);
        }
    }
    if (live_bytes <= look->live_bytes) {
        return false;
    }
    *look = (struct seep_peak_look){
        .t_ns = now->t_ns, .live = live, .live_bytes = live_bytes, .unwritten = true};
    for (uint32_t site = 1; site < now->site_count; site++) {
        const struct seep_counters *sum = &now->sums[site];
        struct seep_peak_holder holder = {
            site, live_of(sum->acquired, sum->released),
            live_of(sum->acquired_bytes, sum->released_bytes)};

        if (now->kinds[site] == SEEP_KIND_HEAP && holder.live_bytes > 0) {
            insert(look, &holder);
        }
    }
    return true;
}

void seep_peak_look_put(const struct seep_peak_look *look, struct seep_buf *out)
{
    seep_buf_put_varint(out, look->t_ns);
    seep_buf_put_varint(out, look->live);
    seep_buf_put_varint(out, look->live_bytes);
    seep_buf_put_varint(out, look->holder_count);
    for (uint32_t i = 0; i < look->holder_count; i++) {
        seep_buf_put_varint(out, look->holders[i].site);
        seep_buf_put_varint(out, look->holders[i].live);
        seep_buf_put_varint(out, look->holders[i].live_bytes);
    }
}

void seep_peak_pace_book(struct seep_peak_pace *pace, uint64_t now_ns, uint64_t cost_ns)
{
    uint64_t back = now_ns > pace->back_ns ? (now_ns - pace->back_ns) / TOKEN_BACK_NS : 0;
    uint64_t wait_ns = cost_ns * COST_SHARE;
    uint64_t spacing_ns = 0;

    pace->spent -= back < pace->spent ? back : pace->spent;
    pace->back_ns = pace->spent == 0 ? now_ns : pace->back_ns + back * TOKEN_BACK_NS;
    spacing_ns = pace->spent < BURST ? SPACING_NS : TOKEN_BACK_NS;
    pace->spent++;
    pace->not_before_ns = now_ns + (wait_ns > spacing_ns ? wait_ns : spacing_ns);
}
