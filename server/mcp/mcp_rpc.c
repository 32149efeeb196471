/* Lines and messages from a foreign program: anything may come.
 *
 * A line has a bounded length: the buffer grows by doubling up to it and is given back
 * when it is empty and large, so that one long answer does not stay for ever. Whatever is
 * too long is dropped up to its end and reported once. Nesting is counted before jansson
 * sees the line: its parser goes 2,048 levels deep by recursion, more than a worker's
 * stack is sure to hold. Rejected: jansson's own stream reader (json_load_callback),
 * which blocks in the middle of a value and knows no limit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_rpc.h"

#include "server/base/json_depth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST ((size_t)1024)
#define CAPACITY_KEPT  ((size_t)16 * 1024)

static int make_room(struct pma_mcp_lines *lines, size_t needed)
{
    size_t capacity = lines->capacity > 0 ? lines->capacity : CAPACITY_FIRST;
    if (needed <= lines->capacity) {
        return 0;
    }
    while (capacity < needed) {
        capacity *= 2;
    }
    capacity = capacity < lines->max_bytes ? capacity : lines->max_bytes;
    char *bytes = realloc(lines->bytes, capacity);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    lines->bytes = bytes;
    lines->capacity = capacity;
    return 0;
}

static void empty(struct pma_mcp_lines *lines)
{
    lines->used = 0;
    if (lines->capacity > CAPACITY_KEPT) {
        free(lines->bytes);
        lines->bytes = NULL;
        lines->capacity = 0;
    }
}

static void skip(struct pma_mcp_lines *lines, pma_mcp_line_visit *visit, void *arg)
{
    empty(lines);
    lines->skipping = true;
    visit(arg, NULL, 0);
}

/* Adds a piece that has no line end in it. */
static int add(struct pma_mcp_lines *lines, const char *piece, size_t piece_bytes,
               pma_mcp_line_visit *visit, void *arg)
{
    if (lines->skipping || piece_bytes == 0) {
        return 0;
    }
    if (piece_bytes > lines->max_bytes - lines->used) {
        skip(lines, visit, arg);
        return 0;
    }
    const int err = make_room(lines, lines->used + piece_bytes);
    if (err != 0) {
        skip(lines, visit, arg);
        return err;
    }
    memcpy(lines->bytes + lines->used, piece, piece_bytes);
    lines->used += piece_bytes;
    return 0;
}

static void end_line(struct pma_mcp_lines *lines, pma_mcp_line_visit *visit, void *arg)
{
    size_t bytes = lines->used;
    if (bytes > 0 && lines->bytes[bytes - 1] == '\r') {
        bytes--;
    }
    if (!lines->skipping && bytes > 0) {
        visit(arg, lines->bytes, bytes);
    }
    lines->skipping = false;
    empty(lines);
}

int pma_mcp_lines_feed(struct pma_mcp_lines *lines, const char *bytes, size_t count,
                       pma_mcp_line_visit *visit, void *arg)
{
    int err = 0;
    while (count > 0) {
        const char *end = memchr(bytes, '\n', count);
        const size_t piece_bytes = end != NULL ? (size_t)(end - bytes) : count;
        const int added = add(lines, bytes, piece_bytes, visit, arg);
        err = added != 0 ? added : err;
        if (end == NULL) {
            break;
        }
        end_line(lines, visit, arg);
        bytes += piece_bytes + 1;
        count -= piece_bytes + 1;
    }
    return err;
}

void pma_mcp_lines_fini(struct pma_mcp_lines *lines)
{
    free(lines->bytes);
    lines->bytes = NULL;
    lines->used = 0;
    lines->capacity = 0;
    lines->skipping = false;
}

bool pma_mcp_lines_is_valid(const struct pma_mcp_lines *lines)
{
    return lines->max_bytes > 0 && lines->used <= lines->capacity &&
           lines->capacity <= lines->max_bytes &&
           (lines->capacity == 0) == (lines->bytes == NULL) &&
           (!lines->skipping || lines->used == 0);
}

/* An answer to one of our requests. Returns: whether it is a whole one. */
static bool read_answer(struct pma_mcp_message *message, const json_t *id)
{
    const json_t *error = json_object_get(message->root, "error");
    message->result = json_object_get(message->root, "result");
    message->id = json_is_integer(id) ? json_integer_value(id) : 0;
    if (json_is_object(error) && message->result == NULL) {
        const char *text = json_string_value(json_object_get(error, "message"));
        message->kind = PMA_MCP_MESSAGE_ERROR;
        message->code = json_integer_value(json_object_get(error, "code"));
        message->text = text != NULL ? text : "no message";
        return true;
    }
    message->kind = PMA_MCP_MESSAGE_RESULT;
    return message->result != NULL && error == NULL && id != NULL;
}

static bool read_message(struct pma_mcp_message *message)
{
    const char *version = json_string_value(json_object_get(message->root, "jsonrpc"));
    const json_t *id = json_object_get(message->root, "id");
    const json_t *method = json_object_get(message->root, "method");
    if (version == NULL || strcmp(version, "2.0") != 0) {
        return false;
    }
    if (method == NULL) {
        return read_answer(message, id);
    }
    message->method = json_string_value(method);
    if (id == NULL) {
        message->kind = PMA_MCP_MESSAGE_NOTIFICATION;
    } else {
        message->kind = PMA_MCP_MESSAGE_REQUEST;
        message->id_json = id;
    }
    return message->method != NULL &&
           (id == NULL || json_is_string(id) || json_is_number(id));
}

int pma_mcp_message_parse(const char *line, size_t line_bytes,
                          struct pma_mcp_message *message)
{
    struct pma_mcp_message fresh = {.kind = PMA_MCP_MESSAGE_NONE};
    if (!pma_json_text_is_shallow(line, line_bytes, PMA_JSON_DEPTH_MAX)) {
        return -EBADMSG;
    }
    fresh.root = json_loadb(line, line_bytes, 0, NULL);
    if (!json_is_object(fresh.root) || !read_message(&fresh)) {
        json_decref(fresh.root);
        return -EBADMSG;
    }
    *message = fresh;
    return 0;
}

void pma_mcp_message_fini(struct pma_mcp_message *message)
{
    json_decref(message->root);
    *message = (struct pma_mcp_message){.kind = PMA_MCP_MESSAGE_NONE};
}
