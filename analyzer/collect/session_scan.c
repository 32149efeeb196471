/* What is costly, at its turn.
 *
 * The scan of the live table, the descriptors of /proc and large thread tables are each
 * read as often as 1 % of the time allows, and at the end, when the segment is at rest
 * and exact. Descriptors are listed with a scan of the ages: what the kernel does not
 * show any more is not alive, whatever the shim's table says.
 *
 * Invariant
 * C1: a process that is gone has no descriptors to list: the newest table of them stays.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/session_scan.h"

#include <errno.h>
#include <time.h>

#include "attach/proc_file.h"

enum {
    COST_SHARE = 100,  /* costly reads take at most this part of the time: 1 % */
    AGES_EVERY = 10,   /* snapshots */
    THREADS_SMALL = 64 /* a table up to this size goes with every snapshot */
};

/* One snapshot's look at the costly things. */
struct scan {
    struct seep_session *session;
    struct seep_scratch *scratch;
    const struct seep_segment_counts *counts;
    enum seep_snapshot_moment moment;
    uint64_t t_ns;
};

/* Runs at its turn: when enough snapshots have passed and its last cost is 1 % of the
 * time since. */
static bool is_due(const struct scan *scan, uint64_t at_snapshot, uint64_t not_before_ns)
{
    const struct seep_session *session = scan->session;

    if (scan->moment != SEEP_MOMENT_TICK) {
        return true;
    }
    return session->record.fd >= 0 && session->snapshots_taken >= at_snapshot &&
           seep_proc_clock_ns(CLOCK_MONOTONIC) >= not_before_ns;
}

static uint64_t not_before(uint64_t cpu_began_ns)
{
    uint64_t cost_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_began_ns;

    return seep_proc_clock_ns(CLOCK_MONOTONIC) + cost_ns * COST_SHARE;
}

/* Whether a scan of the live table is due. */
static bool ages_are_due(const struct scan *scan)
{
    const struct seep_session *session = scan->session;
    uint64_t cost_ns =
        seep_live_scan_cost_ns(session->ages_cost_ns, session->ages_taken_bytes,
                               seep_segment_taken_bytes(&session->segment));

    return is_due(scan, session->ages_at_snapshot,
                  session->ages_scanned_ns + cost_ns * COST_SHARE);
}

/* Writes a frame whose payload is `t_ns` and then what `session` has in `payload`, when
 * it says something else than the one of this type before. */
static int put_changed(const struct scan *scan, enum seep_frame type,
                       const struct seep_buf *body, uint64_t *written_hash)
{
    struct seep_buf *payload = &scan->scratch->payload;
    uint64_t hash = seep_frame_hash(body->data, body->len_bytes);
    int err = 0;

    if (body->failed) {
        return -ENOMEM;
    }
    if (hash == *written_hash) {
        return 0;
    }
    seep_buf_reset(payload);
    seep_buf_put_varint(payload, scan->t_ns);
    seep_buf_put(payload, body->data, body->len_bytes);
    err = seep_record_put(&scan->session->record, type, payload);
    *written_hash = err == 0 ? hash : 0;
    return err;
}

static int put_threads(const struct scan *scan)
{
    struct seep_session *session = scan->session;
    struct seep_buf *body = &scan->scratch->body;
    int err = 0;

    seep_buf_reset(&scan->scratch->payload);
    seep_threads_put(&session->threads, scan->t_ns, &scan->scratch->payload);
    err = seep_record_put(&session->record, SEEP_FRAME_THREADS, &scan->scratch->payload);
    if (err == 0) {
        seep_buf_reset(body);
        seep_threads_put_waits(&session->threads, body);
        err = put_changed(scan, SEEP_FRAME_WAITS, body, &session->waits_hash);
    }
    return err;
}

static int put_lifetimes(const struct scan *scan)
{
    struct seep_session *session = scan->session;
    const struct seep_lifetime_bounds bounds = {.kinds = session->tables.kinds,
                                                .site_count = session->tables.sites,
                                                .scratch = scan->scratch->piece,
                                                .scratch_bytes =
                                                    SEEP_SCRATCH_PIECE_BYTES};
    int err = seep_lifetimes_read(&session->lifetimes, &session->segment, &bounds);

    if (err < 0) {
        return err;
    }
    seep_lifetimes_weigh(&session->lifetimes, &session->threads,
                         scan->moment == SEEP_MOMENT_AT_REST ? -1 : session->proc.dir_fd);
    if (session->lifetimes.count == 0 && scan->counts->exit_way == 0) {
        return 0;
    }
    seep_buf_reset(&scan->scratch->body);
    seep_lifetimes_put(&session->lifetimes, scan->counts->exit_way, &scan->scratch->body);
    return put_changed(scan, SEEP_FRAME_LIFETIMES, &scan->scratch->body,
                       &session->lifetimes_hash);
}

