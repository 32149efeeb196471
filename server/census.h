/* Registers with the truth (server/fault/resources.h) the parts that only have an info
 * function of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CENSUS_H
#define PMA_CENSUS_H

#include "server/rest/app.h"

/* Registers workers, acceptor, HTTP, hub, authentication and log. app: borrowed until
 * pma_resource_forget(app); its parts are asked from then on, so they must be set.
 * Returns: 0; -ENOSPC. Thread-safety: owner thread. */
int pma_census_add(struct pma_app *app);

#endif
