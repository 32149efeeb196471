/* What the C library itself acquires for each thread (its vector of thread-local
 * storage) or stream (fopen's FILE, opendir's buffer) is lost and found with it: a
 * finding of its own would name the same cause twice.
 *
 * It is recognised by its stack: from the allocation outwards nothing but the runtime,
 * then the very call that acquired the thread or descriptor. Function names were rejected
 * as the sign: they are static in glibc, known only where its debug symbols are, and
 * change with it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/companion.h"

#include <stdbool.h>

#include "verdict/stack_view.h"

/* Whether `outer` lies on the way from `inner` to the root, with only the runtime's
 * frames (and ours) before it. Parents have smaller ids than their children in a sound
 * recording; a loop in another ends at the limit. */
static bool calls_through_runtime(const struct seep_recording *recording, uint32_t inner,
                                  uint32_t outer)
{
    uint32_t node = inner;

    for (unsigned depth = 0; depth < SEEP_STACK_MAX_FRAMES; depth++) {
        if (node == outer) {
            return depth > 0;
        }
        if (node < SEEP_NODE_FIRST || node >= recording->node_count ||
            !seep_stack_view_is_runtime(
                recording->modules[recording->nodes[node].module].path)) {
            return false;
        }
        node = recording->nodes[node].parent;
    }
    return false;
}

struct seep_finding *seep_companion_owner(struct seep_analysis *analysis, uint32_t site)
{
    const struct seep_recording *recording = analysis->recording;
    const struct seep_rec_site *heap = &recording->sites[site];

    for (size_t i = 0; i < analysis->count && heap->kind == SEEP_KIND_HEAP; i++) {
        const struct seep_rec_site *thread = &recording->sites[analysis->drafts[i].site];

        if (thread->kind != SEEP_KIND_HEAP && thread->subsystem == heap->subsystem &&
            thread->node >= SEEP_NODE_FIRST &&
            calls_through_runtime(recording, heap->node, thread->node)) {
            return &analysis->drafts[i].finding;
        }
    }
    return NULL;
}

void seep_companions_drop(struct seep_analysis *analysis)
{
    size_t kept = 0;

    /* Owners are looked for among all drafts, so none may move before the end. */
    for (size_t i = 0; i < analysis->count; i++) {
        analysis->drafts[i].folded =
            seep_companion_owner(analysis, analysis->drafts[i].site) != NULL;
    }
    for (size_t i = 0; i < analysis->count; i++) {
        if (!analysis->drafts[i].folded) {
            analysis->drafts[kept++] = analysis->drafts[i];
        }
    }
    analysis->count = kept;
}

void seep_companions_count(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;

    for (uint32_t id = 0; id < recording->site_count; id++) {
        const struct seep_rec_site *site = &recording->sites[id];

        if (site->kind != SEEP_KIND_HEAP || site->points.count == 0) {
            continue;
        }
        const struct seep_counters *last = &site->points.last;
        struct seep_finding *owner =
            last->acquired > last->released ? seep_companion_owner(analysis, id) : NULL;

        if (owner != NULL) {
            owner->companion_sites++;
            owner->companion_bytes +=
                (double)last->acquired_bytes / (double)last->acquired;
        }
    }
}
