/* Interval workers whose handle is forgotten.
 *
 * Rejected: to leave the part's own worker running, as the original did. It would use the
 * part after its end, which is another fault (a crash) than the one that is wanted (a
 * leak), and the second would hide behind the first.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/lost_stop.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <string.h>

/* That of the original's monitor: what is left behind wakes up and does nothing. */
#define INTERVAL_NS (30 * PMA_S_NS)

static void do_nothing(void *arg, struct pma_cancel *cancel)
{
    (void)arg;
    (void)cancel;
}

static void leave(const char *name, const char *subsystem)
{
    SEEP_SUBSYSTEM(subsystem);
    const struct pma_worker_spec spec = {.name = name,
                                         .subsystem = subsystem,
                                         .interval_ns = INTERVAL_NS,
                                         .run = do_nothing};
    struct pma_worker *forgotten = NULL;
    const int err = pma_worker_start(&spec, &forgotten);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "A fault could not start its worker",
                pma_str("worker", name), pma_str("error", strerrordesc_np(-err)));
    }
}

void pma_lost_stop_monitor(void)
{
    if (pma_fault_take(PMA_FAULT_F27)) {
        leave("monitor-check", "monitor");
        leave("monitor-cleanup", "monitor");
    }
}

void pma_lost_stop_commit(void *arg)
{
    (void)arg;
    if (pma_fault_take(PMA_FAULT_F28)) {
        leave("settings", "worker");
    }
}
