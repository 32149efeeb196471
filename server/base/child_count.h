/* The processes that this one has started and not yet reaped.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CHILD_COUNT_H
#define PMA_CHILD_COUNT_H

#include <stdint.h>

/* How many children the kernel knows, those that ended and were not reaped included.
 * Returns: 0 without /proc. Thread-safety: any thread. Allocates. Cost: reads a file per
 * thread.
 * Source: proc(5), /proc/pid/task/tid/children. */
uint32_t pma_child_count(void);

#endif
