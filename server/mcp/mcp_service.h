/* The Model Context Protocol service: built-in and foreign tools behind one door, with
 * the log of what was executed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_SERVICE_H
#define PMA_MCP_SERVICE_H

#include "server/ai/tool_host.h"
#include "server/mcp/mcp_builtin.h"
#include "server/mcp/mcp_executions.h"
#include "server/mcp/mcp_servers.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct pma_mcp;

/* Where executions survive a restart. NULL functions: nowhere. */
struct pma_mcp_journal {
    void *arg; /* borrowed */
    /* Appends one entry (borrowed). Returns: 0; a negative errno, which is counted. */
    int (*append)(void *arg, const json_t *entry);
    /* The newest `limit` entries, oldest first, owned. Returns: 0; a negative errno. */
    int (*newest)(void *arg, size_t limit, json_t **entries);
    /* Removes all but the newest `keep`, and those before an instant (0: none). */
    int (*trim)(void *arg, size_t keep, int64_t older_than_unix_ms);
};

struct pma_mcp_config {
    bool enabled; /* false: every execution is refused, no server is started */
    struct pma_mcp_servers_config servers;
    struct pma_mcp_executions_config executions;
    uint64_t context_max_age_ns;  /* see pma_mcp_contexts_new */
    uint64_t cleanup_interval_ns; /* of the log and the contexts */
};

/* One execution that is asked for. All is borrowed during the call. */
struct pma_mcp_call {
    const char *server_id; /* NULL or "": whoever has the tool, built-in ones first */
    const char *tool;
    const json_t *arguments;          /* an object; NULL: none */
    const char *conversation_id;      /* NULL outside of one */
    struct pma_mcp_patience patience; /* for a foreign tool's answer */
};

struct pma_mcp_info {
    struct pma_mcp_servers_info servers;
    struct pma_mcp_executions_info executions;
    size_t contexts;
    uint64_t contexts_reaped;
    uint64_t journal_errors;
};

/* bindings, journal: copied. Returns: 0; -EINVAL: a limit is out of range; -ENOMEM;
 * -EMFILE. Thread-safety: owner thread. Allocates. */
int pma_mcp_new(const struct pma_mcp_config *config,
                const struct pma_mcp_bindings *bindings,
                const struct pma_mcp_journal *journal, struct pma_mcp **mcp);

/* Takes the log back from the journal and starts the threads "mcp-servers" and
 * "mcp-cleanup". Returns: 0; as pma_worker_start. Thread-safety: owner thread. */
int pma_mcp_start(struct pma_mcp *mcp);

/* See pma_mcp_servers_close. Thread-safety: any thread. */
void pma_mcp_close(struct pma_mcp *mcp, uint64_t drain_ns);

/* Ends what waits (-ECANCELED), all tool servers and both threads. Returns: 0;
 * -ETIMEDOUT: see pma_mcp_servers_stop. Thread-safety: owner thread. */
int pma_mcp_stop(struct pma_mcp *mcp, uint64_t timeout_ns);

/* Frees what was stopped; NULL is allowed. Thread-safety: owner thread. */
void pma_mcp_free(struct pma_mcp *mcp);

/* Runs a tool, waits for its result, and records it. used_server gets the server that was
 * asked ("" when none was found), duration_ns the time it took.
 * Returns: 0 and outcome->result; an error of mcp_outcome.h. What no server has (-ENOENT)
 * is not recorded. Thread-safety: any thread. Allocates. */
int pma_mcp_execute(struct pma_mcp *mcp, const struct pma_mcp_call *call,
                    struct pma_mcp_outcome *outcome, char used_server[PMA_MCP_ID_BYTES],
                    uint64_t *duration_ns);

/* The tools as a chat sees them: built-in ones by their name, foreign ones as
 * "server__tool" (names over 64 bytes, which providers refuse, are left out and can be
 * called over REST only). Borrowed while the service lives. */
const struct pma_tool_host *pma_mcp_tool_host(struct pma_mcp *mcp);

/* All tools: [{serverId, name, description, inputSchema}]; all servers, "builtin" first;
 * {enabled, connectedServers, totalServers, lastActivity, errors, ...}. Owned; NULL: out
 * of memory. Thread-safety: any thread. */
json_t *pma_mcp_tools_json(struct pma_mcp *mcp);
json_t *pma_mcp_servers_list_json(struct pma_mcp *mcp);
json_t *pma_mcp_status_json(struct pma_mcp *mcp);

bool pma_mcp_is_enabled(const struct pma_mcp *mcp);

/* The parts, for whoever shows or changes them. Borrowed while the service lives. */
struct pma_mcp_servers *pma_mcp_servers_of(struct pma_mcp *mcp);
struct pma_mcp_executions *pma_mcp_executions_of(struct pma_mcp *mcp);

/* Gives up old executions and contexts now. Thread-safety: any thread. */
void pma_mcp_sweep(struct pma_mcp *mcp);

/* Gives up what is older than `age_ns`, also in the journal: retention by hand. Returns:
 * how many entries the log lost. Thread-safety: any thread. */
size_t pma_mcp_cleanup(struct pma_mcp *mcp, uint64_t age_ns);

/* F23 and F25 by themselves: one execution of get_system_status. arg: struct pma_mcp.
 * Nothing unless one of the faults is on. Thread-safety: any thread. */
void pma_mcp_simulate_execution(void *arg);

/* Fills *info. Thread-safety: any thread. */
void pma_mcp_info_read(struct pma_mcp *mcp, struct pma_mcp_info *info);

#endif
