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

#endif
