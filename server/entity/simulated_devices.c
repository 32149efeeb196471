/* Devices as numbers: what they show follows from their kind and a random walk.
 *
 * They talk over a socket, because that is what real sources do: a connection can be
 * lost, can be full, and is a descriptor that somebody has to close. SOCK_SEQPACKET keeps
 * messages whole, so that neither end needs a framing of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/simulated_devices.h"

#include "server/base/clock.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOMS_COUNT  4
#define STATE_BYTES  32
#define ID_BYTES     48
#define LEVEL_MAX    100
#define CATCH_UP_MAX 1000 /* changes made at once by a worker that was late */

struct kind {
    const char *type;
    const char *states[2]; /* NULL: shows its level as a number */
    const char *attribute; /* that has the level, NULL: none */
    const char *capability;
    const char *unit;
};

static const struct kind kinds[] = {
    {"light", {"off", "on"}, "brightness", "dimmable", NULL},
    {"sensor", {NULL, NULL}, NULL, "temperature", "°C"},
    {"switch", {"off", "on"}, NULL, NULL, NULL},
    {"binary_sensor", {"off", "on"}, NULL, "motion", NULL},
    {"cover", {"closed", "open"}, "position", "position", NULL},
    {"lock", {"locked", "unlocked"}, NULL, NULL, NULL},
    {"climate", {"off", "on"}, "temperature", "temperature", NULL},
};
#define KINDS_COUNT (sizeof kinds / sizeof kinds[0])

struct device {
    char id[ID_BYTES];
    char state[STATE_BYTES];
    uint32_t level; /* 0 to LEVEL_MAX */
};

struct pma_devices {
    struct pma_devices_config config;
    struct pma_worker *worker;
    pthread_mutex_t lock; /* PMA_LOCK_SIMULATED: everything below */
    int fd;               /* our end, -1: nobody is connected */
    uint64_t dropped;
    uint32_t random;
    struct device items[];
};

static const struct kind *kind_of(size_t index)
{
    return &kinds[index % KINDS_COUNT];
}

/* The next number of xorshift32. Source: Marsaglia, Xorshift RNGs, 2003. Under LOCK. */
static uint32_t next_random(struct pma_devices *devices)
{
    uint32_t x = devices->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    devices->random = x;
    return x;
}

/* The next state of a device, never the present one. Under LOCK. */
static void change(struct pma_devices *devices, size_t index)
{
    struct device *device = &devices->items[index];
    const struct kind *kind = kind_of(index);
    const uint32_t step = 1 + next_random(devices) % (LEVEL_MAX - 1);
    device->level = (device->level + step) % LEVEL_MAX;
    if (kind->states[0] == NULL) {
        snprintf(device->state, sizeof device->state, "%u.%u", 15 + device->level / 10,
                 device->level % 10);
    } else {
        const bool was_on = strcmp(device->state, kind->states[1]) == 0;
        snprintf(device->state, sizeof device->state, "%s", kind->states[!was_on]);
    }
}

int pma_devices_new(const struct pma_devices_config *config, struct pma_devices **devices)
{
    if (config->devices == 0) {
        return -EINVAL;
    }
    struct pma_devices *fresh =
        calloc(1, sizeof *fresh + config->devices * sizeof fresh->items[0]);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->fd = -1;
    fresh->random = 2463534242U;
    pthread_mutex_init(&fresh->lock, NULL);
    for (size_t i = 0; i < config->devices; i++) {
        snprintf(fresh->items[i].id, sizeof fresh->items[i].id, "sim_%s_%zu",
                 kind_of(i)->type, i / KINDS_COUNT + 1);
        change(fresh, i);
    }
    *devices = fresh;
    return 0;
}

/* What a device's entity has as attributes. Owned by the caller. */
static json_t *attributes_json(const struct device *device, const struct kind *kind)
{
    json_t *attributes = json_pack("{s:s*}", "unit_of_measurement", kind->unit);
    if (kind->attribute != NULL) {
        json_object_set_new(attributes, kind->attribute, json_integer(device->level));
    }
    return attributes;
}

