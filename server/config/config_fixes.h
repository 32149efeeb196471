/* Fixes that are switched off, as settings (server/fault/fixes.h).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_FIXES_H
#define PMA_CONFIG_FIXES_H

#include "server/config/config.h"

/* Lifts the limits and switches on the faults of every fix whose bit is set in
 * config->fixes_off. A setting that the table of fixes has wrong is a problem.
 * Thread-safety: pure. */
void pma_config_lift_fixes(struct pma_config *config,
                           struct pma_config_problems *problems);

#endif
