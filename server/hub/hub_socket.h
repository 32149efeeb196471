/* The hub's side of libwebsockets: its context, and what happens on each connection.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_SOCKET_H
#define PMA_HUB_SOCKET_H

#include "server/hub/hub_core.h"

/* Makes hub->context and hub->vhost, listening on nothing. Returns: 0; -EIO.
 * Thread-safety: owner thread. Allocates. */
int pma_socket_open(struct pma_hub *hub);

/* Shortens the interval of libwebsockets' own checks, which never come to it, as time
 * goes on; see hub_socket.c. Thread-safety: service thread. */
void pma_socket_age_validity(struct pma_hub *hub, uint64_t now_ns);

/* Destroys both, with every connection that is left. Thread-safety: owner thread, once
 * the service thread is joined. */
void pma_socket_close(struct pma_hub *hub);

/* Gives an adopted descriptor to libwebsockets, which owns it whatever happens.
 * Thread-safety: service thread, not under LOCK. Allocates. */
void pma_socket_adopt(struct pma_hub *hub, int fd, const char *address);

/* Ends a connection at once. Thread-safety: service thread, not under LOCK, outside
 * callbacks. */
void pma_socket_kill(struct pma_client *client);

#endif
