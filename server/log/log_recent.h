/* The newest lines of the log, for GET system/logs.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LOG_RECENT_H
#define PMA_LOG_RECENT_H

#include "server/log/log.h"

#include <stddef.h>
#include <stdint.h>

/* Of all kept lines together, per line that is asked for. */
#define PMA_LOG_RECENT_BYTES 256

/* Keeps the newest `lines` lines, or fewer when they are long: lines *
 * PMA_LOG_RECENT_BYTES bytes in all. 0: keeps none and frees the memory. Returns: 0;
 * -ENOMEM: as before. Thread-safety: any thread. Allocates: everything at once. */
int pma_log_recent_size(uint32_t lines);

/* Keeps a line with its final line feed; called by the log for every line, written or
 * dropped. Thread-safety: any thread, takes PMA_LOCK_LOG_RECENT. Allocates: nothing. */
void pma_log_recent_keep(enum pma_level level, const char *line, size_t line_bytes);

/* Calls visit for the newest lines at or above a level, at most `most`, oldest of them
 * first, without the final line feed. visit: under the lock, may not log. Returns: how
 * many. Thread-safety: any thread. Cost: O(lines kept). */
uint32_t pma_log_recent_each(enum pma_level least, uint32_t most,
                             void (*visit)(void *arg, const char *line,
                                           size_t line_bytes),
                             void *arg);

/* How many lines are kept now. Thread-safety: any thread. */
uint32_t pma_log_recent_count(void);

#endif
