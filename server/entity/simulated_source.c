/* The near end: a reader that turns messages into changes of state, and connects again.
 *
 * A reader has its connection for itself: one thread, one descriptor, one owner. When the
 * connection is lost it closes the descriptor, waits, connects again and asks for a
 * synchronisation, because changes were missed meanwhile. F30 is what the original did:
 * the new connection overwrites the old one, a second reader starts, and nobody is left
 * who could close the old descriptor or end the old reader.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/simulated_source.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SUBSYSTEM    "entity"
#define ADAPTER_ID   "simulated"
#define ADAPTER_NAME "Simulated devices"
#define RETRY_GROWTH 64

struct pma_simulated {
    struct pma_simulated_config config;
    struct pma_entities *entities;
    struct pma_sync *sync;
    struct pma_entity_hooks hooks;
    struct pma_devices *devices;
    pthread_mutex_t lock; /* PMA_LOCK_SIMULATED: everything below */
    struct pma_worker *reader;
    int fd; /* of the present connection, -1: none */
    bool is_stopping;
    struct pma_source_state state;
};

static void publish_status(struct pma_simulated *simulated, bool is_connected)
{
    char now[PMA_TIMESTAMP_BYTES];
    struct pma_source_state state;
    pma_timestamp_now(now);
    pma_simulated_state_read(simulated, &state);
    json_t *data = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:{s:I, s:I, s:I}, s:s}", "adapter_id", ADAPTER_ID,
        "adapter_name", ADAPTER_NAME, "source", PMA_SIMULATED_SOURCE, "status",
        is_connected ? "connected" : "disconnected", "health",
        is_connected ? "healthy" : "unhealthy", "metrics", "events",
        (json_int_t)state.events, "events_dropped", (json_int_t)state.events_dropped,
        "reconnects", (json_int_t)state.reconnects, "timestamp", now);
    const struct pma_entity_event event = {
        .type = "pma_adapter_status",
        .source = PMA_SIMULATED_SOURCE,
        .adapter_id = ADAPTER_ID,
        .data = data,
    };
    if (simulated->hooks.publish != NULL && data != NULL) {
        simulated->hooks.publish(simulated->hooks.arg, &event);
    }
    json_decref(data);
}

static void take_message(struct pma_simulated *simulated, const char *text, size_t bytes)
{
    struct pma_entity_outcome outcome;
    json_t *message = json_loadb(text, bytes, 0, NULL);
    const char *id = json_string_value(json_object_get(message, "id"));
    const char *state = json_string_value(json_object_get(message, "state"));
    const json_t *attributes = json_object_get(message, "attributes");
    const bool is_taken = id != NULL && state != NULL &&
                          pma_entities_change(simulated->entities, id, state, attributes,
                                              "device", &outcome) == 0;
    json_decref(message);
    pthread_mutex_lock(&simulated->lock);
    simulated->state.events++;
    simulated->state.events_unknown += !is_taken;
    pthread_mutex_unlock(&simulated->lock);
}

/* Reads until the connection ends. */
static void read_all(struct pma_simulated *simulated, int fd, struct pma_cancel *cancel)
{
    char text[PMA_DEVICE_MESSAGE_BYTES_MAX];
    while (!pma_cancel_requested(cancel)) {
        const ssize_t bytes = recv(fd, text, sizeof text, 0);
        if (bytes > 0) {
            take_message(simulated, text, (size_t)bytes);
        } else if (bytes == 0 || errno != EINTR) {
            return;
        }
    }
}

/* Notes the connection. Returns: false when the source is being stopped: then it is not
 * noted, and nobody would end a read on it. */
static bool note_connection(struct pma_simulated *simulated, int fd)
{
    pthread_mutex_lock(&simulated->lock);
    const bool is_fine = !simulated->is_stopping;
    if (is_fine) {
        simulated->fd = fd;
        simulated->state.reconnects += simulated->state.connected_at_ns > 0;
        simulated->state.is_connected = true;
        simulated->state.connected_at_ns = pma_now_ns();
    }
    pthread_mutex_unlock(&simulated->lock);
    return is_fine;
}

/* The connection is gone; the descriptor is still open. */
static void note_loss(struct pma_simulated *simulated)
{
    pthread_mutex_lock(&simulated->lock);
    simulated->fd = -1;
    simulated->state.is_connected = false;
    pthread_mutex_unlock(&simulated->lock);
}

static void run_reader(void *arg, struct pma_cancel *cancel);

/* Starts a reader and makes it the present one. */
static int start_reader(struct pma_simulated *simulated)
{
    const struct pma_worker_spec spec = {.name = "sim-reader",
                                         .subsystem = SUBSYSTEM,
                                         .run = run_reader,
                                         .arg = simulated};
    int err = -ESHUTDOWN;
    /* Under the lock: whoever stops the source must not miss a reader. */
    pthread_mutex_lock(&simulated->lock);
    if (!simulated->is_stopping) {
        err = pma_worker_start(&spec, &simulated->reader);
    }
    pthread_mutex_unlock(&simulated->lock);
    return err;
}

/* F30: another reader takes over, this one and its descriptor stay for ever. Returns only
 * when the fault is off, or another reader could not be started. */
static void forget_connection(struct pma_simulated *simulated, struct pma_cancel *cancel)
{
    if (!pma_fault_take(PMA_FAULT_F30) || start_reader(simulated) != 0) {
        return;
    }
    /* From here on nothing of the source is touched: it may be freed. */
    for (;;) {
        pma_cancel_wait(cancel, UINT64_MAX);
    }
}

