/* What a report says of threads beyond its findings: what became of those of a creation
 * site, and which ones nobody saw being made.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/thread_view.h"

#include <errno.h>
#include <stdlib.h>

#include "verdict/finding_list.h"

enum { GONE = 'X' /* the kernel knows it no more */ };

static const struct seep_rec_lifetime *row_of(const struct seep_recording *recording,
                                              uint32_t site)
{
    const struct seep_rec_lifetimes *lifetimes = &recording->lifetimes;
    size_t low = 0;
    size_t high = lifetimes->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (lifetimes->rows[mid].site < site) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < lifetimes->count && lifetimes->rows[low].site == site
               ? &lifetimes->rows[low]
               : NULL;
}

/* Upper end of the bucket in which the count-th of the ended lies. */
static double below_s(const struct seep_rec_lifetime *row, uint64_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < SEEP_LIFETIME_BUCKETS; i++) {
        sum += row->buckets[i];
        if (sum >= count) {
            return (double)(UINT64_C(2) << i) / 1e6;
        }
    }
    return 0;
}

static uint64_t stacks_of(const struct seep_recording *recording, uint32_t site)
{
    uint64_t stacks = 0;

    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];

        stacks += thread->site == site && (thread->state & SEEP_THREAD_USED) != 0 &&
                  (thread->state & (SEEP_THREAD_FOREIGN | SEEP_THREAD_JOINED)) == 0;
    }
    return stacks;
}

static int fill(struct seep_analysis *analysis, uint32_t site,
                struct seep_view_lifetimes *view)
{
    const struct seep_recording *recording = analysis->recording;
    const struct seep_rec_lifetime *row = row_of(recording, site);
    uint64_t *buckets = NULL;
    size_t count = SEEP_LIFETIME_BUCKETS;

    if (row == NULL) {
        return 0;
    }
    while (count > 0 && row->buckets[count - 1] == 0) {
        count--;
    }
    buckets = seep_findings_alloc(analysis->findings, count, sizeof(*buckets));
    if (buckets == NULL && count > 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        buckets[i] = row->buckets[i];
    }
    *view = (struct seep_view_lifetimes){
        .known = true,
        .created = row->created,
        .started = row->started,
        .ended = row->ended,
        .joined = row->joined,
        .detached = row->detached,
        .left = row->left,
        .cancelled = row->cancelled,
        .cpu_s = (double)row->cpu_ns / 1e9,
        .half_below_s =
            row->ended > 0 ? below_s(row, row->ended / 2 + row->ended % 2) : 0,
        .all_below_s = row->ended > 0 ? below_s(row, row->ended) : 0,
        .buckets = buckets,
        .bucket_count = count,
        .stacks = stacks_of(recording, site),
        .stack_mapped_bytes = row->stack_mapped_bytes,
        .stack_resident_bytes = row->stack_resident_bytes,
    };
    return 0;
}

/* In which system call a thread of the table sleeps, and on what. */
static const struct seep_rec_wait *wait_of(const struct seep_recording *recording,
                                           uint32_t slot)
{
    for (size_t i = 0; i < recording->waits.count; i++) {
        if (recording->waits.rows[i].slot_plus_1 == slot + UINT64_C(1)) {
            return &recording->waits.rows[i];
        }
    }
    return NULL;
}

static void add_unwrapped(struct seep_analysis *analysis,
                          const struct seep_view_unwrapped_thread *row)
{
    struct seep_view_unwrapped *unwrapped = &analysis->findings->unwrapped;
    size_t at = unwrapped->row_count;

    unwrapped->count++;
    while (at > 0 && unwrapped->rows[at - 1].tid > row->tid) {
        at--;
    }
    if (at == SEEP_VIEW_UNWRAPPED_MAX) {
        return;
    }
    if (unwrapped->row_count < SEEP_VIEW_UNWRAPPED_MAX) {
        unwrapped->row_count++;
    }
    for (size_t i = unwrapped->row_count - 1; i > at; i--) {
        unwrapped->rows[i] = unwrapped->rows[i - 1];
    }
    unwrapped->rows[at] = *row;
}

/* Of the table those that came past the wrappers, main excepted; then those that it does
 * not know at all. */
static void fill_unwrapped(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_findings *findings = analysis->findings;

    for (size_t i = 0; i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];
        const struct seep_rec_wait *wait = wait_of(recording, thread->slot);

        if ((thread->state & (SEEP_THREAD_FOREIGN | SEEP_THREAD_ENDED)) ==
                SEEP_THREAD_FOREIGN &&
            thread->os_state != GONE && thread->tid != recording->program.pid) {
            add_unwrapped(analysis,
                          &(struct seep_view_unwrapped_thread){
                              .tid = thread->tid,
                              .name = seep_findings_text(findings, thread->name),
                              .wait = seep_findings_text(findings, thread->wait),
                              .target = seep_findings_text(
                                  findings, wait != NULL ? wait->target : "")});
        }
    }
    for (size_t i = 0; i < recording->waits.count; i++) {
        const struct seep_rec_wait *wait = &recording->waits.rows[i];

        if (wait->slot_plus_1 == 0 && wait->tid != recording->program.pid) {
            add_unwrapped(analysis,
                          &(struct seep_view_unwrapped_thread){
                              .tid = wait->tid,
                              .name = seep_findings_text(findings, wait->name),
                              .wait = "",
                              .target = seep_findings_text(findings, wait->target)});
        }
    }
}

int seep_thread_views_fill(struct seep_analysis *analysis)
{
    int status = 0;

    fill_unwrapped(analysis);
    for (size_t i = 0; i < analysis->count && status == 0; i++) {
        struct seep_draft *draft = &analysis->drafts[i];

        if (draft->finding.kind == SEEP_KIND_THREAD && draft->site != 0) {
            status = fill(analysis, draft->site, &draft->finding.lifetimes);
        }
    }
    return status;
}
