/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORDING_BUILD_H
#define SEEP_ANALYZER_LOAD_RECORDING_BUILD_H

#include "load/recording.h"

/* A recording with its store and the rows that always exist, for
 * seep_recording_decode_frame. Returns: owned (seep_recording_free); NULL: no memory. */
struct seep_recording *seep_recording_new(void);

/* Makes the invariants of load/recording.h hold after frames were decoded: all points are
 * where they belong, references that point nowhere are mended and counted, and what only
 * an END frame says has its default. More frames may follow, then it is called again.
 *
 * Frames of tables refer to pieces that may come behind them: whoever calls it between
 * such pieces loses references. Returns: 0; -ENOMEM: the recording can only be freed.
 * Thread-safety: owner thread. Cost: O(rows of tables). */
int seep_recording_settle(struct seep_recording *recording);

#endif