/* Sends the state of a device to whoever is connected. Under LOCK. */
static void report(struct pma_devices *devices, size_t index)
{
    const struct device *device = &devices->items[index];
    const struct kind *kind = kind_of(index);
    char level[48] = "";
    char text[256];
    if (kind->attribute != NULL) {
        snprintf(level, sizeof level, "\"%s\":%u", kind->attribute, device->level);
    }
    const int length = snprintf(text, sizeof text,
                                "{\"id\":\"%s\",\"state\":\"%s\",\"attributes\":{%s}}",
                                device->id, device->state, level);
    if (devices->fd < 0 ||
        send(devices->fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        devices->dropped++;
    }
}

/* Under LOCK. */
static void close_end(struct pma_devices *devices)
{
    if (devices->fd >= 0) {
        close(devices->fd);
        devices->fd = -1;
    }
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* Changes what is due since *due_ns, and moves that to the next change. */
static void change_due(struct pma_devices *devices, uint64_t now_ns, uint64_t *due_ns)
{
    const uint64_t interval_ns = devices->config.change_interval_ns;
    if (now_ns - *due_ns > CATCH_UP_MAX * interval_ns) {
        *due_ns = now_ns; /* a machine that slept does not make up for it */
    }
    pthread_mutex_lock(&devices->lock);
    for (; *due_ns <= now_ns; *due_ns += interval_ns) {
        const size_t index = next_random(devices) % devices->config.devices;
        change(devices, index);
        report(devices, index);
    }
    pthread_mutex_unlock(&devices->lock);
}

static void run_devices(void *arg, struct pma_cancel *cancel)
{
    struct pma_devices *devices = arg;
    const struct pma_devices_config *config = &devices->config;
    const uint64_t begin_ns = pma_now_ns();
    uint64_t change_ns = config->change_interval_ns > 0
                             ? begin_ns + config->change_interval_ns
                             : UINT64_MAX;
    uint64_t restart_ns = config->restart_interval_ns > 0
                              ? begin_ns + config->restart_interval_ns
                              : UINT64_MAX;
    for (;;) {
        uint64_t now_ns = pma_now_ns();
        const uint64_t next_ns = earlier(change_ns, restart_ns);
        if (pma_cancel_wait(cancel, next_ns > now_ns ? next_ns - now_ns : 0)) {
            return;
        }
        now_ns = pma_now_ns();
        if (change_ns <= now_ns) {
            change_due(devices, now_ns, &change_ns);
        }
        if (restart_ns <= now_ns) {
            pma_devices_drop(devices);
            restart_ns = now_ns + config->restart_interval_ns;
        }
    }
}

int pma_devices_start(struct pma_devices *devices)
{
    const struct pma_worker_spec spec = {
        .name = "sim-devices", .subsystem = "entity", .run = run_devices, .arg = devices};
    return pma_worker_start(&spec, &devices->worker);
}

int pma_devices_stop(struct pma_devices *devices, uint64_t timeout_ns)
{
    const int err = pma_worker_stop(devices->worker, timeout_ns);
    if (err == 0) {
        devices->worker = NULL;
    }
    return err;
}

void pma_devices_free(struct pma_devices *devices)
{
    if (devices == NULL) {
        return;
    }
    close_end(devices);
    pthread_mutex_destroy(&devices->lock);
    free(devices);
}

int pma_devices_connect(struct pma_devices *devices, int *fd)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return -errno;
    }
    pthread_mutex_lock(&devices->lock);
    close_end(devices);
    devices->fd = ends[0];
    pthread_mutex_unlock(&devices->lock);
    *fd = ends[1];
    return 0;
}

void pma_devices_drop(struct pma_devices *devices)
{
    pthread_mutex_lock(&devices->lock);
    close_end(devices);
    pthread_mutex_unlock(&devices->lock);
}

static json_t *entity_json(const struct device *device, size_t index)
{
    const struct kind *kind = kind_of(index);
    char name[80];
    char room[32];
    snprintf(name, sizeof name, "Simulated %s %zu", kind->type, index / KINDS_COUNT + 1);
    snprintf(room, sizeof room, "sim_room_%zu", index % ROOMS_COUNT + 1);
    json_t *capabilities =
        kind->capability != NULL ? json_pack("[s]", kind->capability) : json_array();
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:{s:s, s:s, s:b}}", "id",
                     device->id, "type", kind->type, "friendly_name", name, "state",
                     device->state, "attributes", attributes_json(device, kind),
                     "capabilities", capabilities, "room_id", room, "metadata", "source",
                     PMA_SIMULATED_SOURCE, "source_entity_id", device->id, "is_virtual",
                     0);
}

int pma_devices_list(struct pma_devices *devices, json_t **rooms, json_t **entities)
{
    json_t *all_rooms = json_array();
    json_t *all = json_array();
    int failed = 0;
    for (int n = 1; n <= ROOMS_COUNT; n++) {
        char id[32];
        char name[40];
        snprintf(id, sizeof id, "sim_room_%d", n);
        snprintf(name, sizeof name, "Simulated room %d", n);
        failed |= json_array_append_new(
            all_rooms, json_pack("{s:s, s:s, s:{s:s}}", "id", id, "name", name,
                                 "metadata", "source", PMA_SIMULATED_SOURCE));
    }
    pthread_mutex_lock(&devices->lock);
    for (size_t i = 0; i < devices->config.devices; i++) {
        failed |= json_array_append_new(all, entity_json(&devices->items[i], i));
    }
    pthread_mutex_unlock(&devices->lock);
    if (failed != 0) {
        json_decref(all_rooms);
        json_decref(all);
        return -ENOMEM;
    }
    *rooms = all_rooms;
    *entities = all;
    return 0;
}

/* Under LOCK. Returns: the number of devices when there is none. */
static size_t find(const struct pma_devices *devices, const char *id)
{
    size_t index = 0;
    while (index < devices->config.devices && strcmp(devices->items[index].id, id) != 0) {
        index++;
    }
    return index;
}

int pma_devices_command(struct pma_devices *devices, const char *id, const char *state,
                        const json_t *attributes)
{
    pthread_mutex_lock(&devices->lock);
    const size_t index = find(devices, id);
    const bool is_known = index < devices->config.devices;
    if (is_known) {
        struct device *device = &devices->items[index];
        const struct kind *kind = kind_of(index);
        const json_t *level =
            kind->attribute != NULL ? json_object_get(attributes, kind->attribute) : NULL;
        if (state != NULL) {
            snprintf(device->state, sizeof device->state, "%s", state);
        }
        if (json_is_number(level)) {
            device->level = (uint32_t)json_number_value(level);
        }
    }
    pthread_mutex_unlock(&devices->lock);
    return is_known ? 0 : -ENODEV;
}

uint64_t pma_devices_dropped(struct pma_devices *devices)
{
    pthread_mutex_lock(&devices->lock);
    const uint64_t dropped = devices->dropped;
    pthread_mutex_unlock(&devices->lock);
    return dropped;
}
