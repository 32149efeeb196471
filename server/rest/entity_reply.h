/* What the handlers of entities and rooms have in common.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_REPLY_H
#define PMA_ENTITY_REPLY_H

#include "server/rest/exchange.h"

/* The reply to a negative errno of server/entity. why: what is wrong, a clause; NULL or
 * empty for the errno's own text. */
void pma_reply_entity_error(struct pma_reply *reply, const struct pma_request *request,
                            int err, const char *why);

/* The reply to an action that failed: 404 for an unknown entity, 500 without an adapter,
 * else 422. */
void pma_reply_action_error(struct pma_reply *reply, const struct pma_request *request,
                            int err, const char *why);

/* pma_reply_data, and `meta` beside the data. Both: taken. */
void pma_reply_list(struct pma_reply *reply, json_t *data, json_t *meta);

/* Whether a flag of the query is true ("true", "1", "yes", "on"). */
bool pma_request_flag(const struct pma_request *request, const char *name);

#endif
