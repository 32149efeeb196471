/* Faults F27 and F28: a worker that does not hear that it is to stop.
 *
 * The part that stops it believes that it is gone and makes a new one; the old one goes
 * on, with its thread and its timer. The workers left behind here touch nothing of the
 * part, so that they can outlive it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LOST_STOP_H
#define PMA_LOST_STOP_H

/* F27: the memory monitor was stopped while its two loops were busy; each waits on the
 * channel that took the place of the one that was closed. Call it after a stop; does
 * nothing while the fault is off. Thread-safety: any thread. Allocates. */
void pma_lost_stop_monitor(void);

/* F28: a setting was changed, which stops a worker and starts it anew; the stop is lost.
 * arg is ignored. Does nothing while the fault is off. Thread-safety: any thread.
 * Allocates. */
void pma_lost_stop_commit(void *arg);

#endif
