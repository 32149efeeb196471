/* A list by age.
 *
 * The first implementation removed a record when its installation was complete, and so
 * kept each failed one for ever. Here every record that has ended goes: when its place is
 * needed, or with the clean-up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/model_installs.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum install_status {
    INSTALL_QUEUED = 1,
    INSTALL_RUNNING = 2,
    INSTALL_COMPLETED = 3,
    INSTALL_FAILED = 4,
};

struct record {
    struct record *next; /* younger */
    struct pma_install install;
    enum install_status status;
    bool retained; /* fault F21: counts against no limit, goes with no clean-up */
    uint64_t begun_at_ns, ended_at_ns; /* CLOCK_MONOTONIC; 0: not yet */
    char error[120];
};

struct pma_installs {
    pthread_mutex_t lock; /* PMA_LOCK_INSTALLS: all below */
    struct record *oldest;
    struct pma_installs_info info;
};

int pma_installs_new(uint32_t most, struct pma_installs **installs)
{
    struct pma_installs *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->info.most = most;
    pthread_mutex_init(&fresh->lock, NULL);
    *installs = fresh;
    return 0;
}

void pma_installs_free(struct pma_installs *installs)
{
    if (installs == NULL) {
        return;
    }
    while (installs->oldest != NULL) {
        struct record *gone = installs->oldest;
        installs->oldest = gone->next;
        free(gone);
    }
    pthread_mutex_destroy(&installs->lock);
    free(installs);
}

static bool has_ended(const struct record *record)
{
    return record->status == INSTALL_COMPLETED || record->status == INSTALL_FAILED;
}

/* Under lock: removes up to `most` records that ended at or before an instant. */
static uint32_t forget(struct pma_installs *installs, uint64_t until_ns, uint32_t most)
{
    uint32_t gone = 0;
    for (struct record **at = &installs->oldest; *at != NULL && gone < most;) {
        struct record *record = *at;
        if (has_ended(record) && !record->retained && record->ended_at_ns <= until_ns) {
            *at = record->next;
            free(record);
            gone++;
        } else {
            at = &record->next;
        }
    }
    installs->info.records -= gone;
    installs->info.forgotten += gone;
    return gone;
}

int pma_installs_add(struct pma_installs *installs, const char *provider,
                     const char *model, char id[PMA_INSTALL_ID_BYTES])
{
    SEEP_SUBSYSTEM("ai");
    struct record *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = 0;
    pthread_mutex_lock(&installs->lock);
    struct pma_installs_info *info = &installs->info;
    if (info->records - info->retained >= info->most &&
        forget(installs, UINT64_MAX, 1) == 0) {
        err = -EBUSY;
        free(fresh);
    } else {
        struct record **end = &installs->oldest;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = fresh;
        info->records++;
        snprintf(fresh->install.id, sizeof fresh->install.id, "download_%" PRIu64,
                 ++info->begun);
        snprintf(fresh->install.provider, sizeof fresh->install.provider, "%s", provider);
        snprintf(fresh->install.model, sizeof fresh->install.model, "%s", model);
        fresh->status = INSTALL_QUEUED;
        fresh->begun_at_ns = pma_now_ns();
        memcpy(id, fresh->install.id, PMA_INSTALL_ID_BYTES);
    }
    pthread_mutex_unlock(&installs->lock);
    return err;
}

bool pma_installs_take(struct pma_installs *installs, struct pma_install *install)
{
    pthread_mutex_lock(&installs->lock);
    struct record *at = installs->oldest;
    while (at != NULL && at->status != INSTALL_QUEUED) {
        at = at->next;
    }
    if (at != NULL) {
        at->status = INSTALL_RUNNING;
        *install = at->install;
    }
    pthread_mutex_unlock(&installs->lock);
    return at != NULL;
}

void pma_installs_end(struct pma_installs *installs, const char *id, const char *error)
{
    pthread_mutex_lock(&installs->lock);
    struct record *at = installs->oldest;
    while (at != NULL && strcmp(at->install.id, id) != 0) {
        at = at->next;
    }
    if (at != NULL && !has_ended(at)) {
        at->status = error == NULL ? INSTALL_COMPLETED : INSTALL_FAILED;
        at->ended_at_ns = pma_now_ns();
        if (error != NULL) {
            snprintf(at->error, sizeof at->error, "%s", error);
            at->retained = pma_fault_take(PMA_FAULT_F21);
            installs->info.failed++;
            installs->info.retained += at->retained;
        }
    }
    pthread_mutex_unlock(&installs->lock);
}

uint32_t pma_installs_sweep(struct pma_installs *installs, uint64_t now_ns,
                            uint64_t age_ns)
{
    pthread_mutex_lock(&installs->lock);
    const uint32_t gone =
        now_ns > age_ns ? forget(installs, now_ns - age_ns, UINT32_MAX) : 0;
    pthread_mutex_unlock(&installs->lock);
    return gone;
}

static void set_instant(json_t *object, const char *name, uint64_t at_ns)
{
    char text[PMA_TIMESTAMP_BYTES];
    pma_timestamp_at(at_ns, text);
    json_object_set_new(object, name, at_ns == 0 ? json_null() : json_string(text));
}

static json_t *record_json(const struct record *record)
{
    static const char *const names[] = {"", "queued", "running", "completed", "failed"};
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s*}", "download_id", record->install.id, "provider",
        record->install.provider, "model_name", record->install.model, "status",
        names[record->status], "error", record->error[0] != '\0' ? record->error : NULL);
    set_instant(object, "started_at", record->begun_at_ns);
    set_instant(object, "ended_at", record->ended_at_ns);
    return object;
}

json_t *pma_installs_json(struct pma_installs *installs)
{
    json_t *list = json_array();
    pthread_mutex_lock(&installs->lock);
    uint64_t passed_over = installs->info.records > installs->info.most
                               ? installs->info.records - installs->info.most
                               : 0;
    for (const struct record *at = installs->oldest; at != NULL; at = at->next) {
        if (passed_over > 0) {
            passed_over--;
            continue;
        }
        json_array_append_new(list, record_json(at));
    }
    pthread_mutex_unlock(&installs->lock);
    return list;
}

void pma_installs_info_read(struct pma_installs *installs, struct pma_installs_info *info)
{
    pthread_mutex_lock(&installs->lock);
    *info = installs->info;
    pthread_mutex_unlock(&installs->lock);
}

void pma_installs_commit_failed(void *arg)
{
    struct pma_installs *installs = arg;
    char id[PMA_INSTALL_ID_BYTES];
    if (pma_fault_enabled(PMA_FAULT_F21) &&
        pma_installs_add(installs, "ollama", "no-such-model", id) == 0) {
        pma_installs_end(installs, id, "The provider is not enabled");
    }
}
