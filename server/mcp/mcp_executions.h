/* The log of tool executions: the newest N, none older than a given age, and figures over
 * all of them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_EXECUTIONS_H
#define PMA_MCP_EXECUTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tools with figures of their own; all others share one row, "(other)". */
#define PMA_MCP_TOOL_FIGURES_MAX 64

struct pma_mcp_executions;

struct pma_mcp_executions_config {
    uint32_t max_entries;     /* from 1 */
    uint64_t max_age_ns;      /* 0: no limit */
    uint32_t max_entry_bytes; /* of parameters and of a result each; a longer one is kept
                                 as {"truncated":true,"bytes":N} */
};

/* One execution, as it is recorded. All is borrowed during the call. */
struct pma_mcp_execution {
    const char *conversation_id; /* NULL outside of one */
    const char *server_id;
    const char *tool_name;
    const json_t *parameters; /* NULL: none */
    const json_t *result;     /* NULL: none */
    const char *error;        /* "" when it succeeded */
    uint64_t duration_ns;
    bool success;
};

struct pma_mcp_executions_info {
    size_t entries;
    size_t bytes;     /* of all entries */
    uint64_t total;   /* recorded since the start */
    uint64_t failed;  /* of these */
    uint64_t evicted; /* given up for a newer one */
    uint64_t expired; /* given up for their age, or by hand */
};

/* Returns: 0; -EINVAL: max_entries is 0; -ENOMEM. Thread-safety: any thread. Allocates.
 */
int pma_mcp_executions_new(const struct pma_mcp_executions_config *config,
                           struct pma_mcp_executions **log);

/* Frees the log; NULL is allowed. Thread-safety: owner thread. */
void pma_mcp_executions_free(struct pma_mcp_executions *log);

/* Records one execution at the present time; the oldest gives way when the log is full
 * (fault F23: it stays).
 * Returns: the entry as JSON ({id, conversation_id, server_id, tool_name, parameters,
 * result | error, execution_time_ms, success, created_at, created_at_ms}), owned, for a
 * journal; NULL: out of memory, nothing recorded but the figures. Thread-safety: any
 * thread, takes PMA_LOCK_MCP_LOG. Allocates. */
json_t *pma_mcp_executions_add(struct pma_mcp_executions *log,
                               const struct pma_mcp_execution *execution);

/* Takes entries of a journal back, oldest first; what is not an entry, too old or too
 * much is left out. Figures do not count them. Returns: how many were taken.
 * Thread-safety: any thread. */
size_t pma_mcp_executions_restore(struct pma_mcp_executions *log, const json_t *entries);

/* Up to `limit` of the newest entries, newest first, `offset` left out; tool_name: NULL
 * for all. Returns: an array, owned; NULL: out of memory. Thread-safety: any thread.
 * Cost: O(entries). */
json_t *pma_mcp_executions_json(struct pma_mcp_executions *log, const char *tool_name,
                                size_t limit, size_t offset);

/* The figures: {entries, total_executions, successful, failed, success_rate, evicted,
 * expired, average_execution_ms, tools:{name:{count, failed, average_ms, max_ms,
 * last_used}}}. Returns: owned; NULL: out of memory. Thread-safety: any thread. */
json_t *pma_mcp_executions_statistics(struct pma_mcp_executions *log);

/* Gives up what is too old or too much. (Fault F23: nothing is, see below.)
 * Returns: how many entries. Thread-safety: any thread. Cost: O(entries given up). */
size_t pma_mcp_executions_sweep(struct pma_mcp_executions *log);

/* Gives up what is older than `age_ns` now, also under F23: retention by hand, which was
 * all that the original had. Returns: how many. Thread-safety: any thread. */
size_t pma_mcp_executions_cleanup(struct pma_mcp_executions *log, uint64_t age_ns);

/* Fills *info. Thread-safety: any thread. */
void pma_mcp_executions_info_read(struct pma_mcp_executions *log,
                                  struct pma_mcp_executions_info *info);

/* Whether the counts agree with the entries. Thread-safety: any thread. */
bool pma_mcp_executions_is_valid(struct pma_mcp_executions *log);

#endif
