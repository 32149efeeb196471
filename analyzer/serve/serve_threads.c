/* Threads of a recording at its newest table, and who waits for whom.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_threads.h"

#include <errno.h>
#include <string.h>

#include "serve/serve_json.h"
#include "threads/thread_groups.h"
#include "threads/threads_json.h"
#include "verdict/probe_view.h"

static json_t *edge(uint32_t from, const struct seep_probe_wait *wait)
{
    return json_pack("{s:o, s:o, s:s, s:o}", "from", seep_serve_count(from), "to",
                     seep_serve_count(wait->owner_tid), "what",
                     seep_wait_kind_name(wait->kind), "address",
                     seep_serve_count(wait->address));
}

static bool is_there(const struct seep_rec_thread *thread)
{
    return (thread->state & SEEP_THREAD_USED) != 0 &&
           (thread->state & (SEEP_THREAD_ENDED | SEEP_THREAD_JOINED)) == 0;
}

/* Who waits for a thread, from the newest look at each that has stood still since. */
static json_t *waits_of(const struct seep_recording *recording,
                        struct seep_symbolizer *symbolizer)
{
    json_t *waits = json_array();

    for (size_t i = 0; recording->probe_count > 0 && i < recording->thread_count; i++) {
        const struct seep_rec_thread *thread = &recording->threads[i];
        const struct seep_rec_probe *probe =
            is_there(thread)
                ? seep_probe_of(recording, thread->tid, thread->unchanged_since_ns)
                : NULL;

        if (probe != NULL) {
            struct seep_probe_wait wait = seep_probe_view_wait(symbolizer, probe);

            if (wait.owner_tid != 0) {
                json_array_append_new(waits, edge(thread->tid, &wait));
            }
        }
    }
    return waits;
}

int seep_serve_threads_put(const struct seep_shelf_item *item, struct seep_buf *out)
{
    struct seep_live_judged judged = seep_live_judged(item->live);
    const struct seep_threads_source none = {0};
    const struct seep_threads_source source = {judged.recording, judged.symbolizer};
    struct seep_thread_groups *groups = NULL;
    json_t *whole = NULL;

    if (judged.findings == NULL ||
        seep_thread_groups_gather(&none, &source, &groups) < 0) {
        return -ENOMEM;
    }
    seep_thread_groups_stuck(groups, judged.findings);
    whole = seep_threads_json_object(groups, 0);
    if (whole != NULL) {
        json_object_set_new(whole, "generation", seep_serve_count(item->generation));
        json_object_set_new(whole, "waits",
                            waits_of(judged.recording, judged.symbolizer));
    }
    seep_thread_groups_free(groups);
    return seep_serve_put(out, whole);
}
