/* Levels with memory, so that one spike is no event.
 *
 * For each level the instant is kept since which its thresholds have been passed without
 * a break; the level in force is the highest that has lasted long enough. The first
 * implementation built all this and never started it, so its API said "none" for ever.
 *
 * I1: since_ns[level] is 0, or the beginning of an unbroken time above that level.
 * I2: the hooks run without `lock`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/pressure.h"

#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MIB             (1024.0 * 1024.0)
#define RESTART_NS      PMA_S_NS
#define ADAPTIVE_NS     (60 * PMA_S_NS)
#define ADAPTIVE_FACTOR 0.9

struct pma_pressure {
    struct pma_pressure_hooks hooks;
    pthread_mutex_t life; /* PMA_LOCK_MONITOR_LIFE: worker; held across its join */
    struct pma_worker *worker;

    pthread_mutex_t lock; /* PMA_LOCK_PRESSURE: what follows */
    struct pma_pressure_config config;
    struct pma_pressure_status status;
    uint64_t since_ns[PMA_PRESSURE_LEVELS]; /* I1 */
    uint64_t left_ns;                       /* when a level was last left; 0: never */
    struct pma_memory_snapshot before;      /* at_ns 0: none */
    uint64_t collections_before;
    struct pma_pressure_event events[PMA_PRESSURE_EVENTS_MAX];
    uint32_t events_next, events_count;
};

/* What is compared with the thresholds. */
struct figures {
    double heap_utilization, goroutines, allocation_rate, gc_frequency;
};

static const char *const level_names[] = {"none", "low", "medium", "high", "critical"};

const char *pma_pressure_level_name(enum pma_pressure_level level)
{
    return level_names[level < PMA_PRESSURE_LEVELS ? level : PMA_PRESSURE_NONE];
}

void pma_pressure_defaults(struct pma_pressure_config *config)
{
    static const struct pma_pressure_threshold defaults[PMA_PRESSURE_LEVELS] = {
        {0},
        {40, 1000, 10 * MIB, 0.1, 30 * PMA_S_NS},
        {70, 2000, 25 * MIB, 0.3, 15 * PMA_S_NS},
        {85, 5000, 50 * MIB, 0.5, 10 * PMA_S_NS},
        {95, 10000, 100 * MIB, 1.0, 5 * PMA_S_NS},
    };
    memset(config, 0, sizeof *config);
    config->monitor_interval_ns = 15 * PMA_S_NS;
    config->response_timeout_ns = 30 * PMA_S_NS;
    config->max_event_history = 10;
    memcpy(config->levels, defaults, sizeof defaults);
}

const char *pma_pressure_check_config(const struct pma_pressure_config *config)
{
    if (config->monitor_interval_ns < PMA_PRESSURE_INTERVAL_MIN_NS) {
        return "monitor_interval must be at least 1000000 (ns)";
    }
    if (config->response_timeout_ns == 0) {
        return "response_timeout must be above 0 (ns)";
    }
    if (config->max_event_history == 0 ||
        config->max_event_history > PMA_PRESSURE_EVENTS_MAX) {
        return "max_event_history must be from 1 to 100";
    }
    for (int level = PMA_PRESSURE_LOW; level < PMA_PRESSURE_LEVELS; level++) {
        const struct pma_pressure_threshold *at = &config->levels[level];
        if (!isfinite(at->heap_utilization) || at->heap_utilization <= 0 ||
            !isfinite(at->allocation_rate) || at->allocation_rate <= 0 ||
            !isfinite(at->gc_frequency) || at->gc_frequency <= 0 ||
            at->goroutine_count == 0) {
            return "thresholds must be above 0";
        }
        if (level > PMA_PRESSURE_LOW &&
            at->heap_utilization < config->levels[level - 1].heap_utilization) {
            return "a higher level needs a higher heap_utilization";
        }
    }
    return NULL;
}

int pma_pressure_new(const struct pma_pressure_config *config,
                     const struct pma_pressure_hooks *hooks,
                     struct pma_pressure **pressure)
{
    if (pma_pressure_check_config(config) != NULL) {
        return -EINVAL;
    }
    struct pma_pressure *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->hooks = *hooks;
    pthread_mutex_init(&fresh->life, NULL);
    pthread_mutex_init(&fresh->lock, NULL);
    *pressure = fresh;
    return 0;
}

void pma_pressure_free(struct pma_pressure *pressure)
{
    if (pressure == NULL) {
        return;
    }
    pthread_mutex_destroy(&pressure->lock);
    pthread_mutex_destroy(&pressure->life);
    free(pressure);
}

static double rate_of(uint64_t now, uint64_t before, double elapsed_s)
{
    return elapsed_s > 0 && now > before ? (double)(now - before) / elapsed_s : 0;
}

