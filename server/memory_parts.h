/* The parts that watch over memory: pools, monitor, pressure handler, optimiser.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MEMORY_PARTS_H
#define PMA_MEMORY_PARTS_H

#include "server/rest/app.h"

/* Sets the sizes of the pools and the limit of the metrics. Thread-safety: owner thread.
 */
void pma_memory_parts_size(const struct pma_config *config);

/* Makes and starts the monitor, the pressure handler and the optimiser. app->reclaim and
 * app->hub have to be there. What was made until an error is freed by
 * pma_memory_parts_free. Returns: 0; -EINVAL, -ENOMEM, -EAGAIN. Thread-safety: owner
 * thread. Allocates. */
int pma_memory_parts_start(struct pma_app *app);

/* Stops their workers; each has timeout_ns. Returns: 0; -ETIMEDOUT. Thread-safety: owner
 * thread. */
int pma_memory_parts_stop(struct pma_app *app, uint64_t timeout_ns);

/* Frees them, and the series of the metrics and the pools' buffers. Thread-safety: owner
 * thread, when nothing runs. */
void pma_memory_parts_free(struct pma_app *app);

#endif
