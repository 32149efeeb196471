/* Written behind, by one worker.
 *
 * Who changes an entity never waits for a disk or for Redis: the registry keeps a list of
 * what has changed (entity_keep.h), and removals wait in a queue here. Since one worker
 * writes both, an entity that is removed after it was taken for writing is written first
 * and removed after: nothing that is gone comes back. What other backends do comes in
 * through entity_share.h and is written in the same way.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_store.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/entity/entity_keep.h"
#include "server/entity/entity_share.h"
#include "server/log/log.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM "entity"
#define BATCH     64

enum note_kind {
    NOTE_ENTITY_GONE = 1,
    NOTE_ENTITY_GONE_ELSEWHERE = 2, /* the others know */
    NOTE_ROOM = 3,                  /* changed or gone */
    NOTE_ROOM_ELSEWHERE = 4,
};

/* Something that the worker has to look at. */
struct note {
    struct note *next;
    enum note_kind kind;
    char id[PMA_ENTITY_ID_BYTES_MAX + 1];
};

struct pma_entity_store {
    struct pma_entity_store_config config;
    struct pma_entity_places places;
    struct pma_entities *entities;
    struct pma_rooms *rooms;
    struct pma_entity_share *share;
    struct pma_worker *worker;
    uint64_t reconcile_at_ns; /* of the worker alone, as the two that follow */
    uint64_t failed;          /* writes of the present run */
    int last_error;           /* of them */
    pthread_mutex_t lock;     /* PMA_LOCK_ENTITY_STORE: everything below; no I/O */
    struct note *first, *last;
    struct pma_entity_store_stats stats;
};

/* Queues a note; when that is impossible, says so: the database then keeps something that
 * is gone until it changes again. */
static void add_note(struct pma_entity_store *kept, enum note_kind kind, const char *id)
{
    struct note *fresh = calloc(1, sizeof *fresh);
    bool is_full = false;
    if (fresh != NULL) {
        fresh->kind = kind;
        snprintf(fresh->id, sizeof fresh->id, "%s", id);
        pthread_mutex_lock(&kept->lock);
        is_full = kept->stats.waiting >= kept->config.max_notes;
        if (!is_full) {
            *(kept->last != NULL ? &kept->last->next : &kept->first) = fresh;
            kept->last = fresh;
            kept->stats.waiting++;
        } else {
            kept->stats.errors++;
        }
        pthread_mutex_unlock(&kept->lock);
    }
    if (fresh == NULL || is_full) {
        pma_log(PMA_LOG_ERROR, "Change not noted for the database", pma_str("id", id));
    }
    if (is_full) {
        free(fresh);
    }
}

static void note_room_elsewhere(void *arg, const char *id)
{
    add_note(arg, NOTE_ROOM_ELSEWHERE, id);
}

static void note_gone_elsewhere(void *arg, const char *id)
{
    add_note(arg, NOTE_ENTITY_GONE_ELSEWHERE, id);
}

int pma_entity_store_new(const struct pma_entity_store_config *config,
                         const struct pma_entity_places *places,
                         struct pma_entities *entities, struct pma_rooms *rooms,
                         struct pma_entity_store **kept)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (config->flush_interval_ns == 0 || config->reconcile_interval_ns == 0 ||
        config->history_states == 0 || config->max_entities == 0 ||
        config->max_notes == 0 || config->cache_ttl_s == 0) {
        return -EINVAL;
    }
    struct pma_entity_store *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->places = *places;
    fresh->entities = entities;
    fresh->rooms = rooms;
    pthread_mutex_init(&fresh->lock, NULL);
    const struct pma_entity_share_links links = {
        .entities = entities,
        .rooms = rooms,
        .cache = places->cache,
        .backplane = places->backplane,
        .note_room = note_room_elsewhere,
        .note_gone = note_gone_elsewhere,
        .arg = fresh,
    };
    const int err = pma_entity_share_new(&links, config->cache_ttl_s,
                                         config->max_entities, &fresh->share);
    if (err != 0) {
        pma_entity_store_free(fresh);
        return err;
    }
    /* write_states cuts at once what has twice as many. */
    pma_store_declare(places->store, PMA_JOURNAL_STATES,
                      2 * (uint64_t)config->history_states * config->max_entities);
    *kept = fresh;
    return 0;
}

/* Takes the oldest note out. Returns: owned by the caller; NULL when there is none. */
static struct note *take_note(struct pma_entity_store *kept)
{
    pthread_mutex_lock(&kept->lock);
    struct note *note = kept->first;
    if (note != NULL) {
        kept->first = note->next;
        kept->last = note->next != NULL ? kept->last : NULL;
        kept->stats.waiting--;
    }
    pthread_mutex_unlock(&kept->lock);
    return note;
}

void pma_entity_store_free(struct pma_entity_store *kept)
{
    if (kept == NULL) {
        return;
    }
    struct note *note = NULL;
    while ((note = take_note(kept)) != NULL) {
        free(note);
    }
    pma_entity_share_free(kept->share);
    pthread_mutex_destroy(&kept->lock);
    free(kept);
}

