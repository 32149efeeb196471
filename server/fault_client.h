/* A client of the server's own, for faults that only a client can provoke: so they too
 * can drive themselves at a rate.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FAULT_CLIENT_H
#define PMA_FAULT_CLIENT_H

#include "server/fault/fault_driver.h"
#include "server/rest/app.h"

#include <stddef.h>

#define PMA_FAULT_CLIENT_ACTIONS_MAX 16

/* Fills actions[] with what the client does for each fault that it knows: requests to
 * app's own port, or WebSocket clients that leave badly. app: borrowed until the driver
 * is stopped. Returns: how many. Thread-safety: owner thread. */
size_t pma_fault_client_actions(struct pma_app *app, struct pma_fault_action *actions,
                                size_t capacity);

#endif
