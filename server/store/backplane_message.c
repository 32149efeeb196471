/* The envelope of messages between backends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/backplane_message.h"

#include "server/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define VERSION 1
#define DIGITS  "0123456789abcdef"

void pma_origin_draw(char origin[PMA_ORIGIN_BYTES])
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
        /* Before the kernel has entropy: differs between processes all the same. */
        number = pma_now_ns() << 20 ^ (uint64_t)getpid();
    }
    snprintf(origin, PMA_ORIGIN_BYTES, "%016" PRIx64, number);
}

int pma_backplane_encode(const char *from, uint64_t sequence, const json_t *body,
                         size_t max_bytes, char **text)
{
    if (!json_is_object(body)) {
        return -EINVAL;
    }
    /* "O" counts one more owner, which changes nothing that a reader sees. */
    json_t *envelope = json_pack("{s:i, s:s, s:I, s:O}", "v", VERSION, "from", from,
                                 "seq", (json_int_t)sequence, "body", (json_t *)body);
    char *made = envelope != NULL ? json_dumps(envelope, JSON_COMPACT) : NULL;
    json_decref(envelope);
    if (made == NULL) {
        return -ENOMEM;
    }
    if (strlen(made) > max_bytes) {
        free(made);
        return -EMSGSIZE;
    }
    *text = made;
    return 0;
}

static bool is_origin(const char *text)
{
    return text != NULL && strlen(text) == PMA_ORIGIN_BYTES - 1 &&
           strspn(text, DIGITS) == PMA_ORIGIN_BYTES - 1;
}

int pma_backplane_decode(const char *text, size_t text_bytes, size_t max_bytes,
                         struct pma_backplane_message *message)
{
    int version = 0;
    json_int_t sequence = 0;
    const char *from = NULL;
    json_t *body = NULL;
    if (text_bytes > max_bytes) {
        return -EMSGSIZE;
    }
    json_t *envelope = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (envelope == NULL ||
        json_unpack(envelope, "{s:i, s:s, s:I, s:o}", "v", &version, "from", &from, "seq",
                    &sequence, "body", &body) != 0 ||
        version != VERSION || !is_origin(from) || sequence < 1 || !json_is_object(body)) {
        json_decref(envelope);
        return -EBADMSG;
    }
    memcpy(message->from, from, PMA_ORIGIN_BYTES);
    message->sequence = (uint64_t)sequence;
    message->body = json_incref(body);
    json_decref(envelope);
    return 0;
}
