/* Life of the hub, and the door for all other threads: they append to a bounded inbox and
 * wake the service thread, or read under LOCK. None of them ever waits for a socket or
 * for the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/hub/hub_core.h"
#include "server/hub/hub_fault.h"
#include "server/hub/hub_service.h"
#include "server/hub/hub_socket.h"
#include "server/hub/hub_stats.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM            "websocket"
#define ORDERS_BESIDE_ADOPTS 256
#define JOIN_SLACK_NS        (200 * PMA_MS_NS)

static void wake(struct pma_hub *hub)
{
    lws_cancel_service(hub->context);
}

static bool is_config_valid(const struct pma_hub_config *config)
{
    return config->max_clients >= 1 && config->send_queue_messages >= 1 &&
           config->max_queue_messages >= 1 && config->max_message_bytes >= 1;
}

/* What LOCK guards. Returns: 0; -ENOMEM. */
static int init_tables(struct pma_hub *hub)
{
    const struct pma_hub_config *config = &hub->config;

    TAILQ_INIT(&hub->connections);
    TAILQ_INIT(&hub->unfiltered);
    if (pma_index_init(&hub->clients) != 0) {
        goto fail_clients;
    }
    if (pma_index_init(&hub->subscribers) != 0) {
        goto fail_subscribers;
    }
    if (pma_topics_init(&hub->topics) != 0) {
        goto fail_topics;
    }
    if (pma_away_init(&hub->away, config->max_queue_messages, config->send_queue_messages,
                      config->max_clients) != 0) {
        goto fail_away;
    }
    return 0;

fail_away:
    pma_topics_fini(&hub->topics);
fail_topics:
    pma_index_fini(&hub->subscribers);
fail_subscribers:
    pma_index_fini(&hub->clients);
fail_clients:
    return -ENOMEM;
}

static void fini_tables(struct pma_hub *hub)
{
    pma_away_fini(&hub->away);
    pma_topics_fini(&hub->topics);
    pma_index_fini(&hub->subscribers);
    pma_index_fini(&hub->clients);
}

int pma_hub_new(const struct pma_hub_config *config, struct pma_hub **hub)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_hub *made;
    int status;

    if (!is_config_valid(config)) {
        return -EINVAL;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    made->config = *config;
    made->started_ns = pma_now_ns();
    TAILQ_INIT(&made->lingering);
    status = init_tables(made);
    if (status != 0) {
        goto fail_tables;
    }
    status = pma_inbox_init(&made->inbox, config->max_queue_messages,
                            config->max_clients + ORDERS_BESIDE_ADOPTS);
    if (status != 0) {
        goto fail_inbox;
    }
    status = -pthread_mutex_init(&made->mutex, NULL);
    if (status != 0) {
        goto fail_mutex;
    }
    status = -pthread_mutex_init(&made->linger_mutex, NULL);
    if (status != 0) {
        goto fail_linger;
    }
    status = pma_socket_open(made);
    if (status != 0) {
        goto fail_socket;
    }
    *hub = made;
    return 0;

fail_socket:
    pthread_mutex_destroy(&made->linger_mutex);
fail_linger:
    pthread_mutex_destroy(&made->mutex);
fail_mutex:
    pma_inbox_fini(&made->inbox);
fail_inbox:
    fini_tables(made);
fail_tables:
    free(made);
    return status;
}

int pma_hub_start(struct pma_hub *hub)
{
    const struct pma_worker_spec spec = {
        .name = "ws-hub", .subsystem = SUBSYSTEM, .run = pma_service_run, .arg = hub};

    if (hub->worker != NULL) {
        return -EALREADY;
    }
    return pma_worker_start(&spec, &hub->worker);
}

