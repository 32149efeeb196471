/* Fault F34: the hub is stopped before HTTP, so that requests which broadcast meanwhile
 * wait for it for ever, and with them the shutdown.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_WRONG_ORDER_H
#define PMA_WRONG_ORDER_H

#include <stdbool.h>

/* The shutdown begins. Returns: whether the hub is to be stopped now, before HTTP: the
 * fault is on. Thread-safety: owner thread. */
bool pma_wrong_order_begin(void);

/* Where a request is about to broadcast: returns at once, unless the hub was stopped in
 * the wrong order; then it never returns. Thread-safety: any thread. */
void pma_wrong_order_wait(void);

#endif
