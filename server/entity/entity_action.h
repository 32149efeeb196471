/* What can be done with an entity: turn_on, set_brightness, lock ...
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_ACTION_H
#define PMA_ENTITY_ACTION_H

#include <jansson.h>

struct pma_entities;

/* What an action makes of an entity.
 *
 * entity: borrowed, a whole one. parameters: borrowed; NULL for none. state: out,
 * borrowed for ever or from entity or parameters, NULL when it stays. attributes: out,
 * owned by the caller, what changes; an object. why: out on error, of
 * PMA_ENTITY_WHY_BYTES. Returns: 0; -ENOTSUP: no such action for this type; -EINVAL: a
 * parameter is missing or wrong; -EHOSTUNREACH: the entity is unavailable; -ENOMEM.
 * Thread-safety: pure. Allocates.
 */
int pma_action_apply(const json_t *entity, const char *action, const json_t *parameters,
                     const char **state, json_t **attributes, char *why);

/* Executes an action: on the device by the adapter of its source, at once for what is
 * virtual.
 *
 * result: out, owned by the caller: {success, entity_id, action, new_state, attributes,
 * processed_at, duration}. Returns: 0; -ENOENT; -ENODEV: no adapter serves its source;
 * the errors of pma_action_apply and of the adapter; -EDEADLK by fault F12.
 * Thread-safety: any thread, as pma_entities_set_state. Allocates.
 */
int pma_entities_action(struct pma_entities *entities, const char *id, const char *action,
                        const json_t *parameters, json_t **result);

/* As pma_entities_action; why: out on error, of PMA_ENTITY_WHY_BYTES. */
int pma_entities_act(struct pma_entities *entities, const char *id, const char *action,
                     const json_t *parameters, json_t **result, char *why);

#endif
