/* One thread owns the multi handle; callers hand it a transfer and wait.
 *
 * The problem: answers of language models take seconds to minutes, and a thread per
 * request that sits in a blocking read cannot be told to stop. With the multi interface
 * one thread carries all transfers, and ending one is taking it out of the multi handle.
 * Rejected: curl_easy_perform in the caller with a progress callback; it can be stopped
 * too, but each caller would have its own connections, and a callback comes once a
 * second while nothing moves.
 *
 * I1: a transfer is the caller's from creation to `queued`, the thread's until `done`,
 *     and the caller's again then; fields without a comment follow that rule.
 * I2: the caller does not leave before done, so nothing of it is used after it left.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/transfer.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/worker/worker.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS          1000
#define LOOK_NS          (50 * PMA_MS_NS) /* how often a caller looks whether it is given up */
#define CONNECTIONS_IDLE 8L
#define BODY_BYTES_FIRST ((size_t)4096)

struct transfer {
    struct transfer *next; /* in waiting or running; under lock */
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    size_t body_bytes, body_capacity;
    size_t body_bytes_max;
    bool too_large;
    bool no_memory;
    bool cancel; /* under lock: written by the caller */
    bool done;   /* under lock: the thread's last word */
    CURLcode code;
    char why[CURL_ERROR_SIZE];
};

struct pma_transfers {
    struct pma_transfers_config config;
    CURLM *multi; /* the thread's, but for curl_multi_wakeup */
    struct pma_worker *worker;
    pthread_mutex_t lock;           /* PMA_LOCK_TRANSFER */
    pthread_cond_t ended;           /* some transfer is done */
    struct transfer *waiting;       /* under lock: not yet in the multi handle */
    struct transfer *running;       /* under lock; changed by the thread alone */
    uint64_t shut_at_ns;            /* under lock: when everything ends; 0: not shut */
    struct pma_transfers_info info; /* under lock */
};

static size_t receive(char *piece, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    const size_t bytes = size * count;
    const size_t needed = transfer->body_bytes + bytes + 1;
    if (needed - 1 > transfer->body_bytes_max) {
        transfer->too_large = true;
        return 0;
    }
    if (needed > transfer->body_capacity) {
        size_t capacity =
            transfer->body_capacity != 0 ? transfer->body_capacity : BODY_BYTES_FIRST;
        while (capacity < needed) {
            capacity *= 2;
        }
        char *grown = realloc(transfer->body, capacity);
        if (grown == NULL) {
            transfer->no_memory = true;
            return 0;
        }
        transfer->body = grown;
        transfer->body_capacity = capacity;
    }
    memcpy(transfer->body + transfer->body_bytes, piece, bytes);
    transfer->body_bytes += bytes;
    transfer->body[transfer->body_bytes] = '\0';
    return bytes;
}

/* Under lock. */
static void unlink_transfer(struct transfer **list, struct transfer *transfer)
{
    while (*list != NULL && *list != transfer) {
        list = &(*list)->next;
    }
    if (*list == transfer) {
        *list = transfer->next;
    }
    transfer->next = NULL;
}

/* Under lock, on the thread: takes it out of the multi handle and gives it back. */
static void finish(struct pma_transfers *transfers, struct transfer *transfer,
                   CURLcode code)
{
    curl_multi_remove_handle(transfers->multi, transfer->easy);
    unlink_transfer(&transfers->running, transfer);
    transfer->code = code;
    transfer->done = true;
    pthread_cond_broadcast(&transfers->ended);
}

/* Under lock, on the thread. */
static void begin_waiting(struct pma_transfers *transfers)
{
    while (transfers->waiting != NULL) {
        struct transfer *transfer = transfers->waiting;
        transfers->waiting = transfer->next;
        transfer->next = transfers->running;
        transfers->running = transfer;
        if (curl_multi_add_handle(transfers->multi, transfer->easy) != CURLM_OK) {
            finish(transfers, transfer, CURLE_OUT_OF_MEMORY);
        }
    }
}

/* Under lock, on the thread: ends the cancelled ones, or all when `all`. */
static void end_cancelled(struct pma_transfers *transfers, bool all)
{
    for (struct transfer *at = transfers->running, *next = NULL; at != NULL; at = next) {
        next = at->next;
        if (all || at->cancel) {
            at->cancel = true;
            finish(transfers, at, CURLE_ABORTED_BY_CALLBACK);
        }
    }
}

static void end_complete(struct pma_transfers *transfers)
{
    int left = 0;
    const CURLMsg *message = NULL;
    while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        const CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        pthread_mutex_lock(&transfers->lock);
        finish(transfers, transfer, code);
        pthread_mutex_unlock(&transfers->lock);
    }
}

