/* A session with a tool server that says anything. Its promises: the lines are valid
 * after each piece; what it sends are whole lines of JSON-RPC within the limits; a call
 * is answered at most once and by its own number, and none is left when the session ends;
 * the counts add up to the lines of the input, which are counted a second time by a
 * plainer computation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_mcp_session.h"

#include "server/mcp/mcp_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 512
#define TOOLS_MAX      4
#define CALLS_MAX      4

uint64_t pma_fuzz_understood, pma_fuzz_malformed, pma_fuzz_ready, pma_fuzz_answered;
uint64_t pma_fuzz_inputs;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_mcp_session: broken promise: %s\n", promise);
        abort();
    }
}

/* Takes everything that the session wants to send. */
static void drain(struct pma_mcp_session *session)
{
    const char *bytes = NULL;
    size_t count = pma_mcp_session_output(session, &bytes);
    must(count <= 2 * (LINE_BYTES_MAX + 1), "the output is bounded");
    must(count == 0 || bytes[count - 1] == '\n', "the output ends with a whole line");
    while (count > 0) {
        const char *end = memchr(bytes, '\n', count);
        const size_t line_bytes = (size_t)(end - bytes);
        json_t *message = json_loadb(bytes, line_bytes, 0, NULL);
        must(message != NULL && json_object_get(message, "jsonrpc") != NULL,
             "what is sent is JSON-RPC");
        must(line_bytes <= LINE_BYTES_MAX, "what is sent is not too long");
        json_decref(message);
        pma_mcp_session_wrote(session, line_bytes + 1);
        count = pma_mcp_session_output(session, &bytes);
    }
}

/* Calls the first tool while there is room; notices what is done. */
static void call(struct pma_mcp_session *session, struct pma_mcp_wait waits[CALLS_MAX],
                 bool busy[CALLS_MAX])
{
    for (size_t i = 0; i < CALLS_MAX; i++) {
        if (busy[i] && waits[i].done) {
            must(waits[i].err == 0 ? waits[i].outcome.result != NULL
                                   : waits[i].outcome.error[0] != '\0',
                 "an answer is a result or an explained error");
            pma_fuzz_answered += waits[i].err == 0;
            json_decref(waits[i].outcome.result);
            busy[i] = false;
        }
        if (!busy[i] && session->state == PMA_MCP_SESSION_READY &&
            json_array_size(session->tools) > 0) {
            const char *tool = json_string_value(
                json_object_get(json_array_get(session->tools, 0), "name"));
            waits[i] = (struct pma_mcp_wait){.done = false};
            busy[i] = pma_mcp_session_call(session, tool, NULL, &waits[i]) == 0;
        }
    }
}

/* How many lines the input has that are visited: neither empty nor without an end. */
static uint64_t count_lines(const uint8_t *data, size_t size)
{
    uint64_t lines = 0;
    for (size_t begin = 0, at = 0; at < size; at++) {
        const size_t bytes = at - begin;
        if (bytes == LINE_BYTES_MAX + 1) {
            lines++; /* too long, and noticed at this byte at the latest */
        }
        if (data[at] == '\n') {
            const bool is_empty = bytes == 0 || (bytes == 1 && data[begin] == '\r');
            lines += bytes <= LINE_BYTES_MAX && !is_empty;
            begin = at + 1;
        }
    }
    return lines;
}

static void check_counts(const struct pma_mcp_session *session, const uint8_t *data,
                         size_t size)
{
    const uint64_t noticed =
        session->messages + session->malformed_lines + session->overlong_lines;
    const uint64_t lines = count_lines(data, size);
    /* A broken session reads no further; the last line may just have become too long. */
    if (session->state != PMA_MCP_SESSION_BROKEN) {
        must(noticed == lines || noticed == lines + 1, "every line is counted once");
    }
    must(session->tools == NULL || json_array_size(session->tools) <= TOOLS_MAX,
         "the tools are bounded");
    must(session->state != PMA_MCP_SESSION_BROKEN || session->error[0] != '\0',
         "a session that breaks says why");
    pma_fuzz_understood += session->messages;
    pma_fuzz_malformed += session->malformed_lines;
    pma_fuzz_ready += session->state == PMA_MCP_SESSION_READY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pma_mcp_session_config config = {.max_line_bytes = LINE_BYTES_MAX,
                                                  .max_tools = TOOLS_MAX};
    struct pma_mcp_session session;
    struct pma_mcp_wait waits[CALLS_MAX];
    bool busy[CALLS_MAX] = {false};
    if (size < 2) {
        return 0;
    }
    pma_fuzz_inputs++;
    const size_t step = data[0] % 64 == 0 ? size : data[0] % 64;
    pma_mcp_session_init(&session, &config);
    must(pma_mcp_session_start(&session, "0") == 0, "memory");
    for (size_t at = 1; at < size; at += step) {
        const size_t bytes = step < size - at ? step : size - at;
        /* On the heap and of its own size, so that a sanitizer sees a byte too far. */
        char *piece = malloc(bytes);
        must(piece != NULL, "memory");
        memcpy(piece, data + at, bytes);
        pma_mcp_session_input(&session, piece, bytes);
        free(piece);
        must(pma_mcp_lines_is_valid(&session.lines), "the lines are valid");
        call(&session, waits, busy);
        drain(&session);
    }
    check_counts(&session, data + 1, size - 1);
    pma_mcp_session_fini(&session, -ECANCELED, "the end");
    for (size_t i = 0; i < CALLS_MAX; i++) {
        must(!busy[i] || waits[i].done, "nobody waits when the session has ended");
        if (busy[i]) {
            json_decref(waits[i].outcome.result);
        }
    }
    return 0;
}
