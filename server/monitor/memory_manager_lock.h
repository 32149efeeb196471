/* Fault F31: the lock of the first implementation's memory manager, which its optimise
 * call took for writing and then for reading.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MEMORY_MANAGER_LOCK_H
#define PMA_MEMORY_MANAGER_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* For POST memory/optimize. Returns: false: the fault was committed, or has been before;
 * the request gets no answer of the manager's. Thread-safety: any thread. */
bool pma_manager_optimize_enter(void);

/* For every other request of the manager. Returns: true; false: the manager is locked for
 * ever; with the fault on a thread more waits for it. Thread-safety: any thread. */
bool pma_manager_enter(void);

/* Threads that wait for the lock, the one that waits for itself included.
 * Thread-safety: any thread. */
uint32_t pma_manager_waiters(void);

#endif
