/* Tool servers are the one part of the configuration whose keys are the user's own words,
 * so they are not rows of the table of keys. Lists are kept as JSON text: it is what
 * --set can carry, and config.c makes it of a YAML list.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_mcp.h"

#include "server/base/clock.h"
#include "server/config/config_value.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

void pma_config_mcp_defaults(struct pma_config *config)
{
    config->mcp.enabled = true;
    config->mcp.register_servers = true;
    config->mcp.max_servers = 16;
    config->mcp.max_calls = 3;
    config->mcp.max_tools = 128;
    config->mcp.max_line_bytes = 1024 * 1024;
    config->mcp.call_timeout_ns = 10 * PMA_S_NS;
    config->mcp.start_timeout_ns = 60 * PMA_S_NS;
    config->mcp.stop_grace_ns = 500 * PMA_MS_NS;
    config->mcp.restart_backoff_ns = PMA_S_NS;
    config->mcp.restart_backoff_max_ns = 60 * PMA_S_NS;
    config->mcp.max_executions = 500;
    config->mcp.execution_max_age_ns = (uint64_t)24 * 3600 * PMA_S_NS;
    config->mcp.max_execution_bytes = 16 * 1024;
    config->mcp.cleanup_interval_ns = 300 * PMA_S_NS;
    config->mcp.context_max_age_ns = 1800 * PMA_S_NS;
    config->mcp.max_automations = 100;
    config->mcp.max_automation_runs = 1000;
    config->mcp.automation_cooldown_ns = PMA_S_NS;
}

/* Returns: NULL when it is not there and there is no room. */
static struct pma_config_mcp_server *server_of(struct pma_config *config, const char *id)
{
    for (uint32_t i = 0; i < config->mcp.servers_count; i++) {
        if (strcmp(config->mcp.servers[i].id, id) == 0) {
            return &config->mcp.servers[i];
        }
    }
    if (config->mcp.servers_count == PMA_CONFIG_MCP_SERVERS_MAX) {
        return NULL;
    }
    struct pma_config_mcp_server *fresh =
        &config->mcp.servers[config->mcp.servers_count++];
    memset(fresh, 0, sizeof *fresh);
    snprintf(fresh->id, sizeof fresh->id, "%s", id);
    fresh->enabled = true;
    return fresh;
}

static int set_text(const char *value, char *text, size_t text_bytes, char *why,
                    size_t why_bytes)
{
    if (value[0] == '\0' || strlen(value) >= text_bytes) {
        snprintf(why, why_bytes, "must have 1 to %zu bytes", text_bytes - 1);
        return -EINVAL;
    }
    memcpy(text, value, strlen(value) + 1);
    return 0;
}

static int set_list(const char *value, char *text, size_t text_bytes, char *why,
                    size_t why_bytes)
{
    json_t *list = json_loads(value, 0, NULL);
    bool valid = json_is_array(list) && json_array_size(list) <= WORDS_MAX &&
                 strlen(value) < text_bytes;
    size_t at = 0;
    const json_t *word = NULL;
    json_array_foreach(list, at, word)
    {
        valid = valid && json_is_string(word);
    }
    json_decref(list);
    if (!valid) {
        snprintf(
            why, why_bytes,
            "must be a list of up to %d texts, such as [\"-y\", \"name\"], of at most "
            "%zu bytes in all",
            WORDS_MAX, text_bytes - 1);
        return -EINVAL;
    }
    memcpy(text, value, strlen(value) + 1);
    return 0;
}

static int set_field(struct pma_config_mcp_server *server, const char *field,
                     const char *value, char *why, size_t why_bytes)
{
    if (strcmp(field, "command") == 0) {
        return set_text(value, server->command, sizeof server->command, why, why_bytes);
    }
    if (strcmp(field, "args") == 0) {
        return set_list(value, server->args, sizeof server->args, why, why_bytes);
    }
    if (strcmp(field, "env") == 0) {
        return set_list(value, server->env, sizeof server->env, why, why_bytes);
    }
    if (strcmp(field, "enabled") == 0) {
        snprintf(why, why_bytes, "\"%.40s\" is not true or false", value);
        return pma_parse_bool(value, &server->enabled);
    }
    if (strcmp(field, "timeout") == 0) {
        uint64_t ns = 0;
        snprintf(why, why_bytes, "\"%.40s\" is not a duration from 1ms to 10m", value);
        if (pma_parse_duration(value, &ns) != 0 || ns < PMA_MS_NS ||
            ns > 600 * PMA_S_NS) {
            return -EINVAL;
        }
        server->timeout_ns = ns;
        return 0;
    }
    snprintf(why, why_bytes,
             "unknown key; a tool server has command, args, env, enabled and timeout");
    return -EINVAL;
}

int pma_config_mcp_set(struct pma_config *config, const char *path, const char *value,
                       char *why, size_t why_bytes)
{
    char id[sizeof((struct pma_config_mcp_server *)0)->id];
    const char *dot = strchr(path, '.');
    const size_t length = dot != NULL ? (size_t)(dot - path) : 0;
    const size_t allowed = strspn(path, "abcdefghijklmnopqrstuvwxyz"
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (dot == NULL) {
        snprintf(why, why_bytes, "is a section, not a value");
        return -EINVAL;
    }
    snprintf(id, sizeof id, "%.*s", (int)length, path);
    if (length == 0 || length >= sizeof id || allowed != length ||
        strstr(id, "__") != NULL || strcmp(id, "builtin") == 0) {
        snprintf(
            why, why_bytes,
            "the name of a tool server has 1 to 32 letters, digits, _ and -, without "
            "__, and is not builtin");
        return -EINVAL;
    }
    struct pma_config_mcp_server *server = server_of(config, id);
    if (server == NULL) {
        snprintf(why, why_bytes, "more than %d tool servers", PMA_CONFIG_MCP_SERVERS_MAX);
        return -EINVAL;
    }
    return set_field(server, dot + 1, value, why, why_bytes);
}

bool pma_config_mcp_is_section(const char *path)
{
    const size_t length = strlen(PMA_CONFIG_MCP_PREFIX);
    if (strcmp(path, "mcp.servers") == 0) {
        return true;
    }
    return strncmp(path, PMA_CONFIG_MCP_PREFIX, length) == 0 && path[length] != '\0' &&
           strchr(path + length, '.') == NULL;
}
