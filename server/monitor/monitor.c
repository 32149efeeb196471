/* Checks, pressure, alerts.
 *
 * Everything the monitor keeps is of a fixed size: the ring of snapshots is allocated
 * once, and there is one alert per condition. (An alert whose identity contains the
 * measured value can never be found again to be resolved, and grows without end: fault
 * F26 of the first implementation.) Time-outs and clean-ups share one thread, so that
 * they cannot overlap.
 *
 * I1: ring_count <= config.max_history_size; ring[(ring_next - 1) mod size] is the
 * newest. I2: alerts[kind].resolved is false exactly while the last check saw the
 * condition. I3: hooks and callbacks run without `lock`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/monitor.h"

#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/metrics/metrics.h"
#include "server/monitor/call_sites.h"
#include "server/monitor/stray_alerts.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Under pressure the next check comes four times as soon, but never below this. */
#define PRESSED_CHECK_NS_MIN (10 * PMA_MS_NS)
#define CRITICAL_COUNT       3
/* By the second check everything that starts with the server has started. */
#define WARM_CHECKS 2

struct pma_monitor {
    struct pma_monitor_config config;
    struct pma_monitor_hooks hooks;
    pma_memory_pressure_callback *on_pressure;
    void *on_pressure_arg;
    pma_goroutine_leak_callback *on_leak;
    void *on_leak_arg;

    pthread_mutex_t life; /* PMA_LOCK_MONITOR_LIFE: worker */
    struct pma_worker *worker;
    _Atomic bool
        forgotten; /* F27: the worker is to wait for ever; stop stores, it loads */

    pthread_mutex_t lock; /* PMA_LOCK_MONITOR: what follows */
    struct pma_memory_snapshot *ring;
    uint32_t ring_count, ring_next;
    struct pma_alert alerts[PMA_ALERT_KINDS];
    struct pma_monitor_status status;
};

static const char *const alert_names[PMA_ALERT_KINDS] = {
    [PMA_ALERT_NONE] = "none",
    [PMA_ALERT_HEAP_ALLOC] = "heap_alloc",
    [PMA_ALERT_GOROUTINES] = "goroutines",
    [PMA_ALERT_MEMORY_USAGE] = "memory_usage",
};

const char *pma_alert_kind_name(enum pma_alert_kind kind)
{
    return (unsigned)kind < PMA_ALERT_KINDS ? alert_names[kind] : alert_names[0];
}

int pma_monitor_new(const struct pma_monitor_config *config,
                    const struct pma_monitor_hooks *hooks, struct pma_monitor **monitor)
{
    if (config->max_memory_usage_bytes == 0 || config->max_heap_alloc_bytes == 0 ||
        config->max_goroutines == 0 || config->max_history_size == 0 ||
        config->check_interval_ns == 0 || config->cleanup_interval_ns == 0 ||
        hooks->sample == NULL || hooks->collect == NULL || hooks->clean_up == NULL) {
        return -EINVAL;
    }
    struct pma_monitor *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->ring = calloc(config->max_history_size, sizeof *fresh->ring);
    if (fresh->ring == NULL) {
        free(fresh);
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->hooks = *hooks;
    fresh->status.since_ns = pma_now_ns();
    fresh->status.limits = (struct pma_memory_limits){
        .max_memory_usage_bytes = config->max_memory_usage_bytes,
        .max_heap_alloc_bytes = config->max_heap_alloc_bytes,
        .cgroup_bytes = UINT64_MAX,
    };
    pthread_mutex_init(&fresh->life, NULL);
    pthread_mutex_init(&fresh->lock, NULL);
    *monitor = fresh;
    return 0;
}

void pma_monitor_free(struct pma_monitor *monitor)
{
    if (monitor == NULL) {
        return;
    }
    (void)pma_monitor_stop(monitor, UINT64_MAX);
    pthread_mutex_destroy(&monitor->lock);
    pthread_mutex_destroy(&monitor->life);
    free(monitor->ring);
    free(monitor);
}

void pma_monitor_set_memory_pressure_callback(struct pma_monitor *monitor,
                                              pma_memory_pressure_callback *callback,
                                              void *arg)
{
    monitor->on_pressure = callback;
    monitor->on_pressure_arg = arg;
}

void pma_monitor_set_goroutine_leak_callback(struct pma_monitor *monitor,
                                             pma_goroutine_leak_callback *callback,
                                             void *arg)
{
    monitor->on_leak = callback;
    monitor->on_leak_arg = arg;
}

static void remember(struct pma_monitor *monitor,
                     const struct pma_memory_snapshot *snapshot)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->ring[monitor->ring_next] = *snapshot;
    monitor->ring_next = (monitor->ring_next + 1) % monitor->config.max_history_size;
    if (monitor->ring_count < monitor->config.max_history_size) {
        monitor->ring_count++;
    }
    monitor->status.last_check_ns = snapshot->at_ns;
    const uint64_t checks = ++monitor->status.checks;
    if (checks <= WARM_CHECKS) {
        monitor->status.baseline_goroutines = snapshot->goroutines;
    }
    pthread_mutex_unlock(&monitor->lock);
    if (checks == WARM_CHECKS) {
        pma_call_sites_mark(); /* growth counts from the warm state */
    }
}

