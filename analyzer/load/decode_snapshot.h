/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_DECODE_SNAPSHOT_H
#define SEEP_ANALYZER_LOAD_DECODE_SNAPSHOT_H

#include "load/decode_take.h"

/* Adds the snapshot of a SNAPSHOT payload, and the points of the sites that it lists.
 * Thread-safety: owner thread. Allocates: yes. Cost: O(payload). */
void seep_decode_snapshot(struct seep_decoder *d);

#endif
