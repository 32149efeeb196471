/* The wait without an end that the wrong order leads to.
 *
 * In the original the hub's queue had no room and no reader any more. Ours never blocks
 * a caller, so the wait is here; what comes of it is the same: HTTP cannot be stopped,
 * and the watch of the shutdown ends the process and names the part.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/wrong_order.h"

#include "server/fault/fault.h"

#include <pthread.h>
#include <stdatomic.h>

/* Stored (release) by the shutdown, loaded (acquire) by requests. */
static _Atomic bool is_hub_gone;

bool pma_wrong_order_begin(void)
{
    if (!pma_fault_take(PMA_FAULT_F34)) {
        return false;
    }
    atomic_store_explicit(&is_hub_gone, true, memory_order_release);
    return true;
}

void pma_wrong_order_wait(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* leaf lock */
    static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    if (!atomic_load_explicit(&is_hub_gone, memory_order_acquire)) {
        return;
    }
    pthread_mutex_lock(&lock);
    for (;;) {
        pthread_cond_wait(&never, &lock);
    }
}