/* Under lock. Also keeps the snapshot for the next rates. */
static struct figures take_figures(struct pma_pressure *pressure,
                                   const struct pma_memory_snapshot *now,
                                   uint64_t collections)
{
    struct figures figures = {.heap_utilization = now->memory_usage_percent,
                              .goroutines = now->goroutines};
    const struct pma_memory_snapshot *before = &pressure->before;
    if (before->at_ns != 0) {
        const double elapsed_s = ((double)now->at_ns - (double)before->at_ns) / 1e9;
        figures.allocation_rate = rate_of(now->heap_total, before->heap_total, elapsed_s);
        figures.gc_frequency =
            rate_of(collections, pressure->collections_before, elapsed_s);
        if (pressure->config.predictive_mode_enabled) {
            figures.heap_utilization +=
                fmax(0, now->memory_usage_percent - before->memory_usage_percent);
            figures.goroutines +=
                fmax(0, (double)now->goroutines - (double)before->goroutines);
        }
    }
    pressure->before = *now;
    pressure->collections_before = collections;
    return figures;
}

static bool is_passed(const struct pma_pressure_threshold *threshold, double factor,
                      const struct figures *figures)
{
    return figures->heap_utilization > threshold->heap_utilization * factor ||
           figures->goroutines > threshold->goroutine_count ||
           figures->allocation_rate > threshold->allocation_rate ||
           figures->gc_frequency > threshold->gc_frequency;
}

/* Under lock. Returns: the highest level that has lasted. */
static enum pma_pressure_level judge(struct pma_pressure *pressure,
                                     const struct figures *figures, uint64_t now_ns)
{
    const bool recent =
        pressure->left_ns != 0 && now_ns - pressure->left_ns < ADAPTIVE_NS;
    const double factor =
        pressure->config.adaptive_thresholds && recent ? ADAPTIVE_FACTOR : 1;
    enum pma_pressure_level judged = PMA_PRESSURE_NONE;
    for (int level = PMA_PRESSURE_LOW; level < PMA_PRESSURE_LEVELS; level++) {
        const struct pma_pressure_threshold *threshold = &pressure->config.levels[level];
        if (!is_passed(threshold, factor, figures)) {
            pressure->since_ns[level] = 0;
            continue;
        }
        if (pressure->since_ns[level] == 0) {
            pressure->since_ns[level] = now_ns;
        }
        if (now_ns - pressure->since_ns[level] >= threshold->sustained_duration_ns) {
            judged = (enum pma_pressure_level)level;
        }
    }
    return judged;
}

/* Under lock. */
static void keep_event(struct pma_pressure *pressure,
                       const struct pma_pressure_event *event)
{
    pressure->events[pressure->events_next] = *event;
    pressure->events_next = (pressure->events_next + 1) % PMA_PRESSURE_EVENTS_MAX;
    if (pressure->events_count < PMA_PRESSURE_EVENTS_MAX) {
        pressure->events_count++;
    }
    pressure->status.events++;
    pressure->status.last_event_ns = event->at_ns;
}

uint64_t pma_pressure_handle(struct pma_pressure *pressure, uint64_t *released_bytes)
{
    const uint64_t begin_ns = pma_now_ns();
    *released_bytes = pressure->hooks.collect(pressure->hooks.arg);
    return pma_now_ns() - begin_ns;
}

/* The response to a rise. Fills what it did into the event. */
static void respond(struct pma_pressure *pressure, struct pma_pressure_event *event,
                    uint64_t timeout_ns)
{
    const uint64_t begin_ns = pma_now_ns();
    if (event->level >= PMA_PRESSURE_HIGH) {
        event->released_bytes = pressure->hooks.collect(pressure->hooks.arg);
    } else if (event->level == PMA_PRESSURE_MEDIUM) {
        pressure->hooks.clean_up(pressure->hooks.arg);
    }
    event->response_ns = pma_now_ns() - begin_ns;
    pma_log(PMA_LOG_WARN, "Memory pressure level rises",
            pma_str("level", pma_pressure_level_name(event->level)),
            pma_str("before", pma_pressure_level_name(event->before)),
            pma_f64("heap_utilization", event->heap_utilization),
            pma_u64("goroutines", event->goroutines),
            pma_f64("allocation_rate", event->allocation_rate),
            pma_u64("released", event->released_bytes),
            pma_bool("overdue", event->response_ns > timeout_ns));
}

enum pma_pressure_level pma_pressure_check(struct pma_pressure *pressure)
{
    struct pma_memory_snapshot now;
    pressure->hooks.sample(pressure->hooks.arg, &now);
    const uint64_t collections = pressure->hooks.collections(pressure->hooks.arg);
    pthread_mutex_lock(&pressure->lock);
    const struct figures figures = take_figures(pressure, &now, collections);
    const enum pma_pressure_level before = pressure->status.level;
    const enum pma_pressure_level level = judge(pressure, &figures, now.at_ns);
    const uint64_t timeout_ns = pressure->config.response_timeout_ns;
    pressure->status.level = level;
    pressure->status.checks++;
    if (level < before) {
        pressure->left_ns = now.at_ns;
        pressure->status.recoveries += level == PMA_PRESSURE_NONE;
    }
    pthread_mutex_unlock(&pressure->lock);

