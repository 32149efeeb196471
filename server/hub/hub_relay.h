/* Events between the clients of several backends, over the backplane.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_RELAY_H
#define PMA_HUB_RELAY_H

#include "server/hub/hub.h"

struct pma_backplane;

/* Publishes what the hub sends to its clients, and gives the clients what other backends
 * publish. Heartbeats, replies and messages to one client stay at home.
 *
 * hub: borrowed until the backplane is stopped. backplane: borrowed until the hub is
 * freed. Returns: 0; as pma_backplane_listen. Thread-safety: owner thread, before either
 * is used by others. */
int pma_hub_relay_attach(struct pma_hub *hub, struct pma_backplane *backplane);

#endif
