/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_MARK_COUNT_H
#define SEEP_SHIM_MARK_COUNT_H

#include <stdint.h>

/* Counts one mark of a label (struct seep_mark_label): exact, however many threads.
 *
 * label:  borrowed; what is beyond 63 bytes does not tell labels apart.
 * before: out; how often the label was marked before; untouched on error.
 * Returns: 0; -ENOSPC: a new label, and the table is full (counted as a loss).
 * Thread-safety: any thread; async-signal-safe; no lock. Allocates: no.
 * Cost: a comparison of the label and an atomic add; a hash of it where it is met at a
 * new address.
 */
int seep_mark_count(const char *label, uint64_t *before);

#endif
