/* Sharing entities.
 *
 * A change is noted by its id, and a thread writes the entity as it then is into the
 * cache and tells the peers that are there. While Redis is away the ids wait, not the
 * documents, so that an outage of any length costs a bounded table and loses nothing.
 *
 * I1: the cache is written before the peers are told, and a peer reads the cache after it
 *     has begun to listen. So whatever the order of the two backends, the peer finds the
 *     change in the cache or hears of it.
 * I2: an entity that came from a peer is remembered as the peer's: when Redis comes back
 *     empty, each backend writes its own again and nobody else's, because a peer may have
 *     removed its entity meanwhile.
 * I3: what a peer tells is applied with its id noted in the thread, so that the event it
 *     sets off is known as an echo: it goes neither back to the peers nor to clients and
 *     automations, which the peer's own hub and rules have served.
 *
 * Rejected: writing to the cache within the hook. It is called with the lock of all
 * changes, under which nobody may wait for a network.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_share.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/entity/entity_model.h"
#include "server/entity/entity_query.h"
#include "server/fault/resources.h"
#include "server/hub/hub_index.h"
#include "server/store/backplane.h"
#include "server/store/cache.h"
#include "server/store/redis_pool.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define SUBSYSTEM    "entity"
#define CHANNEL      "entities"
#define KEY_PREFIX   "entity:"
#define KEY_BYTES    (sizeof KEY_PREFIX + PMA_ENTITY_ID_BYTES_MAX)
#define ORIGIN       "peer"
#define EVENT_PREFIX "pma_entity_"
#define LAST_PUSH_NS (100 * PMA_MS_NS) /* for what waits when the thread is stopped */

/* An id that is remembered: a peer's, or to be written, or both. */
struct shared_id {
    struct pma_index_node node;
    TAILQ_ENTRY(shared_id) waiting; /* while is_waiting */
    bool is_peers;
    bool is_waiting;
    bool is_untold; /* the peers are to be told as well */
    char id[PMA_ENTITY_ID_BYTES_MAX + 1];
};

/* Since the start; all under the lock. */
struct share_figures {
    uint64_t written, removed; /* in the cache */
    uint64_t applied;          /* changes of peers taken in */
    uint64_t stale;            /* ours was newer */
    uint64_t refused;          /* no entity, or no room for it */
    uint64_t dropped;          /* ids beyond max_ids: the cache may be late for them */
};

struct pma_entity_share {
    struct pma_entity_share_config config;
    struct pma_entities *entities; /* constant once started */
    struct pma_worker *worker;     /* of the owner thread */
    uint64_t returns, listens;     /* of pool and backplane, that the thread has seen */
    pthread_mutex_t lock;          /* PMA_LOCK_ENTITY_SHARE; guards all below */
    struct pma_index ids;
    TAILQ_HEAD(, shared_id) waiting; /* oldest first */
    uint32_t waiting_count;
    struct share_figures figures;
};

/* The entity that this thread takes in from a peer; NULL: none. */
static _Thread_local const char *applying;

static struct shared_id *find(struct pma_entity_share *share, const char *id)
{
    /* node is the first member. */
    return (struct shared_id *)pma_index_find(&share->ids, id, strlen(id));
}

/* The record of an id, made when it is missing. Under the lock. Returns: NULL: there is
 * no room, which is counted. */
static struct shared_id *remember(struct pma_entity_share *share, const char *id)
{
    struct shared_id *known = find(share, id);
    if (known != NULL) {
        return known;
    }
    known =
        share->ids.count < share->config.max_ids && strlen(id) <= PMA_ENTITY_ID_BYTES_MAX
            ? calloc(1, sizeof *known)
            : NULL;
    if (known == NULL) {
        share->figures.dropped++;
        return NULL;
    }
    strcpy(known->id, id);
    known->node.name = known->id;
    pma_index_add(&share->ids, &known->node);
    return known;
}

/* Forgets an id that is neither a peer's nor waits. Under the lock. */
static void settle(struct pma_entity_share *share, struct shared_id *known)
{
    if (!known->is_peers && !known->is_waiting) {
        pma_index_remove(&share->ids, &known->node);
        free(known);
    }
}

