/* One message on the channel "hub":
 *
 *     {"type": "...", "topics": ["entity:light", ...], "data": {...}}
 *
 * without topics when it is for all clients. The receiver delivers with
 * pma_hub_deliver, which does not come back here: a message makes one hop. What a backend
 * gets over the network is checked like what a client sends: an unknown shape is refused
 * and counted by the backplane, a name that is no topic is left out by the hub.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_relay.h"

#include "seep/seep.h"
#include "server/store/backplane.h"

#define CHANNEL    "hub"
#define TOPICS_MAX 32

static void send_on(void *arg, const char *const *topics, size_t topics_count,
                    const char *type, const json_t *data)
{
    /* "O" counts one more owner, which changes nothing that a reader sees. */
    json_t *body = json_pack("{s:s, s:O*}", "type", type, "data", (json_t *)data);

    if (topics != NULL) {
        json_t *names = json_array();

        for (size_t at = 0; at < topics_count && at < TOPICS_MAX; at++) {
            json_array_append_new(names, json_string(topics[at]));
        }
        json_object_set_new(body, "topics", names);
    }
    pma_backplane_publish(arg, CHANNEL, body);
    json_decref(body);
}

/* Reads the topics. Returns: how many; -1 for what is no list of up to TOPICS_MAX texts.
 */
static int read_topics(const json_t *topics, const char *names[TOPICS_MAX])
{
    const size_t count = json_array_size(topics);

    if (!json_is_array(topics) || count > TOPICS_MAX) {
        return -1;
    }
    for (size_t at = 0; at < count; at++) {
        names[at] = json_string_value(json_array_get(topics, at));
        if (names[at] == NULL) {
            return -1;
        }
    }
    return (int)count;
}

static bool receive(void *arg, const json_t *body)
{
    SEEP_SUBSYSTEM("websocket");
    struct pma_hub *hub = arg;
    const char *names[TOPICS_MAX];
    const char *type = json_string_value(json_object_get(body, "type"));
    const json_t *data = json_object_get(body, "data");
    const json_t *topics = json_object_get(body, "topics");
    const int count = topics != NULL ? read_topics(topics, names) : 0;

    if (type == NULL || type[0] == '\0' || count < 0 ||
        (data != NULL && !json_is_object(data))) {
        return false;
    }
    /* A hub that is stopping refuses, and then nobody wants it. */
    (void)pma_hub_deliver(hub, topics != NULL ? names : NULL, (size_t)count, type, data);
    return true;
}

int pma_hub_relay_attach(struct pma_hub *hub, struct pma_backplane *backplane)
{
    const int status = pma_backplane_listen(backplane, CHANNEL, receive, hub);

    if (status == 0) {
        pma_hub_set_relay(hub, send_on, backplane);
    }
    return status;
}