/* Asks for the limits, and says when they have changed. Returns: those in force. */
static struct pma_memory_limits refresh_limits(struct pma_monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
    struct pma_memory_limits limits = monitor->status.limits;
    pthread_mutex_unlock(&monitor->lock);
    if (monitor->hooks.limit == NULL) {
        return limits;
    }
    const struct pma_memory_limits before = limits;
    monitor->hooks.limit(monitor->hooks.arg, &limits);
    const bool changed = limits.max_memory_usage_bytes != before.max_memory_usage_bytes ||
                         limits.max_heap_alloc_bytes != before.max_heap_alloc_bytes;
    pthread_mutex_lock(&monitor->lock);
    monitor->status.limits = limits;
    monitor->status.limit_changes += changed;
    pthread_mutex_unlock(&monitor->lock);
    if (changed) {
        pma_log(PMA_LOG_INFO, "Memory limits follow the cgroup",
                pma_u64("cgroup_limit", limits.cgroup_bytes),
                pma_u64("cgroup_version", limits.cgroup_version),
                pma_u64("max_memory_usage", limits.max_memory_usage_bytes),
                pma_u64("max_heap_alloc", limits.max_heap_alloc_bytes));
    }
    return limits;
}

/* Brings one alert up to date. Returns: a copy of it, as it is now. */
static struct pma_alert note_alert(struct pma_monitor *monitor, enum pma_alert_kind kind,
                                   bool seen, double value, double threshold)
{
    if (seen && pma_fault_enabled(PMA_FAULT_F26)) {
        pma_stray_alert_raise(alert_names[kind], (uint64_t)value);
    }
    pthread_mutex_lock(&monitor->lock);
    struct pma_alert *alert = &monitor->alerts[kind];
    const bool was_open = alert->episode > 0 && !alert->resolved;
    const uint64_t now_ns = pma_now_ns();
    if (seen && !was_open) {
        const uint64_t episode = alert->episode + 1;
        *alert =
            (struct pma_alert){.kind = kind, .episode = episode, .first_seen_ns = now_ns};
    }
    if (seen) {
        alert->value = value;
        alert->threshold = threshold;
        alert->last_seen_ns = now_ns;
        alert->count++;
        alert->critical = alert->count >= CRITICAL_COUNT;
    } else if (was_open) {
        alert->resolved = true;
    }
    const struct pma_alert copy = *alert;
    pthread_mutex_unlock(&monitor->lock);

    if (seen && !was_open) {
        pma_metric_add(PMA_METRIC_ALERTS, 1, PMA_LABELS("warning", alert_names[kind]));
        pma_log(PMA_LOG_WARN, "Alert raised", pma_str("type", alert_names[kind]),
                pma_f64("value", value), pma_f64("threshold", threshold));
    } else if (!seen && was_open) {
        pma_log(PMA_LOG_INFO, "Alert resolved", pma_str("type", alert_names[kind]),
                pma_f64("value", value), pma_u64("count", copy.count));
    }
    return copy;
}

static void log_snapshot(const struct pma_monitor *monitor, enum pma_level level,
                         const char *message, const struct pma_memory_snapshot *snapshot,
                         const struct pma_memory_limits *limits)
{
    pma_log(level, message, pma_u64("heap_alloc", snapshot->heap_alloc),
            pma_u64("max_heap_alloc", limits->max_heap_alloc_bytes),
            pma_u64("heap_sys", snapshot->heap_sys),
            pma_u64("heap_inuse", snapshot->heap_inuse),
            pma_u64("heap_objects", snapshot->heap_objects),
            pma_f64("usage_percent", snapshot->memory_usage_percent),
            pma_u64("goroutines", snapshot->goroutines),
            pma_u64("max_goroutines", monitor->config.max_goroutines));
}

