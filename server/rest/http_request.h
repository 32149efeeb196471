/* From libmicrohttpd's connection to the request as handlers see it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HTTP_REQUEST_H
#define PMA_HTTP_REQUEST_H

#include "server/rest/exchange.h"

struct MHD_Connection;
struct pma_gate;

/* Fills who asks, and the ways to its headers and arguments: address, loopback, client,
 * header, headers, argument, connection. gate: identifies clients behind proxies; NULL:
 * the peer is the client. client: room for the address as text, borrowed by the request.
 * Thread-safety: the thread of the connection. */
void pma_http_request_fill(struct pma_request *request, struct MHD_Connection *connection,
                           const struct pma_gate *gate, char client[PMA_ADDRESS_BYTES]);

#endif
