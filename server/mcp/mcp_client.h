/* One tool server: its process, the session with it, and its restarts.
 *
 *     STOPPED -> STARTING -> READY -> (it ended) WAITING -> STARTING ...
 *        ^--------- STOPPING <--------------'
 *
 * Everything here is called by one thread at a time: mcp_servers holds its lock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_CLIENT_H
#define PMA_MCP_CLIENT_H

#include "server/mcp/mcp_session.h"

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many entries of a poll set one client needs at most. */
#define PMA_MCP_CLIENT_POLLS 4

enum pma_mcp_client_state {
    PMA_MCP_CLIENT_NONE = 0,
    PMA_MCP_CLIENT_STOPPED = 1,  /* no process, and none is wanted */
    PMA_MCP_CLIENT_STARTING = 2, /* the process runs, its tools are not known yet */
    PMA_MCP_CLIENT_READY = 3,
    PMA_MCP_CLIENT_STOPPING = 4, /* the process was asked to end */
    PMA_MCP_CLIENT_WAITING = 5,  /* no process; there will be another attempt */
};

/* Limits and times, the same for all servers. */
struct pma_mcp_client_config {
    struct pma_mcp_session_config session;
    uint64_t start_timeout_ns;   /* from the start to READY */
    uint64_t stop_grace_ns;      /* end of input, half of it later SIGTERM, then KILL */
    uint64_t restart_backoff_ns; /* before the first restart; doubled each time */
    uint64_t restart_backoff_max_ns; /* at most; a server that stayed READY so long begins
                                        anew with the first */
    const char *version;             /* of us, for the server; borrowed for ever */
};

struct pma_mcp_client;

/* spec: {id, name?, command, args[], env[], enabled, timeout_ms?}, checked, a reference
 * is kept. An entry of env is NAME (passed on when we have it) or NAME=VALUE; nothing
 * else of our environment is passed on. config: borrowed while the client lives. Returns:
 * 0, STOPPED; -ENOMEM. Allocates. */
int pma_mcp_client_new(const struct pma_mcp_client_config *config, json_t *spec,
                       struct pma_mcp_client **client);

/* Frees a STOPPED or WAITING client; NULL is allowed. */
void pma_mcp_client_free(struct pma_mcp_client *client);

/* Wants a process; starts it at once. A process that cannot be started is tried again. */
void pma_mcp_client_start(struct pma_mcp_client *client, uint64_t now_ns);

/* Wants none: what waits is ended with -ECANCELED; asks the process to end within
 * grace_ns. STOPPED at once when there is none. */
void pma_mcp_client_stop(struct pma_mcp_client *client, uint64_t now_ns,
                         uint64_t grace_ns);

/* Sends the SIGTERM of a stop now instead of at half of its time. */
void pma_mcp_client_terminate(struct pma_mcp_client *client);

/* F24: as stop, but the process is killed and forgotten. STOPPED at once. */
void pma_mcp_client_forget_child(struct pma_mcp_client *client);

/* Fills up to PMA_MCP_CLIENT_POLLS entries. Returns: how many. */
size_t pma_mcp_client_poll(const struct pma_mcp_client *client, struct pollfd *polls);

/* When the client has to be looked at even if nothing happens, CLOCK_MONOTONIC.
 * UINT64_MAX: never. */
uint64_t pma_mcp_client_due_ns(const struct pma_mcp_client *client);

/* Reads, writes, reaps and does what is due. */
void pma_mcp_client_run(struct pma_mcp_client *client, uint64_t now_ns);

enum pma_mcp_client_state pma_mcp_client_state(const struct pma_mcp_client *client);

/* Borrowed, constant while the client lives. */
const char *pma_mcp_client_id(const struct pma_mcp_client *client);

/* How long a call of this server may take; `otherwise` when its spec does not say. */
uint64_t pma_mcp_client_timeout_ns(const struct pma_mcp_client *client,
                                   uint64_t otherwise);

/* The session, for calls. Borrowed. */
struct pma_mcp_session *pma_mcp_client_session(struct pma_mcp_client *client);

/* {id, name, command, args, env (names only: values may be secret), enabled, status,
 * pid?, tools, restarts, last_error?, ...}. Returns: owned; NULL: out of memory. */
json_t *pma_mcp_client_json(const struct pma_mcp_client *client);

/* What went wrong last; "" when nothing did. Borrowed. */
const char *pma_mcp_client_error(const struct pma_mcp_client *client);

#endif
