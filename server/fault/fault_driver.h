/* Faults that commit themselves: at a rate, or once each time they are switched on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FAULT_DRIVER_H
#define PMA_FAULT_DRIVER_H

#include "server/fault/fault.h"

struct pma_fault_driver;

struct pma_fault_action {
    enum pma_fault fault;
    void (*commit)(
        void *arg);         /* asks pma_fault_take itself; runs on the driver's thread */
    void *arg;              /* borrowed until the driver is stopped */
    bool once_per_enabling; /* at rate 0: one commit each time the fault goes on */
};

/* Starts the driver's worker. actions: copied, at most PMA_FAULT_END.
 * Returns: 0; -EINVAL: too many; -ENOMEM; -EAGAIN as pma_worker_start.
 * Thread-safety: owner thread. Allocates. */
int pma_fault_driver_start(const struct pma_fault_action *actions, size_t actions_count,
                           struct pma_fault_driver **driver);

/* Makes the driver look at the switches at once; NULL is allowed.
 * Thread-safety: any thread, while the driver lives. */
void pma_fault_driver_wake(struct pma_fault_driver *driver);

/* Stops and frees the driver; what the faults leaked stays leaked. NULL is allowed.
 * Returns: as pma_worker_stop; the driver lives on when that fails.
 * Thread-safety: owner thread. */
int pma_fault_driver_stop(struct pma_fault_driver *driver, uint64_t timeout_ns);

/* F00: starts a thread that waits for ever, when the fault is on and below its limit.
 * `arg` is ignored. Thread-safety: any thread. */
void pma_blocked_thread_commit(void *arg);

#endif
