/* One process: from its segment and /proc to its recording.
 *
 * What is cheap is read at every snapshot, here; the rest by collect/session_scan.c.
 *
 * Invariants
 * E1: `written` is what the recording says; it moves only when a snapshot is in the file,
 * so a snapshot that could not be written is made up for by the next. E2: snapshot times
 * rise strictly, whatever the segment claims about its start.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "collect/counters_sum.h"
#include "collect/proc_limits.h"
#include "collect/session_check.h"
#include "collect/session_peak.h"
#include "collect/session_scan.h"
#include "seep/segment_layout.h"

enum { COMMAND_MAX_BYTES = 256, NOTE_BYTES = 256, HOST_BYTES = 256 };

static int reserve_written(struct seep_session *session, uint32_t sites)
{
    uint32_t from = session->written_capacity;
    uint32_t to = seep_scratch_capacity(from, sites);

    if (sites <= from) {
        return 0;
    }
    struct seep_counters *written = reallocarray(session->written, to, sizeof(*written));

    if (written == NULL) {
        return -ENOMEM;
    }
    memset(written + from, 0, (to - from) * sizeof(*written));
    session->written = written;
    session->written_capacity = to;
    return 0;
}

static char *join_command(const struct seep_segment_texts *texts)
{
    char line[COMMAND_MAX_BYTES];
    size_t bytes = texts->cmdline_bytes > 0 ? texts->cmdline_bytes - 1 : 0;

    if (bytes == 0) {
        (void)snprintf(line, sizeof(line), "%.255s", texts->exe);
        return strdup(line);
    }
    bytes = bytes < sizeof(line) ? bytes : sizeof(line) - 1;
    for (size_t i = 0; i < bytes; i++) {
        line[i] = (char)(texts->cmdline[i] == '\0' ? ' ' : texts->cmdline[i]);
    }
    line[bytes] = '\0';
    return strdup(line);
}

int seep_session_open(struct seep_session *session,
                      const struct seep_session_source *source,
                      const struct seep_collect_options *options,
                      struct seep_error *error)
{
    struct seep_session opened = {.pid = source->pid,
                                  .interval_ns = options->interval_ns,
                                  .stuck = {.stuck_after_ns = options->stuck_after_ns},
                                  .record = {.fd = -1},
                                  .proc = {.dir_fd = -1},
                                  .ages_at_snapshot = 1,
                                  .threads_at_snapshot = 1};
    struct seep_segment_texts texts;
    int err = seep_segment_open(source->segment_fd, &opened.segment, error);

    if (err == 0) {
        err = seep_segment_read_texts(&opened.segment, &texts);
    }
    if (err != 0) {
        return err;
    }
    opened.command = join_command(&texts);
    if (opened.command == NULL) {
        return seep_error_set(error, -ENOMEM, "no memory for a session");
    }
    err = seep_proc_open(&opened.proc, source->pid, opened.segment.start_proc_ticks);
    seep_proc_expect_exe(&opened.proc, texts.exe);
    opened.pidfd = source->pidfd;
    if (err == 0) { /* it waits for our answer: what is open now came with it */
        (void)seep_fd_list_read(&opened.inherited, opened.proc.dir_fd);
    }
    if (err == -ESTALE && source->by_number && opened.pidfd >= 0) {
        close(opened.pidfd); /* another's: the process itself is gone */
        opened.pidfd = -1;
    }
    *session = opened;
    return 0;
}

uint64_t seep_session_age_ns(const struct seep_session *session)
{
    uint64_t now_ns = seep_proc_clock_ns(CLOCK_MONOTONIC);

    return now_ns > session->segment.start_monotonic_ns
               ? now_ns - session->segment.start_monotonic_ns
               : 0;
}