static bool is_pressed(const struct pma_memory_limits *limits,
                       const struct pma_memory_snapshot *snapshot)
{
    return snapshot->heap_alloc > limits->max_heap_alloc_bytes ||
           snapshot->heap_alloc > limits->max_memory_usage_bytes;
}

/* The four steps. */
static void handle_pressure(struct pma_monitor *monitor,
                            const struct pma_memory_snapshot *snapshot,
                            const struct pma_memory_limits *limits)
{
    const bool over_all = snapshot->heap_alloc > limits->max_memory_usage_bytes;
    const uint64_t threshold_bytes =
        over_all ? limits->max_memory_usage_bytes : limits->max_heap_alloc_bytes;
    monitor->hooks.collect(monitor->hooks.arg); /* 1 */

    log_snapshot(monitor, PMA_LOG_WARN, "Memory pressure detected", snapshot,
                 limits); /* 2 */

    monitor->hooks.clean_up(monitor->hooks.arg); /* 3 */
    if (monitor->on_pressure != NULL) {
        monitor->on_pressure(monitor->on_pressure_arg, snapshot->heap_alloc,
                             threshold_bytes);
    }

    struct pma_memory_snapshot after; /* 4 */
    monitor->hooks.sample(monitor->hooks.arg, &after);
    pthread_mutex_lock(&monitor->lock);
    monitor->status.pressure_events++;
    const uint64_t rounds = ++monitor->status.pressure_rounds;
    if (over_all) {
        monitor->alerts[PMA_ALERT_HEAP_ALLOC].critical = true;
    }
    pthread_mutex_unlock(&monitor->lock);
    pma_log(is_pressed(limits, &after) ? PMA_LOG_WARN : PMA_LOG_INFO,
            is_pressed(limits, &after) ? "Memory pressure continues after clean-up"
                                       : "Memory pressure relieved by clean-up",
            pma_u64("rounds", rounds), pma_u64("heap_alloc_before", snapshot->heap_alloc),
            pma_u64("heap_alloc", after.heap_alloc),
            pma_u64("threshold", threshold_bytes));
}

static void end_pressure(struct pma_monitor *monitor,
                         const struct pma_memory_snapshot *snapshot)
{
    pthread_mutex_lock(&monitor->lock);
    const uint64_t rounds = monitor->status.pressure_rounds;
    monitor->status.pressure_rounds = 0;
    pthread_mutex_unlock(&monitor->lock);
    if (rounds > 0) {
        pma_log(PMA_LOG_INFO, "Memory pressure is over", pma_u64("rounds", rounds),
                pma_u64("heap_alloc", snapshot->heap_alloc));
    }
}

static void check_threads(struct pma_monitor *monitor,
                          const struct pma_memory_snapshot *snapshot,
                          const struct pma_memory_limits *limits)
{
    const uint32_t limit = monitor->config.max_goroutines;
    const bool leaking = snapshot->goroutines > limit;
    note_alert(monitor, PMA_ALERT_GOROUTINES, leaking, snapshot->goroutines, limit);
    if (!leaking) {
        return;
    }
    log_snapshot(monitor, PMA_LOG_WARN, "Goroutine leak detected", snapshot, limits);
    if (monitor->on_leak != NULL) {
        monitor->on_leak(monitor->on_leak_arg, snapshot->goroutines, limit);
    }
}

uint64_t pma_monitor_check(struct pma_monitor *monitor)
{
    const struct pma_monitor_config *config = &monitor->config;
    struct pma_memory_snapshot snapshot;
    const struct pma_memory_limits limits = refresh_limits(monitor);
    monitor->hooks.sample(monitor->hooks.arg, &snapshot);
    remember(monitor, &snapshot);
    log_snapshot(monitor, PMA_LOG_INFO, "Memory statistics", &snapshot, &limits);

    const bool pressed = is_pressed(&limits, &snapshot);
    const double usage_percent = snapshot.memory_usage_percent;
    note_alert(monitor, PMA_ALERT_HEAP_ALLOC, pressed, (double)snapshot.heap_alloc,
               (double)limits.max_heap_alloc_bytes);
    note_alert(monitor, PMA_ALERT_MEMORY_USAGE,
               usage_percent >= config->memory_alert_percent, usage_percent,
               config->memory_alert_percent);
    check_threads(monitor, &snapshot, &limits);
    if (!pressed) {
        end_pressure(monitor, &snapshot);
        return config->check_interval_ns;
    }
    handle_pressure(monitor, &snapshot, &limits);
    const uint64_t sooner_ns = config->check_interval_ns / 4;
    const uint64_t pressed_ns =
        sooner_ns > PRESSED_CHECK_NS_MIN ? sooner_ns : PRESSED_CHECK_NS_MIN;
    return pressed_ns < config->check_interval_ns ? pressed_ns
                                                  : config->check_interval_ns;
}

