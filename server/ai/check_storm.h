/* Fault F19: a health check, and a thread, for each question about a provider whose
 * figures are stale.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CHECK_STORM_H
#define PMA_CHECK_STORM_H

#include "server/ai/ai_provider.h"

#include <stddef.h>

struct pma_check_storm;

/* timeout_ns: of one check. Returns: 0; -ENOMEM. Thread-safety: any thread. */
int pma_check_storm_new(uint64_t timeout_ns, struct pma_check_storm **storm);

/* Starts a thread that waits for its turn and checks the provider. Returns: 0; as
 * pma_worker_start; -ECANCELED: stopping. Thread-safety: any thread. */
int pma_check_storm_add(struct pma_check_storm *storm, struct pma_ai_provider *provider);

/* Joins the threads that have ended. Returns: how many are left. Thread-safety: any
 * thread. */
size_t pma_check_storm_reap(struct pma_check_storm *storm);

/* Ends what waits; pma_check_storm_stop is still due. Thread-safety: any thread. */
void pma_check_storm_shut(struct pma_check_storm *storm);

/* Joins all and frees; NULL is allowed. Transfers have to be shut before. Returns: as
 * pma_worker_stop; lives on when that fails. Thread-safety: owner thread. */
int pma_check_storm_stop(struct pma_check_storm *storm, uint64_t timeout_ns);

#endif
