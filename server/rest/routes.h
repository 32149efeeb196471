/* The REST API: one row per route. A handler `name` is pma_handle_name, in handle_*.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ROUTES_H
#define PMA_ROUTES_H

#include "server/rest/router.h"
#include "server/rest/routes_ai.h"

/* X(method, pattern, handler, loopback_only), one list per family. */
#define PMA_ROUTES_STATUS(X)                                                             \
    X(GET, "/health", health, false)                                                     \
    X(GET, "/api/health", health, false)                                                 \
    X(GET, "/api/status", health, false)                                                 \
    X(GET, "/api/v1/status", health, false)                                              \
    X(GET, "/api/v1/system/limits", limits, false)                                       \
    X(GET, "/api/v1/health", system_health_detailed, false)                              \
    X(GET, "/api/v1/system/health", system_health, false)                                \
    X(GET, "/api/v1/system/health/detailed", system_health_detailed, false)              \
    X(GET, "/api/v1/system/metrics", system_metrics, false)                              \
    X(GET, "/api/v1/system/info", system_info, false)                                    \
    X(GET, "/api/v1/system/logs", system_logs, false)                                    \
    X(GET, "/api/v1/system/status", system_status, false)

#define PMA_ROUTES_MEMORY(X)                                                             \
    X(GET, "/api/v1/memory/stats", memory_stats, false)                                  \
    X(POST, "/api/v1/memory/gc", memory_gc, false)                                       \
    X(GET, "/api/v1/memory/monitor", memory_monitor, false)                              \
    X(POST, "/api/v1/memory/monitor/start", memory_monitor_start, false)                 \
    X(POST, "/api/v1/memory/monitor/stop", memory_monitor_stop, false)                   \
    X(GET, "/api/v1/memory/status", memory_status, false)                                \
    X(POST, "/api/v1/memory/optimize", memory_optimize, false)                           \
    X(GET, "/api/v1/memory/leaks", memory_leaks, false)                                  \
    X(GET, "/api/v1/memory/leaks/scan", memory_leaks_scan, false)                        \
    X(POST, "/api/v1/memory/leaks/scan", memory_leaks_scan, false)                       \
    X(GET, "/api/v1/memory/pools", memory_pools, false)                                  \
    X(GET, "/api/v1/memory/pools/:name", memory_pool, false)                             \
    X(POST, "/api/v1/memory/pools/optimize", memory_pools_optimize, false)               \
    X(POST, "/api/v1/memory/pools/:name/resize", memory_pool_resize, false)              \
    X(GET, "/api/v1/memory/pressure", memory_pressure, false)                            \
    X(POST, "/api/v1/memory/pressure/handle", memory_pressure_handle, false)             \
    X(GET, "/api/v1/memory/pressure/config", memory_pressure_config, false)              \
    X(PUT, "/api/v1/memory/pressure/config", memory_pressure_configure, false)           \
    X(GET, "/api/v1/memory/preallocation", memory_preallocation, false)                  \
    X(POST, "/api/v1/memory/preallocation/analyze", memory_preallocation_analyze, false) \
    X(POST, "/api/v1/memory/preallocation/optimize", memory_preallocation_optimize,      \
      false)                                                                             \
    X(GET, "/api/v1/memory/optimization/status", memory_optimization_status, false)      \
    X(POST, "/api/v1/memory/optimization/start", memory_optimization_start, false)       \
    X(POST, "/api/v1/memory/optimization/stop", memory_optimization_stop, false)         \
    X(GET, "/api/v1/memory/optimization/history", memory_optimization_history, false)    \
    X(GET, "/api/v1/memory/optimization/report", memory_optimization_report, false)      \
    X(GET, "/api/v1/performance/memory", memory_stats, false)                            \
    X(POST, "/api/v1/performance/memory/gc", memory_gc, false)                           \
    X(GET, "/api/v1/performance/status", memory_status, false)

#define PMA_ROUTES_WEBSOCKET(X)                                                          \
    X(GET, "/ws", ws_without_upgrade, false)                                             \
    X(GET, "/api/v1/websocket/stats", websocket_stats, false)                            \
    X(POST, "/api/v1/websocket/broadcast", websocket_broadcast, false)                   \
    X(GET, "/api/v1/websocket/connections", websocket_connections, false)                \
    X(DELETE, "/api/v1/websocket/connections/:id", websocket_disconnect, false)          \
    X(POST, "/api/v1/websocket/connections/:id/ping", websocket_ping, false)             \
    X(POST, "/api/v1/websocket/ha/subscribe", websocket_ha_subscribe, false)             \
    X(POST, "/api/v1/websocket/ha/unsubscribe", websocket_ha_unsubscribe, false)         \
    X(GET, "/api/v1/websocket/ha/subscriptions", websocket_ha_subscriptions, false)

