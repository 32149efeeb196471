/* One message between backends: who sent it, which one of theirs it is, and what it says.
 *
 *     {"v": 1, "from": "4f1e...", "seq": 17, "body": {...}}
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_BACKPLANE_MESSAGE_H
#define PMA_BACKPLANE_MESSAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* 16 hexadecimal digits and the final NUL. */
#define PMA_ORIGIN_BYTES 17

struct pma_backplane_message {
    char from[PMA_ORIGIN_BYTES];
    uint64_t sequence; /* from 1, one more with each message of that origin */
    json_t *body;      /* an object; owned */
};

/* Draws the name of an origin. Thread-safety: any thread. */
void pma_origin_draw(char origin[PMA_ORIGIN_BYTES]);

/* Encodes a message. body: borrowed, an object. text: out, owned by the caller (free).
 * Returns: 0; -EINVAL: body is no object; -EMSGSIZE: longer than max_bytes; -ENOMEM.
 * Thread-safety: pure, while nobody changes body. Allocates. */
int pma_backplane_encode(const char *from, uint64_t sequence, const json_t *body,
                         size_t max_bytes, char **text);

/* Decodes what came from the network: any bytes.
 * message: out; its body is given back with json_decref. Returns: 0; -EBADMSG: not such
 * a message; -EMSGSIZE: longer than max_bytes. message is untouched on error.
 * Thread-safety: pure. Allocates. */
int pma_backplane_decode(const char *text, size_t text_bytes, size_t max_bytes,
                         struct pma_backplane_message *message);

#endif
