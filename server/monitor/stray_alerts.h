/* Alerts that can never be resolved: fault F26.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_STRAY_ALERTS_H
#define PMA_STRAY_ALERTS_H

#include <stdint.h>

/* As the first implementation raised an alert: its identity contains the value that was
 * measured. A value seen before counts up its record; a new one becomes a record that is
 * never given back, when F26 is on and below its limit. type: a string literal.
 * Thread-safety: any thread, takes PMA_LOCK_STRAY_ALERTS. Allocates. */
void pma_stray_alert_raise(const char *type, uint64_t value);

/* How many records there are. Thread-safety: any thread. */
uint64_t pma_stray_alert_count(void);

#endif