#define PMA_ROUTES_AUTH(X)                                                               \
    X(GET, "/api/v1/auth/pin-status", auth_pin_status, false)                            \
    X(GET, "/api/v1/auth/session", auth_session, false)                                  \
    X(POST, "/api/v1/auth/set-pin", auth_set_pin, false)                                 \
    X(POST, "/api/v1/auth/register", auth_set_pin, false)                                \
    X(POST, "/api/v1/auth/verify-pin", auth_login, false)                                \
    X(POST, "/api/v1/auth/login", auth_login, false)                                     \
    X(POST, "/api/v1/auth/change-pin", auth_change_pin, false)                           \
    X(POST, "/api/v1/auth/disable-pin", auth_disable_pin, false)                         \
    X(POST, "/api/v1/auth/logout", auth_logout, false)                                   \
    X(POST, "/api/v1/auth/validate", auth_validate, false)                               \
    X(POST, "/api/v1/auth/user/login", auth_user_login, false)                           \
    X(POST, "/api/v1/auth/user/register", auth_user_register, false)                     \
    X(GET, "/api/v1/auth/remote-status", auth_remote_status, false)

#define PMA_ROUTES_MCP(X)                                                                \
    X(GET, "/api/v1/mcp/status", mcp_status, false)                                      \
    X(GET, "/api/v1/mcp/servers", mcp_servers, false)                                    \
    X(POST, "/api/v1/mcp/servers", mcp_server_add, false)                                \
    X(DELETE, "/api/v1/mcp/servers/:id", mcp_server_remove, false)                       \
    X(GET, "/api/v1/mcp/tools", mcp_tools, false)                                        \
    X(POST, "/api/v1/mcp/tools/execute", mcp_execute, false)                             \
    X(GET, "/api/v1/mcp/executions", mcp_executions, false)                              \
    X(POST, "/api/v1/mcp/executions/cleanup", mcp_executions_cleanup, false)             \
    X(GET, "/api/v1/automations", automations, false)                                    \
    X(DELETE, "/api/v1/automations/:id", automation_remove, false)                       \
    X(GET, "/api/v1/ai/mcp/status", mcp_status, false)                                   \
    X(GET, "/api/v1/ai/mcp/servers", mcp_servers, false)                                 \
    X(POST, "/api/v1/ai/mcp/servers", mcp_server_add, false)                             \
    X(DELETE, "/api/v1/ai/mcp/servers/:id", mcp_server_remove, false)                    \
    X(GET, "/api/v1/ai/mcp/tools", mcp_tools, false)                                     \
    X(POST, "/api/v1/ai/mcp/tools/execute", mcp_execute, false)

#define PMA_ROUTES_DEBUG(X)                                                              \
    X(GET, "/api/v1/debug/faults", debug_faults, true)                                   \
    X(PUT, "/api/v1/debug/faults/:id", debug_fault_set, true)                            \
    X(GET, "/api/v1/debug/fixes", debug_fixes, true)                                     \
    X(GET, "/api/v1/debug/resources", debug_resources, true)

/* On the main port and on the debug port. */
#define PMA_ROUTES_PROFILE(X)                                                            \
    X(GET, "/debug/pprof", debug_pprof, true)                                            \
    X(GET, "/debug/pprof/heap", debug_pprof_heap, true)                                  \
    X(GET, "/debug/pprof/goroutine", debug_pprof_goroutine, true)                        \
    X(GET, "/debug/vars", debug_vars, true)

#define PMA_ROUTES_EVENTS(X)                                                             \
    X(GET, "/api/v1/events/stream", events_stream, false)                                \
    X(GET, "/api/v1/events/status", events_status, false)

#define PMA_ROUTES_METRICS(X)                                                            \
    X(GET, "/metrics", metrics, false)                                                   \
    X(GET, "/leaks/*", leaks_page, false)                                                \
    X(GET, "/leaks", leaks, false)