int pma_hub_stop(struct pma_hub *hub, uint64_t deadline_ns)
{
    uint64_t now_ns = pma_now_ns();
    int status;

    if (hub->worker == NULL) {
        return 0;
    }
    pma_inbox_close(&hub->inbox);
    atomic_store_explicit(&hub->stop_deadline_ns, deadline_ns > 0 ? deadline_ns : 1,
                          memory_order_release);
    wake(hub);
    status = pma_worker_stop(
        hub->worker, (deadline_ns > now_ns ? deadline_ns - now_ns : 0) + JOIN_SLACK_NS);
    if (status != 0) {
        return status;
    }
    hub->worker = NULL;
    pma_fault_sweep(hub, true);
    return atomic_load_explicit(&hub->cut_off, memory_order_relaxed) > 0 ? -ETIMEDOUT : 0;
}

void pma_hub_free(struct pma_hub *hub)
{
    if (hub == NULL || hub->worker != NULL) {
        return;
    }
    pma_fault_sweep(hub, true);
    pma_socket_close(hub);
    pthread_mutex_destroy(&hub->linger_mutex);
    pthread_mutex_destroy(&hub->mutex);
    pma_inbox_fini(&hub->inbox);
    fini_tables(hub);
    free(hub);
}

/* Takes one place under max_clients. */
static bool admit(struct pma_hub *hub)
{
    uint32_t admitted = atomic_load_explicit(&hub->admitted, memory_order_relaxed);

    do {
        if (admitted >= hub->config.max_clients) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&hub->admitted, &admitted,
                                                    admitted + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

int pma_hub_adopt(struct pma_hub *hub, int fd, const struct sockaddr *peer,
                  socklen_t peer_len)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_task *task;
    int status;

    if (!admit(hub)) {
        return -EBUSY;
    }
    task = calloc(1, sizeof(*task));
    if (task == NULL) {
        status = -ENOMEM;
        goto fail_task;
    }
    task->kind = PMA_TASK_ADOPT;
    task->fd = fd;
    if (getnameinfo(peer, peer_len, task->address, sizeof(task->address), NULL, 0,
                    NI_NUMERICHOST) != 0) {
        strcpy(task->address, "unknown");
    }
    status = pma_inbox_put(&hub->inbox, task);
    if (status != 0) {
        goto fail_put;
    }
    wake(hub);
    return 0;

fail_put:
    task->fd = -1;
    pma_task_free(task);
fail_task:
    atomic_fetch_sub_explicit(&hub->admitted, 1, memory_order_relaxed);
    return status;
}

bool pma_hub_is_full(struct pma_hub *hub)
{
    return atomic_load_explicit(&hub->admitted, memory_order_relaxed) >=
           hub->config.max_clients;
}

void pma_hub_note_rejected(struct pma_hub *hub)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);

    atomic_fetch_add_explicit(&hub->rejected, 1, memory_order_relaxed);
    pma_fault_writer_lingers(hub);
}

static void count_set(struct pma_topic_set *set, void *context)
{
    uint32_t *count = context;

    (void)set;
    (*count)++;
}

/* How many clients a message on the packed `topics` (NULL: for all) would reach now. */
static uint32_t reach(struct pma_hub *hub, const char *topics)
{
    uint32_t count = 0;

    pthread_mutex_lock(&hub->mutex);
    if (topics != NULL) {
        pma_topics_match(&hub->topics, topics, count_set, &count);
        count += hub->unfiltered_count;
    } else {
        count = (uint32_t)hub->clients.count;
    }
    pthread_mutex_unlock(&hub->mutex);
    return count;
}

/* Makes a task with a message to send. text: taken, also on error. Returns: 0; -EINVAL
 * without a type or with text that is no UTF-8; -ENOMEM. */
static int send_task_new(enum pma_task_kind kind, char *text, const char *type,
                         const json_t *data, struct pma_task **task)
{
    struct pma_task *made;
    int status = -EINVAL;

    if (type == NULL || type[0] == '\0') {
        goto fail_type;
    }
    status = -ENOMEM;
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        goto fail_type;
    }
    made->kind = kind;
    status = pma_message_new(type, data, NULL, &made->message);
    if (status != 0) {
        goto fail_message;
    }
    made->message->is_durable = true;
    made->text = text;
    *task = made;
    return 0;

fail_message:
    pma_task_free(made);
fail_type:
    free(text);
    return status;
}

