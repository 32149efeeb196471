/* The faults of the entity service.
 *
 * F12: in the original, every request had a thread of its own, and each that came after
 * the clean-up's self-deadlock waited for the registry for ever. Here requests share a
 * few threads; if those waited, four requests would end the whole server and nothing
 * could be measured any more. So each caller leaves a thread behind that waits in its
 * place, on the same mutex as all the others, and is told that the registry is blocked.
 * F13 does so for lists, but tells that all is well.
 *
 * F14 is no leak: its helpers end, and are joined by whoever comes next. A detector that
 * takes a burst of them for one is wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_fault.h"

#include "server/base/clock.h"
#include "server/entity/entity_core.h"
#include "server/entity/entity_time.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HELPERS_MAX 4096

/* The mutex that is locked twice by one thread. Never destroyed: whoever waits for it
 * waits until the process ends. */
static pthread_mutex_t relocked = PTHREAD_MUTEX_INITIALIZER; /* leaf lock */

static void wait_for_ever(void *arg, struct pma_cancel *cancel)
{
    (void)arg;
    (void)cancel;
    for (;;) {
        pthread_mutex_lock(&relocked); /* the first waiter locks it, and comes again */
    }
}

static void leave_waiter(const char *name)
{
    const struct pma_worker_spec spec = {
        .name = name, .subsystem = "entity", .run = wait_for_ever};
    struct pma_worker *forgotten = NULL;
    const int err = pma_worker_start(&spec, &forgotten);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "A fault could not start its thread",
                pma_str("worker", name), pma_str("error", strerrordesc_np(-err)));
    }
}

bool pma_entity_fault_block(struct pma_entities *entities)
{
    if (!pma_fault_enabled(PMA_FAULT_F12) || pma_entities_lock(entities) != 0) {
        return false;
    }
    const bool is_due =
        entities->registry.by_id.count >= entities->config.max_entities ||
        pma_now_ns() - entities->cleaned_up_at_ns > entities->config.cleanup_interval_ns;
    pma_entities_unlock(entities);
    if (!is_due || !pma_fault_take(PMA_FAULT_F12)) {
        return false;
    }
    atomic_store_explicit(&entities->is_blocked, true, memory_order_relaxed);
    leave_waiter("entity-call");
    return true;
}

void pma_entity_fault_wait(void)
{
    if (pma_fault_take(PMA_FAULT_F12)) {
        leave_waiter("entity-call");
    }
}

void pma_entity_fault_block_commit(void *arg)
{
    struct pma_entities *entities = arg;
    if (pma_fault_take(PMA_FAULT_F12)) {
        atomic_store_explicit(&entities->is_blocked, true, memory_order_relaxed);
        leave_waiter("entity-call");
    }
}

void pma_entity_fault_state_commit(void *arg)
{
    struct pma_entities *entities = arg;
    uint64_t dropped = 0;
    if (!pma_fault_enabled(PMA_FAULT_F15) || pma_entities_lock(entities) != 0) {
        return;
    }
    struct pma_entity *entity = entities->registry.first;
    if (entity != NULL && pma_fault_take(PMA_FAULT_F15) &&
        pma_history_record(&entity->history, pma_instant_now_us(),
                           pma_entity_state(pma_shared_json_get(entity->document)), NULL,
                           0, &dropped) == 0) {
        entities->stats.history_states++;
        entities->stats.states_in_excess +=
            entity->history.count > entities->config.history_states;
    }
    pma_entities_unlock(entities);
}

bool pma_entity_fault_list(struct pma_entities *entities)
{
    if (!atomic_load_explicit(&entities->is_blocked, memory_order_relaxed) ||
        !pma_fault_take(PMA_FAULT_F13)) {
        return false;
    }
    leave_waiter("entity-list");
    const struct timespec limit = {
        .tv_sec = (time_t)(entities->config.list_timeout_ns / PMA_S_NS),
        .tv_nsec = (long)(entities->config.list_timeout_ns % PMA_S_NS),
    };
    nanosleep(&limit, NULL); /* on the thread of the request, as the original's */
    return true;
}

/* One thread of F14. Belongs to the list from its start to its join. */
struct pma_entity_helper {
    struct pma_entity_helper *next;
    struct pma_worker *worker;
    struct pma_entities *entities;
    _Atomic bool is_done; /* release by the helper, acquire by the reaper */
    /* Of the one that changes, on the stack of whoever waits for it. */
    const struct pma_entity_decision *decision;
    struct pma_entity_outcome *outcome;
    int *err;
    sem_t *changed;
    /* Of the one that looks again. */
    char id[PMA_ENTITY_ID_BYTES_MAX + 1];
};

