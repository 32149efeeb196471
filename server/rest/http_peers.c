/* libmicrohttpd has one time limit, for silence: a client that sends a byte a minute is
 * never silent, and keeps its connection for ever. So each connection carries the instant
 * at which it began what it does, and a worker cuts off what has passed its limit.
 *
 * Cutting is shutdown(2) and not close(2): the descriptor stays libmicrohttpd's, which
 * sees the end of the stream on its own thread. It tells us of each connection's end
 * before it closes the descriptor, and we shut down under the lock that this call takes:
 * so a descriptor is never another connection's by then.
 *
 * The limit per address is asked for before a connection is handed over, and counted when
 * it is entered: between the two another may come, so an address can be over by the few
 * that the acceptor hands over at one moment. libmicrohttpd's own limit per address has
 * no exception for proxies, through which many clients come.
 *
 * I1: the list holds count entries; per_address holds the sum of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/http_peers.h"

#include "server/base/address_table.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WHAT_BYTES   80
#define REPORTS_MAX  20
#define GUARD_NS_MIN (10 * PMA_MS_NS)
#define GUARD_NS_MAX PMA_S_NS

struct pma_http_peer {
    struct pma_http_peer *next, **link; /* link points to what points here */
    struct pma_address address;         /* the subscriber's */
    uint64_t since_ns;
    int fd;
    enum pma_http_phase phase;
    bool is_counted; /* in per_address */
    bool is_cut;     /* it was shut down: once is enough */
    char what[WHAT_BYTES];
};

struct pma_http_peers {
    struct pma_http_peers_config config;
    struct pma_worker *guard;
    pthread_mutex_t lock; /* PMA_LOCK_HTTP_PEERS: everything below */
    struct pma_http_peer *first;
    struct pma_address_table per_address;
    struct pma_http_peers_stats stats;
};

static void run_guard(void *arg, struct pma_cancel *cancel)
{
    struct pma_http_peers *peers = arg;
    (void)cancel;
    pma_http_peers_expire(peers);
    if (peers->config.tick != NULL) {
        peers->config.tick(peers->config.tick_arg);
    }
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Looks four times within the shortest limit, so that none is passed by more than a
 * quarter of it. */
static int start_guard(struct pma_http_peers *peers)
{
    const struct pma_http_peers_config *config = &peers->config;
    const uint64_t shortest_ns =
        least_of(least_of(config->read_timeout_ns, config->write_timeout_ns),
                 config->head_timeout_ns);
    const uint64_t interval_ns = least_of(shortest_ns / 4, GUARD_NS_MAX);
    const struct pma_worker_spec spec = {
        .name = "http-guard",
        .subsystem = "http",
        .interval_ns = interval_ns > GUARD_NS_MIN ? interval_ns : GUARD_NS_MIN,
        .run = run_guard,
        .arg = peers};
    return config->is_guarded ? pma_worker_start(&spec, &peers->guard) : 0;
}

int pma_http_peers_new(const struct pma_http_peers_config *config,
                       struct pma_http_peers **peers)
{
    if (config->max_connections == 0 || config->max_per_address == 0) {
        return -EINVAL;
    }
    struct pma_http_peers *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    pma_address_table_init(&fresh->per_address, config->max_connections);
    pthread_mutex_init(&fresh->lock, NULL);
    const int err = start_guard(fresh);
    if (err != 0) {
        pma_http_peers_free(fresh);
        return err;
    }
    *peers = fresh;
    return 0;
}

void pma_http_peers_free(struct pma_http_peers *peers)
{
    if (peers == NULL) {
        return;
    }
    pma_worker_stop(peers->guard, UINT64_MAX);
    pthread_mutex_destroy(&peers->lock);
    pma_address_table_fini(&peers->per_address);
    free(peers);
}

static bool subscriber_of(const struct sockaddr *peer, struct pma_address *subscriber)
{
    struct pma_address address;
    if (peer == NULL || pma_address_of_peer(peer, &address) != 0) {
        return false;
    }
    *subscriber = pma_address_subscriber(&address);
    return true;
}

bool pma_http_peers_refuse(struct pma_http_peers *peers, const struct sockaddr *peer)
{
    struct pma_address address;
    if (!subscriber_of(peer, &address)) {
        return false;
    }
    pthread_mutex_lock(&peers->lock);
    const struct pma_address_entry *entry =
        pma_address_table_find(&peers->per_address, &address);
    const bool refused = entry != NULL && entry->level >= peers->config.max_per_address;
    peers->stats.refused_address += refused ? 1 : 0;
    pthread_mutex_unlock(&peers->lock);
    return refused;
}

/* Under the lock. */
static bool count_address(struct pma_http_peers *peers, const struct pma_address *address)
{
    struct pma_address_entry *entry =
        pma_address_table_find(&peers->per_address, address);
    if (entry == NULL) {
        entry = pma_address_table_add(&peers->per_address, address);
    }
    if (entry == NULL) {
        return false;
    }
    entry->level++;
    return true;
}

struct pma_http_peer *pma_http_peers_open(struct pma_http_peers *peers, int fd,
                                          const struct sockaddr *peer)
{
    struct pma_http_peer *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return NULL;
    }
    fresh->fd = fd;
    fresh->since_ns = pma_now_ns();
    fresh->phase = PMA_PHASE_HEAD;
    const bool is_known = subscriber_of(peer, &fresh->address);
    pthread_mutex_lock(&peers->lock);
    fresh->is_counted = is_known && count_address(peers, &fresh->address);
    fresh->next = peers->first;
    fresh->link = &peers->first;
    if (fresh->next != NULL) {
        fresh->next->link = &fresh->next;
    }
    peers->first = fresh;
    peers->stats.connections++;
    pthread_mutex_unlock(&peers->lock);
    return fresh;
}

