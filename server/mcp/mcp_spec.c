/* The specification's schema.
 *
 * It comes from the configuration or from a request, and both have to hear what is wrong
 * with it before anything is started. An id becomes the beginning of a tool's name for a
 * language model ("everything__echo"), which is why it may not have every letter.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_spec.h"

#include "server/mcp/mcp_schema.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char spec_schema[] =
    "{\"type\":\"object\",\"required\":[\"id\",\"command\"],\"additionalProperties\":"
    "false,"
    "\"properties\":{"
    "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":32},"
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},"
    "\"command\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1024},"
    "\"args\":{\"type\":\"array\",\"maxItems\":64,"
    "\"items\":{\"type\":\"string\",\"maxLength\":4096}},"
    "\"env\":{\"type\":\"array\",\"maxItems\":64,"
    "\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4096}},"
    "\"enabled\":{\"type\":\"boolean\"},"
    "\"timeout_ms\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":600000}}}";

/* Letters, digits, _ and -; "__" ends it in a tool's name. */
static bool is_id(const char *id)
{
    return id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-")] == '\0' &&
           strstr(id, "__") == NULL && strcmp(id, "builtin") != 0;
}

int pma_mcp_spec_check(const json_t *spec, char *why, size_t why_bytes)
{
    json_t *schema = json_loads(spec_schema, 0, NULL);
    if (schema == NULL) {
        return -ENOMEM;
    }
    const int err = pma_mcp_schema_check(schema, spec, "server", why, why_bytes);
    json_decref(schema);
    if (err == 0 && !is_id(json_string_value(json_object_get(spec, "id")))) {
        snprintf(why, why_bytes,
                 "server.id must be of letters, digits, _ and -, without __, and not "
                 "\"builtin\"");
        return -EINVAL;
    }
    return err;
}
