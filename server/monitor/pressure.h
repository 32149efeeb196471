/* The pressure handler: how hard the process is pressed for memory, in five levels, and
 * what is done about it.
 *
 * The monitor acts when a limit is passed; the handler sees it coming: it judges use,
 * threads, the rate of allocation and the frequency of collections against four sets of
 * thresholds. A level counts when it has lasted for its sustained_duration. From medium
 * on the subsystems clean up, from high on the heap is collected.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_PRESSURE_H
#define PMA_PRESSURE_H

#include "server/monitor/memory_sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_pressure;

enum pma_pressure_level {
    PMA_PRESSURE_NONE = 0,
    PMA_PRESSURE_LOW = 1,
    PMA_PRESSURE_MEDIUM = 2,
    PMA_PRESSURE_HIGH = 3,
    PMA_PRESSURE_CRITICAL = 4,
};

#define PMA_PRESSURE_LEVELS          5
#define PMA_PRESSURE_EVENTS_MAX      100     /* the highest max_event_history */
#define PMA_PRESSURE_INTERVAL_MIN_NS 1000000 /* 1 ms */

/* What has to be passed for a level; any one is enough. */
struct pma_pressure_threshold {
    double heap_utilization; /* percent of the allowed memory */
    uint32_t goroutine_count;
    double allocation_rate; /* bytes per s */
    double gc_frequency;    /* collections per s */
    uint64_t sustained_duration_ns;
};

struct pma_pressure_config {
    uint64_t monitor_interval_ns; /* from PMA_PRESSURE_INTERVAL_MIN_NS */
    uint64_t response_timeout_ns; /* a longer response is logged; from 1 */
    uint32_t max_event_history;   /* 1..PMA_PRESSURE_EVENTS_MAX */
    bool adaptive_thresholds; /* utilization thresholds 10 % lower while another level was
                                 left less than a minute ago */
    bool predictive_mode_enabled; /* judges what the next interval will be, on a line */
    struct pma_pressure_threshold levels[PMA_PRESSURE_LEVELS]; /* [NONE] unused */
};

struct pma_pressure_event {
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    enum pma_pressure_level level, before;
    double heap_utilization;
    uint32_t goroutines;
    double allocation_rate;  /* bytes per s */
    uint64_t released_bytes; /* by the response */
    uint64_t response_ns;
};

struct pma_pressure_status {
    enum pma_pressure_level level;
    uint64_t last_event_ns; /* CLOCK_MONOTONIC, 0: none */
    uint64_t events;        /* rises so far */
    uint64_t recoveries;    /* returns to none */
    uint64_t checks;
    bool active;
};

/* What the handler needs; arg is borrowed until it is freed. */
struct pma_pressure_hooks {
    void (*sample)(void *arg, struct pma_memory_snapshot *snapshot);
    uint64_t (*collections)(void *arg); /* so far */
    void (*clean_up)(void *arg);        /* at medium */
    uint64_t (*collect)(void *arg);     /* at high; returns released bytes */
    void *arg;
};

/* The defaults of the first implementation. Thread-safety: pure. */
void pma_pressure_defaults(struct pma_pressure_config *config);

/* NULL, or what is wrong with the settings. Thread-safety: pure. */
const char *pma_pressure_check_config(const struct pma_pressure_config *config);

/* Makes a handler that does not run. Returns: 0; -EINVAL; -ENOMEM. Thread-safety: any
 * thread. Allocates. */
int pma_pressure_new(const struct pma_pressure_config *config,
                     const struct pma_pressure_hooks *hooks,
                     struct pma_pressure **pressure);

/* Starts, stops its worker; both idempotent. Returns: as pma_worker_start and _stop.
 * Thread-safety: any thread. */
int pma_pressure_start(struct pma_pressure *pressure);
int pma_pressure_stop(struct pma_pressure *pressure, uint64_t timeout_ns);

/* Frees a stopped handler; NULL is allowed. Thread-safety: owner thread. */
void pma_pressure_free(struct pma_pressure *pressure);

/* Puts new settings in force; the worker is started anew for it when it runs. Returns: 0;
 * -EINVAL; -ETIMEDOUT: the old worker is busy, nothing is changed; as pma_worker_start.
 * Thread-safety: any thread. */
int pma_pressure_configure(struct pma_pressure *pressure,
                           const struct pma_pressure_config *config);

/* One check now. Returns: the level. Thread-safety: any thread. */
enum pma_pressure_level pma_pressure_check(struct pma_pressure *pressure);

/* Responds now, whatever the level: cleans up and collects. released_bytes: out. Returns:
 * how long it took, ns. Thread-safety: any thread. */
uint64_t pma_pressure_handle(struct pma_pressure *pressure, uint64_t *released_bytes);

/* Copies. Thread-safety: any thread. */
void pma_pressure_status_read(struct pma_pressure *pressure,
                              struct pma_pressure_status *status);
void pma_pressure_config_read(struct pma_pressure *pressure,
                              struct pma_pressure_config *config);

/* The newest events, oldest of them first. Returns: how many. Thread-safety: any thread.
 */
size_t pma_pressure_events(struct pma_pressure *pressure,
                           struct pma_pressure_event *events, size_t capacity);

/* "none", "low" ... Thread-safety: pure. */
const char *pma_pressure_level_name(enum pma_pressure_level level);

#endif
