/* The switches of the faults.
 *
 * A request path asks pma_fault_enabled() each time, so that is one relaxed load of a
 * static word; everything else is rare and goes through a lock. A fault is committed only
 * after pma_fault_take(), which counts it: the counts are what a leak report is compared
 * with.
 *
 * I1: taken_since_on <= limit whenever limit > 0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/fault.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

struct fault_state {
    _Atomic bool enabled;   /* written under lock, read by every thread, orders nothing */
    _Atomic uint64_t total; /* written under lock */
    uint64_t taken_since_on;
    uint64_t enablings;
    uint64_t limit;
    double rate_per_s;
};

static const struct pma_fault_row rows[] = {
#define PMA_FAULT_ROW(id, value, name, subsystem, kind, what)                            \
    {PMA_FAULT_##id, #id, name, subsystem, kind, what},
    PMA_FAULTS(PMA_FAULT_ROW)
#undef PMA_FAULT_ROW
};

#define PMA_FAULT_CHECK(id, value, name, subsystem, kind, what)                          \
    _Static_assert((value) > 0 && (value) < PMA_FAULT_END, #id " is out of range");
PMA_FAULTS(PMA_FAULT_CHECK)
#undef PMA_FAULT_CHECK

static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_FAULT */
static struct fault_state states[PMA_FAULT_END];

const struct pma_fault_row *pma_fault_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

const struct pma_fault_row *pma_fault_find(const char *id)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcasecmp(rows[i].id, id) == 0 || strcmp(rows[i].name, id) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static bool is_fault(enum pma_fault fault)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].fault == fault) {
            return true;
        }
    }
    return false;
}

bool pma_fault_enabled(enum pma_fault fault)
{
    return (unsigned)fault < PMA_FAULT_END &&
           atomic_load_explicit(&states[fault].enabled, memory_order_relaxed);
}

bool pma_fault_take(enum pma_fault fault)
{
    if (!pma_fault_enabled(fault)) {
        return false;
    }
    struct fault_state *state = &states[fault];
    pthread_mutex_lock(&fault_lock);
    const bool taken = atomic_load_explicit(&state->enabled, memory_order_relaxed) &&
                       (state->limit == 0 || state->taken_since_on < state->limit);
    if (taken) {
        state->taken_since_on++;
        atomic_fetch_add_explicit(&state->total, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&fault_lock);
    return taken;
}

int pma_fault_set(enum pma_fault fault, const struct pma_fault_setting *setting)
{
    const double rate = setting->rate_per_s;
    if (!is_fault(fault) || !isfinite(rate) || rate < 0 ||
        rate > PMA_FAULT_RATE_MAX_PER_S) {
        return -EINVAL;
    }
    struct fault_state *state = &states[fault];
    pthread_mutex_lock(&fault_lock);
    if (setting->enabled &&
        !atomic_load_explicit(&state->enabled, memory_order_relaxed)) {
        state->enablings++;
        state->taken_since_on = 0;
    }
    state->rate_per_s = rate;
    state->limit = setting->limit;
    atomic_store_explicit(&state->enabled, setting->enabled, memory_order_relaxed);
    pthread_mutex_unlock(&fault_lock);
    return 0;
}

int pma_fault_get(enum pma_fault fault, struct pma_fault_setting *setting)
{
    if (!is_fault(fault)) {
        return -EINVAL;
    }
    pthread_mutex_lock(&fault_lock);
    setting->enabled = atomic_load_explicit(&states[fault].enabled, memory_order_relaxed);
    setting->rate_per_s = states[fault].rate_per_s;
    setting->limit = states[fault].limit;
    pthread_mutex_unlock(&fault_lock);
    return 0;
}

uint64_t pma_fault_total(enum pma_fault fault)
{
    return is_fault(fault)
               ? atomic_load_explicit(&states[fault].total, memory_order_relaxed)
               : 0;
}

uint64_t pma_fault_enablings(enum pma_fault fault)
{
    if (!is_fault(fault)) {
        return 0;
    }
    pthread_mutex_lock(&fault_lock);
    const uint64_t enablings = states[fault].enablings;
    pthread_mutex_unlock(&fault_lock);
    return enablings;
}
