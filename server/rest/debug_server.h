/* The second port: /debug alone, for programs on the same machine.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_DEBUG_SERVER_H
#define PMA_DEBUG_SERVER_H

#include <stdint.h>

struct pma_app;
struct pma_debug_server;

/* Listens on 127.0.0.1. port: not 0. app: borrowed while it lives.
 * Returns: 0; -EADDRINUSE, -EACCES: the port is another's; -ENOMEM; -EIO.
 * Thread-safety: owner thread. Allocates. */
int pma_debug_server_start(uint16_t port, struct pma_app *app,
                           struct pma_debug_server **server);

/* Stops, joins and frees; NULL is allowed. Returns: 0; -ETIMEDOUT: its acceptor is still
 * busy and was not freed. Thread-safety: owner thread. */
int pma_debug_server_stop(struct pma_debug_server *server, uint64_t timeout_ns);

#endif
