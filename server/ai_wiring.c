/* What is switched off is NULL; here is where that is looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai_wiring.h"

#include "server/ai/ai_report.h"
#include "server/config/config.h"
#include "server/mcp/mcp_service.h"

int pma_ai_wire(struct pma_app *app, char *why, size_t why_bytes)
{
    if (!app->config->ai.enabled) {
        return 0;
    }
    const int err = pma_ai_start(&app->config->ai, app->store, &app->ai, why, why_bytes);
    if (err != 0) {
        return err;
    }
    if (app->mcp != NULL) {
        pma_ai_set_tool_host(app->ai, pma_mcp_tool_host(app->mcp));
    }
    return pma_resource_add("ai", pma_ai_figures_read, app->ai);
}

void pma_ai_wiring_sweep(void *arg)
{
    const struct pma_app *app = arg;
    if (app->ai != NULL) {
        pma_ai_sweep(app->ai);
    }
}

void pma_ai_commit_f19(void *arg)
{
    const struct pma_app *app = arg;
    if (app->ai != NULL) {
        pma_ai_commit_check(app->ai);
    }
}

void pma_ai_commit_f21(void *arg)
{
    const struct pma_app *app = arg;
    if (app->ai != NULL) {
        pma_installs_commit_failed(pma_ai_installs(app->ai));
    }
}

void pma_ai_commit_f22(void *arg)
{
    const struct pma_app *app = arg;
    if (app->ai != NULL) {
        pma_conversations_commit_unbounded(pma_ai_conversations(app->ai));
    }
}
