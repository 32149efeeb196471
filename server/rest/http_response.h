/* From a handler's reply to libmicrohttpd's response, and its entry in the metrics.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HTTP_RESPONSE_H
#define PMA_HTTP_RESPONSE_H

#include "server/rest/exchange.h"

#include <stdint.h>

struct MHD_Response;

/* Makes the response; everything that the reply owns is taken in any case. A reply
 * without a body becomes a 500. Returns: NULL without memory. Thread-safety: any thread.
 * Allocates. */
struct MHD_Response *pma_http_response_make(struct pma_reply *reply);

/* Counts a request that was answered. Thread-safety: any thread, no lock. */
void pma_http_count(const struct pma_request *request, unsigned status, uint64_t took_ns);

/* For the read function of a stream, before it returns 0: the connection (that of the
 * request) is left alone until pma_http_resume. Call both under one lock, so that the
 * second cannot come first. Thread-safety: suspend: the thread that reads; resume: any,
 * once per suspend. */
void pma_http_suspend(void *connection);
void pma_http_resume(void *connection);

/* The socket of a connection; -1 when there is none. Borrowed. Thread-safety: while the
 * request lasts. */
int pma_http_fd(void *connection);

#endif
