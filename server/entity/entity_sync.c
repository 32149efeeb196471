/* One worker for all sources, one source after the other.
 *
 * The first implementation ran up to three at the same time, each entity with a
 * broadcast of its own on a thread of its own. A list is taken in within milliseconds per
 * thousand entities, so there is nothing to gain; and one worker cannot overtake itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_sync.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM   "entity"
#define ERROR_BYTES 320

/* What one run did. */
struct sync_run {
    uint64_t begin_ns;
    json_int_t found, registered, updated, errors, missing;
    char error[ERROR_BYTES]; /* the last one, empty for none */
};

struct source {
    struct pma_sync_source row;
    bool is_wanted;  /* under LOCK */
    bool is_running; /* under LOCK */
    /* Under LOCK: of the last run that ended. */
    uint64_t last_sync_ns; /* CLOCK_MONOTONIC, 0: never */
    uint64_t runs, errors;
    json_int_t rooms_managed;
    char last_error[ERROR_BYTES];
};

struct pma_sync {
    struct pma_sync_config config;
    struct pma_entities *entities;
    struct pma_rooms *rooms;
    struct pma_entity_hooks hooks;
    pthread_mutex_t lock;      /* PMA_LOCK_SYNC: not held while anything is asked */
    struct pma_worker *worker; /* under LOCK */
    struct source sources[PMA_SYNC_SOURCES_MAX];
    size_t sources_count; /* constant once the worker runs */
    uint64_t due_ns;      /* of the worker alone: when the next periodic one is due */
};

int pma_sync_new(const struct pma_sync_config *config, struct pma_entities *entities,
                 struct pma_rooms *rooms, const struct pma_entity_hooks *hooks,
                 struct pma_sync **sync)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (config->interval_ns == 0 || config->batch == 0) {
        return -EINVAL;
    }
    struct pma_sync *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->entities = entities;
    fresh->rooms = rooms;
    if (hooks != NULL) {
        fresh->hooks = *hooks;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    *sync = fresh;
    return 0;
}

int pma_sync_add(struct pma_sync *sync, const struct pma_sync_source *source)
{
    if (sync->sources_count == PMA_SYNC_SOURCES_MAX) {
        return -ENOSPC;
    }
    struct source *fresh = &sync->sources[sync->sources_count++];
    fresh->row = *source;
    return 0;
}

void pma_sync_free(struct pma_sync *sync)
{
    if (sync == NULL) {
        return;
    }
    pthread_mutex_destroy(&sync->lock);
    free(sync);
}

/* Tells clients how far a source is. details: taken. */
static void publish(struct pma_sync *sync, const struct source *source,
                    const char *status, json_t *details)
{
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    json_t *data = json_pack("{s:s, s:s, s:o, s:s}", "source", source->row.source,
                             "status", status, "details", details, "timestamp", now);
    const struct pma_entity_event event = {
        .type = "pma_sync_status", .source = source->row.source, .data = data};
    if (sync->hooks.publish != NULL && data != NULL) {
        sync->hooks.publish(sync->hooks.arg, &event);
    }
    json_decref(data);
}

static void note_error(struct sync_run *run, const char *what, const char *why)
{
    run->errors++;
    snprintf(run->error, sizeof run->error, "%.100s: %.200s", what, why);
}

static void take_rooms(struct pma_sync *sync, const json_t *rooms, struct sync_run *run)
{
    size_t index = 0;
    json_t *room = NULL;
    json_array_foreach(rooms, index, room)
    {
        const char *id = json_string_value(json_object_get(room, "id"));
        if (id != NULL && !pma_rooms_exist(sync->rooms, id)) {
            const int err = pma_rooms_put(sync->rooms, room, NULL);
            if (err != 0) {
                note_error(run, id, strerrordesc_np(-err));
            }
        }
    }
}

/* Whether the run has to end: cancelled, or out of time. */
static bool is_over(struct pma_sync *sync, struct pma_cancel *cancel,
                    struct sync_run *run)
{
    if (pma_cancel_requested(cancel)) {
        note_error(run, "synchronisation", "cancelled");
        return true;
    }
    if (sync->config.timeout_ns > 0 &&
        pma_now_ns() - run->begin_ns > sync->config.timeout_ns) {
        note_error(run, "synchronisation", "took too long");
        return true;
    }
    return false;
}

