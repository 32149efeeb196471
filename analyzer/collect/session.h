/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SESSION_H
#define SEEP_ANALYZER_COLLECT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "collect/lifetime_read.h"
#include "collect/mark_read.h"
#include "collect/options.h"
#include "collect/peak_look.h"
#include "collect/peak_watch.h"
#include "collect/proc_sample.h"
#include "collect/process_end.h"
#include "collect/record_write.h"
#include "collect/scratch.h"
#include "collect/segment_read.h"
#include "collect/stuck_watch.h"
#include "collect/table_copy.h"
#include "collect/thread_sample.h"
#include "collect/ticker.h"

/* One recorded process image. A process that replaces itself by exec is a session more.
 */
struct seep_session {
    uint32_t pid; /* in the collector's /proc */
    int pidfd;    /* owned; -1: it was gone before we could look */
    struct seep_segment segment;
    struct seep_proc proc;
    char *command; /* owned; arguments joined by spaces, cut */
    struct seep_tables tables;
    struct seep_mark_counts marks;
    struct seep_threads threads;
    struct seep_record record;
    struct seep_counters
        *written; /* owned; what the newest snapshot in the file says, by site */
    uint32_t written_capacity;
    uint64_t interval_ns;
    uint64_t last_t_ns;       /* of the newest snapshot; 0 = none */
    uint64_t snapshots_taken; /* that are in the file, or were merged since */
    uint64_t peak_live_heap_bytes, peak_threads;
    struct seep_peak_look peak;
    struct seep_peak_pace peak_pace;
    struct seep_ticker *ticker;         /* borrowed */
    struct seep_tick *tick;             /* of it; NULL: the process asks the clock */
    struct seep_peak_watch *peak_watch; /* borrowed; NULL: not watched */
    int peak_slot;                      /* of it */
    bool peak_wanted;                   /* a look is due at peak_pace.not_before_ns */
    uint64_t ages_at_snapshot;          /* number of the next scan's snapshot */
    uint64_t ages_scanned_ns;           /* end of the last scan, CLOCK_MONOTONIC */
    uint64_t ages_cost_ns;              /* processor time of it */
    uint64_t ages_taken_bytes;          /* size of the segment then */
    uint64_t threads_at_snapshot, threads_not_before_ns; /* next table in the file */
    uint64_t looks_not_before_ns;                        /* next look at the threads */
    uint64_t os_threads; /* as the kernel counted them for the newest snapshot */
    struct seep_lifetimes lifetimes;
    uint64_t waits_hash, lifetimes_hash; /* of what the file says; 0 = nothing */
    struct seep_stuck_watch stuck;
    bool stuck_noted;      /* why stuck threads are not looked at */
    bool stuck_wait_noted; /* ... are looked at later */
    uint64_t fds_not_before_ns;
    struct seep_fd_list inherited;    /* open before the shim started */
    uint64_t own_lost[SEEP_LOSS_MAX]; /* losses that the collector itself counts */
    uint64_t failures_noted;          /* write failures that a NOTE tells of */
    uint64_t events_dropped;          /* of sites beyond the recording's share for them */
    uint32_t child_lines;             /* CHILD frames */
    bool program_written, off_noted;
    bool replaced; /* the process runs another program by now, which has not come forward
                    */
};

enum seep_snapshot_moment {
    SEEP_MOMENT_TICK = 1,   /* one of many: what is costly waits for its turn */
    SEEP_MOMENT_LAST = 2,   /* the last look at a process that goes on */
    SEEP_MOMENT_AT_REST = 3 /* the process, or this image of it, is gone: exact */
};

struct seep_session_source {
    int segment_fd; /* taken on success */
    int pidfd;      /* taken on success; -1 unknown */
    uint32_t pid;
    bool by_number; /* pidfd: see seep_process_open_peer */
};

/* Starts a session: checks the segment and opens what belongs to the process. The
 * recording is the caller's to open (session->record), before the first snapshot.
 *
 * Returns: 0; as seep_segment_open; -ENOMEM. On failure nothing of `source` is closed.
 */
int seep_session_open(struct seep_session *session,
                      const struct seep_session_source *source,
                      const struct seep_collect_options *options,
                      struct seep_error *error);

/* Takes a snapshot: tables, counters, process figures, and what else is due.
 *
 * Returns: 0; -errno of the first thing that failed; nothing is lost by it: what is not
 * in the file is tried again with the next snapshot.
 */
int seep_session_snapshot(struct seep_session *session, struct seep_scratch *scratch,
                          enum seep_snapshot_moment moment);

/* Takes the last snapshot and writes the END frame. Returns: as seep_session_snapshot. */
int seep_session_end(struct seep_session *session, struct seep_scratch *scratch,
                     const struct seep_process_end *end);

/* Writes a NOTE at the present time. Returns: as seep_record_put. */
int seep_session_note(struct seep_session *session, struct seep_scratch *scratch,
                      const char *text);

/* Writes the CHILD frame of another process; scratch->payload holds it afterwards.
 * Returns: as seep_record_put. */
int seep_session_child(struct seep_session *session, struct seep_scratch *scratch,
                       const struct seep_child_facts *facts);

/* Why the shim stepped aside, in words. Never NULL. */
const char *seep_session_off_text(uint32_t off_reason);

/* Sums over the sites for a CHILD frame: the heap_ and threads_ fields of *facts.
 * Returns: 0; -errno. Needs no recording. */
int seep_session_totals(struct seep_session *session, struct seep_scratch *scratch,
                        struct seep_child_facts *facts);

/* How the process said that it would end, for want of anything better. */
struct seep_process_end seep_session_own_word(const struct seep_session *session);

/* Nanoseconds since the process started. */
uint64_t seep_session_age_ns(const struct seep_session *session);

/* Closes all; `keep` as in seep_record_close. */
void seep_session_close(struct seep_session *session, bool keep);

#endif