static int put_probe(void *arg, const struct seep_buf *payload)
{
    struct seep_session *session = arg;

    return seep_record_put(&session->record, SEEP_FRAME_PROBE, payload);
}

/* Threads that have not moved for long. */
static int watch_stuck(const struct scan *scan)
{
    struct seep_session *session = scan->session;
    const struct seep_wake_program program = {.pid = session->pid,
                                              .segment = &session->segment,
                                              .threads = &session->threads,
                                              .kinds = session->tables.kinds,
                                              .site_count = session->tables.sites,
                                              .leaf_count = scan->counts->leaves};

    return seep_stuck_watch_look(&session->stuck, &program,
                                 seep_wake_is_possible(&session->segment, scan->counts),
                                 scan->t_ns, put_probe, session);
}

/* Every thread is looked at with each snapshot, as long as that costs little; tables of
 * many threads are written more rarely, since each is as large as they are many. */
static int watch_threads(const struct scan *scan)
{
    struct seep_session *session = scan->session;
    bool gone = scan->moment == SEEP_MOMENT_AT_REST;
    bool in_full =
        is_due(scan, session->threads_at_snapshot, session->threads_not_before_ns);
    uint64_t began_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const struct seep_task_looker looker = {.proc_dir_fd =
                                                gone ? -1 : session->proc.dir_fd,
                                            .t_ns = scan->t_ns,
                                            .in_full = in_full};
    int err =
        seep_threads_read(&session->threads, &session->segment, scan->counts->threads);

    if (err < 0) {
        return err;
    }
    seep_threads_sample(&session->threads, &looker, session->os_threads);
    if (in_full) {
        err = put_threads(scan);
        if (err == 0) {
            err = put_lifetimes(scan);
        }
        session->threads_at_snapshot =
            session->snapshots_taken + 1 + session->threads.count / (THREADS_SMALL + 1);
        session->threads_not_before_ns = not_before(began_ns);
    }
    session->looks_not_before_ns = not_before(began_ns);
    if (err == 0 && !gone) {
        err = watch_stuck(scan);
    }
    return err;
}

static struct seep_holding_bounds bounds_of(const struct scan *scan, uint32_t slots)
{
    return (struct seep_holding_bounds){.kinds = scan->session->tables.kinds,
                                        .site_count = scan->session->tables.sites,
                                        .slots = slots,
                                        .scratch = scan->scratch->piece,
                                        .scratch_bytes = SEEP_SCRATCH_PIECE_BYTES};
}

/* Lists the process's descriptors into a frame; leaves the shim's table, without what is
 * gone, in scratch->holdings. Returns: 0; -errno, also when the process cannot be listed.
 */
static int list_fds(const struct scan *scan)
{
    struct seep_session *session = scan->session;
    struct seep_scratch *scratch = scan->scratch;
    const struct seep_holding_bounds bounds = bounds_of(scan, scan->counts->fds);
    uint64_t began_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int err = seep_fd_sample_take(&scratch->fds, session->proc.dir_fd, &session->segment,
                                  &bounds, &session->inherited, &scratch->holdings);

    session->fds_not_before_ns = not_before(began_ns);
    return err;
}

static int put_fds(const struct scan *scan)
{
    struct seep_buf *payload = &scan->scratch->payload;

    seep_buf_reset(payload);
    seep_fd_sample_put(&scan->scratch->fds, scan->t_ns, payload);
    return seep_record_put(&scan->session->record, SEEP_FRAME_DESCRIPTORS, payload);
}

/* Adds a table of holdings to the ages. */
static int age_table(const struct scan *scan, enum seep_holding_table table,
                     uint64_t width_ns, uint32_t slots)
{
    const struct seep_holding_bounds bounds = bounds_of(scan, slots);
    int err = seep_holdings_read(&scan->session->segment, table, &bounds,
                                 &scan->scratch->holdings);

    if (err == 0) {
        seep_holdings_age(&scan->scratch->holdings, scan->t_ns, width_ns,
                          scan->scratch->ages);
    }
    return err;
}

/* Descriptors as the kernel shows them where it may be asked, else as the shim does. */
static int age_fds(const struct scan *scan, uint64_t width_ns)
{
    bool asked = scan->moment != SEEP_MOMENT_AT_REST &&
                 is_due(scan, 0, scan->session->fds_not_before_ns) && list_fds(scan) == 0;

    if (!asked) {
        return age_table(scan, SEEP_HOLDING_FDS, width_ns, scan->counts->fds);
    }
    seep_holdings_age(&scan->scratch->holdings, scan->t_ns, width_ns,
                      scan->scratch->ages);
    return put_fds(scan);
}