/* One connection from its beginning to its end. Returns: whether it came about. */
static bool serve_connection(struct pma_simulated *simulated, struct pma_cancel *cancel)
{
    int fd = -1;
    const int err = pma_devices_connect(simulated->devices, &fd);
    if (err != 0) {
        pma_log(PMA_LOG_WARN, "Simulated devices cannot be reached",
                pma_str("error", strerrordesc_np(-err)));
        return false;
    }
    if (note_connection(simulated, fd)) {
        publish_status(simulated, true);
        pma_sync_request(simulated->sync, PMA_SIMULATED_SOURCE, NULL);
        read_all(simulated, fd, cancel);
        note_loss(simulated);
        if (!pma_cancel_requested(cancel)) {
            publish_status(simulated, false);
            forget_connection(simulated, cancel);
        }
    }
    close(fd);
    return true;
}

static void run_reader(void *arg, struct pma_cancel *cancel)
{
    struct pma_simulated *simulated = arg;
    uint64_t wait_ns = simulated->config.retry_ns;
    do {
        if (serve_connection(simulated, cancel)) {
            wait_ns = simulated->config.retry_ns;
        } else if (wait_ns < RETRY_GROWTH * simulated->config.retry_ns) {
            wait_ns *= 2;
        }
    } while (!pma_cancel_wait(cancel, wait_ns));
}

static int execute(void *arg, const char *id, const char *state, const json_t *attributes)
{
    struct pma_simulated *simulated = arg;
    struct pma_source_state now;
    pma_simulated_state_read(simulated, &now);
    return now.is_connected
               ? pma_devices_command(simulated->devices, id, state, attributes)
               : -ENOTCONN;
}

static int list(void *arg, json_t **rooms, json_t **entities)
{
    struct pma_simulated *simulated = arg;
    struct pma_source_state now;
    pma_simulated_state_read(simulated, &now);
    if (!now.is_connected) {
        return -ENOTCONN;
    }
    const uint64_t begin_ns = pma_now_ns();
    const int err = pma_devices_list(simulated->devices, rooms, entities);
    pthread_mutex_lock(&simulated->lock);
    simulated->state.response_time_ns = pma_now_ns() - begin_ns;
    pthread_mutex_unlock(&simulated->lock);
    return err;
}

static void read_state(void *arg, struct pma_source_state *state)
{
    pma_simulated_state_read(arg, state);
}

void pma_simulated_state_read(struct pma_simulated *simulated,
                              struct pma_source_state *state)
{
    pthread_mutex_lock(&simulated->lock);
    *state = simulated->state;
    pthread_mutex_unlock(&simulated->lock);
    state->events_dropped = pma_devices_dropped(simulated->devices);
}

int pma_simulated_new(const struct pma_simulated_config *config,
                      struct pma_entities *entities, struct pma_sync *sync,
                      const struct pma_entity_hooks *hooks,
                      struct pma_simulated **simulated)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_simulated *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    const struct pma_entity_adapter adapter = {
        .source = PMA_SIMULATED_SOURCE, .execute = execute, .arg = fresh};
    const struct pma_sync_source source = {
        .id = ADAPTER_ID,
        .name = ADAPTER_NAME,
        .source = PMA_SIMULATED_SOURCE,
        .list = list,
        .read_state = read_state,
        .arg = fresh,
    };
    fresh->config = *config;
    fresh->entities = entities;
    fresh->sync = sync;
    fresh->fd = -1;
    if (hooks != NULL) {
        fresh->hooks = *hooks;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    int err = pma_devices_new(&config->devices, &fresh->devices);
    if (err == 0) {
        err = pma_entities_attach(entities, &adapter);
    }
    if (err == 0) {
        err = pma_sync_add(sync, &source);
    }
    if (err != 0) {
        pma_simulated_free(fresh);
        return err;
    }
    *simulated = fresh;
    return 0;
}

int pma_simulated_start(struct pma_simulated *simulated)
{
    const int err = pma_devices_start(simulated->devices);
    return err != 0 ? err : start_reader(simulated);
}

int pma_simulated_stop(struct pma_simulated *simulated, uint64_t timeout_ns)
{
    pthread_mutex_lock(&simulated->lock);
    simulated->is_stopping = true;
    struct pma_worker *reader = simulated->reader;
    if (reader != NULL) {
        pma_worker_cancel(reader);
    }
    if (simulated->fd >= 0) {
        shutdown(simulated->fd, SHUT_RDWR); /* ends the reader's recv */
    }
    pthread_mutex_unlock(&simulated->lock);
    int left = pma_devices_stop(simulated->devices, timeout_ns);
    const int err = pma_worker_stop(reader, timeout_ns);
    if (err == 0) {
        simulated->reader = NULL;
    }
    left |= err;
    return left != 0 ? -ETIMEDOUT : 0;
}

void pma_simulated_free(struct pma_simulated *simulated)
{
    if (simulated == NULL) {
        return;
    }
    pma_devices_free(simulated->devices);
    pthread_mutex_destroy(&simulated->lock);
    free(simulated);
}

void pma_simulated_lose(void *arg)
{
    struct pma_simulated *simulated = arg;
    if (simulated != NULL && pma_fault_enabled(PMA_FAULT_F30)) {
        pma_devices_drop(simulated->devices);
    }
}
