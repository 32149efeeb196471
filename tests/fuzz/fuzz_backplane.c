/* The fuzz target of messages between backends: any bytes are refused or become a message
 * that is whole, and a message that is encoded again is the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_backplane.h"

#include "server/store/backplane_message.h"
#include "server/store/backplane_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 4096

uint64_t pma_fuzz_decoded;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_backplane: broken promise: %s\n", promise);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pma_peers peers;
    struct pma_backplane_message message = {.sequence = 0};
    struct pma_backplane_message again = {.sequence = 0};
    char *text = NULL;
    uint64_t missed = 0;
    /* A copy of the exact size, so that a sanitizer sees a read beyond its end. */
    char *copy = malloc(size > 0 ? size : 1);
    must(copy != NULL, "memory");
    memcpy(copy, data, size);
    const int err = pma_backplane_decode(copy, size, BYTES_MAX, &message);
    free(copy);
    if (err != 0) {
        must(message.body == NULL && message.sequence == 0, "an error touches nothing");
        return 0;
    }
    pma_fuzz_decoded++;
    must(size <= BYTES_MAX, "what is too long is refused");
    must(strlen(message.from) == PMA_ORIGIN_BYTES - 1, "an origin has 16 digits");
    must(message.sequence >= 1 && json_is_object(message.body), "a message is whole");
    (void)pma_peers_accept(&peers, message.from, message.sequence, &missed);
    must(!pma_peers_accept(&peers, message.from, message.sequence, &missed),
         "what came once is known");
    /* Numbers may become longer ("1e2" is 100.0): four times the room is enough. */
    if (pma_backplane_encode(message.from, message.sequence, message.body,
                             (size_t)64 * BYTES_MAX, &text) == 0) {
        must(pma_backplane_decode(text, strlen(text), (size_t)64 * BYTES_MAX, &again) ==
                 0,
             "what was encoded can be decoded");
        must(json_equal(message.body, again.body), "and says the same");
        json_decref(again.body);
        free(text);
    }
    json_decref(message.body);
    return 0;
}