static void run_transfers(void *arg, struct pma_cancel *cancel)
{
    struct pma_transfers *transfers = arg;
    bool last = false;
    while (!last) {
        int running = 0;
        last = pma_cancel_requested(cancel);
        const uint64_t now_ns = pma_now_ns();
        pthread_mutex_lock(&transfers->lock);
        begin_waiting(transfers);
        const uint64_t shut_at_ns = transfers->shut_at_ns;
        end_cancelled(transfers, last || (shut_at_ns != 0 && now_ns >= shut_at_ns));
        pthread_mutex_unlock(&transfers->lock);
        curl_multi_perform(transfers->multi, &running);
        end_complete(transfers);
        const int wait_ms =
            shut_at_ns > now_ns ? (int)((shut_at_ns - now_ns) / PMA_MS_NS) + 1 : POLL_MS;
        if (!last) {
            curl_multi_poll(transfers->multi, NULL, 0,
                            wait_ms < POLL_MS ? wait_ms : POLL_MS, NULL);
        }
    }
}

static int make_locks(struct pma_transfers *transfers)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return -ENOMEM;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&transfers->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&transfers->lock, NULL);
    return 0;
}

int pma_transfers_start(const struct pma_transfers_config *config,
                        struct pma_transfers **transfers)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_transfers *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || make_locks(fresh) != 0) {
        free(fresh);
        return -ENOMEM;
    }
    int err = -ENOMEM;
    fresh->config = *config;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        goto fail_global;
    }
    fresh->multi = curl_multi_init();
    if (fresh->multi == NULL) {
        goto fail_multi;
    }
    curl_multi_setopt(fresh->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_IDLE);
    const struct pma_worker_spec spec = {
        .name = "ai-transfers", .subsystem = "ai", .run = run_transfers, .arg = fresh};
    err = pma_worker_start(&spec, &fresh->worker);
    if (err != 0) {
        goto fail_worker;
    }
    *transfers = fresh;
    return 0;

fail_worker:
    curl_multi_cleanup(fresh->multi);
fail_multi:
    curl_global_cleanup();
fail_global:
    pthread_cond_destroy(&fresh->ended);
    pthread_mutex_destroy(&fresh->lock);
    free(fresh);
    return err;
}

static int add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer == NULL) {
        return -ENOMEM;
    }
    transfer->headers = longer;
    return 0;
}

static int prepare(const struct pma_transfers *transfers,
                   const struct pma_transfer_call *call, struct transfer *transfer)
{
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL || add_header(transfer, "Accept: application/json") != 0 ||
        (call->body != NULL &&
         add_header(transfer, "Content-Type: application/json") != 0)) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < PMA_TRANSFER_HEADERS_MAX; i++) {
        if (call->headers[i] != NULL && add_header(transfer, call->headers[i]) != 0) {
            return -ENOMEM;
        }
    }
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name lookup that hangs may not hold up the end of a transfer. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(transfers->config.connect_timeout_ns / PMA_MS_NS));
    if (call->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)strlen(call->body));
    }
    return 0;
}

/* Hands it to the thread. Returns: 0; -EBUSY; -ECANCELED. */
static int hand_over(struct pma_transfers *transfers, struct transfer *transfer)
{
    int err = 0;
    pthread_mutex_lock(&transfers->lock);
    if (transfers->shut_at_ns != 0) {
        err = -ECANCELED;
    } else if (transfers->info.running >= transfers->config.max_transfers) {
        transfers->info.refused++;
        err = -EBUSY;
    } else {
        transfer->next = transfers->waiting;
        transfers->waiting = transfer;
        transfers->info.begun++;
        transfers->info.running++;
        if (transfers->info.running > transfers->info.running_max) {
            transfers->info.running_max = transfers->info.running;
        }
    }
    pthread_mutex_unlock(&transfers->lock);
    if (err == 0) {
        curl_multi_wakeup(transfers->multi);
    }
    return err;
}

/* Waits until the thread has given the transfer back (I2). Returns: whether the time of
 * the scope was over. */
static bool await(struct pma_transfers *transfers, struct transfer *transfer,
                  const struct pma_ai_scope *scope)
{
    bool late = false;
    pthread_mutex_lock(&transfers->lock);
    while (!transfer->done) {
        const uint64_t now_ns = pma_now_ns();
        const uint64_t left_ns =
            scope->deadline_ns > now_ns ? scope->deadline_ns - now_ns : 0;
        const struct timespec until =
            pma_monotonic_after(left_ns < LOOK_NS && left_ns > 0 ? left_ns : LOOK_NS);
        pthread_cond_timedwait(&transfers->ended, &transfers->lock, &until);
        if (transfer->done || transfer->cancel) {
            continue;
        }
        pthread_mutex_unlock(&transfers->lock);
        const bool over = pma_ai_scope_is_over(scope, pma_now_ns());
        pthread_mutex_lock(&transfers->lock);
        if (over) {
            late = pma_now_ns() >= scope->deadline_ns;
            transfer->cancel = true;
            curl_multi_wakeup(transfers->multi);
        }
    }
    transfers->info.running--;
    transfers->info.received_bytes += transfer->body_bytes;
    pthread_mutex_unlock(&transfers->lock);
    return late;
}

