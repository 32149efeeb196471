/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_RECORDING_FORGE_MARKS_H
#define SEEP_TESTS_RECORDING_FORGE_MARKS_H

#include "recording_forge.h"

/* How often a label (borrowed) was marked, from the next snapshot on. */
void seep_forge_mark_count(struct seep_forge *forge, const char *label, uint64_t count);

/* The payload of a MARK_COUNTS frame with all labels: for seep_forge_snapshot. */
void seep_forge_put_mark_counts(struct seep_forge *forge, uint64_t t_ns,
                                struct seep_forge_bytes *payload);

#endif
