/* The worker that commits faults by itself.
 *
 * It looks at the switches ten times a second, or at once when woken, and keeps a due
 * time per fault. A driver that fell behind (a stopped machine, a debugger) skips what it
 * missed instead of committing a burst: the rate is what a test has to know.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/fault_driver.h"

#include "server/base/clock.h"
#include "server/fault/fault_block.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <stdlib.h>

#define ACTIONS_MAX    PMA_FAULT_END
#define LOOK_NS        (100 * PMA_MS_NS)
#define BACKLOG_NS_MAX PMA_S_NS

struct driven {
    struct pma_fault_action action;
    uint64_t due_ns;         /* 0: not driven at present */
    uint64_t enablings_seen; /* of pma_fault_enablings */
};

struct pma_fault_driver {
    struct pma_worker *worker;
    struct driven driven[ACTIONS_MAX];
    size_t driven_count;
};

/* Commits what is due. Returns: when to look again, CLOCK_MONOTONIC. */
static uint64_t drive(struct driven *driven, uint64_t now_ns)
{
    const enum pma_fault fault = driven->action.fault;
    struct pma_fault_setting setting;
    if (pma_fault_get(fault, &setting) != 0 || !setting.enabled) {
        driven->due_ns = 0;
        return now_ns + LOOK_NS;
    }
    const uint64_t enablings = pma_fault_enablings(fault);
    const bool is_new = enablings != driven->enablings_seen;
    driven->enablings_seen = enablings;
    if (setting.rate_per_s <= 0) {
        driven->due_ns = 0;
        if (is_new && driven->action.once_per_enabling) {
            driven->action.commit(driven->action.arg);
        }
        return now_ns + LOOK_NS;
    }
    const uint64_t period_ns = (uint64_t)(1e9 / setting.rate_per_s);
    if (driven->due_ns == 0 || driven->due_ns + BACKLOG_NS_MAX < now_ns) {
        driven->due_ns = now_ns;
    }
    while (driven->due_ns <= now_ns) {
        driven->action.commit(driven->action.arg);
        driven->due_ns += period_ns;
    }
    return driven->due_ns;
}

static void run_driver(void *arg, struct pma_cancel *cancel)
{
    struct pma_fault_driver *driver = arg;
    uint64_t wait_ns = 0;
    while (!pma_cancel_wait(cancel, wait_ns)) {
        const uint64_t now_ns = pma_now_ns();
        uint64_t next_ns = now_ns + LOOK_NS;
        for (size_t i = 0; i < driver->driven_count; i++) {
            const uint64_t due_ns = drive(&driver->driven[i], now_ns);
            next_ns = due_ns < next_ns ? due_ns : next_ns;
        }
        const uint64_t done_ns = pma_now_ns();
        wait_ns = next_ns > done_ns ? next_ns - done_ns : 0;
    }
}

int pma_fault_driver_start(const struct pma_fault_action *actions, size_t actions_count,
                           struct pma_fault_driver **driver)
{
    if (actions_count > ACTIONS_MAX) {
        return -EINVAL;
    }
    struct pma_fault_driver *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->driven_count = actions_count;
    for (size_t i = 0; i < actions_count; i++) {
        fresh->driven[i].action = actions[i];
    }
    const struct pma_worker_spec spec = {
        .name = "fault-driver", .subsystem = "worker", .run = run_driver, .arg = fresh};
    const int err = pma_worker_start(&spec, &fresh->worker);
    if (err != 0) {
        free(fresh);
        return err;
    }
    *driver = fresh;
    return 0;
}

void pma_fault_driver_wake(struct pma_fault_driver *driver)
{
    if (driver != NULL) {
        pma_worker_wake(driver->worker);
    }
}

int pma_fault_driver_stop(struct pma_fault_driver *driver, uint64_t timeout_ns)
{
    if (driver == NULL) {
        return 0;
    }
    const int err = pma_worker_stop(driver->worker, timeout_ns);
    if (err == 0) {
        free(driver);
    }
    return err;
}

void pma_blocked_thread_commit(void *arg)
{
    static struct pma_fault_queue queue = PMA_FAULT_QUEUE_INITIALIZER;
    (void)arg;
    if (pma_fault_take(PMA_FAULT_F00)) {
        pma_fault_block(&queue, "blocked", "worker");
    }
}