    if (level > before) {
        struct pma_pressure_event event = {.at_ns = now.at_ns,
                                           .level = level,
                                           .before = before,
                                           .heap_utilization = figures.heap_utilization,
                                           .goroutines = now.goroutines,
                                           .allocation_rate = figures.allocation_rate};
        respond(pressure, &event, timeout_ns);
        pthread_mutex_lock(&pressure->lock);
        keep_event(pressure, &event);
        pthread_mutex_unlock(&pressure->lock);
    } else if (level < before) {
        pma_log(PMA_LOG_INFO, "Memory pressure level falls",
                pma_str("level", pma_pressure_level_name(level)),
                pma_str("before", pma_pressure_level_name(before)));
    }
    return level;
}

/* The interval in force. */
static uint64_t interval_of(struct pma_pressure *pressure)
{
    pthread_mutex_lock(&pressure->lock);
    const uint64_t interval_ns = pressure->config.monitor_interval_ns;
    pthread_mutex_unlock(&pressure->lock);
    return interval_ns;
}

static void run_handler(void *arg, struct pma_cancel *cancel)
{
    struct pma_pressure *pressure = arg;
    const uint64_t interval_ns = interval_of(pressure);
    while (!pma_cancel_wait(cancel, interval_ns)) {
        pma_pressure_check(pressure);
    }
}

/* Under `life`. */
static int start_worker(struct pma_pressure *pressure)
{
    const struct pma_worker_spec spec = {.name = "pressure-handler",
                                         .subsystem = "monitor",
                                         .run = run_handler,
                                         .arg = pressure};
    const int err = pma_worker_start(&spec, &pressure->worker);
    pthread_mutex_lock(&pressure->lock);
    pressure->status.active = err == 0;
    pthread_mutex_unlock(&pressure->lock);
    return err;
}

/* Under `life`. */
static int stop_worker(struct pma_pressure *pressure, uint64_t timeout_ns)
{
    const int err = pma_worker_stop(pressure->worker, timeout_ns);
    if (err == 0) {
        pressure->worker = NULL;
        pthread_mutex_lock(&pressure->lock);
        pressure->status.active = false;
        pthread_mutex_unlock(&pressure->lock);
    }
    return err;
}

int pma_pressure_start(struct pma_pressure *pressure)
{
    pthread_mutex_lock(&pressure->life);
    const int err = pressure->worker == NULL ? start_worker(pressure) : 0;
    pthread_mutex_unlock(&pressure->life);
    return err;
}

int pma_pressure_stop(struct pma_pressure *pressure, uint64_t timeout_ns)
{
    pthread_mutex_lock(&pressure->life);
    const int err = stop_worker(pressure, timeout_ns);
    pthread_mutex_unlock(&pressure->life);
    return err;
}

int pma_pressure_configure(struct pma_pressure *pressure,
                           const struct pma_pressure_config *config)
{
    if (pma_pressure_check_config(config) != NULL) {
        return -EINVAL;
    }
    int err = 0;
    pthread_mutex_lock(&pressure->life);
    const bool running = pressure->worker != NULL;
    if (running) {
        err = stop_worker(pressure, RESTART_NS);
    }
    if (err == 0) {
        pthread_mutex_lock(&pressure->lock);
        pressure->config = *config;
        memset(pressure->since_ns, 0, sizeof pressure->since_ns);
        pthread_mutex_unlock(&pressure->lock);
        err = running ? start_worker(pressure) : 0;
    }
    pthread_mutex_unlock(&pressure->life);
    return err;
}

void pma_pressure_status_read(struct pma_pressure *pressure,
                              struct pma_pressure_status *status)
{
    pthread_mutex_lock(&pressure->lock);
    *status = pressure->status;
    pthread_mutex_unlock(&pressure->lock);
}

void pma_pressure_config_read(struct pma_pressure *pressure,
                              struct pma_pressure_config *config)
{
    pthread_mutex_lock(&pressure->lock);
    *config = pressure->config;
    pthread_mutex_unlock(&pressure->lock);
}

size_t pma_pressure_events(struct pma_pressure *pressure,
                           struct pma_pressure_event *events, size_t capacity)
{
    pthread_mutex_lock(&pressure->lock);
    size_t count = pressure->events_count < pressure->config.max_event_history
                       ? pressure->events_count
                       : pressure->config.max_event_history;
    count = count < capacity ? count : capacity;
    for (size_t i = 0; i < count; i++) {
        events[i] =
            pressure
                ->events[(pressure->events_next + PMA_PRESSURE_EVENTS_MAX - count + i) %
                         PMA_PRESSURE_EVENTS_MAX];
    }
    pthread_mutex_unlock(&pressure->lock);
    return count;
}
