/* The list of what faults commit at a rate; those that need a client have one in
 * fault_client.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault_wiring.h"

#include "server/ai_wiring.h"
#include "server/config/config.h"
#include "server/entity/entity_fault.h"
#include "server/entity/simulated_source.h"
#include "server/fault/fault_driver.h"
#include "server/fault/lost_stop.h"
#include "server/fault_client.h"
#include "server/hub/hub.h"
#include "server/log/log.h"
#include "server/mcp/mcp_child.h"
#include "server/mcp/mcp_service.h"
#include "server/monitor/machine.h"
#include "server/monitor/stray_alerts.h"
#include "server/rest/access_log.h"
#include "server/rest/routes.h"
#include "server/sse/event_stream.h"
#include "server/store/cache.h"
#include "server/store/store.h"

#include <string.h>

/* F26 by itself: an alert about the processor time used, which is never the same. */
static void commit_f26(void *arg)
{
    (void)arg;
    pma_stray_alert_raise("cpu_usage", (uint64_t)(pma_machine_process_cpu_s() * 1e6));
}

int pma_fault_wire(struct pma_app *app)
{
    if (app->config->fixes_off != 0) {
        pma_log(PMA_LOG_WARN, "Fixes are off; GET /api/v1/debug/fixes lists them",
                pma_u64("fixes_off", app->config->fixes_off));
    }
    for (size_t fault = 0; fault < PMA_FAULT_END; fault++) {
        const struct pma_fault_setting *setting = &app->config->faults[fault];
        if (setting->enabled && pma_fault_set((enum pma_fault)fault, setting) == 0) {
            pma_log(PMA_LOG_WARN, "Fault switched on by configuration",
                    pma_u64("fault", fault), pma_f64("rate", setting->rate_per_s),
                    pma_u64("limit", setting->limit));
        }
    }
    const struct pma_fault_action own[] = {
        {PMA_FAULT_F00, pma_blocked_thread_commit, NULL, true},
        {PMA_FAULT_F01, pma_auth_simulate_request, app, false},
        {PMA_FAULT_F02, pma_hub_commit_f02, app->hub, false},
        {PMA_FAULT_F10, pma_hub_commit_f10, app->hub, false},
        {PMA_FAULT_F12, pma_entity_fault_block_commit, app->entities, true},
        {PMA_FAULT_F15, pma_entity_fault_state_commit, app->entities, false},
        {PMA_FAULT_F16, pma_store_simulate_read, app->store, false},
        {PMA_FAULT_F17, pma_cache_simulate_error, app->cache, false},
        {PMA_FAULT_F18, pma_cache_simulate_removal, app->cache, false},
        {PMA_FAULT_F19, pma_ai_commit_f19, app, false},
        {PMA_FAULT_F21, pma_ai_commit_f21, app, false},
        {PMA_FAULT_F22, pma_ai_commit_f22, app, false},
        {PMA_FAULT_F23, pma_mcp_simulate_execution, app->mcp, false},
        {PMA_FAULT_F24, pma_mcp_child_leak, NULL, false},
        {PMA_FAULT_F25, pma_mcp_simulate_execution, app->mcp, false},
        {PMA_FAULT_F29, pma_event_stream_commit_f29, app->events, false},
        {PMA_FAULT_F30, pma_simulated_lose, app->simulated, true},
        {PMA_FAULT_F26, commit_f26, NULL, false},
        {PMA_FAULT_F28, pma_lost_stop_commit, NULL, true},
        {PMA_FAULT_F33, pma_access_log_simulate, app->access_log, false},
    };
    struct pma_fault_action
        actions[sizeof own / sizeof own[0] + PMA_FAULT_CLIENT_ACTIONS_MAX];
    size_t count = sizeof own / sizeof own[0];
    memcpy(actions, own, sizeof own);
    count += pma_fault_client_actions(app, actions + count, PMA_FAULT_CLIENT_ACTIONS_MAX);
    return pma_fault_driver_start(actions, count, &app->fault_driver);
}
