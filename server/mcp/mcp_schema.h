/* Checks values against JSON schemas: what is wrong with the arguments of a tool.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_SCHEMA_H
#define PMA_MCP_SCHEMA_H

#include <jansson.h>
#include <stddef.h>

/* Holds `value` against `schema` (both borrowed). Known keywords: type (a text or an
 * array of texts), enum, required, properties, additionalProperties (false only), items
 * (one schema), minLength, maxLength, minimum, maximum, minItems, maxItems; others are
 * ignored. name: what the value is called in the message ("arguments"). Returns: 0;
 * -EINVAL, and why[] says where, what is expected and what was given:
 * "arguments.entity_ids[2] must be a text, not a number". At most 16 levels are looked
 * at; deeper values are -EINVAL. Thread-safety: pure. Cost: O(size of the value). */
int pma_mcp_schema_check(const json_t *schema, const json_t *value, const char *name,
                         char *why, size_t why_bytes);

#endif
