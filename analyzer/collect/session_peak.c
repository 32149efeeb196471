/* When a process's heap is looked at beside the snapshots.
 *
 * The shim raises a word when live bytes have risen by 1 %; the look reads the counters
 * as a snapshot does, and keeps in memory who held what. What the shim itself saw as the
 * highest is taken from the header: the look comes some tens of microseconds later.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/session_peak.h"

#include <errno.h>
#include <time.h>

#include "attach/proc_file.h"
#include "collect/counters_sum.h"

void seep_session_peak_watch(struct seep_session *session, struct seep_peak_watch *watch)
{
    int slot = watch != NULL ? seep_peak_watch_add(watch, session->segment.fd) : -ENOSYS;

    if (slot >= 0) {
        session->peak_watch = watch;
        session->peak_slot = slot;
    }
}

void seep_session_peak_unwatch(struct seep_session *session)
{
    if (session->peak_watch != NULL) {
        seep_peak_watch_remove(session->peak_watch, session->peak_slot);
        session->peak_watch = NULL;
    }
}

void seep_session_peak_note(struct seep_session *session,
                            const struct seep_counters *sums, uint64_t heap_peak_bytes,
                            uint64_t t_ns)
{
    const struct seep_peak_sums now = {t_ns, sums, session->tables.kinds,
                                       session->tables.sites};

    (void)seep_peak_look_consider(&session->peak, &now);
    if (session->peak.live_bytes > session->peak_live_heap_bytes) {
        session->peak_live_heap_bytes = session->peak.live_bytes;
    }
    if (heap_peak_bytes > session->peak_live_heap_bytes) {
        session->peak_live_heap_bytes = heap_peak_bytes;
    }
}

int seep_session_peak_put(struct seep_session *session, struct seep_scratch *scratch)
{
    int err = 0;

    if (!session->peak.unwritten) {
        return 0;
    }
    seep_buf_reset(&scratch->payload);
    seep_peak_look_put(&session->peak, &scratch->payload);
    err = seep_record_put(&session->record, SEEP_FRAME_PEAK, &scratch->payload);
    session->peak.unwritten = err < 0;
    return err;
}

/* New sites first, since the look may name them. Sites that a recording has no room for
 * are not looked at. */
static int look(struct seep_session *session, struct seep_scratch *scratch)
{
    struct seep_segment_counts counts;
    int err = seep_segment_read_counts(&session->segment, &counts);

    if (err == 0) {
        err = seep_tables_copy(&session->tables, &session->segment, &session->record,
                               false, scratch->piece);
    }
    if (err == 0) {
        err = seep_scratch_reserve(scratch, session->tables.sites);
    }
    if (err == 0) {
        err = seep_counters_sum(&session->segment, session->tables.sites, scratch->sums,
                                scratch->piece, SEEP_SCRATCH_PIECE_BYTES);
    }
    if (err == 0) {
        seep_session_peak_note(session, scratch->sums, counts.heap_peak_bytes,
                               seep_session_age_ns(session));
    }
    return err;
}

int seep_session_peak_look(struct seep_session *session, struct seep_scratch *scratch,
                           uint64_t *due_ns)
{
    uint64_t began_ns = seep_proc_clock_ns(CLOCK_MONOTONIC);
    uint64_t cpu_began_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int err = 0;

    if (session->peak_watch == NULL) {
        return 0;
    }
    session->peak_wanted |= seep_peak_watch_take(session->peak_watch, session->peak_slot);
    if (!session->peak_wanted || !session->program_written) {
        return 0; /* a recording begins with its first snapshot */
    }
    if (began_ns < session->peak_pace.not_before_ns) {
        *due_ns = session->peak_pace.not_before_ns;
        return 0;
    }
    session->peak_wanted = false;
    err = look(session, scratch);
    seep_peak_pace_book(&session->peak_pace, seep_proc_clock_ns(CLOCK_MONOTONIC),
                        seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_began_ns);
    seep_peak_watch_rest(session->peak_watch, session->peak_slot,
                         session->peak_pace.not_before_ns);
    return err;
}