static void take_entities(struct pma_sync *sync, const json_t *entities,
                          struct pma_cancel *cancel, struct sync_run *run)
{
    size_t index = 0;
    json_t *entity = NULL;
    json_array_foreach(entities, index, entity)
    {
        struct pma_entity_outcome outcome;
        if (index % sync->config.batch == 0 && is_over(sync, cancel, run)) {
            return;
        }
        /* An entity that somebody has moved stays where it was put. */
        json_t *present = NULL;
        const char *id = json_string_value(json_object_get(entity, "id"));
        if (id != NULL && pma_entities_get(sync->entities, id, &present) == 0) {
            json_object_del(entity, "room_id");
            json_decref(present);
        }
        const int err = pma_entities_submit(sync->entities, entity, "sync", &outcome);
        if (err != 0) {
            note_error(run, id != NULL ? id : "?", outcome.why);
        } else {
            run->registered += outcome.created;
            run->updated += outcome.changed;
        }
    }
}

/* Makes unavailable what the source does not know any more. */
static void miss_entities(struct pma_sync *sync, const struct source *source,
                          const json_t *entities, struct sync_run *run)
{
    const struct pma_entity_filter filter = {.source = source->row.source,
                                             .available_only = true};
    json_t *known = json_object();
    json_t *present = NULL;
    size_t index = 0;
    json_t *entity = NULL;
    json_array_foreach(entities, index, entity)
    {
        const char *id = json_string_value(json_object_get(entity, "id"));
        json_object_set_new(known, id != NULL ? id : "", json_true());
    }
    if (pma_entities_list(sync->entities, &filter, &present) == 0) {
        json_array_foreach(present, index, entity)
        {
            struct pma_entity_outcome outcome;
            const char *id = pma_entity_id(entity);
            if (json_object_get(known, id) == NULL &&
                pma_entities_change(sync->entities, id, "unavailable", NULL, "sync",
                                    &outcome) == 0) {
                run->missing++;
            }
        }
        json_decref(present);
    }
    json_decref(known);
}

static json_t *details_json(const struct sync_run *run)
{
    char duration[40];
    pma_duration_text(pma_now_ns() - run->begin_ns, duration, sizeof duration);
    return json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:s*}", "entities_found", run->found,
                     "entities_registered", run->registered, "entities_updated",
                     run->updated, "entities_missing", run->missing, "duration", duration,
                     "error_count", run->errors, "error",
                     run->error[0] != '\0' ? run->error : NULL);
}

static void finish(struct pma_sync *sync, struct source *source,
                   const struct sync_run *run, json_int_t rooms_count, bool has_failed)
{
    pthread_mutex_lock(&sync->lock);
    source->is_running = false;
    source->runs++;
    source->errors += (uint64_t)run->errors;
    if (!has_failed) {
        source->last_sync_ns = pma_now_ns();
        source->rooms_managed = rooms_count;
    }
    memcpy(source->last_error, run->error, sizeof source->last_error);
    pthread_mutex_unlock(&sync->lock);
    publish(sync, source,
            has_failed        ? "error"
            : run->errors > 0 ? "completed_with_errors"
                              : "completed",
            details_json(run));
    pma_log(run->errors > 0 ? PMA_LOG_WARN : PMA_LOG_INFO, "Source synchronised",
            pma_str("source", source->row.source), pma_i64("found", run->found),
            pma_i64("registered", run->registered), pma_i64("updated", run->updated),
            pma_i64("missing", run->missing), pma_i64("errors", run->errors),
            pma_str("error", run->error));
}

static void sync_source(struct pma_sync *sync, struct source *source,
                        struct pma_cancel *cancel)
{
    struct sync_run run = {.begin_ns = pma_now_ns()};
    char now[PMA_TIMESTAMP_BYTES];
    json_t *rooms = NULL;
    json_t *entities = NULL;
    pma_timestamp_now(now);
    publish(sync, source, "syncing", json_pack("{s:s}", "started_at", now));
    const int err = source->row.list(source->row.arg, &rooms, &entities);
    if (err != 0) {
        note_error(&run, source->row.name, strerrordesc_np(-err));
        finish(sync, source, &run, 0, true);
        return;
    }
    run.found = (json_int_t)json_array_size(entities);
    take_rooms(sync, rooms, &run);
    take_entities(sync, entities, cancel, &run);
    if (!pma_cancel_requested(cancel)) {
        miss_entities(sync, source, entities, &run);
    }
    finish(sync, source, &run, (json_int_t)json_array_size(rooms), false);
    json_decref(rooms);
    json_decref(entities);
}

/* Called when woken and at each interval. */
static void run_sync(void *arg, struct pma_cancel *cancel)
{
    struct pma_sync *sync = arg;
    const uint64_t now_ns = pma_now_ns();
    const bool is_due = now_ns >= sync->due_ns;
    if (is_due) {
        sync->due_ns = now_ns + sync->config.interval_ns;
    }
    for (size_t i = 0; i < sync->sources_count && !pma_cancel_requested(cancel); i++) {
        struct source *source = &sync->sources[i];
        pthread_mutex_lock(&sync->lock);
        source->is_running = source->is_wanted || is_due;
        source->is_wanted = false;
        const bool is_running = source->is_running;
        pthread_mutex_unlock(&sync->lock);
        if (is_running) {
            sync_source(sync, source, cancel);
        }
    }
}

