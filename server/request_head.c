/* Only as much of HTTP as the decision needs: the end of the head, the request line, and
 * one header. What it says about a request is checked again by whoever gets it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/request_head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_ws_target(const char *line, size_t line_bytes)
{
    static const char prefix[] = "GET /ws";
    const size_t length = sizeof prefix - 1;
    if (line_bytes <= length || memcmp(line, prefix, length) != 0) {
        return false;
    }
    const char *rest = line + length;
    rest += *rest == '/' ? 1 : 0;
    return *rest == ' ' || *rest == '?';
}

/* Whether one header line is "Upgrade: ... websocket ...". */
static bool is_upgrade_line(const char *line, size_t line_bytes)
{
    static const char name[] = "upgrade:";
    static const char protocol[] = "websocket";
    const size_t name_bytes = sizeof name - 1;
    const size_t protocol_bytes = sizeof protocol - 1;
    if (line_bytes < name_bytes || strncasecmp(line, name, name_bytes) != 0) {
        return false;
    }
    for (size_t at = name_bytes; at + protocol_bytes <= line_bytes; at++) {
        if (strncasecmp(line + at, protocol, protocol_bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether one of the lines [at, end) is such. */
static bool has_upgrade(const char *at, const char *end)
{
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        if (is_upgrade_line(at, (size_t)(stop - at))) {
            return true;
        }
        at = stop + 1;
    }
    return false;
}

enum pma_head_verdict pma_head_judge(const char *head, size_t head_bytes)
{
    if (head_bytes == 0) {
        return PMA_HEAD_INCOMPLETE;
    }
    /* RFC 9112, 2.2: an empty line before the request line is to be tolerated. */
    const bool is_plausible =
        (head[0] >= 'A' && head[0] <= 'Z') || head[0] == '\r' || head[0] == '\n';
    if (!is_plausible) {
        return PMA_HEAD_NOT_HTTP;
    }
    const char *end = memmem(head, head_bytes, "\r\n\r\n", 4);
    const char *bare_end = memmem(head, head_bytes, "\n\n", 2);
    if (end == NULL || (bare_end != NULL && bare_end < end)) {
        end = bare_end;
    }
    if (end == NULL) {
        return PMA_HEAD_INCOMPLETE;
    }
    const size_t whole_bytes = (size_t)(end - head);
    const char *newline = memchr(head, '\n', whole_bytes);
    const bool upgrade = newline != NULL &&
                         is_ws_target(head, (size_t)(newline - head)) &&
                         has_upgrade(newline + 1, end);
    return upgrade ? PMA_HEAD_UPGRADE : PMA_HEAD_HTTP;
}
