/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SESSION_PEAK_H
#define SEEP_ANALYZER_COLLECT_SESSION_PEAK_H

#include "collect/session.h"

/* The process's heap at its largest: seen in time, kept, and written with the next
 * snapshot. */

/* Has the process's high-water marks watched, from now until it is closed. Without any
 * watch (NULL), or a free slot of it, peaks are looked at with the snapshots alone. */
void seep_session_peak_watch(struct seep_session *session, struct seep_peak_watch *watch);

/* Looks at who holds the heap, when the process wishes so and the pace allows it.
 *
 * due_ns:  out, CLOCK_MONOTONIC: when to ask again; untouched when there is no need.
 * Returns: 0 (nothing to do, or done); -errno.
 */
int seep_session_peak_look(struct seep_session *session, struct seep_scratch *scratch,
                           uint64_t *due_ns);

/* Takes over what a snapshot has summed up: the session's peaks rise by it.
 *
 * sums: by site, for all that session->tables knows.
 */
void seep_session_peak_note(struct seep_session *session,
                            const struct seep_counters *sums, uint64_t heap_peak_bytes,
                            uint64_t t_ns);

/* Writes what is higher than the recording says. Returns: as seep_record_put. */
int seep_session_peak_put(struct seep_session *session, struct seep_scratch *scratch);

/* Ends the watch. */
void seep_session_peak_unwatch(struct seep_session *session);

#endif
