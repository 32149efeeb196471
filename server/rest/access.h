/* Authentication, the gate and the access log of one server, from its configuration.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ACCESS_H
#define PMA_ACCESS_H

struct pma_app;

/* Makes app->auth, app->gate and app->access_log and starts the clean-up worker;
 * app->config and app->store are set. What was made stays for pma_access_free when the
 * rest fails. Returns: 0; -ENOMEM; -EINVAL: settings that the configuration should have
 * refused; of pma_worker_start. Thread-safety: owner thread. Allocates. */
int pma_access_start(struct pma_app *app);

/* Removes what has expired. app: struct pma_app. Thread-safety: any thread. */
void pma_access_sweep(void *app);

/* Frees them; the worker is stopped. Thread-safety: owner thread. */
void pma_access_free(struct pma_app *app);

#endif
