/* The loop of the service thread.
 *
 * The first implementation of this backend sent its heartbeat by posting to the queue
 * that only the poster itself emptied, and stood still for ever after 30 seconds. Here
 * the service thread never posts to its own inbox: heartbeats, pings and clean-ups happen
 * in the loop itself, between two rounds of libwebsockets.
 *
 * A round takes no more messages than half of a client's queue holds, and writes what the
 * sockets take: whoever reads is not called slow because many messages came at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_service.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/hub/hub_core.h"
#include "server/hub/hub_fault.h"
#include "server/hub/hub_loop.h"
#include "server/hub/hub_socket.h"
#include "server/log/log.h"

#include <stddef.h>
#include <string.h>

#define ADOPTS_MAX       32 /* per round: a burst of connects delays nobody's messages */
#define LINGER_NS        (250 * PMA_MS_NS) /* for the peers' answers to our close frames */
#define STOP_LOOK_NS     (20 * PMA_MS_NS)
#define PING_LOOKS       8 /* per ping interval: pings are late by at most that part */
#define PING_LOOK_MIN_NS (10 * PMA_MS_NS)
#define PING_LOOK_MAX_NS PMA_S_NS
#define CLOSE_GOING_AWAY 1001
/* The service thread's own clockwork; times are monotonic. */
struct schedule {
    uint64_t ping_look_ns; /* interval; 0: none */
    uint64_t next_cleanup_ns, next_heartbeat_ns,
        next_ping_look_ns; /* UINT64_MAX: never */
};

static uint64_t stop_deadline(struct pma_hub *hub)
{
    return atomic_load_explicit(&hub->stop_deadline_ns, memory_order_acquire);
}

static uint64_t after(uint64_t now_ns, uint64_t interval_ns)
{
    return interval_ns == 0 ? UINT64_MAX : now_ns + interval_ns;
}

static void schedule_start(struct pma_hub *hub, struct schedule *schedule,
                           uint64_t now_ns)
{
    const struct pma_hub_config *config = &hub->config;
    uint64_t ping_look_ns = 0;

    if (config->ping_interval_ns != 0) {
        uint64_t shortest_ns = config->ping_interval_ns;

        if (config->pong_timeout_ns != 0 && config->pong_timeout_ns < shortest_ns) {
            shortest_ns = config->pong_timeout_ns;
        }
        ping_look_ns = shortest_ns / PING_LOOKS;
        ping_look_ns = ping_look_ns < PING_LOOK_MIN_NS ? PING_LOOK_MIN_NS : ping_look_ns;
        ping_look_ns = ping_look_ns > PING_LOOK_MAX_NS ? PING_LOOK_MAX_NS : ping_look_ns;
    }
    *schedule = (struct schedule){
        .ping_look_ns = ping_look_ns,
        .next_cleanup_ns = after(now_ns, config->cleanup_interval_ns),
        .next_heartbeat_ns = after(now_ns, config->heartbeat_interval_ns),
        .next_ping_look_ns = after(now_ns, ping_look_ns),
    };
}

/* When something is due next; UINT64_MAX for never. */
static uint64_t next_due(const struct schedule *schedule)
{
    uint64_t next_ns = schedule->next_cleanup_ns;

    next_ns =
        schedule->next_heartbeat_ns < next_ns ? schedule->next_heartbeat_ns : next_ns;
    return schedule->next_ping_look_ns < next_ns ? schedule->next_ping_look_ns : next_ns;
}

/* One round: events until `until_ns` at most, then libwebsockets' new time-outs. */
static void serve(struct pma_hub *hub, uint64_t until_ns)
{
    pma_socket_age_validity(hub, pma_now_ns());
    if (hub->is_timer_set) {
        hub->is_timer_set = false;
        lws_cancel_service(hub->context);
    }
    pma_loop_wait(hub->loop, until_ns);
}

static void send_heartbeat(struct pma_hub *hub, uint64_t now_ns)
{
    char server_time[PMA_TIMESTAMP_BYTES];
    char uptime[32];
    struct pma_message *message = NULL;
    json_t *data;

    pma_timestamp_now(server_time);
    pma_duration_text((now_ns - hub->started_ns) / PMA_S_NS * PMA_S_NS, uptime,
                      sizeof(uptime));
    data = json_pack("{s:s, s:I, s:s}", "server_time", server_time, "connected_clients",
                     (json_int_t)hub->clients.count, "uptime", uptime);
    if (data != NULL && pma_message_new("heartbeat", data, NULL, &message) == 0) {
        pthread_mutex_lock(&hub->mutex);
        pma_hub_fan_out(hub, NULL, message);
        pthread_mutex_unlock(&hub->mutex);
    } else {
        pma_log(PMA_LOG_ERROR, "WebSocket heartbeat lost: no memory");
    }
    json_decref(data);
    pma_message_release(message);
}

/* Whether fault F02 has stopped the loop's own work. */
static bool is_stalled(struct pma_hub *hub)
{
    return atomic_load_explicit(&hub->is_stalled, memory_order_relaxed) &&
           pma_fault_enabled(PMA_FAULT_F02);
}

