/* Codec of the hub's documents.
 *
 * A broadcast to a thousand clients must not be a thousand copies: the document is
 * encoded once, in the thread that sends it, and the queues share it by reference.
 * libwebsockets writes its frame header into the bytes before the text; all clients get
 * the same header (server frames carry no mask), so sharing stays correct as long as one
 * thread writes.
 *
 * Counting references with atomics was not needed: a message has one owner until the
 * inbox hands it to the service thread, and from then on lives in that thread alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_message.h"

#include "server/base/clock.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

/* The envelope; steals nothing. NULL without memory. */
static json_t *envelope(const char *type, const json_t *data, const json_t *request_id)
{
    char now[PMA_TIMESTAMP_BYTES];
    json_t *document = json_object();
    int failed;

    if (document == NULL) {
        return NULL;
    }
    pma_timestamp_now(now);
    failed = json_object_set_new(document, "type", json_string(type));
    /* jansson counts references in the value, so it takes a mutable one for a shared
     * read. */
    failed |= data != NULL ? json_object_set(document, "data", (json_t *)data)
                           : json_object_set_new(document, "data", json_object());
    failed |= json_object_set_new(document, "timestamp", json_string(now));
    if (request_id != NULL) {
        failed |= json_object_set(document, "request_id", (json_t *)request_id);
    }
    if (failed != 0) {
        json_decref(document);
        return NULL;
    }
    return document;
}

int pma_message_new(const char *type, const json_t *data, const json_t *request_id,
                    struct pma_message **message)
{
    json_t *document = envelope(type, data, request_id);
    struct pma_message *made = NULL;
    size_t text_bytes;
    int status = 0;

    if (document == NULL) {
        return -ENOMEM;
    }
    text_bytes = json_dumpb(document, NULL, 0, JSON_COMPACT);
    if (text_bytes == 0 || text_bytes > UINT32_MAX) {
        status = -EINVAL;
        goto done;
    }
    made = malloc(sizeof(*made) + LWS_PRE + text_bytes);
    if (made == NULL) {
        status = -ENOMEM;
        goto done;
    }
    *made = (struct pma_message){.references = 1, .text_bytes = (uint32_t)text_bytes};
    json_dumpb(document, (char *)pma_message_text(made), text_bytes, JSON_COMPACT);
    *message = made;
done:
    json_decref(document);
    return status;
}

unsigned char *pma_message_text(struct pma_message *message)
{
    return message->payload + LWS_PRE;
}

struct pma_message *pma_message_retain(struct pma_message *message)
{
    message->references++;
    return message;
}

void pma_message_release(struct pma_message *message)
{
    if (message != NULL && --message->references == 0) {
        free(message);
    }
}

int pma_request_parse(const char *text, size_t text_bytes, struct pma_request *request,
                      const char **why)
{
    json_t *document = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    const json_t *type = json_object_get(document, "type");
    json_t *data = json_object_get(document, "data");
    json_t *id = json_object_get(document, "request_id");

    if (document == NULL) {
        *why = "not a JSON document";
    } else if (!json_is_object(document)) {
        *why = "not a JSON object";
    } else if (!json_is_string(type) || json_string_length(type) == 0) {
        *why = "no textual \"type\"";
    } else if (data != NULL && !json_is_object(data) && !json_is_null(data)) {
        *why = "\"data\" is not an object";
    } else {
        request->document = document;
        request->type = json_string_value(type);
        request->data = json_is_object(data) ? data : document;
        request->id = json_is_string(id) || json_is_number(id) ? id : NULL;
        return 0;
    }
    json_decref(document);
    return -EINVAL;
}

void pma_request_fini(struct pma_request *request)
{
    json_decref(request->document);
    *request = (struct pma_request){0};
}