static int put_program(struct seep_session *session, struct seep_scratch *scratch)
{
    struct seep_segment_texts texts;
    struct seep_proc_limits limits;
    char host[HOST_BYTES] = "";
    int err = seep_segment_read_texts(&session->segment, &texts);

    if (err < 0) {
        return err;
    }
    (void)gethostname(host, sizeof(host) - 1);
    seep_proc_limits_read(session->proc.dir_fd, &limits);

    struct seep_program_facts facts = {
        .pid = session->pid,
        .ppid = session->segment.ppid,
        .mode = session->segment.mode,
        .started_realtime_ns = session->segment.start_realtime_ns,
        .started_monotonic_ns = session->segment.start_monotonic_ns,
        .interval_ns = session->interval_ns,
        .cmdline = texts.cmdline,
        .cmdline_bytes = texts.cmdline_bytes,
        .exe = texts.exe,
        .cwd = texts.cwd,
        .host = host,
        .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
        .limit_as_bytes = limits.as_bytes,
        .limit_nofile = limits.nofile,
        .limit_nproc = limits.nproc,
        .cgroup_memory_max_bytes = limits.cgroup_memory_max_bytes,
    };

    seep_buf_reset(&scratch->payload);
    seep_payload_program(&scratch->payload, &facts);
    err = seep_record_put(&session->record, SEEP_FRAME_PROGRAM, &scratch->payload);
    session->program_written = err == 0;
    return err;
}

int seep_session_note(struct seep_session *session, struct seep_scratch *scratch,
                      const char *text)
{
    int err = session->program_written ? 0 : put_program(session, scratch);

    if (err < 0) {
        return err;
    }
    seep_buf_reset(&scratch->payload);
    seep_payload_text(&scratch->payload, seep_session_age_ns(session), text,
                      strlen(text));
    return seep_record_put(&session->record, SEEP_FRAME_NOTE, &scratch->payload);
}

int seep_session_child(struct seep_session *session, struct seep_scratch *scratch,
                       const struct seep_child_facts *facts)
{
    int err = session->program_written ? 0 : put_program(session, scratch);

    if (err < 0) {
        return err;
    }
    seep_buf_reset(&scratch->payload);
    seep_payload_child(&scratch->payload, facts);
    return seep_record_put(&session->record, SEEP_FRAME_CHILD, &scratch->payload);
}

const char *seep_session_off_text(uint32_t reason)
{
    switch (reason) {
#define SEEP_X(name, value, text)                                                        \
    case value:                                                                          \
        return text;
        SEEP_OFF_REASONS(SEEP_X)
#undef SEEP_X
    default:
        return "for a reason of its own";
    }
}

/* What the reader of the report must know; best effort, tried again at the next snapshot.
 */
static void put_notes(struct seep_session *session, struct seep_scratch *scratch,
                      const struct seep_segment_counts *counts)
{
    char text[NOTE_BYTES];

    if (counts->state == SEEP_SEGMENT_OFF && !session->off_noted) {
        (void)snprintf(text, sizeof(text), "recording stopped inside the program: %s",
                       seep_session_off_text(counts->off_reason));
        session->off_noted = seep_session_note(session, scratch, text) == 0;
    }
    if (session->stuck.why_not[0] != '\0' && !session->stuck_noted) {
        session->stuck_noted =
            seep_session_note(session, scratch, session->stuck.why_not) == 0;
    }
    if (session->stuck.waited && !session->stuck_wait_noted) {
        session->stuck_wait_noted =
            seep_session_note(session, scratch,
                              "more threads came to stand still than are looked at in "
                              "so long a run: some are looked at later") == 0;
    }
    if (session->record.write_failures > session->failures_noted) {
        uint64_t failures = session->record.write_failures;

        (void)snprintf(text, sizeof(text), "%llu writes to the recording failed: %s",
                       (unsigned long long)failures,
                       strerrordesc_np(session->record.write_errno));
        if (seep_session_note(session, scratch, text) == 0) {
            session->failures_noted = failures;
        }
    }
}

static void gather_losses(const struct seep_session *session,
                          const struct seep_segment_counts *counts,
                          uint64_t lost[SEEP_LOSS_MAX])
{
    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        lost[i] = counts->lost[i] + session->own_lost[i];
    }
    lost[SEEP_LOSS_SNAPSHOTS_THINNED] +=
        session->record.snapshots_merged + session->record.snapshots_dropped;
    lost[SEEP_LOSS_NODES_FULL] += session->tables.stacks_cut;
    lost[SEEP_LOSS_SITES_FULL] += session->events_dropped;
}

