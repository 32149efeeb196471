/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_TICKER_H
#define SEEP_ANALYZER_COLLECT_TICKER_H

/* Writes a number that changes 16 times a second into many segments (segment.h,
 * seep_tick): it saves their processes a look at the clock for each block. */
struct seep_ticker;
struct seep_tick;

/* Starts the thread that writes.
 *
 * out:     owned (seep_ticker_free); untouched on failure.
 * Returns: 0; -ENOMEM; other -errno of pthread_create. Without a ticker the processes ask
 * the clock.
 */
int seep_ticker_new(struct seep_ticker **out);
/* Every segment must have been removed. NULL is ignored. */
void seep_ticker_free(struct seep_ticker *ticker);

/* Begins to write into a segment: maps its page of that, nothing else.
 *
 * segment_fd: borrowed during the call; a checked segment.
 * out:        owned (seep_ticker_remove); untouched on failure.
 * Returns:    0; -ENOMEM; -errno of mmap. Thread-safety: any thread.
 */
int seep_ticker_add(struct seep_ticker *ticker, int segment_fd, struct seep_tick **out);
/* Ends it, with a 0: the process asks the clock again. NULL is ignored. */
void seep_ticker_remove(struct seep_ticker *ticker, struct seep_tick *page);

#endif
