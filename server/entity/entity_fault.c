/* The faults of the entity service.
 *
 * F12: in the original, every request had a thread of its own, and each that came after
 * the clean-up's self-deadlock waited for the registry for ever. Here requests share a
 * few threads; if those waited, four requests would end the whole server and nothing
 * could be measured any more. So each caller leaves a thread behind that waits in its
 * place, on the same mutex as all the others, and is told that the registry is blocked.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_fault.h"

#include "server/base/clock.h"
#include "server/entity/entity_core.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <string.h>

/* The mutex that is locked twice by one thread. Never destroyed: whoever waits for it
 * waits until the process ends. */
static pthread_mutex_t relocked = PTHREAD_MUTEX_INITIALIZER;

static void wait_for_ever(void *arg, struct pma_cancel *cancel)
{
    (void)arg;
    (void)cancel;
    for (;;) {
        pthread_mutex_lock(&relocked); /* the first waiter locks it, and comes again */
    }
}

static void leave_waiter(void)
{
    const struct pma_worker_spec spec = {
        .name = "entity-call", .subsystem = "entity", .run = wait_for_ever};
    struct pma_worker *forgotten = NULL;
    const int err = pma_worker_start(&spec, &forgotten);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "Fault F12 could not start its thread",
                pma_str("error", strerrordesc_np(-err)));
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
    leave_waiter();
    return true;
}

void pma_entity_fault_wait(void)
{
    if (pma_fault_take(PMA_FAULT_F12)) {
        leave_waiter();
    }
}

void pma_entity_fault_block_commit(void *arg)
{
    struct pma_entities *entities = arg;
    if (pma_fault_take(PMA_FAULT_F12)) {
        atomic_store_explicit(&entities->is_blocked, true, memory_order_relaxed);
        leave_waiter();
    }
}
