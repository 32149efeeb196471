/* Defaults of the house.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_house.h"

#include "server/base/clock.h"

void pma_config_house_defaults(struct pma_config_entities *entities,
                               struct pma_config_simulated *simulated)
{
    entities->max_rooms = 500;
    entities->max_entities = 1000;
    entities->max_entity_bytes = 16 * 1024;
    entities->history_states = 50;
    entities->history_age_ns = (uint64_t)24 * 3600 * PMA_S_NS;
    entities->cleanup_interval_ns = 60 * PMA_S_NS;
    entities->list_timeout_ns = 250 * PMA_MS_NS;
    entities->refresh_delay_ns = 5 * PMA_S_NS;
    entities->flush_interval_ns = PMA_S_NS;
    entities->reconcile_interval_ns = 60 * PMA_S_NS;
    entities->sync_interval_ns = 3600 * PMA_S_NS;
    entities->sync_timeout_ns = 600 * PMA_S_NS;
    entities->sync_batch = 10;
    simulated->devices = 12;
    simulated->change_interval_ns = 5 * PMA_S_NS;
    simulated->reconnect_interval_ns = 0;
    simulated->retry_ns = 100 * PMA_MS_NS;
}