static int describe(const struct transfer *transfer, bool late,
                    struct pma_ai_error *error)
{
    const CURLcode code = transfer->code;
    if (transfer->too_large) {
        return pma_ai_fail(error, PMA_AI_ERROR_TOO_LARGE,
                           "The answer has more than the %zu bytes that are allowed "
                           "(ai.max_response_bytes)",
                           transfer->body_bytes_max);
    }
    if (transfer->no_memory || code == CURLE_OUT_OF_MEMORY) {
        return pma_ai_fail(error, PMA_AI_ERROR_INTERNAL, "Out of memory");
    }
    if (late) {
        return pma_ai_fail(error, PMA_AI_ERROR_NETWORK, "No answer in time");
    }
    if (transfer->cancel) {
        return pma_ai_fail(error, PMA_AI_ERROR_CANCELLED,
                           "The request was given up before its answer came");
    }
    return pma_ai_fail(error, PMA_AI_ERROR_NETWORK, "%s",
                       transfer->why[0] != '\0' ? transfer->why
                                                : curl_easy_strerror(code));
}

static int conclude(struct pma_transfers *transfers, struct transfer *transfer, bool late,
                    struct pma_transfer_reply *reply, struct pma_ai_error *error)
{
    int err = 0;
    if (transfer->code != CURLE_OK) {
        err = describe(transfer, late, error);
    } else {
        long status = 0;
        curl_off_t retry_after_s = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        *reply = (struct pma_transfer_reply){
            .status = (unsigned)status,
            .body = transfer->body,
            .body_bytes = transfer->body_bytes,
            .retry_after_ns = (uint64_t)retry_after_s * PMA_S_NS,
        };
        transfer->body = NULL;
    }
    pthread_mutex_lock(&transfers->lock);
    transfers->info.succeeded += err == 0;
    transfers->info.cancelled += err == -ECANCELED;
    transfers->info.failed += err != 0 && err != -ECANCELED;
    pthread_mutex_unlock(&transfers->lock);
    return err;
}

int pma_transfers_run(struct pma_transfers *transfers,
                      const struct pma_transfer_call *call,
                      struct pma_transfer_reply *reply, struct pma_ai_error *error)
{
    SEEP_SUBSYSTEM("ai");
    struct transfer transfer = {.body_bytes_max = transfers->config.max_response_bytes};
    int err = prepare(transfers, call, &transfer);
    if (err != 0) {
        err = pma_ai_fail(error, PMA_AI_ERROR_INTERNAL, "Out of memory");
        goto done;
    }
    err = hand_over(transfers, &transfer);
    if (err == -EBUSY) {
        err = pma_ai_fail(error, PMA_AI_ERROR_RATE_LIMIT,
                          "%u requests to providers are running already "
                          "(ai.max_transfers); try again",
                          transfers->config.max_transfers);
        goto done;
    }
    if (err != 0) {
        err = pma_ai_fail(error, PMA_AI_ERROR_CANCELLED, "The server is stopping");
        goto done;
    }
    const bool late = await(transfers, &transfer, call->scope);
    err = conclude(transfers, &transfer, late, reply, error);
done:
    curl_easy_cleanup(transfer.easy);
    curl_slist_free_all(transfer.headers);
    free(transfer.body);
    return err;
}

void pma_transfers_shut(struct pma_transfers *transfers, uint64_t grace_ns)
{
    pthread_mutex_lock(&transfers->lock);
    if (transfers->shut_at_ns == 0) {
        transfers->shut_at_ns = pma_now_ns() + grace_ns;
    }
    pthread_mutex_unlock(&transfers->lock);
    curl_multi_wakeup(transfers->multi);
}

int pma_transfers_stop(struct pma_transfers *transfers, uint64_t timeout_ns)
{
    if (transfers == NULL) {
        return 0;
    }
    pma_transfers_shut(transfers, 0);
    pma_worker_cancel(transfers->worker);
    curl_multi_wakeup(transfers->multi);
    const int err = pma_worker_stop(transfers->worker, timeout_ns);
    if (err != 0) {
        return err;
    }
    curl_multi_cleanup(transfers->multi);
    curl_global_cleanup();
    pthread_cond_destroy(&transfers->ended);
    pthread_mutex_destroy(&transfers->lock);
    free(transfers);
    return 0;
}

void pma_transfers_info_read(struct pma_transfers *transfers,
                             struct pma_transfers_info *info)
{
    pthread_mutex_lock(&transfers->lock);
    *info = transfers->info;
    pthread_mutex_unlock(&transfers->lock);
}
