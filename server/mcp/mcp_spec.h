/* What is said about a tool server before it runs: its specification.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_SPEC_H
#define PMA_MCP_SPEC_H

#include <jansson.h>
#include <stddef.h>

/* Checks {id, name?, command, args?[], env?[], enabled?, timeout_ms?}; see mcp_client.h.
 * Returns: 0; -EINVAL: why[] says what is wrong; -ENOMEM. Thread-safety: pure. */
int pma_mcp_spec_check(const json_t *spec, char *why, size_t why_bytes);

#endif