static void run_change(void *arg, struct pma_cancel *cancel)
{
    struct pma_entity_helper *helper = arg;
    const struct pma_entity_decision *decision = helper->decision;
    (void)cancel;
    *helper->err = pma_entities_change(helper->entities, decision->id, decision->state,
                                       decision->attributes, "action", helper->outcome);
    sem_post(helper->changed); /* whoever waits is gone from here on */
    atomic_store_explicit(&helper->is_done, true, memory_order_release);
}

static void run_refresh(void *arg, struct pma_cancel *cancel)
{
    struct pma_entity_helper *helper = arg;
    json_t *entity = NULL;
    if (!pma_cancel_wait(cancel, helper->entities->config.refresh_delay_ns) &&
        pma_entities_get_here(helper->entities, helper->id, &entity) == 0) {
        json_decref(entity); /* looked at, and nothing done with it */
    }
    atomic_store_explicit(&helper->is_done, true, memory_order_release);
}

/* Starts a helper and puts it into the list. helper: taken in any case. Returns: 0. */
static int start_helper(struct pma_entities *entities, struct pma_entity_helper *helper,
                        const char *name,
                        void (*run)(void *arg, struct pma_cancel *cancel))
{
    const struct pma_worker_spec spec = {
        .name = name, .subsystem = "entity", .run = run, .arg = helper};
    int err = -ENOSPC;
    pthread_mutex_lock(&entities->helpers_lock);
    if (entities->helpers_count < HELPERS_MAX) {
        err = pma_worker_start(&spec, &helper->worker);
    }
    if (err == 0) {
        helper->next = entities->helpers;
        entities->helpers = helper;
        entities->helpers_count++;
    }
    pthread_mutex_unlock(&entities->helpers_lock);
    if (err != 0) {
        free(helper);
    }
    return err;
}

bool pma_entity_fault_change(struct pma_entities *entities,
                             const struct pma_entity_decision *decision,
                             struct pma_entity_outcome *outcome, int *err)
{
    pma_entity_fault_reap(entities, false, 0);
    if (!pma_fault_take(PMA_FAULT_F14)) {
        return false;
    }
    struct pma_entity_helper *changer = calloc(1, sizeof *changer);
    struct pma_entity_helper *refresher = calloc(1, sizeof *refresher);
    sem_t changed;
    if (changer == NULL || refresher == NULL) {
        free(changer);
        free(refresher);
        return false;
    }
    refresher->entities = entities;
    memcpy(refresher->id, decision->id, strlen(decision->id) + 1);
    start_helper(entities, refresher, "action-refresh", run_refresh);
    changer->entities = entities;
    changer->decision = decision;
    changer->outcome = outcome;
    changer->err = err;
    changer->changed = &changed;
    sem_init(&changed, 0, 0);
    const bool is_started =
        start_helper(entities, changer, "action-broadcast", run_change) == 0;
    while (is_started && sem_wait(&changed) != 0) {
        /* a signal came */
    }
    sem_destroy(&changed);
    return is_started;
}

/* Takes out the first helper that has ended, or any. Returns: NULL for none. */
static struct pma_entity_helper *take_helper(struct pma_entities *entities, bool any)
{
    pthread_mutex_lock(&entities->helpers_lock);
    struct pma_entity_helper **at = &entities->helpers;
    while (*at != NULL && !any &&
           !atomic_load_explicit(&(*at)->is_done, memory_order_acquire)) {
        at = &(*at)->next;
    }
    struct pma_entity_helper *taken = *at;
    if (taken != NULL) {
        *at = taken->next;
        entities->helpers_count--;
    }
    pthread_mutex_unlock(&entities->helpers_lock);
    return taken;
}

int pma_entity_fault_reap(struct pma_entities *entities, bool is_end, uint64_t timeout_ns)
{
    struct pma_entity_helper *helper = NULL;
    int left = 0;
    while ((helper = take_helper(entities, is_end)) != NULL) {
        const int err = pma_worker_stop(helper->worker, is_end ? timeout_ns : UINT64_MAX);
        if (err == 0) {
            free(helper);
        } else {
            left = -ETIMEDOUT; /* it still uses the helper */
        }
    }
    return left;
}
