/* An automation is a rule in memory and a document in the store.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/automation_wiring.h"

#include "server/automation/automation.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/entity/entity_publish.h"
#include "server/fault/resources.h"
#include "server/hub/hub_event.h"
#include "server/log/log.h"
#include "server/metrics/metrics.h"
#include "server/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STORE_PREFIX "automation:"

static int act(void *arg, const char *entity_id, const char *action,
               const json_t *parameters)
{
    const struct pma_app *app = arg;
    json_t *result = NULL;
    const int err =
        pma_entities_action(app->entities, entity_id, action, parameters, &result);
    json_decref(result);
    return err;
}

static void triggered(void *arg, const char *id, const char *name)
{
    const struct pma_app *app = arg;
    char when[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(when);
    json_t *data = json_pack("{s:s, s:s, s:s}", "automation_id", id, "name", name,
                             "timestamp", when);
    (void)pma_event_send(app->hub, "automation_triggered", NULL, data);
    json_decref(data);
}

static void ran(void *arg, const char *id, uint64_t failed_actions)
{
    (void)arg;
    pma_metric_add(PMA_METRIC_AUTOMATION_EXECUTIONS, 1,
                   PMA_LABELS(id, failed_actions == 0 ? "true" : "false"));
}

static void read_figures(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_automations_info info;
    pma_automations_info_read(app->automations, &info);
    pma_figure_put_kept(figures, "automations", info.automations,
                        app->config->mcp.max_automations);
    pma_figure_put(figures, "queued", PMA_RESOURCE_QUEUE, info.queued);
    pma_figure_put(figures, "runs", PMA_RESOURCE_TOTAL, info.runs);
    pma_figure_put(figures, "failed_actions", PMA_RESOURCE_TOTAL, info.failed_actions);
    pma_figure_put(figures, "dropped", PMA_RESOURCE_TOTAL, info.dropped);
    pma_figure_put(figures, "cooled", PMA_RESOURCE_TOTAL, info.cooled);
}

int pma_automation_wire(struct pma_app *app)
{
    const struct pma_automations_config settings = {
        .max_automations = app->config->mcp.max_automations,
        .max_queue = app->config->mcp.max_automation_runs,
        .cooldown_ns = app->config->mcp.automation_cooldown_ns,
    };
    const struct pma_automation_hooks hooks = {
        .arg = app, .act = act, .triggered = triggered, .ran = ran};
    int err = pma_automations_new(&settings, &hooks, &app->automations);
    if (err == 0) {
        err = pma_automations_start(app->automations);
    }
    return err != 0 ? err : pma_resource_add("automation", read_figures, app);
}

static int restore_one(void *arg, const char *id, json_t *document)
{
    const struct pma_app *app = arg;
    json_t *automation = NULL;
    if (strncmp(id, STORE_PREFIX, strlen(STORE_PREFIX)) != 0) {
        return 0;
    }
    const int err = pma_automations_add(app->automations, document, &automation);
    json_decref(automation);
    if (err != 0) {
        pma_log(PMA_LOG_WARN, "Automation of the store not taken", pma_str("id", id),
                pma_str("error", strerrordesc_np(-err)));
    }
    return 0;
}

int pma_automation_restore(struct pma_app *app)
{
    return pma_store_each(app->store, PMA_COLLECTION_SETTINGS, restore_one, app);
}

void pma_automation_publish(void *arg, const struct pma_entity_event *event)
{
    const struct pma_app *app = arg;
    const char *old_state = json_string_value(json_object_get(event->data, "old_state"));
    const char *new_state = json_string_value(json_object_get(event->data, "new_state"));
    pma_entity_publish(app->hub, event);
    if (event->entity_id != NULL && old_state != NULL && new_state != NULL) {
        pma_automations_notice(app->automations, event->entity_id, old_state, new_state);
    }
}

/* Whether each entity that triggers or is acted on is there. Returns: 0; -ENOENT. */
static int check_entities(const struct pma_app *app, const json_t *definition,
                          const char *list)
{
    int err = 0;
    size_t at = 0;
    const json_t *one = NULL;
    json_array_foreach(json_object_get(definition, list), at, one)
    {
        json_t *entity = NULL;
        const char *id = json_string_value(json_object_get(one, "entity_id"));
        const int missing = pma_entities_get(app->entities, id, &entity);
        json_decref(entity);
        err = err != 0 ? err : missing;
    }
    return err;
}

static void store_id(const char *id, char text[PMA_STORE_ID_BYTES_MAX + 1])
{
    snprintf(text, PMA_STORE_ID_BYTES_MAX + 1, STORE_PREFIX "%s", id);
}

int pma_automation_create(struct pma_app *app, const json_t *definition,
                          json_t **automation)
{
    char key[PMA_STORE_ID_BYTES_MAX + 1];
    json_t *fresh = NULL;
    int err = check_entities(app, definition, "triggers");
    err = err == 0 ? check_entities(app, definition, "actions") : err;
    err = err == 0 ? pma_automations_add(app->automations, definition, &fresh) : err;
    if (err != 0) {
        return err;
    }
    const char *id = json_string_value(json_object_get(fresh, "id"));
    store_id(id, key);
    err = pma_store_put(app->store, PMA_COLLECTION_SETTINGS, key, fresh);
    if (err != 0) {
        pma_automations_remove(app->automations, id);
        json_decref(fresh);
        return err;
    }
    *automation = fresh;
    return 0;
}

int pma_automation_delete(struct pma_app *app, const char *id)
{
    char key[PMA_STORE_ID_BYTES_MAX + 1];
    const int err = pma_automations_remove(app->automations, id);
    if (err != 0) {
        return err;
    }
    store_id(id, key);
    return pma_store_remove(app->store, PMA_COLLECTION_SETTINGS, key);
}