static void set_waiting(struct pma_entity_share *share, struct shared_id *known,
                        bool is_waiting)
{
    if (is_waiting && !known->is_waiting) {
        TAILQ_INSERT_TAIL(&share->waiting, known, waiting);
        share->waiting_count++;
    } else if (!is_waiting && known->is_waiting) {
        TAILQ_REMOVE(&share->waiting, known, waiting);
        share->waiting_count--;
    }
    known->is_waiting = is_waiting;
}

/* What to do with an entity. */
enum share_note {
    NOTE_OWN_CHANGED, /* write it, tell it */
    NOTE_OWN_MISSING, /* write it: Redis may have lost it */
    NOTE_PEERS,       /* it is as a peer has it */
    NOTE_NOTHING,     /* a peer has removed it */
};

static void note(struct pma_entity_share *share, const char *id, enum share_note what)
{
    pthread_mutex_lock(&share->lock);
    struct shared_id *known = remember(share, id);
    if (known != NULL) {
        known->is_peers = what == NOTE_PEERS;
        known->is_untold =
            what == NOTE_OWN_CHANGED || (what == NOTE_OWN_MISSING && known->is_untold);
        set_waiting(share, known, what == NOTE_OWN_CHANGED || what == NOTE_OWN_MISSING);
        settle(share, known);
    }
    pthread_mutex_unlock(&share->lock);
}

void pma_entity_share_publish(void *arg, const struct pma_entity_event *event)
{
    struct pma_entity_share *share = arg;
    const bool is_echo = applying != NULL && event->entity_id != NULL &&
                         strcmp(applying, event->entity_id) == 0;
    if (is_echo) {
        return;
    }
    share->config.next.publish(share->config.next.arg, event);
    /* An entity that gave way in a full registry still is what the others say it is. */
    if (event->entity_id == NULL || event->gave_way ||
        strncmp(event->type, EVENT_PREFIX, sizeof EVENT_PREFIX - 1) != 0) {
        return;
    }
    note(share, event->entity_id, NOTE_OWN_CHANGED);
    if (share->worker != NULL) {
        pma_worker_wake(share->worker);
    }
}

static void count(struct pma_entity_share *share, uint64_t *counter)
{
    pthread_mutex_lock(&share->lock);
    ++*counter;
    pthread_mutex_unlock(&share->lock);
}

/* Whether we have the entity exactly as it is told: our own, say, found in the cache. */
static bool is_known(struct pma_entity_share *share, const char *id, const json_t *entity)
{
    json_t *ours = NULL;
    if (pma_entities_get(share->entities, id, &ours) != 0) {
        return false;
    }
    const bool is_same = json_equal(json_object_get(ours, "last_updated"),
                                    json_object_get(entity, "last_updated"));
    json_decref(ours);
    return is_same;
}

/* Takes in a peer's entity. Returns: whether it is one. */
static bool apply(struct pma_entity_share *share, const json_t *entity)
{
    struct pma_entity_outcome outcome;
    const char *id = json_string_value(json_object_get(entity, "id"));
    if (id == NULL || !pma_entity_id_is_valid(id)) {
        count(share, &share->figures.refused);
        return false;
    }
    if (is_known(share, id, entity)) {
        return true;
    }
    applying = id;
    const int err = pma_entities_submit(share->entities, entity, ORIGIN, &outcome);
    applying = NULL;
    if (err == 0) {
        note(share, id, NOTE_PEERS);
        count(share, &share->figures.applied);
    } else {
        count(share, err == -ESTALE ? &share->figures.stale : &share->figures.refused);
    }
    return err == 0 || err == -ESTALE;
}

static bool withdraw(struct pma_entity_share *share, const char *id)
{
    if (id == NULL || !pma_entity_id_is_valid(id)) {
        return false;
    }
    applying = id;
    const int err = pma_entities_withdraw(share->entities, id);
    applying = NULL;
    note(share, id, NOTE_NOTHING);
    if (err == 0) {
        count(share, &share->figures.applied);
    }
    return true;
}

/* Of the backplane: its thread. */
static bool receive(void *arg, const json_t *body)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_entity_share *share = arg;
    const char *op = json_string_value(json_object_get(body, "op"));
    if (op != NULL && strcmp(op, "put") == 0) {
        return apply(share, json_object_get(body, "entity"));
    }
    return op != NULL && strcmp(op, "remove") == 0 &&
           withdraw(share, json_string_value(json_object_get(body, "entity_id")));
}

