/* There each request had a thread of its own, which waited for ever. Here requests share
 * a few threads of the HTTP server, and blocking those would be another fault; so the
 * request's work goes to a worker, which waits in its place, and the client is told. All
 * of them wait on one condition, and the writer is among them: that is the picture in
 * which a detector recognises a lock that is held by someone who waits for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/memory_manager_lock.h"

#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* leaf lock */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool writing;
static uint32_t waiters;

static void lock_for_reading(void)
{
    pthread_mutex_lock(&lock);
    waiters++;
    while (writing) {
        pthread_cond_wait(&changed, &lock);
    }
    waiters--;
    pthread_mutex_unlock(&lock);
}

static void run_optimise(void *arg, struct pma_cancel *cancel)
{
    (void)arg;
    (void)cancel;
    lock_for_reading(); /* the fault: it is the writer that it waits for */
}

static void run_request(void *arg, struct pma_cancel *cancel)
{
    (void)arg;
    (void)cancel;
    lock_for_reading();
}

static void start(const char *name, void (*run)(void *arg, struct pma_cancel *cancel))
{
    const struct pma_worker_spec spec = {
        .name = name, .subsystem = "monitor", .run = run};
    struct pma_worker *forgotten = NULL;
    const int err = pma_worker_start(&spec, &forgotten);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "Fault F31 could not start its thread",
                pma_str("error", strerrordesc_np(-err)));
    }
}

static void lock_for_writing(void)
{
    pthread_mutex_lock(&lock);
    writing = true;
    pthread_mutex_unlock(&lock);
}

static bool is_locked(void)
{
    pthread_mutex_lock(&lock);
    const bool locked = writing;
    pthread_mutex_unlock(&lock);
    return locked;
}

bool pma_manager_enter(void)
{
    if (!is_locked()) {
        return true;
    }
    if (pma_fault_take(PMA_FAULT_F31)) {
        start("memory-request", run_request);
    }
    return false;
}

bool pma_manager_optimize_enter(void)
{
    if (!pma_manager_enter()) {
        return false;
    }
    if (!pma_fault_take(PMA_FAULT_F31)) {
        return true;
    }
    lock_for_writing();
    start("memory-optimise", run_optimise);
    return false;
}

uint32_t pma_manager_waiters(void)
{
    pthread_mutex_lock(&lock);
    const uint32_t count = waiters;
    pthread_mutex_unlock(&lock);
    return count;
}
