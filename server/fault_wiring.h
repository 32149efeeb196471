/* Switches on the faults of the configuration, and says what each does by itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_FAULT_WIRING_H
#define PMA_FAULT_WIRING_H

#include "server/rest/app.h"

/* Starts app->fault_driver; app's other parts are borrowed until that is stopped.
 * Returns: as pma_fault_driver_start. Thread-safety: owner thread, after the parts have
 * been started. */
int pma_fault_wire(struct pma_app *app);

#endif
