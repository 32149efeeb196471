/* Tools that a language model may call: what the chat needs of whoever has them.
 *
 * The chat asks for the list before it speaks to a provider, and calls a tool when the
 * answer asks for it, at most ai.max_tool_rounds rounds of calls per chat.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_TOOL_HOST_H
#define PMA_TOOL_HOST_H

#include <jansson.h>

struct pma_tool_host {
    /* The tools, as an array of {name, description, parameters}; parameters is a JSON
     * schema of type object. *tools is owned by the caller. Returns: 0; a negative errno,
     * *tools untouched: the chat goes on without tools. Thread-safety: any thread. */
    int (*list)(void *arg, json_t **tools);

    /* Runs one tool. arguments: an object, borrowed, as the model wrote it: anything may
     * be in it. conversation_id: borrowed, NULL outside of one. *result is what the model
     * gets to see ({success, result | error, execution_time_ms}), owned by the caller.
     * Returns: 0, also when the tool failed (the result says so); -ENOENT: no such tool;
     * another negative errno: it could not be run; *result is untouched then and the
     * model is told. Has to return in bounded time, and soon after the host was told to
     * stop. Thread-safety: any thread, several at a time. */
    int (*call)(void *arg, const char *name, const json_t *arguments,
                const char *conversation_id, json_t **result);

    void *arg; /* borrowed while the chat may use the host */
};

#endif
