/* The tool servers: a set of processes, one thread that speaks with all of them, and
 * calls that wait for their answers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_SERVERS_H
#define PMA_MCP_SERVERS_H

#include "server/mcp/mcp_client.h"
#include "server/mcp/mcp_outcome.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_MCP_SERVERS_MAX 64
#define PMA_MCP_ID_BYTES    33 /* with the final NUL */

struct pma_mcp_servers;

struct pma_mcp_servers_config {
    struct pma_mcp_client_config client;
    uint32_t max_servers; /* at most PMA_MCP_SERVERS_MAX */
    uint32_t max_calls;   /* that wait at a time, over all servers; from 1 */
    uint64_t call_timeout_ns;
};

struct pma_mcp_servers_info {
    uint32_t total, connected;
    uint32_t processes; /* children that were not reaped yet */
    uint32_t calls;     /* that wait now */
    uint64_t calls_total;
    uint64_t calls_refused; /* over max_calls */
    uint64_t calls_timed_out;
    uint64_t last_activity_ns; /* CLOCK_MONOTONIC; 0: none yet */
};

/* Whether anybody still wants the answer of a call; asked several times a second, on the
 * thread that called, with PMA_LOCK_MCP held. NULL function: always. */
struct pma_mcp_patience {
    bool (*is_given_up)(void *arg);
    void *arg; /* borrowed */
};

/* Returns: 0; -EINVAL: a limit is out of range; -ENOMEM; -EMFILE. Allocates. */
int pma_mcp_servers_new(const struct pma_mcp_servers_config *config,
                        struct pma_mcp_servers **servers);

/* Starts the thread "mcp-servers". SIGPIPE must be ignored by the process.
 * Returns: 0; as pma_worker_start. Thread-safety: owner thread. */
int pma_mcp_servers_start(struct pma_mcp_servers *servers);

/* Refuses calls from now on, waits up to drain_ns for those that run, and ends the rest
 * with -ECANCELED: for whoever stops the threads that call. Thread-safety: any thread. */
void pma_mcp_servers_close(struct pma_mcp_servers *servers, uint64_t drain_ns);

/* Ends all calls with -ECANCELED, all processes (end of input and SIGTERM at once,
 * SIGKILL at half the time), and the thread. Returns: 0, also when it was not started;
 * -ETIMEDOUT: the thread still runs, nothing may be freed. Thread-safety: owner thread.
 */
int pma_mcp_servers_stop(struct pma_mcp_servers *servers, uint64_t timeout_ns);

/* Frees what was stopped; NULL is allowed. Thread-safety: owner thread. */
void pma_mcp_servers_free(struct pma_mcp_servers *servers);

/* Adds a server and, when it is enabled, starts it. spec: borrowed, see mcp_client.h;
 * copied. Returns: 0; -EINVAL: why[] says what is wrong with the spec; -EEXIST: the id is
 * taken; -ENOSPC: max_servers are there; -ECANCELED: stopping; -ENOMEM. Thread-safety:
 * any thread, takes PMA_LOCK_MCP. */
int pma_mcp_servers_add(struct pma_mcp_servers *servers, const json_t *spec, char *why,
                        size_t why_bytes);

/* Ends a server and takes it out; waits until its process was reaped (fault F24: it is
 * not). Returns: 0; -ENOENT; -EBUSY: somebody else is removing it; -ETIMEDOUT: it is
 * still there and is being ended. Thread-safety: any thread. */
int pma_mcp_servers_remove(struct pma_mcp_servers *servers, const char *id);

/* Calls a tool and waits for its answer, at most call_timeout_ns (or what the server's
 * spec says), and while somebody wants it (patience, borrowed; NULL: always).
 * Returns: 0 and outcome->result; an error of mcp_outcome.h with
 * outcome->error (and a result, when a tool that failed gave one). Thread-safety: any
 * thread. */
int pma_mcp_servers_call(struct pma_mcp_servers *servers, const char *id,
                         const char *tool, const json_t *arguments,
                         const struct pma_mcp_patience *patience,
                         struct pma_mcp_outcome *outcome);

/* The first connected server that has the tool. Returns: 0 and its id; -ENOENT. */
int pma_mcp_servers_find_tool(struct pma_mcp_servers *servers, const char *tool,
                              char id[PMA_MCP_ID_BYTES]);

/* Whether there is a server of that id. Thread-safety: any thread. */
bool pma_mcp_servers_has(struct pma_mcp_servers *servers, const char *id);

/* The servers, as pma_mcp_client_json; their tools {serverId, name, description,
 * inputSchema}; what went wrong last, as texts. Owned; NULL: out of memory. */
json_t *pma_mcp_servers_json(struct pma_mcp_servers *servers);
json_t *pma_mcp_servers_tools_json(struct pma_mcp_servers *servers);
json_t *pma_mcp_servers_errors_json(struct pma_mcp_servers *servers);

/* Fills *info. Thread-safety: any thread. */
void pma_mcp_servers_info_read(struct pma_mcp_servers *servers,
                               struct pma_mcp_servers_info *info);

#endif
