/* Messages of the hub: one JSON document per WebSocket text frame, both ways.
 *
 *     {"type": "...", "data": {...}, "timestamp": "RFC 3339", "request_id": ...}
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_MESSAGE_H
#define PMA_HUB_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One encoded document, shared by all the queues it waits in.
 * Invariant: references >= 1; `payload` has room for libwebsockets' frame header before
 * `text`. */
struct pma_message {
    uint32_t
        references; /* of the service thread alone, once the inbox has handed it over */
    uint32_t text_bytes; /* without a NUL */
    bool is_durable;     /* worth keeping for a client that is away for a while */
    unsigned char payload[];
};

/* Encodes a document with one reference. type: borrowed. data: borrowed, NULL stands for
 * {}. request_id: borrowed, NULL for none. message: out, given back with
 * pma_message_release. Returns: 0; -ENOMEM; -EINVAL when type or data is not valid UTF-8
 * (message untouched). Thread-safety: any thread, if no other changes data meanwhile.
 * Allocates. */
int pma_message_new(const char *type, const json_t *data, const json_t *request_id,
                    struct pma_message **message);

/* The document's first byte; writable, because the frame header goes before it. */
unsigned char *pma_message_text(struct pma_message *message);

/* One more owner. Thread-safety: owner thread. */
struct pma_message *pma_message_retain(struct pma_message *message);

/* One owner less; the last one frees. NULL is allowed. Thread-safety: owner thread. */
void pma_message_release(struct pma_message *message);

/* One document from a client. */
struct pma_request {
    json_t *document; /* owns all that follows */
    const char *type; /* non-empty */
    json_t *data;     /* the object `data`; the document itself when there is none */
    json_t *id;       /* request_id (string or number), or NULL */
};

/* Decodes one document. text: borrowed, text_bytes long, any bytes.
 * request: out, emptied with pma_request_fini. why: out on error, a static sentence for
 * the sender. Returns: 0; -EINVAL when it is no JSON object with a textual type (request
 * untouched). Thread-safety: pure. Allocates. */
int pma_request_parse(const char *text, size_t text_bytes, struct pma_request *request,
                      const char **why);
void pma_request_fini(struct pma_request *request);

#endif