static int put_counters(struct seep_session *session, struct seep_scratch *scratch,
                        const struct seep_segment_counts *counts,
                        const struct seep_process_figures *process, uint64_t t_ns)
{
    uint32_t sites = session->tables.sites;
    uint32_t all =
        session->tables.sites_closed && counts->sites > sites ? counts->sites : sites;
    uint64_t lost[SEEP_LOSS_MAX];
    int err = seep_scratch_reserve(scratch, all);

    if (err == 0) {
        err = reserve_written(session, sites);
    }
    if (err == 0) {
        err = seep_counters_sum(&session->segment, all, scratch->sums, scratch->piece,
                                SEEP_SCRATCH_PIECE_BYTES);
    }
    if (err < 0) {
        return err;
    }
    session->events_dropped = 0;
    for (uint32_t site = sites; site < all; site++) {
        session->events_dropped += scratch->sums[site].acquired;
    }
    seep_session_peak_note(session, scratch->sums, counts->heap_peak_bytes, t_ns);
    if (process->threads > session->peak_threads) {
        session->peak_threads = process->threads;
    }
    gather_losses(session, counts, lost);

    struct seep_counters_change change = {session->written, scratch->sums, sites};

    seep_buf_reset(&scratch->payload);
    seep_payload_snapshot(&scratch->payload, t_ns, process, &change, lost);
    err = seep_record_put(&session->record, SEEP_FRAME_SNAPSHOT, &scratch->payload);
    if (err == 0) {
        if (sites > 0) {
            memcpy(session->written, scratch->sums, sites * sizeof(*scratch->sums));
        }
        session->last_t_ns = t_ns;
        session->snapshots_taken++;
        err = seep_session_peak_put(session, scratch);
    }
    return err;
}

/* Before the snapshot that it speaks for: thinning keeps the two together. */
static int put_mark_counts(struct seep_session *session, struct seep_scratch *scratch,
                           uint32_t labels, uint64_t t_ns)
{
    uint64_t sum = 0;
    int err = seep_mark_counts_read(&session->marks, &session->segment, labels,
                                    scratch->piece, &scratch->body, &sum);

    if (err < 0 || (scratch->body.len_bytes == 0 && !scratch->body.failed)) {
        return err;
    }
    seep_buf_reset(&scratch->payload);
    seep_buf_put_varint(&scratch->payload, t_ns);
    seep_buf_put(&scratch->payload, scratch->body.data, scratch->body.len_bytes);
    scratch->payload.failed |= scratch->body.failed;
    err = seep_record_put(&session->record, SEEP_FRAME_MARK_COUNTS, &scratch->payload);
    if (err == 0) {
        session->marks.sum_written = sum;
    }
    return err;
}

static uint64_t snapshot_time_ns(const struct seep_session *session)
{
    uint64_t t_ns = seep_session_age_ns(session);

    return t_ns > session->last_t_ns ? t_ns : session->last_t_ns + 1;
}

int seep_session_snapshot(struct seep_session *session, struct seep_scratch *scratch,
                          enum seep_snapshot_moment moment)
{
    struct seep_process_figures process = {0};
    struct seep_segment_counts counts;
    uint64_t t_ns = snapshot_time_ns(session);
    int err = session->program_written ? 0 : put_program(session, scratch);
    int tables_err = 0;

    if (err == 0) {
        err = seep_segment_read_counts(&session->segment, &counts);
    }
    if (err != 0) {
        return err;
    }
    tables_err = seep_tables_copy(&session->tables, &session->segment, &session->record,
                                  moment == SEEP_MOMENT_AT_REST, scratch->piece);
    if (moment != SEEP_MOMENT_AT_REST) {
        (void)seep_proc_sample(&session->proc, &process);
    }
    session->os_threads = process.threads;

    int marks_err = put_mark_counts(session, scratch, counts.mark_labels, t_ns);

