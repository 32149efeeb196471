/* Connects the tools with the services that they are about.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_WIRING_H
#define PMA_MCP_WIRING_H

#include "server/rest/app.h"

/* Makes app->mcp from app->config, registers its figures and starts it, and then the tool
 * servers of the configuration. app: borrowed while the service lives; its other parts
 * are asked when a tool runs. Returns: 0; a negative errno: app->mcp is NULL or has to be
 * stopped and freed all the same. Thread-safety: owner thread. */
int pma_mcp_wire(struct pma_app *app);

#endif
