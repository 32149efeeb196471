/* What clients may ask for: ping, and subscriptions in all the forms that the API knows.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_REQUEST_H
#define PMA_HUB_REQUEST_H

#include "server/hub/hub_core.h"

/* Answers one document of a client; every document gets an answer, a wrong one too:
 *     error {code: "invalid_message" | "subscription_failure", message [, topics]
 *            [, supported]}
 * text: borrowed, any bytes. client: may have left when it returns. Thread-safety:
 * service thread, not under LOCK (which it takes). Allocates. */
void pma_request_handle(struct pma_hub *hub, struct pma_client *client, const char *text,
                        size_t text_bytes);

#endif
