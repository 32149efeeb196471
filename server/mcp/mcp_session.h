/* A conversation with one tool server in the Model Context Protocol: bytes in, bytes out;
 * no process and no clock in it.
 *
 *     start -> INITIALISING -> LISTING -> READY, and BROKEN from everywhere
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_SESSION_H
#define PMA_MCP_SESSION_H

#include "server/mcp/mcp_outcome.h"
#include "server/mcp/mcp_rpc.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_MCP_PROTOCOL "2025-06-18"

enum pma_mcp_session_state {
    PMA_MCP_SESSION_NONE = 0,
    PMA_MCP_SESSION_INITIALISING = 1,
    PMA_MCP_SESSION_LISTING = 2,
    PMA_MCP_SESSION_READY = 3,
    PMA_MCP_SESSION_BROKEN = 4, /* the peer does not speak the protocol: see error */
};

/* One call that waits for its answer; in the caller's storage from pma_mcp_session_call
 * until it is done or was forgotten. */
struct pma_mcp_wait {
    struct pma_mcp_wait *next; /* of the session */
    int64_t id;                /* of the request */
    bool done;
    int err; /* 0, or as pma_mcp_outcome says; set when done */
    struct pma_mcp_outcome outcome;
};

struct pma_mcp_session_config {
    uint32_t max_line_bytes; /* of a message, in both directions */
    uint32_t max_tools;
};

struct pma_mcp_session {
    struct pma_mcp_session_config config;
    enum pma_mcp_session_state state;
    struct pma_mcp_lines lines;
    char *out; /* owned; bytes [out_sent, out_used) are still to be written */
    size_t out_sent, out_used, out_capacity;
    int64_t last_id;
    int64_t list_id;     /* of the tools/list that runs; 0: none */
    uint32_t list_pages; /* of the listing so far */
    bool list_again;     /* the tools changed while they were listed */
    struct pma_mcp_wait *waits;
    json_t *tools; /* array of {name, description, inputSchema}; owned; NULL: none yet */
    json_t *listing; /* the tools of the pages so far; owned */
    char server_name[64], server_version[32], protocol[16];
    char error[PMA_MCP_ERROR_BYTES];
    /* since the session was made */
    uint64_t messages;        /* that were understood */
    uint64_t malformed_lines; /* that were not JSON-RPC */
    uint64_t overlong_lines;
    uint64_t unknown_answers; /* to nothing that waits: late, or never asked */
    uint64_t dropped_tools;   /* beyond max_tools, or without a name */
    uint64_t dropped_replies; /* to requests of a peer that does not read */
};

/* Makes the storage a session that has sent nothing yet. Thread-safety: one thread at a
 * time per session, here and below. */
void pma_mcp_session_init(struct pma_mcp_session *session,
                          const struct pma_mcp_session_config *config);

/* Ends all waits with err and text, and frees everything. */
void pma_mcp_session_fini(struct pma_mcp_session *session, int err, const char *text);

/* Queues the initialise request. Returns: 0; -ENOMEM. */
int pma_mcp_session_start(struct pma_mcp_session *session, const char *client_version);

/* Takes bytes from the peer; whatever they answer is done afterwards. */
void pma_mcp_session_input(struct pma_mcp_session *session, const char *bytes,
                           size_t count);

/* What is to be written next. Returns: how many bytes; 0: nothing. Borrowed until the
 * next call of any function. */
size_t pma_mcp_session_output(const struct pma_mcp_session *session, const char **bytes);

/* `count` bytes of it were written. */
void pma_mcp_session_wrote(struct pma_mcp_session *session, size_t count);

/* Queues a tools/call. wait: see above, zeroed by the caller. arguments: borrowed, may be
 * NULL. Returns: 0; -ENOTCONN: not READY; -ENOENT: no such tool; -E2BIG: longer than
 * max_line_bytes; -EBUSY: the peer does not read what was sent before; -ENOMEM. Nothing
 * waits then and wait->outcome.error says why. */
int pma_mcp_session_call(struct pma_mcp_session *session, const char *tool,
                         const json_t *arguments, struct pma_mcp_wait *wait);

/* Takes a wait that is not done out, and tells the peer that nobody wants its answer. */
void pma_mcp_session_forget(struct pma_mcp_session *session, struct pma_mcp_wait *wait,
                            const char *reason);

/* Ends all waits with this error. */
void pma_mcp_session_fail_waits(struct pma_mcp_session *session, int err,
                                const char *text);

/* Whether the tool is listed. */
bool pma_mcp_session_has_tool(const struct pma_mcp_session *session, const char *tool);

#endif
