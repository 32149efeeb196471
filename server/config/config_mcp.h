/* Settings of tool servers: mcp.servers.ID.FIELD.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_MCP_H
#define PMA_CONFIG_MCP_H

#include "server/config/config.h"

#define PMA_CONFIG_MCP_PREFIX "mcp.servers."

/* The defaults of mcp.*. Thread-safety: pure. */
void pma_config_mcp_defaults(struct pma_config *config);

/* Takes one field; path: what follows the prefix ("everything.command"). The first field
 * of an unknown id makes the server. args and env are JSON arrays of texts. Returns: 0;
 * -EINVAL: why[] says what is wrong. Thread-safety: pure. */
int pma_config_mcp_set(struct pma_config *config, const char *path, const char *value,
                       char *why, size_t why_bytes);

/* Whether a whole path is mcp.servers or mcp.servers.ID. Thread-safety: pure. */
bool pma_config_mcp_is_section(const char *path);

#endif
