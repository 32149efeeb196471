/* Order of start and stop within the house: whoever calls another starts after it and
 * stops before it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/house.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/entity/entity_service.h"
#include "server/entity/entity_store.h"
#include "server/entity/entity_sync.h"
#include "server/entity/room_service.h"
#include "server/entity/simulated_source.h"

#include <errno.h>

static int make_entities(const struct pma_config *config,
                         const struct pma_entity_hooks *hooks, struct pma_house *house)
{
    const struct pma_entities_config settings = {
        .max_entities = config->entities.max_entities,
        .max_entity_bytes = config->entities.max_entity_bytes,
        .history_states = config->entities.history_states,
        .history_age_ns = config->entities.history_age_ns,
        .cleanup_interval_ns = config->entities.cleanup_interval_ns,
        .list_timeout_ns = config->entities.list_timeout_ns,
        .refresh_delay_ns = config->entities.refresh_delay_ns,
    };
    const struct pma_rooms_config rooms = {.max_rooms = config->entities.max_rooms};
    const int err = pma_entities_new(&settings, hooks, &house->entities);
    return err != 0 ? err : pma_rooms_new(&rooms, house->entities, hooks, &house->rooms);
}

static int make_sources(const struct pma_config *config,
                        const struct pma_entity_hooks *hooks, struct pma_house *house)
{
    const struct pma_sync_config settings = {
        .interval_ns = config->entities.sync_interval_ns,
        .timeout_ns = config->entities.sync_timeout_ns,
        .batch = config->entities.sync_batch,
    };
    const struct pma_simulated_config simulated = {
        .devices = {.devices = config->simulated.devices,
                    .change_interval_ns = config->simulated.change_interval_ns,
                    .restart_interval_ns = config->simulated.reconnect_interval_ns},
        .retry_ns = config->simulated.retry_ns,
    };
    const int err =
        pma_sync_new(&settings, house->entities, house->rooms, hooks, &house->sync);
    if (err != 0 || config->simulated.devices == 0) {
        return err;
    }
    return pma_simulated_new(&simulated, house->entities, house->sync, hooks,
                             &house->simulated);
}

static int make_store(const struct pma_config *config,
                      const struct pma_entity_places *places, struct pma_house *house)
{
    const struct pma_entity_store_config settings = {
        .flush_interval_ns = config->entities.flush_interval_ns,
        .reconcile_interval_ns = config->entities.reconcile_interval_ns,
        .history_age_ns = config->entities.history_age_ns,
        .history_states = config->entities.history_states,
        .max_entities = config->entities.max_entities,
        .max_notes = config->entities.max_entities + config->entities.max_rooms,
        .cache_ttl_s = (uint32_t)(config->redis.entity_cache_ttl_ns / PMA_S_NS),
    };
    const int err = pma_entity_store_new(&settings, places, house->entities, house->rooms,
                                         &house->kept);
    return err != 0 ? err : pma_entity_store_load(house->kept);
}

/* First clients are told, ours and those of other backends, then the backends: one that
 * has taken in a change has told its clients of it, and what it changes next comes after.
 * The other way round its clients could hear of the older change last. */
static void publish(void *arg, const struct pma_entity_event *event)
{
    const struct pma_house *house = arg;
    if (house->hooks.publish != NULL) {
        house->hooks.publish(house->hooks.arg, event);
    }
    pma_entity_store_note(house->kept, event);
}

static bool find(void *arg, const char *id, json_t **entity)
{
    const struct pma_house *house = arg;
    return pma_entity_store_find(house->kept, id, entity);
}

int pma_house_new(const struct pma_config *config, const struct pma_entity_hooks *hooks,
                  const struct pma_entity_places *places, struct pma_house *house)
{
    SEEP_SUBSYSTEM("entity");
    const struct pma_entity_hooks own = {.publish = publish, .arg = house, .find = find};
    house->hooks = *hooks;
    int err = make_entities(config, &own, house);
    if (err == 0) {
        err = make_store(config, places, house);
    }
    return err != 0 ? err : make_sources(config, &own, house);
}

int pma_house_start(struct pma_house *house)
{
    int err = pma_entity_store_start(house->kept);
    if (err == 0) {
        err = pma_entities_start(house->entities);
    }
    if (err == 0) {
        err = pma_sync_start(house->sync);
    }
    if (err == 0 && house->simulated != NULL) {
        err = pma_simulated_start(house->simulated);
    }
    return err;
}

int pma_house_stop(struct pma_house *house, uint64_t timeout_ns)
{
    int left = 0;
    if (house->simulated != NULL) {
        left |= pma_simulated_stop(house->simulated, timeout_ns);
    }
    if (house->sync != NULL) {
        left |= pma_sync_stop(house->sync, timeout_ns);
    }
    if (house->entities != NULL) {
        left |= pma_entities_stop(house->entities, timeout_ns);
    }
    return left != 0 ? -ETIMEDOUT : 0;
}

int pma_house_stop_writing(struct pma_house *house, uint64_t timeout_ns)
{
    return house->kept != NULL ? pma_entity_store_stop(house->kept, timeout_ns) : 0;
}

void pma_house_free(struct pma_house *house)
{
    pma_simulated_free(house->simulated);
    pma_sync_free(house->sync);
    pma_entity_store_free(house->kept);
    pma_rooms_free(house->rooms);
    pma_entities_free(house->entities);
    *house = (struct pma_house){.entities = NULL};
}

void pma_house_sweep(void *arg)
{
    struct pma_house *house = arg;
    pma_entities_clean_up(house->entities);
}
