/* The server as a whole: starts its parts in order and stops them in the opposite one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_SERVER_H
#define PMA_SERVER_H

#include "server/config/config.h"

#include <stddef.h>
#include <stdint.h>

struct pma_server;

/* Starts everything; the port is open when it returns. config: borrowed while the server
 * lives. Returns: 0; the error of the part that failed, with why[] saying which and what
 * to do: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL when it cannot listen. Nothing runs then.
 * Thread-safety: owner thread, with signals blocked: threads inherit the mask. Allocates.
 */
int pma_server_start(const struct pma_config *config, struct pma_server **server,
                     char *why, size_t why_bytes);

/* The port it listens on. Thread-safety: any thread. */
uint16_t pma_server_port(const struct pma_server *server);

/* Stops and frees everything: acceptor, HTTP, workers, hub, monitor; each joined.
 * When that takes longer than server.shutdown_timeout, the process ends with status 4
 * after a line in the log that names the part. Returns: 0; -ETIMEDOUT: a thread was left
 * running and its part not freed. Thread-safety: owner thread. */
int pma_server_stop(struct pma_server *server);

#endif