/* Hands a task to the service thread. Returns: as pma_inbox_put; the task is gone. */
static int post(struct pma_hub *hub, struct pma_task *task)
{
    int status = pma_inbox_put(&hub->inbox, task);

    if (status != 0) {
        pma_task_free(task);
        return status;
    }
    wake(hub);
    return 0;
}

/* topics: packed, taken; NULL for all clients. */
static int post_message(struct pma_hub *hub, char *topics, const char *type,
                        const json_t *data, uint32_t *clients)
{
    struct pma_task *task;
    uint32_t reached;
    int status = send_task_new(PMA_TASK_SEND, topics, type, data, &task);

    if (status != 0) {
        return status;
    }
    reached = reach(hub, topics);
    if (pma_fault_swallows_message(hub)) {
        pma_task_free(task);
    } else {
        status = post(hub, task);
    }
    if (status == 0 && clients != NULL) {
        *clients = reached;
    }
    if (status == 0 && hub->observer.observe != NULL) {
        hub->observer.observe(hub->observer.arg, type, data);
    }
    return status;
}

void pma_hub_set_observer(struct pma_hub *hub, const struct pma_hub_observer *observer)
{
    hub->observer = *observer;
}

int pma_hub_broadcast(struct pma_hub *hub, const char *type, const json_t *data,
                      uint32_t *clients)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    const int status = post_message(hub, NULL, type, data, clients);

    if (status == 0 && hub->relay != NULL) {
        hub->relay(hub->relay_arg, NULL, 0, type, data);
    }
    return status;
}

int pma_hub_emit(struct pma_hub *hub, const char *const *topics, size_t topics_count,
                 const char *type, const json_t *data, uint32_t *clients)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char *packed = pma_topic_pack(topics, topics_count);
    const int status =
        packed != NULL ? post_message(hub, packed, type, data, clients) : -ENOMEM;

    if (status == 0 && hub->relay != NULL) {
        hub->relay(hub->relay_arg, topics, topics_count, type, data);
    }
    return status;
}

int pma_hub_deliver(struct pma_hub *hub, const char *const *topics, size_t topics_count,
                    const char *type, const json_t *data)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char *packed = topics != NULL ? pma_topic_pack(topics, topics_count) : NULL;

    if (topics != NULL && packed == NULL) {
        return -ENOMEM;
    }
    return post_message(hub, packed, type, data, NULL);
}

void pma_hub_set_relay(struct pma_hub *hub,
                       void (*relay)(void *arg, const char *const *topics,
                                     size_t topics_count, const char *type,
                                     const json_t *data),
                       void *arg)
{
    hub->relay = relay;
    hub->relay_arg = arg;
}

int pma_hub_publish(struct pma_hub *hub, const char *topic, const char *type,
                    const json_t *data, uint32_t *clients)
{
    if (topic == NULL || !pma_topic_is_valid(topic) || strchr(topic, '*') != NULL) {
        return -EINVAL;
    }
    return pma_hub_emit(hub, &topic, 1, type, data, clients);
}

/* Whether somebody of that name is connected or, if `or_away`, expected back. */
static bool is_known(struct pma_hub *hub, const char *client_id, bool or_away)
{
    bool known;

    pthread_mutex_lock(&hub->mutex);
    known = pma_index_find(&hub->clients, client_id, strlen(client_id)) != NULL ||
            (or_away && pma_away_find(&hub->away, client_id) != NULL);
    pthread_mutex_unlock(&hub->mutex);
    return known;
}

int pma_hub_send(struct pma_hub *hub, const char *client_id, const char *type,
                 const json_t *data)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_task *task;
    char *id;
    int status;

    if (!is_known(hub, client_id, true)) {
        return -ENOENT;
    }
    id = strdup(client_id);
    status =
        id == NULL ? -ENOMEM : send_task_new(PMA_TASK_SEND_TO, id, type, data, &task);
    return status == 0 ? post(hub, task) : status;
}

json_t *pma_hub_stats_json(struct pma_hub *hub)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    json_t *data;

    pthread_mutex_lock(&hub->mutex);
    data = pma_stats_json(hub);
    pthread_mutex_unlock(&hub->mutex);
    return data;
}