    tables_err = tables_err < 0 ? tables_err : marks_err;
    err = put_counters(session, scratch, &counts, &process, t_ns);
    if (err == 0) {
        err = seep_session_scan(session, scratch, &counts, moment, t_ns);
    }
    err = tables_err < 0 ? tables_err : err;
    if (err ==
        0) { /* a full disk is told of when it has room again, not with its last bytes */
        put_notes(session, scratch, &counts);
    }
    return err;
}

int seep_session_end(struct seep_session *session, struct seep_scratch *scratch,
                     const struct seep_process_end *end)
{
    bool goes_on = end->kind == SEEP_ENDING_RUNNING;
    int err = seep_session_snapshot(session, scratch,
                                    goes_on ? SEEP_MOMENT_LAST : SEEP_MOMENT_AT_REST);
    (void)seep_session_check_note(session, scratch);

    struct seep_end_facts facts = {
        .t_ns = session->last_t_ns,
        .ending_kind = end->kind,
        .ending_status = end->status,
        .peak_live_heap_bytes = session->peak_live_heap_bytes,
        .peak_threads = session->peak_threads,
        .snapshots_taken = session->snapshots_taken,
    };

    seep_buf_reset(&scratch->payload);
    seep_payload_end(&scratch->payload, &facts);

    int end_err = seep_record_put(&session->record, SEEP_FRAME_END, &scratch->payload);

    return err < 0 ? err : end_err;
}

/* Reads the kinds of sites that no snapshot has copied: a child's line needs no tables in
 * a file. */
static uint8_t kind_of(const struct seep_session *session, uint32_t site)
{
    struct seep_site entry;

    if (site < session->tables.sites) {
        return session->tables.kinds[site];
    }
    return seep_segment_read(&session->segment, SEEP_AT_SITES + site * sizeof(entry),
                             &entry, sizeof(entry)) < 0
               ? SEEP_KIND_NONE
               : entry.kind;
}

int seep_session_totals(struct seep_session *session, struct seep_scratch *scratch,
                        struct seep_child_facts *facts)
{
    struct seep_segment_counts counts;
    int err = seep_segment_read_counts(&session->segment, &counts);

    if (err == 0) {
        err = seep_scratch_reserve(scratch, counts.sites);
    }
    if (err == 0) {
        err = seep_counters_sum(&session->segment, counts.sites, scratch->sums,
                                scratch->piece, SEEP_SCRATCH_PIECE_BYTES);
    }
    for (uint32_t site = 0; err == 0 && site < counts.sites; site++) {
        const struct seep_counters *sum = &scratch->sums[site];

        if (sum->acquired == 0 && sum->released == 0) {
            continue;
        }
        if (kind_of(session, site) == SEEP_KIND_HEAP) {
            facts->heap_acquired += sum->acquired;
            facts->heap_released += sum->released;
            facts->heap_live_bytes += sum->acquired_bytes - sum->released_bytes;
        } else if (kind_of(session, site) == SEEP_KIND_THREAD) {
            facts->threads_acquired += sum->acquired;
            facts->threads_released += sum->released;
        }
    }
    return err;
}

struct seep_process_end seep_session_own_word(const struct seep_session *session)
{
    struct seep_segment_counts counts;

    if (seep_segment_read_counts(&session->segment, &counts) < 0 ||
        counts.exit_way == SEEP_EXIT_WAY_NONE) {
        return (struct seep_process_end){SEEP_ENDING_LOST, 0};
    }
    return (struct seep_process_end){SEEP_ENDING_EXITED,
                                     (uint32_t)counts.exit_status & 0xff};
}

void seep_session_close(struct seep_session *session, bool keep)
{
    seep_session_peak_unwatch(session);
    seep_ticker_remove(session->ticker, session->tick);
    seep_record_close(&session->record, keep);
    seep_tables_fini(&session->tables);
    seep_threads_fini(&session->threads);
    seep_stuck_watch_fini(&session->stuck);
    seep_lifetimes_fini(&session->lifetimes);
    seep_fd_list_fini(&session->inherited);
    seep_segment_close(&session->segment);
    seep_proc_close(&session->proc);
    if (session->pidfd >= 0) {
        close(session->pidfd);
    }
    free(session->command);
    free(session->written);
    *session = (struct seep_session){.pidfd = -1};
}
