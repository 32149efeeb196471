/* Metrics: counters, gauges and histograms that any thread may feed, and their text.
 *
 *     pma_metric_add(PMA_METRIC_LLM_REQUESTS, 1, PMA_LABELS("ollama", "true"));
 *     pma_metric_observe(PMA_METRIC_DATABASE_DURATION, took_ns, PMA_LABELS("put"));
 *     pma_metric_set(PMA_METRIC_GOROUTINES, threads, PMA_NO_LABELS);
 *
 * Label values come from clients only through a finite set (the route's pattern, never
 * the URL). Should one grow without bound all the same, the series beyond the limit of
 * its metric go into one whose labels are all "other", and are counted in
 * pma_metrics_overflow_total.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_METRICS_H
#define PMA_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct pma_buffer;

/* X(ID, value, TYPE, name, help, labels...): the labels' names, at most three. */
#define PMA_METRICS(X)                                                                   \
    X(HTTP_REQUESTS, 1, COUNTER, "pma_http_requests_total",                              \
      "HTTP requests, by the pattern of their route", "method", "path", "status")        \
    X(HTTP_DURATION, 2, HISTOGRAM, "pma_http_request_duration_seconds",                  \
      "Time from a request's URI to its reply", "method", "path")                        \
    X(HTTP_CONNECTIONS, 3, GAUGE, "pma_http_active_connections",                         \
      "Open HTTP connections")                                                           \
    X(WEBSOCKET_CONNECTIONS, 4, GAUGE, "pma_websocket_connections",                      \
      "Connected WebSocket clients", "type")                                             \
    X(WEBSOCKET_MESSAGES, 5, COUNTER, "pma_websocket_messages_total",                    \
      "WebSocket messages", "type", "direction")                                         \
    X(DATABASE_DURATION, 6, HISTOGRAM, "pma_database_query_duration_seconds",            \
      "Time of a query of the store", "operation")                                       \
    X(DEVICE_OPERATIONS, 7, COUNTER, "pma_device_operations_total",                      \
      "Actions on entities", "device_type", "operation", "success")                      \
    X(AUTOMATION_EXECUTIONS, 8, COUNTER, "pma_automation_executions_total",              \
      "Runs of automation rules", "rule_id", "success")                                  \
    X(LLM_REQUESTS, 9, COUNTER, "pma_llm_requests_total",                                \
      "Requests to language model providers", "provider", "success")                     \
    X(LLM_TOKENS, 10, COUNTER, "pma_llm_tokens_used_total",                              \
      "Tokens that providers have charged", "provider")                                  \
    X(CPU_PERCENT, 11, GAUGE, "pma_system_cpu_usage_percent",                            \
      "Processor use of the machine since the last look")                                \
    X(MEMORY_PERCENT, 12, GAUGE, "pma_system_memory_usage_percent",                      \
      "Memory use of the machine")                                                       \
    X(DISK_PERCENT, 13, GAUGE, "pma_system_disk_usage_percent",                          \
      "Use of the root file system")                                                     \
    X(ALERTS, 14, COUNTER, "pma_alerts_total", "Alerts raised", "severity", "source")    \
    X(ALERTS_ACTIVE, 15, GAUGE, "pma_alerts_active", "Alerts not yet resolved",          \
      "severity", "source")                                                              \
    X(MEMORY_USAGE, 16, GAUGE, "memory_usage_bytes", "Live heap bytes of this process")  \
    X(GOROUTINES, 17, GAUGE, "goroutines_count", "Threads of this process")              \
    X(COLLECTIONS, 18, COUNTER, "pma_memory_collections_total",                          \
      "Collections (clean-ups and purges of the heap)")                                  \
    X(POOL_BUFFERS, 19, GAUGE, "pma_memory_pool_buffers", "Idle buffers of a pool",      \
      "pool")                                                                            \
    X(SSE_CLIENTS, 20, GAUGE, "pma_sse_clients", "Clients of the event stream")          \
    X(SSE_DROPPED, 21, COUNTER, "pma_sse_dropped_total",                                 \
      "Events that a full queue of the event stream dropped")                            \
    X(OVERFLOW, 22, COUNTER, "pma_metrics_overflow_total",                               \
      "Values whose labels were replaced because their metric has too many series",      \
      "metric")                                                                          \
    X(OPEN_FDS, 23, GAUGE, "process_open_fds", "Open file descriptors")                  \
    X(RESIDENT, 24, GAUGE, "process_resident_memory_bytes", "Resident memory")           \
    X(CPU_SECONDS, 25, GAUGE_COUNTER, "process_cpu_seconds_total",                       \
      "Processor time of this process")

enum pma_metric {
    PMA_METRIC_NONE = 0,
#define PMA_METRIC_VALUE(id, value, ...) PMA_METRIC_##id = (value),
    PMA_METRICS(PMA_METRIC_VALUE)
#undef PMA_METRIC_VALUE
        PMA_METRIC_END
};

#define PMA_METRIC_LABELS_MAX      3
#define PMA_METRIC_LABEL_BYTES_MAX 100 /* of a value; longer ones are cut */
#define PMA_METRIC_SERIES_MAX      256 /* of one metric, the highest possible limit */

/* Values of the labels, in the order of the list above: borrowed during the call. NULL is
 * the empty text; what is not printable ASCII becomes '_'. */
#define PMA_LABELS(...) ((const char *const[PMA_METRIC_LABELS_MAX]){__VA_ARGS__})
#define PMA_NO_LABELS   ((const char *const *)NULL)

/* Adds to a counter. Thread-safety: any thread, no lock. Allocates: when the labels are
 * new (a value is lost without memory). Cost: a hash of the labels, one atomic add. */
void pma_metric_add(enum pma_metric metric, uint64_t amount, const char *const *labels);

/* Sets a gauge. Otherwise as pma_metric_add. */
void pma_metric_set(enum pma_metric metric, double value, const char *const *labels);

/* Sets a counter to a total that is counted elsewhere; one below the present value is
 * left out, so that two looks that overtake each other make no step down. Otherwise as
 * pma_metric_add. */
void pma_metric_total(enum pma_metric metric, uint64_t total, const char *const *labels);

/* Enters a duration into a histogram. Otherwise as pma_metric_add. */
void pma_metric_observe(enum pma_metric metric, uint64_t ns, const char *const *labels);

/* How many series each metric may have, 1..PMA_METRIC_SERIES_MAX; default 200.
 * Thread-safety: any thread. */
void pma_metrics_limit(uint32_t series_max);

/* How many series exist. Thread-safety: any thread. */
size_t pma_metrics_series(void);

/* Appends everything in the text format 0.0.4 of Prometheus. A histogram's numbers are of
 * one look and may lack what is entered meanwhile; its +Inf bucket equals its count.
 * Thread-safety: any thread. Allocates. Cost: O(metrics x series). */
void pma_metrics_render(struct pma_buffer *text);

/* Frees all series; for the end of the program. Thread-safety: when no thread feeds. */
void pma_metrics_fini(void);

#endif