#define PMA_ROUTES_ENTITIES(X)                                                           \
    X(GET, "/api/v1/entities", entities, false)                                          \
    X(POST, "/api/v1/entities", entity_put, false)                                       \
    X(GET, "/api/v1/entities/types", entity_types, false)                                \
    X(GET, "/api/v1/entities/capabilities", entity_capabilities, false)                  \
    X(POST, "/api/v1/entities/sync", entities_sync, false)                               \
    X(GET, "/api/v1/entities/sync/status", entities_sync_status, false)                  \
    X(GET, "/api/v1/entities/search", entities_search, false)                            \
    X(GET, "/api/v1/entities/type/:type", entities_by_type, false)                       \
    X(GET, "/api/v1/entities/source/:source", entities_by_source, false)                 \
    X(GET, "/api/v1/entities/room/:id", entities_by_room, false)                         \
    X(GET, "/api/v1/entities/:id", entity, false)                                        \
    X(DELETE, "/api/v1/entities/:id", entity_delete, false)                              \
    X(POST, "/api/v1/entities/:id/action", entity_action, false)                         \
    X(PUT, "/api/v1/entities/:id/state", entity_state, false)                            \
    X(PUT, "/api/v1/entities/:id/room", entity_move, false)                              \
    X(GET, "/api/v1/entities/:id/history", entity_history, false)

#define PMA_ROUTES_ROOMS(X)                                                              \
    X(GET, "/api/v1/rooms", rooms, false)                                                \
    X(POST, "/api/v1/rooms", room_create, false)                                         \
    X(GET, "/api/v1/rooms/stats", rooms_stats, false)                                    \
    X(GET, "/api/v1/rooms/:id", room, false)                                             \
    X(PUT, "/api/v1/rooms/:id", room_update, false)                                      \
    X(DELETE, "/api/v1/rooms/:id", room_delete, false)

#define PMA_ROUTES_CACHE(X)                                                              \
    X(GET, "/api/v1/cache/stats", cache_stats, false)                                    \
    X(GET, "/api/v1/cache/status", cache_stats, false)                                   \
    X(GET, "/api/v1/cache/list", cache_stats, false)                                     \
    X(GET, "/api/v1/cache/health", cache_health, false)                                  \
    X(POST, "/api/v1/cache/clear", cache_clear, false)                                   \
    X(DELETE, "/api/v1/cache/clear", cache_clear, false)                                 \
    X(POST, "/api/v1/cache/invalidate", cache_invalidate, false)                         \
    X(POST, "/api/v1/cache/optimize", cache_optimize, false)                             \
    X(GET, "/api/v1/cache/:name/stats", cache_stats_of, false)                           \
    X(GET, "/api/v1/cache/:name/keys", cache_keys, false)                                \
    X(POST, "/api/v1/cache/:name/clear", cache_clear_one, false)                         \
    X(DELETE, "/api/v1/cache/:name", cache_clear_one, false)                             \
    X(GET, "/api/v1/redis/stats", redis_stats, false)                                    \
    X(GET, "/api/v1/store/stats", store_stats, false)

#define PMA_ROUTES(X)                                                                    \
    PMA_ROUTES_STATUS(X)                                                                 \
    PMA_ROUTES_MEMORY(X)                                                                 \
    PMA_ROUTES_WEBSOCKET(X)                                                              \
    PMA_ROUTES_ENTITIES(X)                                                               \
    PMA_ROUTES_AI(X)                                                                     \
    PMA_ROUTES_CONVERSATIONS(X)                                                          \
    PMA_ROUTES_ROOMS(X)                                                                  \
    PMA_ROUTES_AUTH(X)                                                                   \
    PMA_ROUTES_MCP(X)                                                                    \
    PMA_ROUTES_CACHE(X)                                                                  \
    PMA_ROUTES_DEBUG(X)                                                                  \
    PMA_ROUTES_METRICS(X)                                                                \
    PMA_ROUTES_PROFILE(X)                                                                \
    PMA_ROUTES_EVENTS(X)

#define PMA_ROUTE_HANDLER(method, pattern, handler, loopback_only)                       \
    pma_handler pma_handle_##handler;
PMA_ROUTES(PMA_ROUTE_HANDLER)
#undef PMA_ROUTE_HANDLER

/* The table. *count gets its length. Borrowed for ever. Thread-safety: pure. */
const struct pma_route *pma_routes(size_t *count);

/* What one GET auth/pin-status does, without a connection: the way in which fault F01
 * drives itself. arg: struct pma_app. Thread-safety: any thread. */
void pma_auth_simulate_request(void *arg);

#endif
