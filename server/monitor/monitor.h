/* The memory monitor: samples the process, keeps a history, and acts under pressure.
 *
 * Each check takes a snapshot. Above max_heap_alloc or max_memory_usage the four steps of
 * memory pressure follow: (1) force a collection, (2) log a warning with the figures,
 * (3) run the clean-up callbacks, (4) sample again and check more often until it is over.
 * Above max_goroutines threads the leak callback runs. Each condition has one alert
 * record.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MONITOR_H
#define PMA_MONITOR_H

#include "server/monitor/memory_limits.h"
#include "server/monitor/memory_sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_monitor;

struct pma_monitor_config {
    uint64_t max_memory_usage_bytes;
    uint64_t max_heap_alloc_bytes;
    uint32_t max_goroutines;
    uint32_t max_history_size; /* snapshots, from 1 */
    uint64_t check_interval_ns;
    uint64_t cleanup_interval_ns;
    double memory_alert_percent; /* of max_memory_usage_bytes */
};

/* What the monitor needs from outside; arg is borrowed until the monitor is freed. */
struct pma_monitor_hooks {
    void (*sample)(void *arg, struct pma_memory_snapshot *snapshot);
    void (*collect)(void *arg);  /* step 1, and the periodic clean-up */
    void (*clean_up)(void *arg); /* step 3: the subsystems' own clean-ups */
    /* May be NULL. Called before each check with the limits in force: may lower or raise
     * them. */
    void (*limit)(void *arg, struct pma_memory_limits *limits);
    void *arg;
};

enum pma_alert_kind {
    PMA_ALERT_NONE = 0,
    PMA_ALERT_HEAP_ALLOC = 1,   /* above max_heap_alloc_bytes */
    PMA_ALERT_GOROUTINES = 2,   /* above max_goroutines */
    PMA_ALERT_MEMORY_USAGE = 3, /* at or above memory_alert_percent */
};

#define PMA_ALERT_KINDS 4

/* One condition: the present episode of it, or the last. */
struct pma_alert {
    uint64_t episode;       /* from 1; 0: it never happened */
    double value;           /* at last_seen: bytes, threads or percent */
    double threshold;       /* in the unit of value */
    uint64_t first_seen_ns; /* CLOCK_MONOTONIC */
    uint64_t last_seen_ns;  /* CLOCK_MONOTONIC */
    uint64_t count;         /* checks in which it was seen, in this episode */
    enum pma_alert_kind kind;
    bool critical; /* seen in three checks or more, or above max_memory_usage */
    bool resolved;
};

struct pma_monitor_status {
    bool active;
    uint64_t last_check_ns; /* CLOCK_MONOTONIC, 0: none yet */
    uint64_t checks, cleanups;
    uint64_t pressure_events; /* checks that found pressure */
    uint64_t pressure_rounds; /* such checks without a break until now; 0: no pressure */
    uint64_t since_ns;        /* CLOCK_MONOTONIC, when the monitor was made */
    uint32_t baseline_goroutines;    /* threads at the second check, when all is up */
    struct pma_memory_limits limits; /* in force */
    uint64_t limit_changes;
};

/* Called in step 3 of memory pressure, on the monitor's thread, with no lock held. */
typedef void pma_memory_pressure_callback(void *arg, uint64_t current_bytes,
                                          uint64_t threshold_bytes);

/* Called when there are more threads than max_goroutines, likewise. */
typedef void pma_goroutine_leak_callback(void *arg, uint32_t current, uint32_t threshold);

/* Makes a monitor that does not run. config, hooks: copied.
 * Returns: 0; -EINVAL: a limit or an interval of 0, or a hook is missing; -ENOMEM.
 * Thread-safety: any thread. Allocates: its whole history at once. */
int pma_monitor_new(const struct pma_monitor_config *config,
                    const struct pma_monitor_hooks *hooks, struct pma_monitor **monitor);

/* Stops (waiting as long as it takes) and frees it. NULL is allowed.
 * Thread-safety: owner thread. */
void pma_monitor_free(struct pma_monitor *monitor);

/* Each replaces the callback before it; NULL removes it. Thread-safety: before start. */
void pma_monitor_set_memory_pressure_callback(struct pma_monitor *monitor,
                                              pma_memory_pressure_callback *callback,
                                              void *arg);
void pma_monitor_set_goroutine_leak_callback(struct pma_monitor *monitor,
                                             pma_goroutine_leak_callback *callback,
                                             void *arg);

/* Starts the worker; its first check comes at once. Starting a running monitor changes
 * nothing. Returns: 0; as pma_worker_start. Thread-safety: any thread. */
int pma_monitor_start(struct pma_monitor *monitor);

/* Stops the worker; stopping a stopped monitor changes nothing.
 * Returns: 0; -ETIMEDOUT: it is still active. Thread-safety: any thread but the monitor's
 * own. */
int pma_monitor_stop(struct pma_monitor *monitor, uint64_t timeout_ns);

/* One check now, as the worker does. Returns: how long to wait for the next one, in ns.
 * Thread-safety: one thread at a time. */
uint64_t pma_monitor_check(struct pma_monitor *monitor);

/* One periodic clean-up now. Thread-safety: one thread at a time. */
void pma_monitor_clean_up(struct pma_monitor *monitor);

/* Copies the newest snapshots, at most `capacity`, oldest of them first. Returns: how
 * many. Thread-safety: any thread. */
size_t pma_monitor_history(struct pma_monitor *monitor,
                           struct pma_memory_snapshot *snapshots, size_t capacity);

/* Copies the alerts that ever happened. Returns: how many. Thread-safety: any thread. */
size_t pma_monitor_alerts(struct pma_monitor *monitor,
                          struct pma_alert alerts[PMA_ALERT_KINDS]);

/* Fills *status. Thread-safety: any thread. */
void pma_monitor_status_read(struct pma_monitor *monitor,
                             struct pma_monitor_status *status);

/* The settings. Borrowed, constant. Thread-safety: any thread. */
const struct pma_monitor_config *
pma_monitor_config_get(const struct pma_monitor *monitor);

/* "heap_alloc", "goroutines", "memory_usage". Thread-safety: pure. */
const char *pma_alert_kind_name(enum pma_alert_kind kind);

#endif
