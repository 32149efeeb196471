/* One optimisation at a time, its history in a ring.
 *
 * The first implementation bound its loops to the context of the request that started
 * them, so they ended with the reply, and its optimise call locked itself out (fault F31,
 * memory_manager_lock.c). Here the loop is a worker, and `running` is the only lock that
 * is held while components work.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/optimizer.h"

#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pma_optimizer {
    struct pma_optimizer_hooks hooks;
    uint64_t interval_ns;
    pthread_mutex_t life; /* PMA_LOCK_MONITOR_LIFE: worker; held across its join */
    struct pma_worker *worker;
    pthread_mutex_t running; /* PMA_LOCK_OPTIMIZING: held across the components */
    pthread_mutex_t lock;    /* PMA_LOCK_OPTIMIZER: what follows */
    struct pma_optimizer_status status;
    struct pma_optimization history[PMA_OPTIMIZER_HISTORY];
    size_t history_count, history_next;
};

static const char *const names[PMA_OPTIMIZERS_COUNT] = {
#define PMA_OPTIMIZER_NAME(id, bit, name) [bit] = (name),
    PMA_OPTIMIZERS(PMA_OPTIMIZER_NAME)
#undef PMA_OPTIMIZER_NAME
};

uint32_t pma_optimizer_component(const char *name)
{
    for (unsigned i = 0; i < PMA_OPTIMIZERS_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

const char *pma_optimizer_component_name(unsigned component)
{
    return component < PMA_OPTIMIZERS_COUNT ? names[component] : "none";
}

int pma_optimizer_new(uint64_t interval_ns, const struct pma_optimizer_hooks *hooks,
                      struct pma_optimizer **optimizer)
{
    if (interval_ns == 0) {
        return -EINVAL;
    }
    struct pma_optimizer *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->hooks = *hooks;
    fresh->interval_ns = interval_ns;
    fresh->status.interval_ns = interval_ns;
    pthread_mutex_init(&fresh->life, NULL);
    pthread_mutex_init(&fresh->running, NULL);
    pthread_mutex_init(&fresh->lock, NULL);
    *optimizer = fresh;
    return 0;
}

void pma_optimizer_free(struct pma_optimizer *optimizer)
{
    if (optimizer == NULL) {
        return;
    }
    pthread_mutex_destroy(&optimizer->lock);
    pthread_mutex_destroy(&optimizer->running);
    pthread_mutex_destroy(&optimizer->life);
    free(optimizer);
}

static void keep(struct pma_optimizer *optimizer, struct pma_optimization *done)
{
    pthread_mutex_lock(&optimizer->lock);
    struct pma_optimizer_status *status = &optimizer->status;
    done->id = ++status->total;
    status->complete += done->skipped == 0;
    status->total_ns += done->total_ns;
    status->last_at_ns = done->at_ns;
    optimizer->history[optimizer->history_next] = *done;
    optimizer->history_next = (optimizer->history_next + 1) % PMA_OPTIMIZER_HISTORY;
    if (optimizer->history_count < PMA_OPTIMIZER_HISTORY) {
        optimizer->history_count++;
    }
    pthread_mutex_unlock(&optimizer->lock);
}

void pma_optimizer_run(struct pma_optimizer *optimizer, uint32_t components,
                       bool aggressive, uint64_t max_ns, struct pma_optimization *done)
{
    const struct pma_optimizer_hooks *hooks = &optimizer->hooks;
    pthread_mutex_lock(&optimizer->running);
    const uint64_t begin_ns = pma_now_ns();
    memset(done, 0, sizeof *done);
    done->at_ns = begin_ns;
    done->unix_s = (uint64_t)time(NULL);
    done->components = components;
    done->aggressive = aggressive;
    done->heap_before_bytes = hooks->heap_bytes(hooks->arg);
    for (unsigned i = 0; i < PMA_OPTIMIZERS_COUNT; i++) {
        const uint64_t part_ns = pma_now_ns();
        if ((components & 1U << i) == 0) {
            continue;
        }
        if (part_ns - begin_ns >= max_ns) {
            done->skipped |= 1U << i;
            continue;
        }
        hooks->run(hooks->arg, i, aggressive);
        done->taken_ns[i] = pma_now_ns() - part_ns;
    }
    done->heap_after_bytes = hooks->heap_bytes(hooks->arg);
    done->total_ns = pma_now_ns() - begin_ns;
    keep(optimizer, done);
    pthread_mutex_unlock(&optimizer->running);
    pma_log(PMA_LOG_INFO, "Memory optimised", pma_u64("id", done->id),
            pma_u64("heap_alloc_before", done->heap_before_bytes),
            pma_u64("heap_alloc", done->heap_after_bytes),
            pma_f64("ms", (double)done->total_ns / 1e6));
}

static void run_optimizer(void *arg, struct pma_cancel *cancel)
{
    struct pma_optimization done;
    (void)cancel;
    pma_optimizer_run(arg, PMA_OPTIMIZERS_ALL, false, PMA_OPTIMIZER_TIME_NS, &done);
}

static void note_active(struct pma_optimizer *optimizer, bool active)
{
    pthread_mutex_lock(&optimizer->lock);
    optimizer->status.active = active;
    pthread_mutex_unlock(&optimizer->lock);
}

int pma_optimizer_start(struct pma_optimizer *optimizer)
{
    int err = 0;
    pthread_mutex_lock(&optimizer->life);
    if (optimizer->worker == NULL) {
        const struct pma_worker_spec spec = {.name = "memory-optimizer",
                                             .subsystem = "monitor",
                                             .interval_ns = optimizer->interval_ns,
                                             .run = run_optimizer,
                                             .arg = optimizer};
        err = pma_worker_start(&spec, &optimizer->worker);
        note_active(optimizer, err == 0);
    }
    pthread_mutex_unlock(&optimizer->life);
    return err;
}

int pma_optimizer_stop(struct pma_optimizer *optimizer, uint64_t timeout_ns)
{
    pthread_mutex_lock(&optimizer->life);
    const int err = pma_worker_stop(optimizer->worker, timeout_ns);
    if (err == 0) {
        optimizer->worker = NULL;
        note_active(optimizer, false);
    }
    pthread_mutex_unlock(&optimizer->life);
    return err;
}

size_t pma_optimizer_history(struct pma_optimizer *optimizer,
                             struct pma_optimization *history, size_t capacity)
{
    pthread_mutex_lock(&optimizer->lock);
    const size_t count =
        optimizer->history_count < capacity ? optimizer->history_count : capacity;
    for (size_t i = 0; i < count; i++) {
        history[i] =
            optimizer
                ->history[(optimizer->history_next + PMA_OPTIMIZER_HISTORY - count + i) %
                          PMA_OPTIMIZER_HISTORY];
    }
    pthread_mutex_unlock(&optimizer->lock);
    return count;
}

void pma_optimizer_status_read(struct pma_optimizer *optimizer,
                               struct pma_optimizer_status *status)
{
    pthread_mutex_lock(&optimizer->lock);
    *status = optimizer->status;
    pthread_mutex_unlock(&optimizer->lock);
}
