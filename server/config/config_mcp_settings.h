/* Settings of tools: the section mcp.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_MCP_SETTINGS_H
#define PMA_CONFIG_MCP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

/* Tool servers that a configuration may name. */
#define PMA_CONFIG_MCP_SERVERS_MAX 8

/* One of them: mcp.servers.ID.command and so on. */
struct pma_config_mcp_server {
    char id[33];
    char command[256];
    char args[1024];     /* a JSON array of texts; "": none */
    char env[1024];      /* likewise; NAME is passed on, NAME=VALUE is set */
    uint64_t timeout_ns; /* of a call; 0: mcp.call_timeout */
    bool enabled;
};

/* Ranges in config_keys.c, defaults in config_mcp.c. */
struct pma_config_mcp {
    bool enabled;
    bool register_servers; /* over REST, from this machine */
    uint32_t max_servers;
    uint32_t max_calls; /* of tool servers, that wait at a time */
    uint32_t max_tools; /* of one server */
    uint32_t max_line_bytes;
    uint64_t call_timeout_ns;
    uint64_t start_timeout_ns;
    uint64_t stop_grace_ns;
    uint64_t restart_backoff_ns;
    uint64_t restart_backoff_max_ns;
    uint32_t max_executions;
    uint64_t execution_max_age_ns;
    uint32_t max_execution_bytes; /* of parameters and of a result, each */
    uint64_t cleanup_interval_ns;
    uint64_t context_max_age_ns; /* 0: contexts are never reaped */
    uint32_t max_automations;
    uint32_t max_automation_runs; /* that wait */
    uint64_t automation_cooldown_ns;
    struct pma_config_mcp_server servers[PMA_CONFIG_MCP_SERVERS_MAX];
    uint32_t servers_count;
};

#endif
