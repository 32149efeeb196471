/* Fault F32: a request that never ends, because its handler broadcasts to a hub that
 * stands still. It leaves a thread and a socket behind, and no time-out ends either.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HTTP_BLOCK_H
#define PMA_HTTP_BLOCK_H

#include "server/rest/exchange.h"

/* To be asked by handlers that broadcast, first of all. Returns: whether the fault
 * strikes: the reply is made then, and its body will not come before the server stops.
 * Thread-safety: any thread. Allocates. */
bool pma_http_blocks(const struct pma_request *request, struct pma_reply *reply);

/* Ends all such replies, because libmicrohttpd cannot stop with suspended connections;
 * their threads stay. Thread-safety: any thread, before pma_http_stop. */
void pma_http_unblock(void);

#endif
