/* Rules, a bounded queue of runs, and the thread that runs them.
 *
 * Changes of state are told under the entities' own lock, and an action changes entities,
 * so the two have to be on different threads; the queue between them holds numbers of
 * automations, not pointers, and so an automation can be removed at any time. Rejected: a
 * thread per run, as the first implementation had it (one worker per processor, a queue
 * of 1,000): actions take milliseconds and their order is part of what people mean.
 *
 * Two automations may set each other off. That cannot be seen from one of them, so each
 * has a cool-down, and what it swallows is counted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/automation/automation.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct automation {
    struct automation *next;
    uint64_t number; /* never used again */
    json_t *definition;
    uint64_t queued_at_ns; /* last time; 0: never */
    uint64_t runs, failed_actions;
    uint64_t last_run_at_ns;
};

struct pma_automations {
    struct pma_automations_config config;
    struct pma_automation_hooks hooks;
    struct pma_worker *worker;
    pthread_mutex_t lock; /* PMA_LOCK_AUTOMATION: everything below */
    struct automation *first;
    uint64_t last_number;
    uint64_t *queue; /* a ring of numbers */
    uint32_t queue_first;
    struct pma_automations_info info;
};

int pma_automations_new(const struct pma_automations_config *config,
                        const struct pma_automation_hooks *hooks,
                        struct pma_automations **automations)
{
    if (config->max_automations == 0 || config->max_queue == 0) {
        return -EINVAL;
    }
    SEEP_SUBSYSTEM("ai");
    struct pma_automations *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->hooks = *hooks;
    fresh->queue = calloc(config->max_queue, sizeof *fresh->queue);
    if (fresh->queue == NULL) {
        free(fresh);
        return -ENOMEM;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    *automations = fresh;
    return 0;
}

static void free_automation(struct automation *automation)
{
    json_decref(automation->definition);
    free(automation);
}

void pma_automations_free(struct pma_automations *automations)
{
    if (automations == NULL) {
        return;
    }
    while (automations->first != NULL) {
        struct automation *automation = automations->first;
        automations->first = automation->next;
        free_automation(automation);
    }
    pthread_mutex_destroy(&automations->lock);
    free(automations->queue);
    free(automations);
}

/* The next run's definition, a reference; NULL: nothing waits. */
static json_t *take_run(struct pma_automations *automations, uint64_t *number)
{
    json_t *definition = NULL;
    pthread_mutex_lock(&automations->lock);
    while (automations->info.queued > 0 && definition == NULL) {
        *number = automations->queue[automations->queue_first];
        automations->queue_first =
            (automations->queue_first + 1) % automations->config.max_queue;
        automations->info.queued--;
        for (struct automation *at = automations->first; at != NULL; at = at->next) {
            if (at->number == *number) {
                definition = json_incref(at->definition);
            }
        }
    }
    pthread_mutex_unlock(&automations->lock);
    return definition;
}

static void note_run(struct pma_automations *automations, uint64_t number,
                     uint64_t failed_actions)
{
    pthread_mutex_lock(&automations->lock);
    automations->info.runs++;
    automations->info.failed_actions += failed_actions;
    for (struct automation *at = automations->first; at != NULL; at = at->next) {
        if (at->number == number) {
            at->runs++;
            at->failed_actions += failed_actions;
            at->last_run_at_ns = pma_now_ns();
        }
    }
    pthread_mutex_unlock(&automations->lock);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Carries out the actions in order; one that fails does not hold up the others. */
static void run_actions(struct pma_automations *automations, const json_t *definition,
                        uint64_t number, struct pma_cancel *cancel)
{
    const struct pma_automation_hooks *hooks = &automations->hooks;
    uint64_t failed = 0;
    size_t at = 0;
    const json_t *action = NULL;
    if (hooks->triggered != NULL) {
        hooks->triggered(hooks->arg, text_of(definition, "id"),
                         text_of(definition, "name"));
    }
    json_array_foreach(json_object_get(definition, "actions"), at, action)
    {
        if (pma_cancel_requested(cancel)) {
            break;
        }
        const int err =
            hooks->act(hooks->arg, text_of(action, "entity_id"),
                       text_of(action, "action"), json_object_get(action, "parameters"));
        if (err != 0) {
            failed++;
            pma_log(PMA_LOG_WARN, "Action of an automation failed",
                    pma_str("automation", text_of(definition, "id")),
                    pma_str("entity", text_of(action, "entity_id")),
                    pma_str("action", text_of(action, "action")),
                    pma_str("error", strerrordesc_np(-err)));
        }
    }
    note_run(automations, number, failed);
    if (hooks->ran != NULL) {
        hooks->ran(hooks->arg, text_of(definition, "id"), failed);
    }
}

static void run_queue(void *arg, struct pma_cancel *cancel)
{
    struct pma_automations *automations = arg;
    do {
        uint64_t number = 0;
        json_t *definition = NULL;
        while (!pma_cancel_requested(cancel) &&
               (definition = take_run(automations, &number)) != NULL) {
            run_actions(automations, definition, number, cancel);
            pthread_mutex_lock(&automations->lock); /* as is every change of its count */
            json_decref(definition);
            pthread_mutex_unlock(&automations->lock);
        }
    } while (!pma_cancel_wait(cancel, 3600 * PMA_S_NS));
}

int pma_automations_start(struct pma_automations *automations)
{
    const struct pma_worker_spec spec = {
        .name = "automation", .subsystem = "ai", .run = run_queue, .arg = automations};
    struct pma_worker *worker = NULL;
    const int err = pma_worker_start(&spec, &worker);
    if (err == 0) {
        pthread_mutex_lock(&automations->lock);
        automations->worker = worker;
        pthread_mutex_unlock(&automations->lock);
    }
    return err;
}

int pma_automations_stop(struct pma_automations *automations, uint64_t timeout_ns)
{
    pthread_mutex_lock(&automations->lock);
    struct pma_worker *worker = automations->worker;
    automations->worker = NULL; /* nobody wakes it any more */
    pthread_mutex_unlock(&automations->lock);
    const int err = pma_worker_stop(worker, timeout_ns);
    if (err != 0) {
        pthread_mutex_lock(&automations->lock);
        automations->worker = worker;
        pthread_mutex_unlock(&automations->lock);
    }
    return err;
}

/* A copy with an id and a time of birth. Owned. */
static json_t *complete(const json_t *definition, uint64_t number)
{
    char id[PMA_AUTOMATION_ID_BYTES];
    char when[PMA_TIMESTAMP_BYTES];
    struct timespec now;
    json_t *copy = json_deep_copy(definition);
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(id, sizeof id, "automation_%lld_%llu", (long long)now.tv_sec,
             (unsigned long long)number);
    pma_timestamp_now(when);
    json_object_set_new(
        copy, "id", json_string(text_of(copy, "id") != NULL ? text_of(copy, "id") : id));
    if (text_of(copy, "created_at") == NULL) {
        json_object_set_new(copy, "created_at", json_string(when));
    }
    return copy;
}

static struct automation **find(struct pma_automations *automations, const char *id)
{
    struct automation **at = &automations->first;
    while (*at != NULL && strcmp(text_of((*at)->definition, "id"), id) != 0) {
        at = &(*at)->next;
    }
    return at;
}

int pma_automations_add(struct pma_automations *automations, const json_t *definition,
                        json_t **automation)
{
    SEEP_SUBSYSTEM("ai");
    struct automation *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&automations->lock);
    fresh->number = ++automations->last_number;
    pthread_mutex_unlock(&automations->lock);
    fresh->definition = complete(definition, fresh->number);
    json_t *copy = json_deep_copy(fresh->definition);
    int err = copy == NULL ? -ENOMEM : 0;
    if (err == 0) {
        pthread_mutex_lock(&automations->lock);
        struct automation **at = find(automations, text_of(copy, "id"));
        if (*at != NULL) {
            err = -EEXIST;
        } else if (automations->info.automations >= automations->config.max_automations) {
            err = -ENOSPC;
        } else {
            *at = fresh; /* at the end: oldest first */
            automations->info.automations++;
        }
        pthread_mutex_unlock(&automations->lock);
    }
    if (err != 0) {
        json_decref(copy);
        free_automation(fresh);
        return err;
    }
    *automation = copy;
    return 0;
}

int pma_automations_remove(struct pma_automations *automations, const char *id)
{
    pthread_mutex_lock(&automations->lock);
    struct automation **at = find(automations, id);
    struct automation *gone = *at;
    const bool found = gone != NULL;
    if (found) {
        *at = gone->next;
        automations->info.automations--;
        free_automation(gone);
    }
    pthread_mutex_unlock(&automations->lock);
    return found ? 0 : -ENOENT;
}

json_t *pma_automations_json(struct pma_automations *automations)
{
    json_t *list = json_array();
    pthread_mutex_lock(&automations->lock);
    for (const struct automation *at = automations->first; at != NULL; at = at->next) {
        char when[PMA_TIMESTAMP_BYTES];
        json_t *one = json_deep_copy(at->definition); /* two threads share no JSON */
        pma_timestamp_at(at->last_run_at_ns, when);
        json_object_set_new(one, "runs", json_integer((json_int_t)at->runs));
        json_object_set_new(one, "failed_actions",
                            json_integer((json_int_t)at->failed_actions));
        json_object_set_new(one, "last_run",
                            when[0] != '\0' ? json_string(when) : json_null());
        json_array_append_new(list, one);
    }
    pthread_mutex_unlock(&automations->lock);
    return list;
}

static bool is_triggered(const struct automation *automation, const char *entity_id,
                         const char *new_state)
{
    size_t at = 0;
    const json_t *trigger = NULL;
    json_array_foreach(json_object_get(automation->definition, "triggers"), at, trigger)
    {
        const char *to = text_of(trigger, "to");
        if (strcmp(text_of(trigger, "entity_id"), entity_id) == 0 &&
            (to == NULL || strcmp(to, new_state) == 0)) {
            return true;
        }
    }
    return false;
}

/* Under the lock. */
static void enqueue(struct pma_automations *automations, struct automation *automation)
{
    const uint64_t now_ns = pma_now_ns();
    const uint32_t max_queue = automations->config.max_queue;
    if (automation->queued_at_ns > 0 &&
        now_ns - automation->queued_at_ns < automations->config.cooldown_ns) {
        automations->info.cooled++;
    } else if (automations->info.queued == max_queue) {
        automations->info.dropped++;
    } else {
        automations
            ->queue[(automations->queue_first + automations->info.queued) % max_queue] =
            automation->number;
        automations->info.queued++;
        automation->queued_at_ns = now_ns;
    }
}

void pma_automations_notice(struct pma_automations *automations, const char *entity_id,
                            const char *old_state, const char *new_state)
{
    if (strcmp(old_state, new_state) == 0) {
        return; /* only attributes have changed */
    }
    pthread_mutex_lock(&automations->lock);
    for (struct automation *at = automations->first; at != NULL; at = at->next) {
        if (is_triggered(at, entity_id, new_state)) {
            enqueue(automations, at);
        }
    }
    if (automations->info.queued > 0 && automations->worker != NULL) {
        pma_worker_wake(automations->worker);
    }
    pthread_mutex_unlock(&automations->lock);
}

void pma_automations_info_read(struct pma_automations *automations,
                               struct pma_automations_info *info)
{
    pthread_mutex_lock(&automations->lock);
    *info = automations->info;
    pthread_mutex_unlock(&automations->lock);
}
