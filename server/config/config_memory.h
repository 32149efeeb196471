/* Settings of what watches the server: memory, metrics, events, the debug port.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_MEMORY_H
#define PMA_CONFIG_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Room for a path with its final NUL. */
#define PMA_CONFIG_PATH_BYTES 512

struct pma_config_monitor {
    bool enabled;
    uint64_t max_memory_usage_bytes;
    uint32_t max_goroutines; /* threads; the name is the original's */
    uint64_t max_heap_alloc_bytes;
    uint64_t check_interval_ns;
    uint64_t cleanup_interval_ns;
    uint32_t max_history_size;               /* snapshots */
    double memory_alert_percent;             /* of max_memory_usage_bytes */
    bool dynamic_limits;                     /* they follow the cgroup's */
    double dynamic_limit_percent;            /* of the cgroup's limit */
    char cgroup_root[PMA_CONFIG_PATH_BYTES]; /* before /proc and /sys; "" in earnest */
    uint64_t pressure_interval_ns;
    uint64_t optimize_interval_ns; /* once it is started */
};

/* Idle buffers that each pool keeps. */
struct pma_config_pools {
    uint32_t buffer;
    uint32_t json_response;
    uint32_t string_builder;
    uint32_t byte_slice_small;
    uint32_t byte_slice_medium;
    uint32_t byte_slice_large;
};

/* Server-sent events. */
struct pma_config_events {
    uint32_t max_clients;
    uint32_t queue_events; /* waiting for one client */
    uint64_t heartbeat_interval_ns;
    uint64_t keepalive_interval_ns; /* of silence; 0: none */
    uint64_t figures_interval_ns;   /* of memory and connections */
};

struct pma_config_debug {
    uint32_t port; /* on 127.0.0.1; 0: none */
};

struct pma_config_metrics {
    uint32_t max_series; /* of one metric */
};

/* Sets the defaults of each. Thread-safety: pure. */
void pma_config_monitor_defaults(struct pma_config_monitor *monitor);
void pma_config_pools_defaults(struct pma_config_pools *pools);
void pma_config_events_defaults(struct pma_config_events *events);

#endif