int pma_sync_start(struct pma_sync *sync)
{
    const struct pma_worker_spec spec = {
        .name = "entity-sync",
        .subsystem = SUBSYSTEM,
        .interval_ns = sync->config.interval_ns,
        .run = run_sync,
        .arg = sync,
    };
    sync->due_ns = pma_now_ns() + sync->config.interval_ns;
    struct pma_worker *worker = NULL;
    const int err = pma_worker_start(&spec, &worker);
    if (err == 0) {
        pthread_mutex_lock(&sync->lock);
        sync->worker = worker;
        pma_worker_wake(worker); /* for what was asked before */
        pthread_mutex_unlock(&sync->lock);
    }
    return err;
}

int pma_sync_stop(struct pma_sync *sync, uint64_t timeout_ns)
{
    pthread_mutex_lock(&sync->lock);
    struct pma_worker *worker = sync->worker;
    sync->worker = NULL; /* nobody wakes it any more */
    pthread_mutex_unlock(&sync->lock);
    const int err = pma_worker_stop(worker, timeout_ns);
    if (err != 0) {
        pthread_mutex_lock(&sync->lock);
        sync->worker = worker;
        pthread_mutex_unlock(&sync->lock);
    }
    return err;
}

int pma_sync_request(struct pma_sync *sync, const char *source, uint32_t *count)
{
    uint32_t asked = 0;
    bool is_known = source == NULL;
    pthread_mutex_lock(&sync->lock);
    for (size_t i = 0; i < sync->sources_count; i++) {
        struct source *at = &sync->sources[i];
        if (source == NULL || strcmp(at->row.source, source) == 0) {
            is_known = true;
            asked += !at->is_wanted;
            at->is_wanted = true;
        }
    }
    if (is_known && sync->worker != NULL) {
        pma_worker_wake(sync->worker);
    }
    pthread_mutex_unlock(&sync->lock);
    if (!is_known) {
        return -ENOENT;
    }
    if (count != NULL) {
        *count = asked;
    }
    return 0;
}

static json_t *instant_json(uint64_t monotonic_ns)
{
    char text[PMA_TIMESTAMP_BYTES];
    pma_timestamp_at(monotonic_ns, text);
    return monotonic_ns > 0 ? json_string(text) : json_null();
}

static json_t *source_json(struct pma_sync *sync, struct source *source,
                           const json_t *managed)
{
    struct pma_source_state state = {.is_connected = false};
    char now[PMA_TIMESTAMP_BYTES];
    char response[40];
    pma_timestamp_now(now);
    source->row.read_state(source->row.arg, &state);
    snprintf(response, sizeof response, "%.3fms", (double)state.response_time_ns / 1e6);
    pthread_mutex_lock(&sync->lock);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:b, s:s*, s:o, "
        "s:I, s:I, s:I, s:I}",
        "id", source->row.id, "name", source->row.name, "source", source->row.source,
        "connected", (int)state.is_connected, "is_healthy",
        (int)(state.is_connected && source->last_error[0] == '\0'), "last_health_check",
        now, "response_time", response, "entities_managed",
        json_integer_value(json_object_get(managed, source->row.source)), "rooms_managed",
        source->rooms_managed, "last_sync", instant_json(source->last_sync_ns),
        "sync_errors", (json_int_t)source->errors, "syncs", (json_int_t)source->runs,
        "is_syncing", (int)source->is_running, "last_error",
        source->last_error[0] != '\0' ? source->last_error : NULL, "connected_at",
        instant_json(state.connected_at_ns), "reconnects", (json_int_t)state.reconnects,
        "events", (json_int_t)state.events, "events_dropped",
        (json_int_t)state.events_dropped, "events_unknown",
        (json_int_t)state.events_unknown);
    pthread_mutex_unlock(&sync->lock);
    return json;
}

json_t *pma_sync_status_json(struct pma_sync *sync)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    json_t *managed = pma_entities_counts(sync->entities, PMA_GROUP_SOURCE);
    json_t *list = json_array();
    for (size_t i = 0; i < sync->sources_count; i++) {
        if (json_array_append_new(list, source_json(sync, &sync->sources[i], managed)) !=
            0) {
            json_decref(list);
            list = NULL;
            break;
        }
    }
    json_decref(managed);
    return list;
}
