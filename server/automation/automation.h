/* Automations: when an entity changes its state, actions on entities are carried out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTOMATION_H
#define PMA_AUTOMATION_H

#include <jansson.h>
#include <stdint.h>

#define PMA_AUTOMATION_ID_BYTES 48

struct pma_automations;

struct pma_automations_config {
    uint32_t max_automations; /* one more is refused; from 1 */
    uint32_t max_queue;   /* runs that wait; one more is dropped and counted; from 1 */
    uint64_t cooldown_ns; /* an automation does not run again sooner: two that set each
                             other off do not run for ever */
};

/* What automations do. All functions may be called on the automations' thread. */
struct pma_automation_hooks {
    void *arg; /* borrowed */
    /* Carries out one action; parameters may be NULL. Returns: 0; a negative errno. */
    int (*act)(void *arg, const char *entity_id, const char *action,
               const json_t *parameters);
    /* Tells that one begins, and that it has ended; may be NULL. */
    void (*triggered)(void *arg, const char *id, const char *name);
    void (*ran)(void *arg, const char *id, uint64_t failed_actions);
};

struct pma_automations_info {
    uint32_t automations, queued;
    uint64_t runs, failed_actions;
    uint64_t dropped; /* for a full queue */
    uint64_t cooled;  /* that came within the cool-down */
};

/* Returns: 0; -EINVAL: a limit of 0; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_automations_new(const struct pma_automations_config *config,
                        const struct pma_automation_hooks *hooks,
                        struct pma_automations **automations);

/* Starts the thread "automation". Returns: as pma_worker_start. Owner thread. */
int pma_automations_start(struct pma_automations *automations);

/* Ends it; runs that wait are not begun any more. Returns: as pma_worker_stop. */
int pma_automations_stop(struct pma_automations *automations, uint64_t timeout_ns);

/* Frees what was stopped; NULL is allowed. */
void pma_automations_free(struct pma_automations *automations);

/* Adds an automation: {id?, name, triggers:[{entity_id, to?}], actions:[{entity_id,
 * action, parameters?}]}, checked by the caller; copied. Without an id it gets one.
 * automation: out, owned by the caller: the definition with id and created_at. Returns:
 * 0; -EEXIST: the id is taken; -ENOSPC; -ENOMEM. Thread-safety: any thread, takes
 * PMA_LOCK_AUTOMATION. */
int pma_automations_add(struct pma_automations *automations, const json_t *definition,
                        json_t **automation);

/* Returns: 0; -ENOENT. A run that has begun goes on. Thread-safety: any thread. */
int pma_automations_remove(struct pma_automations *automations, const char *id);

/* All of them with {runs, failed_actions, last_run}. Owned. Thread-safety: any thread. */
json_t *pma_automations_json(struct pma_automations *automations);

/* An entity went from one state to another; both borrowed. Only queues, so it may be
 * called under the locks of whoever changed it. Thread-safety: any thread. Cost:
 * O(automations). */
void pma_automations_notice(struct pma_automations *automations, const char *entity_id,
                            const char *old_state, const char *new_state);

/* Fills *info. Thread-safety: any thread. */
void pma_automations_info_read(struct pma_automations *automations,
                               struct pma_automations_info *info);

#endif
