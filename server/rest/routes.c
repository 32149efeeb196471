/* The table of routes, from the list in the header.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/routes.h"

static const struct pma_route routes[] = {
#define PMA_ROUTE_ROW(method, pattern, handler, loopback_only)                           \
    {pattern, pma_handle_##handler, PMA_METHOD_##method, loopback_only},
    PMA_ROUTES(PMA_ROUTE_ROW)
#undef PMA_ROUTE_ROW
};

const struct pma_route *pma_routes(size_t *count)
{
    *count = sizeof routes / sizeof routes[0];
    return routes;
}
