/* JSON-RPC 2.0 over a byte stream, one message per line: from bytes to messages.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MCP_RPC_H
#define PMA_MCP_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a line that is not complete yet. All zero but max_bytes: empty. */
struct pma_mcp_lines {
    size_t max_bytes;      /* of one line, without its end; from 1 */
    char *bytes;           /* owned */
    size_t used, capacity; /* used <= capacity <= max_bytes */
    bool skipping;         /* a line was too long: up to its end all is dropped */
};

/* One complete line: borrowed, without its end (LF or CRLF), never empty. line NULL: a
 * line was longer than max_bytes and is being dropped. */
typedef void pma_mcp_line_visit(void *arg, const char *line, size_t line_bytes);

/* Takes bytes as they came and visits each line that they complete.
 * Returns: 0; -ENOMEM: the bytes of the last line are lost, it is dropped like one that
 * is too long. Thread-safety: one thread at a time per object. Allocates: up to
 * max_bytes. */
int pma_mcp_lines_feed(struct pma_mcp_lines *lines, const char *bytes, size_t count,
                       pma_mcp_line_visit *visit, void *arg);

/* Drops what is there and frees the memory. Thread-safety: as above. */
void pma_mcp_lines_fini(struct pma_mcp_lines *lines);

/* Whether the sizes fit. Thread-safety: as above. */
bool pma_mcp_lines_is_valid(const struct pma_mcp_lines *lines);

enum pma_mcp_message_kind {
    PMA_MCP_MESSAGE_NONE = 0,
    PMA_MCP_MESSAGE_RESULT = 1,       /* id, result */
    PMA_MCP_MESSAGE_ERROR = 2,        /* id, code, text */
    PMA_MCP_MESSAGE_REQUEST = 3,      /* id_json, method */
    PMA_MCP_MESSAGE_NOTIFICATION = 4, /* method */
};

/* A parsed message; what is not of its kind is zero. */
struct pma_mcp_message {
    enum pma_mcp_message_kind kind;
    json_t *root;          /* owned; the rest is borrowed from it */
    int64_t id;            /* of our request; 0: none of ours (ours begin with 1) */
    const json_t *id_json; /* of the peer's request: a text or a number */
    const json_t *result;
    const char *method;
    const char *text; /* of an error; never NULL there */
    int64_t code;     /* of an error */
};

/* Parses one line. Returns: 0 and *message, which the caller gives to
 * pma_mcp_message_fini; -EBADMSG: not JSON, nested too deep, or not JSON-RPC 2.0;
 * *message is untouched. Thread-safety: pure. Allocates. */
int pma_mcp_message_parse(const char *line, size_t line_bytes,
                          struct pma_mcp_message *message);

/* Frees what the message holds. Thread-safety: one thread at a time. */
void pma_mcp_message_fini(struct pma_mcp_message *message);

#endif