/* Under the lock. */
static void discount_address(struct pma_http_peers *peers,
                             const struct pma_address *address)
{
    struct pma_address_entry *entry =
        pma_address_table_find(&peers->per_address, address);
    if (entry != NULL && --entry->level == 0) {
        pma_address_table_remove(&peers->per_address,
                                 (uint32_t)(entry - peers->per_address.entries));
    }
}

void pma_http_peers_close(struct pma_http_peers *peers, struct pma_http_peer *peer)
{
    if (peer == NULL) {
        return;
    }
    pthread_mutex_lock(&peers->lock);
    if (peer->is_counted) {
        discount_address(peers, &peer->address);
    }
    *peer->link = peer->next;
    if (peer->next != NULL) {
        peer->next->link = peer->link;
    }
    peers->stats.connections--;
    pthread_mutex_unlock(&peers->lock);
    free(peer);
}

void pma_http_peers_enter(struct pma_http_peers *peers, struct pma_http_peer *peer,
                          enum pma_http_phase phase, const char *method, const char *path)
{
    if (peer == NULL) {
        return;
    }
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&peers->lock);
    peer->phase = phase;
    peer->since_ns = now_ns;
    if (path != NULL) {
        snprintf(peer->what, sizeof peer->what, "%s %s", method, path);
    }
    pthread_mutex_unlock(&peers->lock);
}

/* How long the connection may do what it does; 0: for ever. */
static uint64_t limit_of(const struct pma_http_peers *peers,
                         const struct pma_http_peer *peer)
{
    switch (peer->phase) {
    case PMA_PHASE_HEAD:
        return peers->config.head_timeout_ns;
    case PMA_PHASE_BODY:
        return peers->config.read_timeout_ns;
    case PMA_PHASE_REPLY:
        return peers->config.write_timeout_ns;
    case PMA_PHASE_WORK: /* its thread is the handler's: nobody could act on it */
    case PMA_PHASE_STREAM:
    case PMA_PHASE_NONE:
    default:
        return 0;
    }
}

/* Under the lock. */
static void cut(struct pma_http_peers *peers, struct pma_http_peer *peer, uint64_t ms)
{
    static const char *const messages[] = {
        [PMA_PHASE_HEAD] = "Request cut off: its head takes too long",
        [PMA_PHASE_BODY] = "Request cut off: its body takes too long",
        [PMA_PHASE_REPLY] = "Request cut off: its reply is not taken",
    };
    char client[PMA_ADDRESS_BYTES];
    peer->is_cut = true;
    peers->stats.late_heads += peer->phase == PMA_PHASE_HEAD;
    peers->stats.late_bodies += peer->phase == PMA_PHASE_BODY;
    peers->stats.late_replies += peer->phase == PMA_PHASE_REPLY;
    shutdown(peer->fd, SHUT_RDWR);
    pma_address_format(&peer->address, client);
    pma_log(PMA_LOG_WARN, messages[peer->phase], pma_u64("ms", ms),
            pma_str("client", client));
}

void pma_http_peers_expire(struct pma_http_peers *peers)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&peers->lock);
    for (struct pma_http_peer *at = peers->first; at != NULL; at = at->next) {
        const uint64_t limit_ns = limit_of(peers, at);
        /* since_ns may be later than now_ns: it is written without waiting for us. */
        if (limit_ns > 0 && !at->is_cut && now_ns > at->since_ns &&
            now_ns - at->since_ns > limit_ns) {
            cut(peers, at, (now_ns - at->since_ns) / PMA_MS_NS);
        }
    }
    pthread_mutex_unlock(&peers->lock);
}

size_t pma_http_peers_report(struct pma_http_peers *peers)
{
    const uint64_t now_ns = pma_now_ns();
    size_t count = 0;
    pthread_mutex_lock(&peers->lock);
    for (const struct pma_http_peer *at = peers->first; at != NULL; at = at->next) {
        if (at->phase != PMA_PHASE_WORK) {
            continue;
        }
        if (count++ < REPORTS_MAX) {
            pma_log(PMA_LOG_WARN, "A request is still running",
                    pma_str("request", at->what),
                    pma_u64("ms", (now_ns - at->since_ns) / PMA_MS_NS));
        }
    }
    pthread_mutex_unlock(&peers->lock);
    if (count > REPORTS_MAX) {
        pma_log(PMA_LOG_WARN, "More requests are still running",
                pma_u64("requests", count - REPORTS_MAX));
    }
    return count;
}

void pma_http_peers_stats_read(struct pma_http_peers *peers,
                               struct pma_http_peers_stats *stats)
{
    pthread_mutex_lock(&peers->lock);
    *stats = peers->stats;
    stats->addresses = peers->per_address.count;
    pthread_mutex_unlock(&peers->lock);
}
