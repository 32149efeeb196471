/* A table of fixed size, searched from one end to the other: backends are few. One that
 * was restarted draws a new name, and its old place is reused when the table is full.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/backplane_peers.h"

#include <string.h>

bool pma_peers_accept(struct pma_peers *peers, const char *origin, uint64_t sequence,
                      uint64_t *missed)
{
    struct pma_peer *oldest = &peers->items[0];
    *missed = 0;
    for (size_t i = 0; i < PMA_PEERS_MAX; i++) {
        struct pma_peer *peer = &peers->items[i];
        if (peer->turn > 0 && strcmp(peer->origin, origin) == 0) {
            if (sequence <= peer->sequence) {
                return false;
            }
            *missed = sequence - peer->sequence - 1;
            peer->sequence = sequence;
            peer->turn = ++peers->turn;
            return true;
        }
        if (peer->turn < oldest->turn) {
            oldest = peer;
        }
    }
    *oldest = (struct pma_peer){.sequence = sequence, .turn = ++peers->turn};
    memcpy(oldest->origin, origin, PMA_ORIGIN_BYTES);
    return true;
}
