/* The event stream, between the hub whose messages it repeats and HTTP that sends it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_EVENT_WIRING_H
#define PMA_EVENT_WIRING_H

#include "server/rest/app.h"

#include <jansson.h>

/* Makes app->events and starts it. Before the hub is started. Returns: 0; -EINVAL,
 * -ENOMEM, -EAGAIN. Thread-safety: owner thread. Allocates. */
int pma_event_wire(struct pma_app *app);

/* What the hub calls for every message to its clients; arg: struct pma_event_stream. */
void pma_event_observe(void *arg, const char *type, const json_t *data);

#endif
