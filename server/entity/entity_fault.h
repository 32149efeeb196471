/* What the first implementation did wrong with entities: faults F12 to F15.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_FAULT_H
#define PMA_ENTITY_FAULT_H

#include "server/entity/entity_service.h"
#include "server/fault/fault.h"

/* F12, at the registration of a new entity: when the registry is full or its last
 * clean-up is more than an interval ago, the clean-up locks what its caller has locked.
 * Returns: whether the registry is blocked now, for ever. Thread-safety: under CHANGES.
 */
bool pma_entity_fault_block(struct pma_entities *entities);

/* F12, a call that found the registry blocked: leaves the thread behind that waits in its
 * place. Thread-safety: any thread. */
void pma_entity_fault_wait(void);

/* F12 by itself: blocks the registry, and from then on is one call more that waits.
 * arg: struct pma_entities. Thread-safety: any thread. */
void pma_entity_fault_block_commit(void *arg);

/* F15 by itself: one state more of the oldest entity, beyond the limit. arg: struct
 * pma_entities. Thread-safety: any thread. */
void pma_entity_fault_state_commit(void *arg);

/* F13, a list that found the registry blocked: waits for the time limit of lists and
 * leaves the helper behind that would have made the list. Returns: whether the caller is
 * to answer with an empty list, as if all were well. Thread-safety: any thread. */
bool pma_entity_fault_list(struct pma_entities *entities);

/* What an action has decided. All borrowed during pma_entity_fault_change. */
struct pma_entity_decision {
    const char *id;
    const char *state;
    const json_t *attributes;
};

/* F14: makes the change of an action on a thread of its own, which tells the clients, and
 * starts another one that looks at the entity again some time later. Both end.
 * err, outcome: out, as pma_entities_change. Returns: whether it did that; false: nothing
 * was done. Thread-safety: any thread. */
bool pma_entity_fault_change(struct pma_entities *entities,
                             const struct pma_entity_decision *decision,
                             struct pma_entity_outcome *outcome, int *err);

/* Joins the helpers of F14 that have ended; with is_end all of them, which are told to
 * end. timeout_ns: for each. Returns: 0; -ETIMEDOUT. Thread-safety: any thread. */
int pma_entity_fault_reap(struct pma_entities *entities, bool is_end,
                          uint64_t timeout_ns);

#endif