static void count(struct pma_entity_store *kept, uint64_t *figure, uint64_t by)
{
    pthread_mutex_lock(&kept->lock);
    *figure += by;
    pthread_mutex_unlock(&kept->lock);
}

/* Counts an error of the database. */
static void note_error(struct pma_entity_store *kept, int err)
{
    count(kept, &kept->stats.errors, 1);
    kept->failed++;
    kept->last_error = err;
}

/* One line for all errors of a run. */
static void log_errors(struct pma_entity_store *kept)
{
    if (kept->failed > 0) {
        pma_log(PMA_LOG_WARN, "Entities or rooms not stored; they are tried again",
                pma_u64("count", kept->failed),
                pma_str("error", strerrordesc_np(-kept->last_error)));
    }
    kept->failed = 0;
}

/* Appends what is new to the journal of an entity, and cuts it once per round of the
 * ring, so that it has at most twice as many states. */
static int write_states(struct pma_entity_store *kept, const char *id,
                        const struct pma_kept_entity *item)
{
    const size_t fresh = json_array_size(item->states);
    const uint64_t limit = kept->config.history_states;
    int err = 0;
    for (size_t i = 0; i < fresh && err == 0; i++) {
        err = pma_store_append(kept->places.store, PMA_JOURNAL_STATES, id,
                               json_array_get(item->states, i));
    }
    if (err == 0 && (item->recorded - fresh) / limit != item->recorded / limit) {
        int64_t oldest_ms = 0;
        if (kept->config.history_age_ns > 0) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            oldest_ms = (int64_t)now.tv_sec * 1000 -
                        (int64_t)(kept->config.history_age_ns / PMA_MS_NS);
        }
        err = pma_store_trim(kept->places.store, PMA_JOURNAL_STATES, id, limit, oldest_ms,
                             NULL);
    }
    count(kept, &kept->stats.states, fresh);
    count(kept, &kept->stats.states_missed, item->missed);
    return err;
}

static void write_entity(struct pma_entity_store *kept,
                         const struct pma_kept_entity *item)
{
    const json_t *document = pma_shared_json_get(item->document);
    const char *id = pma_entity_id(document);
    int err = pma_store_put(kept->places.store, PMA_COLLECTION_ENTITIES, id, document);
    if (err == 0) {
        count(kept, &kept->stats.written, 1);
        err = write_states(kept, id, item);
    }
    if (err != 0) {
        note_error(kept, err);
        pma_entities_mark_changed(kept->entities, id);
    }
    if (!item->is_shared) {
        pma_entity_share_put(kept->share, document);
    }
}

/* Writes what has changed until now; what changes meanwhile waits for the next time. */
static void write_entities(struct pma_entity_store *kept)
{
    struct pma_kept_entity items[BATCH];
    struct pma_entities_stats stats;
    pma_entities_stats_read(kept->entities, &stats);
    for (uint64_t left = stats.entities; left > 0;) {
        const size_t wanted = left < BATCH ? (size_t)left : BATCH;
        const size_t taken = pma_entities_take_changed(kept->entities, items, wanted);
        for (size_t i = 0; i < taken; i++) {
            write_entity(kept, &items[i]);
            pma_shared_json_release(items[i].document);
            json_decref(items[i].states);
        }
        left = taken < wanted ? 0 : left - taken;
    }
}

/* kind: one of the two of entities. */
static void remove_entity(struct pma_entity_store *kept, const char *id,
                          enum note_kind kind)
{
    json_t *present = NULL;
    if (pma_entities_get_here(kept->entities, id, &present) == 0) {
        json_decref(present); /* it is back */
        return;
    }
    const int err = pma_store_remove(kept->places.store, PMA_COLLECTION_ENTITIES, id);
    pma_store_trim(kept->places.store, PMA_JOURNAL_STATES, id, 0, 0, NULL);
    if (err == 0) {
        count(kept, &kept->stats.removed, 1);
    } else if (err != -ENOENT) {
        note_error(kept, err);
        add_note(kept, kind, id);
    }
    if (kind == NOTE_ENTITY_GONE) {
        pma_entity_share_remove(kept->share, id);
    }
}

/* kind: one of the two of rooms. */
static void write_room(struct pma_entity_store *kept, const char *id, enum note_kind kind)
{
    json_t *room = NULL;
    int err = pma_rooms_get(kept->rooms, id, false, &room);
    if (err == 0) {
        err = pma_store_put(kept->places.store, PMA_COLLECTION_ROOMS, id, room);
        count(kept, &kept->stats.written, err == 0);
        if (kind == NOTE_ROOM) {
            pma_entity_share_put_room(kept->share, room);
        }
    } else if (err == -ENOENT) {
        err = pma_store_remove(kept->places.store, PMA_COLLECTION_ROOMS, id);
        count(kept, &kept->stats.removed, err == 0);
        err = err == -ENOENT ? 0 : err;
        if (kind == NOTE_ROOM) {
            pma_entity_share_remove_room(kept->share, id);
        }
    }
    json_decref(room);
    if (err != 0) {
        note_error(kept, err);
        add_note(kept, kind, id);
    }
}