json_t *pma_hub_connections_json(struct pma_hub *hub, size_t limit, size_t offset)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    json_t *data;

    pthread_mutex_lock(&hub->mutex);
    data = pma_stats_connections_json(hub, limit, offset);
    pthread_mutex_unlock(&hub->mutex);
    return data;
}

static struct pma_client *find_client(struct pma_hub *hub, const char *client_id)
{
    return (struct pma_client *)pma_index_find(&hub->clients, client_id,
                                               strlen(client_id));
}

int pma_hub_subscribe(struct pma_hub *hub, const char *client_id,
                      const char *const *topics, size_t topics_count)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_client *client;
    int status = 0;

    for (size_t at = 0; at < topics_count; at++) {
        if (!pma_topic_is_valid(topics[at])) {
            return -EINVAL;
        }
    }
    pthread_mutex_lock(&hub->mutex);
    client = find_client(hub, client_id);
    if (client == NULL) {
        status = -ENOENT;
    }
    for (size_t at = 0; at < topics_count && status == 0; at++) {
        status = pma_client_subscribe(hub, client, topics[at]);
    }
    pthread_mutex_unlock(&hub->mutex);
    return status;
}

int pma_hub_unsubscribe(struct pma_hub *hub, const char *client_id,
                        const char *const *topics, size_t topics_count)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_client *client;

    pthread_mutex_lock(&hub->mutex);
    client = find_client(hub, client_id);
    for (size_t at = 0; at < topics_count && client != NULL; at++) {
        pma_topics_unsubscribe(&hub->topics, &client->subscriber->topics, topics[at]);
    }
    pthread_mutex_unlock(&hub->mutex);
    return client != NULL ? 0 : -ENOENT;
}

int pma_hub_subscriptions_json(struct pma_hub *hub, const char *client_id,
                               json_t **topics)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    const struct pma_client *client;
    json_t *made = NULL;

    pthread_mutex_lock(&hub->mutex);
    client = find_client(hub, client_id);
    if (client != NULL) {
        made = pma_stats_topics_json(&client->subscriber->topics);
    }
    pthread_mutex_unlock(&hub->mutex);
    if (made == NULL) {
        return client == NULL ? -ENOENT : -ENOMEM;
    }
    *topics = made;
    return 0;
}

/* Posts an order about a connected client. Returns: as pma_hub_disconnect. */
static int order(struct pma_hub *hub, enum pma_task_kind kind, const char *client_id,
                 const char *reason)
{
    struct pma_task *task;

    if (!is_known(hub, client_id, false)) {
        return -ENOENT;
    }
    task = calloc(1, sizeof(*task));
    if (task == NULL) {
        return -ENOMEM;
    }
    task->kind = kind;
    task->text = strdup(client_id);
    task->reason = reason != NULL ? strdup(reason) : NULL;
    if (task->text == NULL || (reason != NULL && task->reason == NULL)) {
        pma_task_free(task);
        return -ENOMEM;
    }
    return post(hub, task);
}

int pma_hub_disconnect(struct pma_hub *hub, const char *client_id, const char *reason)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);

    return order(hub, PMA_TASK_DISCONNECT, client_id, reason);
}

int pma_hub_ping(struct pma_hub *hub, const char *client_id)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);

    return order(hub, PMA_TASK_PING, client_id, NULL);
}

void pma_hub_commit_f02(void *arg)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_hub *hub = arg;

    if (pma_fault_stalls_loop(hub)) {
        pma_fault_swallows_message(hub);
    }
}

void pma_hub_commit_f10(void *arg)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_hub *hub = arg;
    struct pma_task *task;
    char *id = strdup("f10-absent");

    if (id != NULL &&
        send_task_new(PMA_TASK_SEND_TO, id, "notification", NULL, &task) == 0) {
        post(hub, task);
    }
}

void pma_hub_sweep(struct pma_hub *hub)
{
    atomic_store_explicit(&hub->is_sweep_wanted, true, memory_order_release);
    wake(hub);
}
