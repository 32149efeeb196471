/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_ROSTER_H
#define SEEP_ANALYZER_COLLECT_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "collect/handover_listen.h"
#include "collect/options.h"
#include "collect/session.h"

/* All processes that one collector records, and which of them gets which file.
 *
 * The main process's recording is FILE. A child that lives for min_child gets
 * STEM.PID.seep and a CHILD frame that names it; a shorter one gets a CHILD frame alone.
 * Once the main process has ended, these frames go to the oldest process that is left.
 * A process that execs ends one session and starts the next; FILE belongs to the main
 * process's newest image. A FILE that nobody chose is PROGRAM.PID.seep of that image; a
 * former one of another program keeps the name that it has.
 */
enum { SEEP_SESSIONS_MAX = 4096, SEEP_CHILD_LINES_MAX = 10000 };

struct seep_roster {
    int dir_fd;                /* owned; where the recordings go */
    char file[256];            /* name of the main recording; "" = not named yet */
    bool after_program;        /* nobody chose FILE: it is PROGRAM.PID.seep */
    uint32_t main_pid;         /* 0 = not known yet */
    uint64_t main_start_ticks; /* field 22 of /proc/PID/stat; 0 = not known yet */
    struct seep_collect_options options;
    struct seep_scratch scratch;
    struct seep_peak_watch *peak_watch; /* borrowed; NULL: peaks go by the ticks */
    struct seep_ticker *ticker;         /* owned; NULL: not yet any process */
    struct seep_session **sessions;     /* owned; `count` of `capacity`, in no order */
    size_t count, capacity;
    struct seep_session *main;   /* one of sessions; NULL: not there, or ended */
    struct seep_buf young_lines; /* CHILD payloads of a main image that may yet exec */
    uint32_t images;             /* of the main process, so far */
    uint32_t registered;         /* sessions ever */
    uint32_t children_kept;      /* recordings of children */
    uint64_t refused;            /* processes not taken */
    uint64_t ticks;
    uint32_t stride;    /* a child is looked at each stride-th tick */
    bool main_recorded; /* FILE was begun */
    bool main_complete; /* FILE is finished, and every frame was written */
    char trouble[256];  /* the first thing that went wrong; "" nothing */
};

/* dir_fd: taken. file: borrowed; "" names it PROGRAM.PID.seep. Returns: 0; -ENOMEM
 * (dir_fd stays the caller's). */
int seep_roster_init(struct seep_roster *roster, int dir_fd, const char *file,
                     const struct seep_collect_options *options);
void seep_roster_fini(struct seep_roster *roster);

/* Looks at the heaps whose processes wish so.
 *
 * Returns: CLOCK_MONOTONIC at which to call again; UINT64_MAX when nobody waits.
 */
uint64_t seep_roster_look_at_peaks(struct seep_roster *roster);

/* Takes a process that handed over its segment.
 *
 * peer:    its descriptors are taken, also on failure.
 * session: out; borrowed, until seep_roster_end. A former image of the same pid is ended
 * and freed. Returns: 0; -EPROTO and others of seep_segment_open; -ENOSPC the roster is
 * full; -ENOMEM; -errno of the recording's file.
 */
int seep_roster_add(struct seep_roster *roster, const struct seep_handover_peer *peer,
                    struct seep_session **session, struct seep_error *error);

/* The session of a pid; NULL none. */
struct seep_session *seep_roster_find(struct seep_roster *roster, uint32_t pid);

/* Takes the snapshots of one interval. */
void seep_roster_tick(struct seep_roster *roster);

/* Ends a session and frees it: last snapshot, file or line. */
void seep_roster_end(struct seep_roster *roster, struct seep_session *session,
                     const struct seep_process_end *end);

/* A process whose shim stepped aside before it had a segment: said in the main recording,
 * or in `trouble`. */
void seep_roster_note_off(struct seep_roster *roster,
                          const struct seep_handover_peer *peer);

/* Counts a process that could not be taken, and says why in `trouble`, unless it was a
 * stranger (-EPERM, -EPROTO). */
void seep_roster_refuse(struct seep_roster *roster, const struct seep_error *error);

/* Puts a loss that the collector counts into the main recording's next snapshot. */
void seep_roster_lose(struct seep_roster *roster, enum seep_loss reason);

#endif
