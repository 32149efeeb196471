/* The hub's figures as JSON, for the REST interface.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_STATS_H
#define PMA_HUB_STATS_H

#include "server/hub/hub_core.h"

/* See pma_hub_stats_json and pma_hub_connections_json of hub.h, which take LOCK around
 * these. Thread-safety: any thread, under LOCK. Allocates. */
json_t *pma_stats_json(struct pma_hub *hub);
json_t *pma_stats_connections_json(struct pma_hub *hub, size_t limit, size_t offset);

/* The names in a set, newest first; owned by the caller, NULL without memory.
 * Thread-safety: any thread, under LOCK. Allocates. */
json_t *pma_stats_topics_json(const struct pma_topic_set *set);

#endif
