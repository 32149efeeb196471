/* From method and path to a handler.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ROUTER_H
#define PMA_ROUTER_H

#include "server/rest/exchange.h"

typedef void pma_handler(struct pma_request *request, struct pma_reply *reply);

/* A "*" at the end of a pattern stands for anything, also for nothing. */
struct pma_route {
    const char *pattern; /* "/api/v1/websocket/connections/:id"; one ":name" at most */
    pma_handler *handler;
    enum pma_method method;
    bool loopback_only;
};

/* Finds the route, fills request->param and calls its handler. A path with and without a
 * final slash are the same. Without a route the reply is a 404 with up to five routes
 * that begin alike; with other methods only, a 405 with Allow; with a loopback-only route
 * for somebody else, a 403. Thread-safety: any thread, with a constant table. */
void pma_router_dispatch(const struct pma_route *routes, size_t routes_count,
                         struct pma_request *request, struct pma_reply *reply);

/* "GET" ... -> method; PMA_METHOD_NONE for any other. Thread-safety: pure. */
enum pma_method pma_method_parse(const char *text);

#endif
