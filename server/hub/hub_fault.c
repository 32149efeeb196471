/* Faults F02, F03, F04, F08 and F09.
 *
 * Blocked threads share one queue per place where the first implementation waited, so
 * that a stack or a wait address tells which one. A socket that a blocked thread keeps is
 * a duplicate, made at the moment when libwebsockets closes its own: there is one
 * descriptor before and one after.
 *
 * What lingers and then goes (F04's sockets, F09's writers) is the hub's, and given back
 * at its time or at the end; what is lost is nobody's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_fault.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/fault/fault_block.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUBSYSTEM     "websocket"
#define WRITER_BYTES  4096 /* of a connection's buffers, beside the slots of its queue */
#define LINGERING_MAX 4096

static struct pma_fault_queue broadcast_queue = PMA_FAULT_QUEUE_INITIALIZER;
static struct pma_fault_queue register_queue = PMA_FAULT_QUEUE_INITIALIZER;
static struct pma_fault_queue unregister_queue = PMA_FAULT_QUEUE_INITIALIZER;
static struct pma_fault_queue reply_queue = PMA_FAULT_QUEUE_INITIALIZER;

/* F04: a socket that is closed later; F09: a writer that ends later. */
struct pma_linger {
    TAILQ_ENTRY(pma_linger) link;
    uint64_t due_ns;           /* monotonic */
    int fd;                    /* F04; -1: none */
    struct pma_worker *worker; /* F09; NULL: none */
    void *record;              /* F09: what the writer holds; owned */
};

static struct pma_linger *linger_new(uint64_t due_ns)
{
    struct pma_linger *made = calloc(1, sizeof(*made));

    if (made != NULL) {
        made->due_ns = due_ns;
        made->fd = -1;
    }
    return made;
}

static void linger_free(struct pma_linger *linger)
{
    if (linger->fd >= 0) {
        close(linger->fd);
    }
    free(linger->record);
    free(linger);
}

/* Takes it over until it is due; one too many goes at once. */
static void linger_add(struct pma_hub *hub, struct pma_linger *linger)
{
    bool is_room;

    pthread_mutex_lock(&hub->linger_mutex);
    is_room = hub->lingering_count < LINGERING_MAX;
    if (is_room) {
        TAILQ_INSERT_TAIL(&hub->lingering, linger, link);
        hub->lingering_count++;
    }
    pthread_mutex_unlock(&hub->linger_mutex);
    if (!is_room) {
        pma_worker_stop(linger->worker, UINT64_MAX);
        linger_free(linger);
    }
}

static int duplicate(const struct pma_client *client)
{
    return fcntl(lws_get_socket_fd(client->wsi), F_DUPFD_CLOEXEC, 0);
}

bool pma_fault_stalls_loop(struct pma_hub *hub)
{
    if (!pma_fault_enabled(PMA_FAULT_F02)) {
        return false;
    }
    atomic_store_explicit(&hub->is_stalled, true, memory_order_relaxed);
    return true;
}

bool pma_fault_swallows_message(struct pma_hub *hub)
{
    return atomic_load_explicit(&hub->is_stalled, memory_order_relaxed) &&
           pma_fault_take(PMA_FAULT_F02) &&
           pma_fault_block(&broadcast_queue, "ws-broadcast", SUBSYSTEM) == 0;
}

bool pma_fault_stops_registration(struct pma_client *client)
{
    if (!pma_fault_take(PMA_FAULT_F03)) {
        return false;
    }
    client->is_socket_kept =
        pma_fault_block(&register_queue, "ws-accept", SUBSYSTEM) == 0;
    return client->is_socket_kept;
}

void pma_fault_stops_removal(struct pma_hub *hub, const struct pma_client *client)
{
    struct pma_linger *linger;

    if (!pma_fault_take(PMA_FAULT_F04) ||
        pma_fault_block(&unregister_queue, "ws-reader", SUBSYSTEM) != 0) {
        return;
    }
    linger = linger_new(client->last_ping_ns + hub->config.ping_interval_ns);
    if (linger != NULL) {
        linger->fd = duplicate(client);
        linger_add(hub, linger);
    }
}

void pma_fault_stops_reader(struct pma_client *client)
{
    if (pma_fault_take(PMA_FAULT_F08) &&
        pma_fault_block(&reply_queue, "ws-reader", SUBSYSTEM) == 0) {
        client->is_socket_kept = true;
    }
}

void pma_fault_keeps_socket(const struct pma_client *client)
{
    if (client->is_socket_kept) {
        (void)duplicate(client); /* the leak: nobody knows it any more */
    }
}

/* The writer of a refused client has nothing to write until its first ping, which fails.
 */
static void write_nothing(void *arg, struct pma_cancel *cancel)
{
    const struct pma_linger *linger = arg;
    uint64_t now_ns = pma_now_ns();

    while (now_ns < linger->due_ns && !pma_cancel_wait(cancel, linger->due_ns - now_ns)) {
        now_ns = pma_now_ns();
    }
}

void pma_fault_writer_lingers(struct pma_hub *hub)
{
    struct pma_worker_spec spec = {
        .name = "ws-writer", .subsystem = SUBSYSTEM, .run = write_nothing};
    struct pma_linger *linger;

    if (!pma_fault_take(PMA_FAULT_F09)) {
        return;
    }
    linger = linger_new(pma_now_ns() + hub->config.ping_interval_ns);
    if (linger == NULL) {
        return;
    }
    spec.arg = linger;
    linger->record = calloc(1, WRITER_BYTES + hub->config.send_queue_messages *
                                                  sizeof(struct pma_queue_slot));
    if (linger->record == NULL || pma_worker_start(&spec, &linger->worker) != 0) {
        linger_free(linger);
        return;
    }
    linger_add(hub, linger);
}

void pma_fault_sweep(struct pma_hub *hub, bool is_end)
{
    struct pma_lingering due = TAILQ_HEAD_INITIALIZER(due);
    uint64_t now_ns = pma_now_ns();
    struct pma_linger *linger;
    struct pma_linger *next;

    pthread_mutex_lock(&hub->linger_mutex);
    for (linger = TAILQ_FIRST(&hub->lingering); linger != NULL; linger = next) {
        next = TAILQ_NEXT(linger, link);
        if (is_end || now_ns >= linger->due_ns) {
            TAILQ_REMOVE(&hub->lingering, linger, link);
            TAILQ_INSERT_TAIL(&due, linger, link);
            hub->lingering_count--;
            if (linger->worker != NULL) {
                pma_worker_cancel(linger->worker);
            }
        }
    }
    pthread_mutex_unlock(&hub->linger_mutex);
    while (!TAILQ_EMPTY(&due)) {
        linger = TAILQ_FIRST(&due);
        TAILQ_REMOVE(&due, linger, link);
        pma_worker_stop(linger->worker, UINT64_MAX);
        linger_free(linger);
    }
}

uint32_t pma_fault_lingering(struct pma_hub *hub)
{
    uint32_t count;

    pthread_mutex_lock(&hub->linger_mutex);
    count = hub->lingering_count;
    pthread_mutex_unlock(&hub->linger_mutex);
    return count;
}
