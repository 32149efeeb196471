/* Any bytes that a client sends get one answer, which is JSON with a type, and leave the
 * hub's tables in order.
 *
 * The hub is the real one without its thread; the two calls by which it talks to
 * libwebsockets are replaced at link time (--wrap), so that a client needs no socket.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_ws_request.h"

#include "server/base/clock.h"
#include "server/hub/hub_request.h"
#include "server/log/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t pma_fuzz_accepted;

static struct pma_hub *hub;
static struct pma_client *client;

/* NOLINTBEGIN(readability-identifier-naming): the linker's names. */
int __wrap_lws_callback_on_writable(struct lws *wsi);
void __wrap_lws_set_timeout(struct lws *wsi, enum pending_timeout reason, int seconds);

int __wrap_lws_callback_on_writable(struct lws *wsi)
{
    (void)wsi;
    return 0;
}

void __wrap_lws_set_timeout(struct lws *wsi, enum pending_timeout reason, int seconds)
{
    (void)wsi;
    (void)reason;
    (void)seconds;
}
/* NOLINTEND(readability-identifier-naming) */

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_ws_request: broken promise: %s\n", promise);
        abort();
    }
}

/* One token is good, so that both answers are tried. */
static int authenticate(void *arg, const char *token, char user_id[PMA_USER_ID_BYTES])
{
    (void)arg;
    snprintf(user_id, PMA_USER_ID_BYTES, "%.20s", "someone");
    return strcmp(token, "good") == 0 ? 0 : -EACCES;
}

static void open_hub(void)
{
    const struct pma_hub_config config = {.max_clients = 1,
                                          .send_queue_messages = 8,
                                          .max_queue_messages = 8,
                                          .client_timeout_ns = PMA_S_NS,
                                          .max_message_bytes = 16 * 1024,
                                          .authenticate = authenticate};

    pma_log_set_level(PMA_LOG_ERROR);
    must(pma_hub_new(&config, &hub) == 0, "a hub");
}

static void open_client(void)
{
    client = pma_client_new(hub, "127.0.0.1");
    must(client != NULL && pma_client_register(hub, client, "fuzz") == 0, "a client");
}

static void close_client(void)
{
    pma_client_leave(hub, client, PMA_LEAVE_ASKED);
    pma_client_free(hub, client);
    client = NULL;
}

/* Takes what was queued. Returns: how many answers. */
static unsigned take_answers(void)
{
    struct pma_queue_slot slot;
    unsigned answers = 0;

    while (client->subscriber != NULL &&
           pma_queue_take(&client->subscriber->queue, &slot)) {
        json_t *answer = json_loadb((const char *)pma_message_text(slot.message),
                                    slot.message->text_bytes, 0, NULL);
        const char *type = json_string_value(json_object_get(answer, "type"));

        must(type != NULL, "an answer is JSON with a type");
        pma_fuzz_accepted += strcmp(type, "error") != 0 ? 1 : 0;
        json_decref(answer);
        pma_message_release(slot.message);
        answers++;
    }
    return answers;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (hub == NULL) {
        open_hub();
    }
    if (client == NULL) {
        open_client();
        must(take_answers() == 1, "a welcome");
        pma_fuzz_accepted--;
    }
    pma_request_handle(hub, client, (const char *)data, size);
    must(client->subscriber == NULL || take_answers() == 1, "one answer to one document");
    must(pma_hub_is_valid(hub), "tables that agree");
    /* A client with many topics makes everything slow and nothing new. */
    if (client->subscriber == NULL || client->subscriber->topics.count > 100) {
        close_client();
    }
    return 0;
}

void pma_fuzz_fini(void)
{
    if (client != NULL) {
        close_client();
    }
    pma_hub_free(hub);
    hub = NULL;
}
