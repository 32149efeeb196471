/* The threads of the fault, kept in a list so that the server can still end: the fault is
 * that they pile up while it runs, not that it cannot be stopped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/check_storm.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct check {
    struct check *next; /* under lock */
    struct pma_check_storm *storm;
    struct pma_ai_provider *provider;
    struct pma_worker *worker; /* under lock */
    _Atomic bool done; /* release by the thread at its end, acquire by who joins it */
};

struct pma_check_storm {
    uint64_t timeout_ns;
    _Atomic bool shut;    /* stored once, orders nothing */
    pthread_mutex_t lock; /* PMA_LOCK_CHECK_STORM: the list */
    struct check *first;
};

int pma_check_storm_new(uint64_t timeout_ns, struct pma_check_storm **storm)
{
    struct pma_check_storm *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->timeout_ns = timeout_ns;
    pthread_mutex_init(&fresh->lock, NULL);
    *storm = fresh;
    return 0;
}

static bool is_shut(void *arg)
{
    const struct pma_check_storm *storm = arg;
    return atomic_load_explicit(&storm->shut, memory_order_relaxed);
}

static void run_check(void *arg, struct pma_cancel *cancel)
{
    struct check *check = arg;
    (void)cancel;
    pma_ai_provider_check_in_turn(check->provider, check->storm->timeout_ns, is_shut,
                                  check->storm);
    atomic_store_explicit(&check->done, true, memory_order_release);
}

int pma_check_storm_add(struct pma_check_storm *storm, struct pma_ai_provider *provider)
{
    SEEP_SUBSYSTEM("ai");
    struct check *check = calloc(1, sizeof *check);
    if (check == NULL) {
        return -ENOMEM;
    }
    check->storm = storm;
    check->provider = provider;
    const struct pma_worker_spec spec = {
        .name = "ai-health", .subsystem = "ai", .run = run_check, .arg = check};
    pthread_mutex_lock(&storm->lock);
    int err = is_shut(storm) ? -ECANCELED : pma_worker_start(&spec, &check->worker);
    if (err == 0) {
        check->next = storm->first;
        storm->first = check;
    }
    pthread_mutex_unlock(&storm->lock);
    if (err != 0) {
        free(check);
    }
    return err;
}

size_t pma_check_storm_reap(struct pma_check_storm *storm)
{
    size_t left = 0;
    struct check *ended = NULL;
    pthread_mutex_lock(&storm->lock);
    for (struct check **at = &storm->first; *at != NULL;) {
        struct check *check = *at;
        if (atomic_load_explicit(&check->done, memory_order_acquire)) {
            *at = check->next;
            check->next = ended;
            ended = check;
        } else {
            left++;
            at = &check->next;
        }
    }
    pthread_mutex_unlock(&storm->lock);
    while (ended != NULL) {
        struct check *check = ended;
        ended = check->next;
        pma_worker_stop(check->worker, UINT64_MAX); /* it is past its last statement */
        free(check);
    }
    return left;
}

void pma_check_storm_shut(struct pma_check_storm *storm)
{
    pthread_mutex_lock(&storm->lock);
    atomic_store_explicit(&storm->shut, true, memory_order_relaxed);
    pthread_mutex_unlock(&storm->lock);
}

int pma_check_storm_stop(struct pma_check_storm *storm, uint64_t timeout_ns)
{
    if (storm == NULL) {
        return 0;
    }
    const uint64_t until_ns = pma_now_ns() + timeout_ns;
    pma_check_storm_shut(storm);
    while (storm->first != NULL) {
        struct check *check = storm->first;
        const uint64_t now_ns = pma_now_ns();
        const int err =
            pma_worker_stop(check->worker, until_ns > now_ns ? until_ns - now_ns : 0);
        if (err != 0) {
            return err;
        }
        storm->first = check->next;
        free(check);
    }
    pthread_mutex_destroy(&storm->lock);
    free(storm);
    return 0;
}
