/* The hub's service thread: libwebsockets, the inbox, and what is due.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_SERVICE_H
#define PMA_HUB_SERVICE_H

#include "server/worker/worker.h"

/* Serves the hub `arg` (struct pma_hub) until its stop_deadline_ns is set or the worker
 * is cancelled, then closes every connection. The run function of the hub's worker. */
void pma_service_run(void *arg, struct pma_cancel *cancel);

#endif