/* Writes what waits now; what is noted meanwhile waits for the next time. */
static void write_notes(struct pma_entity_store *kept)
{
    struct pma_entity_store_stats stats;
    pma_entity_store_stats_read(kept, &stats);
    for (; stats.waiting > 0; stats.waiting--) {
        struct note *note = take_note(kept);
        if (note == NULL) {
            return;
        }
        if (note->kind == NOTE_ROOM || note->kind == NOTE_ROOM_ELSEWHERE) {
            write_room(kept, note->id, note->kind);
        } else {
            remove_entity(kept, note->id, note->kind);
        }
        free(note);
    }
}

static void run_store(void *arg, struct pma_cancel *cancel)
{
    struct pma_entity_store *kept = arg;
    const uint64_t now_ns = pma_now_ns();
    write_entities(kept);
    write_notes(kept);
    log_errors(kept);
    if (kept->places.cache == NULL || now_ns < kept->reconcile_at_ns) {
        return;
    }
    /* Until Redis is there, it is tried again with every write: it may come up after us,
     * or come back with less than it had. */
    if (pma_entity_share_is_reached(kept->share)) {
        pma_entity_share_reconcile(kept->share, cancel);
        kept->reconcile_at_ns = now_ns + kept->config.reconcile_interval_ns;
    }
}

int pma_entity_store_start(struct pma_entity_store *kept)
{
    const struct pma_worker_spec spec = {
        .name = "entity-store",
        .subsystem = SUBSYSTEM,
        .interval_ns = kept->config.flush_interval_ns,
        .run = run_store,
        .arg = kept,
    };
    kept->reconcile_at_ns = 0; /* at once: Redis may not have been there at the load */
    return pma_worker_start(&spec, &kept->worker);
}

int pma_entity_store_stop(struct pma_entity_store *kept, uint64_t timeout_ns)
{
    const int err = pma_worker_stop(kept->worker, timeout_ns);
    if (err == 0) {
        kept->worker = NULL;
        write_entities(kept);
        write_notes(kept);
        log_errors(kept);
    }
    return err;
}

static int load_room(void *arg, const char *id, json_t *document)
{
    struct pma_entity_store *kept = arg;
    const int err = pma_rooms_restore(kept->rooms, document);
    if (err != 0) {
        pma_log(PMA_LOG_WARN, "Stored room not taken", pma_str("id", id),
                pma_str("error", strerrordesc_np(-err)));
    }
    return 0;
}

static int load_entity(void *arg, const char *id, json_t *document)
{
    struct pma_entity_store *kept = arg;
    json_t *states = NULL;
    pma_store_newest(kept->places.store, PMA_JOURNAL_STATES, id,
                     kept->config.history_states, &states);
    const int err = pma_entities_restore(kept->entities, document, states);
    json_decref(states);
    if (err != 0) {
        pma_log(PMA_LOG_WARN, "Stored entity not taken", pma_str("id", id),
                pma_str("error", strerrordesc_np(-err)));
    }
    return 0;
}

int pma_entity_store_load(struct pma_entity_store *kept)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    int err = pma_store_each(kept->places.store, PMA_COLLECTION_ROOMS, load_room, kept);
    if (err == 0) {
        err = pma_store_each(kept->places.store, PMA_COLLECTION_ENTITIES, load_entity,
                             kept);
    }
    if (err == 0 && kept->places.cache != NULL) {
        pma_entity_share_reconcile(kept->share, NULL);
    }
    return err;
}

void pma_entity_store_note(struct pma_entity_store *kept,
                           const struct pma_entity_event *event)
{
    if (kept == NULL) {
        return;
    }
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (strcmp(event->type, "room_updated") == 0) {
        add_note(kept, NOTE_ROOM, event->room_id);
    } else if (strcmp(event->type, "pma_entity_removed") == 0) {
        add_note(kept, event->gave_way ? NOTE_ENTITY_GONE_ELSEWHERE : NOTE_ENTITY_GONE,
                 event->entity_id);
    }
    /* What gave way in our registry still is, for those that have room for it. */
    if (!event->gave_way) {
        pma_entity_share_tell(kept->share, event);
    }
}

bool pma_entity_store_find(struct pma_entity_store *kept, const char *id, json_t **entity)
{
    return kept != NULL && pma_entity_share_find(kept->share, id, entity);
}

void pma_entity_store_stats_read(struct pma_entity_store *kept,
                                 struct pma_entity_store_stats *stats)
{
    pthread_mutex_lock(&kept->lock);
    *stats = kept->stats;
    pthread_mutex_unlock(&kept->lock);
    stats->adopted = pma_entity_share_adopted(kept->share);
}