int pma_entity_share_new(const struct pma_entity_share_config *config,
                         struct pma_entity_share **share)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    int err = -ENOMEM;
    if (config->max_ids == 0 || config->ttl_s == 0 || config->interval_ns == 0) {
        return -EINVAL;
    }
    struct pma_entity_share *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    TAILQ_INIT(&fresh->waiting);
    if (pma_index_init(&fresh->ids) != 0) {
        goto fail_ids;
    }
    if (pthread_mutex_init(&fresh->lock, NULL) != 0) {
        goto fail_lock;
    }
    if (config->backplane != NULL) {
        err = pma_backplane_listen(config->backplane, CHANNEL, receive, fresh);
        if (err != 0) {
            goto fail_listen;
        }
    }
    *share = fresh;
    return 0;

fail_listen:
    pthread_mutex_destroy(&fresh->lock);
fail_lock:
    pma_index_fini(&fresh->ids);
fail_ids:
    free(fresh);
    return err;
}

/* Copies the id that waits longest. Returns: whether there is one. */
static bool first_waiting(struct pma_entity_share *share,
                          char id[PMA_ENTITY_ID_BYTES_MAX + 1], bool *is_untold)
{
    pthread_mutex_lock(&share->lock);
    struct shared_id *first = TAILQ_FIRST(&share->waiting);
    if (first != NULL) {
        strcpy(id, first->id);
        *is_untold = first->is_untold;
        first->is_untold = false;
        /* Before it is read: a change from now on makes it wait again. */
        set_waiting(share, first, false);
        settle(share, first);
    }
    pthread_mutex_unlock(&share->lock);
    return first != NULL;
}

/* entity: borrowed; NULL: it was removed. */
static void tell(struct pma_entity_share *share, const char *id, json_t *entity)
{
    json_t *body = entity != NULL
                       ? json_pack("{s:s, s:O}", "op", "put", "entity", entity)
                       : json_pack("{s:s, s:s}", "op", "remove", "entity_id", id);
    pma_backplane_publish(share->config.backplane, CHANNEL, body);
    json_decref(body);
}

/* Writes one entity as it is now, then tells the peers (I1). Returns: whether that is
 * done; false: later. */
static bool push(struct pma_entity_share *share, const char *id, bool is_untold)
{
    char key[KEY_BYTES];
    json_t *entity = NULL;
    snprintf(key, sizeof key, KEY_PREFIX "%s", id);
    const int err = pma_entities_get(share->entities, id, &entity);
    bool is_done = false;
    if (err == 0) {
        is_done = pma_cache_put(share->config.cache, key, entity, share->config.ttl_s);
    } else if (err == -ENOENT) {
        is_done = pma_cache_remove(share->config.cache, key);
    }
    if (is_done) {
        count(share, err == 0 ? &share->figures.written : &share->figures.removed);
    }
    if (is_done && is_untold) {
        tell(share, id, entity);
    }
    json_decref(entity);
    return is_done;
}

/* Writes what waits, until it is done, Redis is away or the time is over. */
static void push_all(struct pma_entity_share *share, uint64_t until_ns)
{
    char id[PMA_ENTITY_ID_BYTES_MAX + 1];
    bool is_untold = false;
    bool goes_on = true;
    while (goes_on && pma_redis_pool_is_up(share->config.pool) &&
           pma_now_ns() < until_ns && first_waiting(share, id, &is_untold)) {
        goes_on = push(share, id, is_untold);
        if (!goes_on) {
            note(share, id, is_untold ? NOTE_OWN_CHANGED : NOTE_OWN_MISSING);
        }
    }
}

/* Has all entities written that are not a peer's: Redis may have come back empty. */
static void make_own_wait(struct pma_entity_share *share)
{
    const struct pma_entity_filter all = {.limit = 0};
    json_t *list = NULL;
    const json_t *entity = NULL;
    size_t i = 0;
    if (pma_entities_list(share->entities, &all, &list) != 0) {
        return;
    }
    json_array_foreach(list, i, entity)
    {
        const char *id = pma_entity_id(entity);
        pthread_mutex_lock(&share->lock);
        const struct shared_id *known = find(share, id);
        const bool is_peers = known != NULL && known->is_peers;
        pthread_mutex_unlock(&share->lock);
        if (!is_peers) {
            note(share, id, NOTE_OWN_MISSING);
        }
    }
    json_decref(list);
}