void pma_monitor_clean_up(struct pma_monitor *monitor)
{
    struct pma_memory_snapshot before;
    struct pma_memory_snapshot after;
    monitor->hooks.sample(monitor->hooks.arg, &before);
    monitor->hooks.collect(monitor->hooks.arg);
    monitor->hooks.sample(monitor->hooks.arg, &after);
    pthread_mutex_lock(&monitor->lock);
    const uint64_t cleanups = ++monitor->status.cleanups;
    pthread_mutex_unlock(&monitor->lock);
    pma_log(PMA_LOG_INFO, "Periodic clean-up done", pma_u64("cleanups", cleanups),
            pma_u64("heap_alloc_before", before.heap_alloc),
            pma_u64("heap_alloc", after.heap_alloc),
            pma_u64("heap_released", after.heap_released - before.heap_released));
}

static void run_monitor(void *arg, struct pma_cancel *cancel)
{
    struct pma_monitor *monitor = arg;
    uint64_t check_due_ns = pma_now_ns();
    uint64_t cleanup_due_ns = check_due_ns + monitor->config.cleanup_interval_ns;
    for (;;) {
        const uint64_t due_ns =
            check_due_ns < cleanup_due_ns ? check_due_ns : cleanup_due_ns;
        const uint64_t now_ns = pma_now_ns();
        if (pma_cancel_wait(cancel, due_ns > now_ns ? due_ns - now_ns : 0)) {
            return;
        }
        if (pma_now_ns() >= check_due_ns) {
            check_due_ns = pma_now_ns() + pma_monitor_check(monitor);
        }
        if (pma_now_ns() >= cleanup_due_ns) {
            pma_monitor_clean_up(monitor);
            cleanup_due_ns = pma_now_ns() + monitor->config.cleanup_interval_ns;
        }
    }
}

static void note_active(struct pma_monitor *monitor, bool active)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->status.active = active;
    pthread_mutex_unlock(&monitor->lock);
}

int pma_monitor_start(struct pma_monitor *monitor)
{
    int err = 0;
    pthread_mutex_lock(&monitor->life);
    if (monitor->worker == NULL) {
        const struct pma_worker_spec spec = {.name = "memory-monitor",
                                             .subsystem = "monitor",
                                             .run = run_monitor,
                                             .arg = monitor};
        err = pma_worker_start(&spec, &monitor->worker);
        note_active(monitor, err == 0);
    }
    pthread_mutex_unlock(&monitor->life);
    return err;
}

int pma_monitor_stop(struct pma_monitor *monitor, uint64_t timeout_ns)
{
    pthread_mutex_lock(&monitor->life);
    const int err = pma_worker_stop(monitor->worker, timeout_ns);
    if (err == 0) {
        monitor->worker = NULL;
        note_active(monitor, false);
    }
    pthread_mutex_unlock(&monitor->life);
    return err;
}

size_t pma_monitor_history(struct pma_monitor *monitor,
                           struct pma_memory_snapshot *snapshots, size_t capacity)
{
    const uint32_t size = monitor->config.max_history_size;
    pthread_mutex_lock(&monitor->lock);
    const size_t count = monitor->ring_count < capacity ? monitor->ring_count : capacity;
    for (size_t i = 0; i < count; i++) {
        snapshots[i] = monitor->ring[(monitor->ring_next + size - count + i) % size];
    }
    pthread_mutex_unlock(&monitor->lock);
    return count;
}

size_t pma_monitor_alerts(struct pma_monitor *monitor,
                          struct pma_alert alerts[PMA_ALERT_KINDS])
{
    size_t count = 0;
    pthread_mutex_lock(&monitor->lock);
    for (size_t kind = 1; kind < PMA_ALERT_KINDS; kind++) {
        if (monitor->alerts[kind].episode > 0) {
            alerts[count++] = monitor->alerts[kind];
        }
    }
    pthread_mutex_unlock(&monitor->lock);
    return count;
}

void pma_monitor_status_read(struct pma_monitor *monitor,
                             struct pma_monitor_status *status)
{
    pthread_mutex_lock(&monitor->lock);
    *status = monitor->status;
    pthread_mutex_unlock(&monitor->lock);
}

const struct pma_monitor_config *pma_monitor_config_get(const struct pma_monitor *monitor)
{
    return &monitor->config;
}
