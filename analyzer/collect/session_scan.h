/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SESSION_SCAN_H
#define SEEP_ANALYZER_COLLECT_SESSION_SCAN_H

#include "collect/session.h"

/* Reads what is too costly for every snapshot and is due at this one: the thread table,
 * the descriptors, the ages of all that is alive.
 *
 * t_ns: of the snapshot.
 * Returns: 0; -errno of the first thing that failed.
 */
int seep_session_scan(struct seep_session *session, struct seep_scratch *scratch,
                      const struct seep_segment_counts *counts,
                      enum seep_snapshot_moment moment, uint64_t t_ns);

#endif