/* Takes in what the cache has. */
static void pull_all(struct pma_entity_share *share, struct pma_cancel *cancel)
{
    json_t *keys = NULL;
    const json_t *key = NULL;
    size_t i = 0;
    if (pma_cache_scan(share->config.cache, KEY_PREFIX, share->config.max_ids, &keys) !=
        0) {
        return;
    }
    json_array_foreach(keys, i, key)
    {
        json_t *entity = NULL;
        if (!pma_cancel_requested(cancel) &&
            pma_cache_get(share->config.cache, json_string_value(key), &entity)) {
            (void)apply(share, entity);
            json_decref(entity);
        }
    }
    json_decref(keys);
}

static void run_share(void *arg, struct pma_cancel *cancel)
{
    struct pma_entity_share *share = arg;
    /* Twice within their time to live, so that what never changes does not expire. */
    const uint64_t refresh_ns = share->config.ttl_s * PMA_S_NS / 2;
    uint64_t refresh_at_ns = pma_now_ns() + refresh_ns;
    do {
        const uint64_t returns = pma_redis_pool_returns(share->config.pool);
        const uint64_t listens = pma_backplane_returns(share->config.backplane);
        const bool is_back = returns != share->returns;
        const bool is_listening_again = listens != share->listens;
        share->returns = returns;
        share->listens = listens;
        if (is_back || pma_now_ns() >= refresh_at_ns) {
            make_own_wait(share);
            refresh_at_ns = pma_now_ns() + refresh_ns;
        }
        push_all(share, UINT64_MAX);
        if (is_back || is_listening_again) {
            pull_all(share, cancel);
        }
    } while (!pma_cancel_wait(cancel, share->config.interval_ns));
    push_all(share, pma_now_ns() + LAST_PUSH_NS);
}

static void read_figures(void *arg, struct pma_figures *figures)
{
    struct pma_entity_share *share = arg;
    pthread_mutex_lock(&share->lock);
    const uint64_t remembered = share->ids.count;
    const uint64_t waiting = share->waiting_count;
    pthread_mutex_unlock(&share->lock);
    pma_figure_put(figures, "waiting", PMA_RESOURCE_QUEUE, waiting);
    pma_figure_put_kept(figures, "remembered", remembered, share->config.max_ids);
}

int pma_entity_share_start(struct pma_entity_share *share, struct pma_entities *entities)
{
    const struct pma_worker_spec spec = {
        .name = "entity-share", .subsystem = SUBSYSTEM, .run = run_share, .arg = share};
    share->entities = entities;
    const int err = pma_resource_add("entity_share", read_figures, share);
    return err != 0 ? err : pma_worker_start(&spec, &share->worker);
}

json_t *pma_entity_share_stats_json(struct pma_entity_share *share)
{
    if (share == NULL) {
        return json_pack("{s:b}", "enabled", 0);
    }
    pthread_mutex_lock(&share->lock);
    const struct share_figures figures = share->figures;
    const json_int_t remembered = (json_int_t)share->ids.count;
    const json_int_t waiting = share->waiting_count;
    pthread_mutex_unlock(&share->lock);
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "enabled", 1,
                     "remembered", remembered, "max_remembered",
                     (json_int_t)share->config.max_ids, "waiting", waiting, "written",
                     (json_int_t)figures.written, "removed", (json_int_t)figures.removed,
                     "applied", (json_int_t)figures.applied, "stale",
                     (json_int_t)figures.stale, "refused", (json_int_t)figures.refused,
                     "dropped", (json_int_t)figures.dropped);
}

int pma_entity_share_stop(struct pma_entity_share *share, uint64_t timeout_ns)
{
    if (share == NULL) {
        return 0;
    }
    const int err = pma_worker_stop(share->worker, timeout_ns);
    if (err == 0) {
        share->worker = NULL;
    }
    return err;
}

void pma_entity_share_free(struct pma_entity_share *share)
{
    struct pma_index_node *node = NULL;
    if (share == NULL) {
        return;
    }
    pma_resource_forget(share);
    while ((node = pma_index_next(&share->ids, NULL)) != NULL) {
        pma_index_remove(&share->ids, node);
        free(node);
    }
    pthread_mutex_destroy(&share->lock);
    pma_index_fini(&share->ids);
    free(share);
}
