/* The built-in tools: eight things that a language model may ask of the house.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_BUILTIN_H
#define PMA_MCP_BUILTIN_H

#include "server/mcp/mcp_outcome.h"

#include <jansson.h>
#include <stddef.h>

#define PMA_MCP_BUILTIN_SERVER "builtin"
#define PMA_MCP_BUILTIN_COUNT  8

/* The services behind the tools, as functions, so that tools can be tested without them.
 * Each returns 0 and an owned result, or a negative errno with the result untouched;
 * -ENOENT: there is no such entity, room or scene; -ENOTSUP: the entity cannot do that. A
 * NULL function is a service that does not run. Thread-safety of each: any thread. */
struct pma_mcp_bindings {
    void *arg; /* borrowed, given to each function */
    int (*entity_get)(void *arg, const char *entity_id, json_t **entity);
    /* room_id: NULL for all entities */
    int (*entity_list)(void *arg, const char *room_id, json_t **entities);
    int (*entity_history)(void *arg, const char *entity_id, size_t limit,
                          json_t **states);
    /* attributes: may be NULL */
    int (*entity_set_state)(void *arg, const char *entity_id, const char *state,
                            const json_t *attributes, json_t **result);
    int (*room_get)(void *arg, const char *room_id, json_t **room);
    int (*system_status)(void *arg, json_t **status);
    /* definition: {name, triggers, actions}, checked; *automation has an id */
    int (*automation_create)(void *arg, const json_t *definition, json_t **automation);
    int (*scene_run)(void *arg, const char *scene_id, json_t **result);
};

/* Lists the tools as an array of {name, description, inputSchema}.
 * Returns: owned; NULL: out of memory. Thread-safety: any thread. Allocates. */
json_t *pma_mcp_builtin_list(void);

/* Whether there is such a tool. Thread-safety: pure. */
bool pma_mcp_builtin_has(const char *name);

/* Runs a tool on the calling thread. arguments: borrowed, an object or NULL (none).
 * Returns: 0 and outcome->result; -ENOENT: no such tool; -EINVAL: the arguments do not
 * fit the tool's schema; -EREMOTEIO: the tool failed; -ENOTCONN: its service does not
 * run; -ENOMEM. outcome->error says what is wrong then. Thread-safety: as the bindings.
 * Allocates. */
int pma_mcp_builtin_call(const struct pma_mcp_bindings *bindings, const char *name,
                         const json_t *arguments, struct pma_mcp_outcome *outcome);

#endif
