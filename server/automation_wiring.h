/* Connects automations with entities, clients and the store.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTOMATION_WIRING_H
#define PMA_AUTOMATION_WIRING_H

#include "server/entity/entity_service.h"
#include "server/rest/app.h"

#include <jansson.h>

/* Makes and starts app->automations; before the entities, whose events it gets. app:
 * borrowed while they live. Returns: 0; a negative errno. Thread-safety: owner thread. */
int pma_automation_wire(struct pma_app *app);

/* Takes the automations of the store back; after the entities were made. Returns: 0; a
 * negative errno of the store. Thread-safety: owner thread. */
int pma_automation_restore(struct pma_app *app);

/* The entities' publish hook: tells clients and automations. arg: struct pma_app. */
void pma_automation_publish(void *arg, const struct pma_entity_event *event);

/* Adds an automation and keeps it in the store; see pma_automations_add. Every entity
 * that it names has to exist. Returns: 0; -ENOENT: one does not; -ENOSPC; -ENOMEM; an
 * error of the store, and then the automation is not there. Thread-safety: any thread. */
int pma_automation_create(struct pma_app *app, const json_t *definition,
                          json_t **automation);

/* Removes it from both. Returns: 0; -ENOENT; an error of the store: it is gone until the
 * next start. Thread-safety: any thread. */
int pma_automation_delete(struct pma_app *app, const char *id);

#endif
