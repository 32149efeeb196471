/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PEAK_WATCH_H
#define SEEP_ANALYZER_COLLECT_PEAK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Waits for the word in many segments' headers that a process raises at a new high-water
 * mark, and makes a descriptor readable. */
struct seep_peak_watch;

/* Starts the waiting.
 *
 * out:     owned (seep_peak_watch_free); untouched on failure.
 * Returns: 0; -ENOSYS where the kernel has no futex_waitv (before 5.16); -ENOMEM; other
 * -errno of eventfd, pthread_create. Without a watch, peaks are looked at with the
 * snapshots alone.
 */
int seep_peak_watch_new(struct seep_peak_watch **out);
/* Every slot must have been removed. NULL is ignored. */
void seep_peak_watch_free(struct seep_peak_watch *watch);

/* Readable when some slot was raised. Borrowed. Reading it is the caller's. */
int seep_peak_watch_fd(const struct seep_peak_watch *watch);

/* Watches a segment: maps its first page, nothing else, and only to read.
 *
 * segment_fd: borrowed during the call; a checked segment.
 * Returns: a slot; -ENOSPC all are taken; -errno of mmap.
 */
int seep_peak_watch_add(struct seep_peak_watch *watch, int segment_fd);
void seep_peak_watch_remove(struct seep_peak_watch *watch, int slot);

/* The slot is not told of before `until_ns` (CLOCK_MONOTONIC); what is raised until then
 * is told of then. */
void seep_peak_watch_rest(struct seep_peak_watch *watch, int slot, uint64_t until_ns);

/* Whether the slot was raised since it was last asked. */
bool seep_peak_watch_take(struct seep_peak_watch *watch, int slot);

#endif
