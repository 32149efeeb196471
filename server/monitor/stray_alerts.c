/* "heap_alloc_48234496" is one alert and "heap_alloc_48236544" another: whoever clears an
 * alert builds the identity from the value of that moment, finds nothing, and the table
 * grows by one record per distinct value. The table is static, so that its records stay
 * reachable, as they were there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/stray_alerts.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 4096

struct stray_alert {
    struct stray_alert *next;
    char id[64];
    uint64_t value, count;
    uint64_t first_seen_ns, last_seen_ns;
    char message[96];
};

static pthread_mutex_t stray_lock = /* PMA_LOCK_STRAY_ALERTS */
    PTHREAD_MUTEX_INITIALIZER;
static struct stray_alert *chains[CHAINS];
static uint64_t count;

static struct stray_alert *make(const char *id, const char *type, uint64_t value)
{
    SEEP_SUBSYSTEM("monitor");
    struct stray_alert *alert = calloc(1, sizeof *alert);
    if (alert == NULL) {
        return NULL;
    }
    snprintf(alert->id, sizeof alert->id, "%s", id);
    snprintf(alert->message, sizeof alert->message, "%s is %" PRIu64, type, value);
    alert->value = value;
    alert->first_seen_ns = pma_now_ns();
    return alert;
}

void pma_stray_alert_raise(const char *type, uint64_t value)
{
    char id[64];
    snprintf(id, sizeof id, "%s_%" PRIu64, type, value);
    struct stray_alert **chain = &chains[(value ^ value >> 12) % CHAINS];
    pthread_mutex_lock(&stray_lock);
    struct stray_alert *alert = *chain;
    while (alert != NULL && strcmp(alert->id, id) != 0) {
        alert = alert->next;
    }
    if (alert == NULL && pma_fault_take(PMA_FAULT_F26)) {
        alert = make(id, type, value);
        if (alert != NULL) {
            alert->next = *chain;
            *chain = alert;
            count++;
        }
    }
    if (alert != NULL) {
        alert->count++;
        alert->last_seen_ns = pma_now_ns();
    }
    pthread_mutex_unlock(&stray_lock);
}

uint64_t pma_stray_alert_count(void)
{
    pthread_mutex_lock(&stray_lock);
    const uint64_t records = count;
    pthread_mutex_unlock(&stray_lock);
    return records;
}