static void run_due(struct pma_hub *hub, struct schedule *schedule)
{
    uint64_t now_ns = pma_now_ns();
    bool is_sweep_wanted =
        atomic_exchange_explicit(&hub->is_sweep_wanted, false, memory_order_acq_rel);

    if (now_ns >= schedule->next_heartbeat_ns) {
        schedule->next_heartbeat_ns = after(now_ns, hub->config.heartbeat_interval_ns);
        if (!pma_fault_stalls_loop(hub)) {
            send_heartbeat(hub, now_ns);
        }
    }
    pma_fault_sweep(hub, false);
    pthread_mutex_lock(&hub->mutex);
    if (now_ns >= schedule->next_ping_look_ns) {
        schedule->next_ping_look_ns = after(now_ns, schedule->ping_look_ns);
        pma_hub_check_pings(hub, now_ns);
    }
    if (is_sweep_wanted || now_ns >= schedule->next_cleanup_ns) {
        schedule->next_cleanup_ns = after(now_ns, hub->config.cleanup_interval_ns);
        if (!is_stalled(hub)) {
            pma_hub_clean_up(hub, now_ns);
        }
    }
    pthread_mutex_unlock(&hub->mutex);
}

static void disconnect(struct pma_hub *hub, const struct pma_task *task)
{
    const char *reason = task->reason != NULL ? task->reason : "disconnected by request";
    struct pma_client *client;

    pthread_mutex_lock(&hub->mutex);
    client = (struct pma_client *)pma_index_find(&hub->clients, task->text,
                                                 strlen(task->text));
    if (client != NULL) {
        pma_client_close(hub, client, PMA_LEAVE_ASKED, LWS_CLOSE_STATUS_NORMAL, reason);
    }
    pthread_mutex_unlock(&hub->mutex);
}

static void ping(struct pma_hub *hub, const struct pma_task *task)
{
    struct pma_client *client;

    pthread_mutex_lock(&hub->mutex);
    client = (struct pma_client *)pma_index_find(&hub->clients, task->text,
                                                 strlen(task->text));
    if (client != NULL) {
        pma_client_ping(client, pma_now_ns());
    }
    pthread_mutex_unlock(&hub->mutex);
}

static void send_out(struct pma_hub *hub, const struct pma_task *task)
{
    pthread_mutex_lock(&hub->mutex);
    if (task->kind == PMA_TASK_SEND_TO) {
        pma_hub_send_to(hub, task->text, task->message);
    } else {
        pma_hub_fan_out(hub, task->text, task->message);
    }
    pthread_mutex_unlock(&hub->mutex);
}

static void carry_out(struct pma_hub *hub, struct pma_task *task)
{
    switch (task->kind) {
    case PMA_TASK_ADOPT:
        pma_socket_adopt(hub, task->fd, task->address);
        task->fd = -1;
        break;
    case PMA_TASK_DISCONNECT:
        disconnect(hub, task);
        break;
    case PMA_TASK_PING:
        ping(hub, task);
        break;
    case PMA_TASK_SEND:
    case PMA_TASK_SEND_TO:
        send_out(hub, task);
        break;
    default:
        break;
    }
}

/* Returns: whether something is left for the next round. */
static bool take_inbox(struct pma_hub *hub)
{
    uint32_t sends_max = (hub->config.send_queue_messages + 1) / 2;
    bool is_more;
    struct pma_task *task = pma_inbox_take(&hub->inbox, ADOPTS_MAX, sends_max, &is_more);

    while (task != NULL) {
        struct pma_task *next = task->next;

        carry_out(hub, task);
        pma_task_free(task);
        task = next;
    }
    return is_more;
}

/* Asks every client to go. */
static void close_all(struct pma_hub *hub)
{
    struct pma_client *client;

    pthread_mutex_lock(&hub->mutex);
    TAILQ_FOREACH(client, &hub->connections, link)
    {
        pma_client_close(hub, client, PMA_LEAVE_SHUTDOWN, CLOSE_GOING_AWAY,
                         "server is stopping");
    }
    pthread_mutex_unlock(&hub->mutex);
}

/* How many connections still have a close frame to send. */
static uint32_t frames_left(const struct pma_hub *hub)
{
    const struct pma_client *client;
    uint32_t left = 0;

    TAILQ_FOREACH(client, &hub->connections, link)
    {
        left += client->close_code != 0 && !client->is_close_frame_out ? 1 : 0;
    }
    return left;
}

/* Closes all clients politely until the deadline, and ends what is left. */
static void say_goodbye(struct pma_hub *hub)
{
    uint64_t deadline_ns = stop_deadline(hub);
    uint64_t linger_until_ns = 0;

    close_all(hub);
    while (!TAILQ_EMPTY(&hub->connections)) {
        uint64_t now_ns = pma_now_ns();

        if (linger_until_ns == 0 && frames_left(hub) == 0) {
            linger_until_ns = now_ns + LINGER_NS;
        }
        if (now_ns >= deadline_ns ||
            (linger_until_ns != 0 && now_ns >= linger_until_ns)) {
            break;
        }
        serve(hub, now_ns + STOP_LOOK_NS);
    }
    atomic_store_explicit(&hub->cut_off, frames_left(hub), memory_order_relaxed);
    while (!TAILQ_EMPTY(&hub->connections)) {
        pma_socket_kill(TAILQ_FIRST(&hub->connections));
    }
}

void pma_service_run(void *arg, struct pma_cancel *cancel)
{
    SEEP_SUBSYSTEM("websocket");
    struct pma_hub *hub = arg;
    struct schedule schedule;
    bool is_more = false;

    schedule_start(hub, &schedule, pma_now_ns());
    while (stop_deadline(hub) == 0 && !pma_cancel_requested(cancel)) {
        serve(hub, is_more ? 0 : next_due(&schedule));
        is_more = take_inbox(hub);
        run_due(hub, &schedule);
    }
    while (take_inbox(hub) && pma_now_ns() < stop_deadline(hub)) {
        serve(hub, 0);
    }
    say_goodbye(hub);
}
