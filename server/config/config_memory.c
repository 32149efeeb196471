/* Defaults of what watches the server.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_memory.h"

#include "server/base/clock.h"

void pma_config_monitor_defaults(struct pma_config_monitor *monitor)
{
    monitor->enabled = true;
    monitor->max_memory_usage_bytes = (uint64_t)1024 * 1024 * 1024;
    monitor->max_goroutines = 10000;
    monitor->max_heap_alloc_bytes = (uint64_t)512 * 1024 * 1024;
    monitor->check_interval_ns = 30 * PMA_S_NS;
    monitor->cleanup_interval_ns = 300 * PMA_S_NS;
    monitor->max_history_size = 100;
    monitor->memory_alert_percent = 80;
    monitor->dynamic_limits = true;
    monitor->dynamic_limit_percent = 80;
    monitor->pressure_interval_ns = 15 * PMA_S_NS;
    monitor->optimize_interval_ns = 300 * PMA_S_NS;
}

void pma_config_pools_defaults(struct pma_config_pools *pools)
{
    pools->buffer = 32;
    pools->json_response = 32;
    pools->string_builder = 8;
    pools->byte_slice_small = 32;
    pools->byte_slice_medium = 8;
    pools->byte_slice_large = 4;
}

void pma_config_events_defaults(struct pma_config_events *events)
{
    events->max_clients = 64;
    events->queue_events = 100;
    events->heartbeat_interval_ns = 30 * PMA_S_NS;
    events->keepalive_interval_ns = 30 * PMA_S_NS;
    events->figures_interval_ns = 10 * PMA_S_NS;
}