/* How many heap blocks the live table has: where the process went an orderly way, what
 * the counters say. A program that has freed what it had leaves large tables with a
 * handful. What was stopped in the middle of an event leaves an entry that no counter
 * knows yet. */
static uint64_t heap_most(const struct scan *scan)
{
    const struct seep_session *session = scan->session;
    uint64_t live = 0;

    if (scan->moment != SEEP_MOMENT_AT_REST || scan->counts->exit_way == 0 ||
        session->segment.sample_bytes != 0) {
        return UINT64_MAX; /* sampled: counters are of more than what is recorded */
    }
    for (uint32_t site = 0; site < session->tables.sites; site++) {
        const struct seep_counters *sum = &scan->scratch->sums[site];
        uint8_t kind = session->tables.kinds[site];
        uint64_t of_site =
            sum->acquired > sum->released ? sum->acquired - sum->released : 0;

        if ((kind == SEEP_KIND_THREAD || kind == SEEP_KIND_NONE) && of_site > 0) {
            return UINT64_MAX;
        }
        live += kind == SEEP_KIND_HEAP ? of_site : 0;
    }
    return live;
}

static int put_ages(const struct scan *scan)
{
    const struct seep_session *session = scan->session;
    struct seep_scratch *scratch = scan->scratch;
    struct seep_live_scan live = {
        .kinds = session->tables.kinds,
        .stack_bytes = session->threads.stack_bytes,
        .site_count = session->tables.sites,
        .thread_count = session->threads.count,
        .leaf_count = scan->counts->leaves,
        .generation_width_ns = seep_live_generation_width_ns(scan->t_ns),
        .sample_bytes = session->segment.sample_bytes,
        .heap_most = heap_most(scan),
        .scratch = scratch->piece,
        .scratch_bytes = SEEP_SCRATCH_PIECE_BYTES,
    };
    int err = seep_live_scan(&session->segment, &live, scratch->ages);

    if (err == 0) {
        err = age_fds(scan, live.generation_width_ns);
    }
    if (err == 0) {
        err = age_table(scan, SEEP_HOLDING_TIMERS, live.generation_width_ns,
                        scan->counts->timers);
    }
    if (err == 0) {
        err = age_table(scan, SEEP_HOLDING_MAPPINGS, live.generation_width_ns,
                        scan->counts->mappings);
    }
    if (err < 0) {
        return err;
    }
    seep_buf_reset(&scratch->payload);
    seep_payload_ages(&scratch->payload, scan->t_ns, live.generation_width_ns,
                      scratch->ages, live.site_count);
    err = seep_record_put(&scan->session->record, SEEP_FRAME_AGES, &scratch->payload);
    if (err == 0 && live.sample_bytes != 0) {
        seep_buf_reset(&scratch->payload);
        seep_payload_samples(&scratch->payload, scan->t_ns, live.sample_bytes,
                             scratch->ages, live.site_count);
        err = seep_record_put(&scan->session->record, SEEP_FRAME_SAMPLES,
                              &scratch->payload);
    }
    return err;
}

static int scan_ages(const struct scan *scan)
{
    struct seep_session *session = scan->session;
    uint64_t began_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t taken = session->snapshots_taken;
    int err =
        seep_threads_read(&session->threads, &session->segment, scan->counts->threads);

    if (err == 0) {
        err = put_ages(scan);
    }
    /* The first scans come quickly, for runs that are short: at snapshots 1, 2, 4, 8,
     * then each tenth. */
    session->ages_at_snapshot = taken < AGES_EVERY ? taken * 2 : taken + AGES_EVERY;
    session->ages_cost_ns = seep_proc_clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns;
    session->ages_scanned_ns = seep_proc_clock_ns(CLOCK_MONOTONIC);
    session->ages_taken_bytes = seep_segment_taken_bytes(&session->segment);
    return err;
}

int seep_session_scan(struct seep_session *session, struct seep_scratch *scratch,
                      const struct seep_segment_counts *counts,
                      enum seep_snapshot_moment moment, uint64_t t_ns)
{
    const struct scan scan = {session, scratch, counts, moment, t_ns};
    int err = 0;

    if (is_due(&scan, 0, session->looks_not_before_ns)) {
        err = watch_threads(&scan);
    }
    if (err == 0 && ages_are_due(&scan)) {
        err = scan_ages(&scan);
    }
    return err;
}
