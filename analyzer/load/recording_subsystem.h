/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORDING_SUBSYSTEM_H
#define SEEP_ANALYZER_LOAD_RECORDING_SUBSYSTEM_H

#include "load/recording.h"

/* The one change that a recording allows: the id of a subsystem's name, added when it is
 * new.
 *
 * id:      out; untouched on error.
 * Returns: 0; -ENOMEM, also when the memory budget is spent. Thread-safety: owner thread.
 * Cost: O(subsystems).
 */
int seep_recording_add_subsystem(struct seep_recording *recording, const char *name,
                                 uint32_t *id);

#endif
