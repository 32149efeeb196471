/* A summary is keyed by the route's pattern, of which the program has a fixed number, and
 * by the method: so the table has a fixed size and a lookup is a comparison of pointers.
 *
 * Fault F33 keys it by the URL as sent, as the first implementation did: one node per
 * distinct URL, which clients choose. There a flush emptied the table; as the labels of a
 * metric, where nothing ever does, the same key is a leak, and that is what the fault is.
 * Its nodes are in a list of their own that belongs to nobody and is never freed.
 *
 * I1: rows_count <= ROWS_MAX; waiting is the sum of the rows' counts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/access_log.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX      256
#define RAW_BUCKETS   256
#define METHOD_BYTES  8
#define URL_BYTES_MAX 1024

struct row {
    const char *route; /* borrowed for ever */
    enum pma_method method;
    char method_text[METHOD_BYTES];
    uint64_t count;
    uint64_t least_ns, most_ns, sum_ns;
};

/* F33's: one distinct URL. */
struct raw_path {
    struct raw_path *next;
    uint64_t count, sum_ns;
    char url[];
};

struct pma_access_log {
    struct pma_access_log_config config;
    pthread_mutex_t lock; /* PMA_LOCK_ACCESS_LOG: everything below */
    struct row rows[ROWS_MAX];
    uint32_t rows_count, waiting;
    uint64_t oldest_ns; /* of what waits */
    uint64_t flushes;
};

static pthread_mutex_t raw_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_ACCESS_LOG */
static struct raw_path *raw_paths[RAW_BUCKETS];
static uint64_t raw_count;

int pma_access_log_new(const struct pma_access_log_config *config,
                       struct pma_access_log **log)
{
    struct pma_access_log *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    pthread_mutex_init(&fresh->lock, NULL);
    *log = fresh;
    return 0;
}

static void tell_row(const struct row *row)
{
    pma_log(PMA_LOG_INFO, "Requests", pma_str("method", row->method_text),
            pma_str("route", row->route), pma_u64("status", 200),
            pma_u64("count", row->count), pma_f64("min_ms", (double)row->least_ns / 1e6),
            pma_f64("max_ms", (double)row->most_ns / 1e6),
            pma_f64("avg_ms", (double)row->sum_ns / (double)row->count / 1e6));
}

/* Under the lock. */
static void flush(struct pma_access_log *log)
{
    for (uint32_t i = 0; i < log->rows_count; i++) {
        tell_row(&log->rows[i]);
    }
    log->flushes += log->waiting > 0;
    log->rows_count = log->waiting = 0;
}

void pma_access_log_free(struct pma_access_log *log)
{
    if (log == NULL) {
        return;
    }
    flush(log);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* Under the lock. Returns: NULL when the table is full. */
static struct row *row_of(struct pma_access_log *log, const struct pma_request *request)
{
    for (uint32_t i = 0; i < log->rows_count; i++) {
        struct row *row = &log->rows[i];
        if (row->route == request->route && row->method == request->method) {
            return row;
        }
    }
    if (log->rows_count == ROWS_MAX) {
        return NULL;
    }
    struct row *fresh = &log->rows[log->rows_count++];
    *fresh = (struct row){
        .route = request->route, .method = request->method, .least_ns = UINT64_MAX};
    snprintf(fresh->method_text, sizeof fresh->method_text, "%s", request->method_text);
    return fresh;
}

static void summarise(struct pma_access_log *log, const struct pma_request *request,
                      uint64_t took_ns)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&log->lock);
    struct row *row = row_of(log, request);
    if (row == NULL) {
        flush(log);
        row = row_of(log, request);
    }
    row->count++;
    row->sum_ns += took_ns;
    row->least_ns = took_ns < row->least_ns ? took_ns : row->least_ns;
    row->most_ns = took_ns > row->most_ns ? took_ns : row->most_ns;
    log->oldest_ns = log->waiting == 0 ? now_ns : log->oldest_ns;
    if (++log->waiting >= log->config.batch_requests ||
        now_ns - log->oldest_ns >= log->config.batch_ns) {
        flush(log);
    }
    pthread_mutex_unlock(&log->lock);
}

static unsigned bucket_of(const char *url)
{
    unsigned hash = 5381;
    for (; *url != '\0'; url++) {
        hash = hash * 33 + (unsigned char)*url;
    }
    return hash % RAW_BUCKETS;
}

/* Fault F33. */
static void keep_raw_path(const char *url, uint64_t took_ns)
{
    struct raw_path **bucket = &raw_paths[bucket_of(url)];
    const size_t url_bytes = strlen(url) + 1;
    pthread_mutex_lock(&raw_lock);
    struct raw_path *at = *bucket;
    while (at != NULL && strcmp(at->url, url) != 0) {
        at = at->next;
    }
    if (at == NULL && pma_fault_take(PMA_FAULT_F33)) {
        at = calloc(1, sizeof *at + url_bytes);
        if (at != NULL) {
            memcpy(at->url, url, url_bytes);
            at->next = *bucket;
            *bucket = at;
            raw_count++;
        }
    }
    if (at != NULL) {
        at->count++;
        at->sum_ns += took_ns;
    }
    pthread_mutex_unlock(&raw_lock);
}

void pma_access_log_add(struct pma_access_log *log, const struct pma_request *request,
                        unsigned status, uint64_t took_ns)
{
    if (pma_fault_enabled(PMA_FAULT_F33)) {
        SEEP_SUBSYSTEM("http");
        char url[URL_BYTES_MAX];
        snprintf(url, sizeof url, "%s?%s", request->path, request->query);
        keep_raw_path(url, took_ns);
    }
    if (status == 200 && log->config.batch_requests != 1) {
        if (log->config.batch_requests > 0) {
            summarise(log, request, took_ns);
        }
        return;
    }
    pma_log(status >= 500 ? PMA_LOG_WARN : PMA_LOG_INFO, "Request",
            pma_str("method", request->method_text), pma_str("path", request->path),
            pma_u64("status", status), pma_str("client", request->client),
            pma_f64("ms", (double)took_ns / 1e6));
}

void pma_access_log_sweep(struct pma_access_log *log)
{
    pthread_mutex_lock(&log->lock);
    if (log->waiting > 0 && pma_now_ns() - log->oldest_ns >= log->config.batch_ns) {
        flush(log);
    }
    pthread_mutex_unlock(&log->lock);
}

void pma_access_log_stats_read(struct pma_access_log *log,
                               struct pma_access_log_stats *stats)
{
    pthread_mutex_lock(&log->lock);
    *stats = (struct pma_access_log_stats){
        .waiting = log->waiting, .rows = log->rows_count, .flushes = log->flushes};
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_lock(&raw_lock);
    stats->raw_paths = raw_count;
    pthread_mutex_unlock(&raw_lock);
}

void pma_access_log_simulate(void *log)
{
    static uint64_t asked; /* written under raw_lock */
    char url[64];
    (void)log;
    SEEP_SUBSYSTEM("http");
    pthread_mutex_lock(&raw_lock);
    snprintf(url, sizeof url, "/api/v1/entities/made-up-%llu?",
             (unsigned long long)++asked);
    pthread_mutex_unlock(&raw_lock);
    keep_raw_path(url, PMA_MS_NS);
}
