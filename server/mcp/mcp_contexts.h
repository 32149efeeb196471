/* Contexts of the tool executions that run: what each works with, and since when.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_CONTEXTS_H
#define PMA_MCP_CONTEXTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct pma_mcp_contexts;

struct pma_mcp_contexts_info {
    size_t live;     /* begun and neither ended nor reaped */
    uint64_t begun;  /* since the start */
    uint64_t reaped; /* given up by the sweep: nobody had ended them */
};

/* max_age_ns: contexts older than this are reaped by the sweep; 0: none is (with fault
 * F25 its leak is permanent then, else a saw-tooth). Returns: 0; -ENOMEM. Allocates. */
int pma_mcp_contexts_new(uint64_t max_age_ns, struct pma_mcp_contexts **contexts);

/* Frees all contexts; NULL is allowed. Thread-safety: owner thread. */
void pma_mcp_contexts_free(struct pma_mcp_contexts *contexts);

/* Begins a context. tool_name, variables: borrowed; the context keeps copies of both. *id
 * gets its number, never 0. How many live at a time is bounded by whoever limits
 * executions. Returns: 0; -ENOMEM. Thread-safety: any thread, takes PMA_LOCK_MCP_LOG.
 * Allocates. */
int pma_mcp_contexts_begin(struct pma_mcp_contexts *contexts, const char *tool_name,
                           const json_t *variables, uint64_t *id);

/* Ends a context. Returns: 0; -ENOENT: it was reaped. Thread-safety: any thread. Cost:
 * O(live contexts). */
int pma_mcp_contexts_end(struct pma_mcp_contexts *contexts, uint64_t id);

/* Reaps what is too old. Returns: how many. Thread-safety: any thread. */
size_t pma_mcp_contexts_sweep(struct pma_mcp_contexts *contexts);

/* Fills *info. Thread-safety: any thread. */
void pma_mcp_contexts_info_read(struct pma_mcp_contexts *contexts,
                                struct pma_mcp_contexts_info *info);

#endif
