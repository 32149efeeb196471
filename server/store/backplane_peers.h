/* Which message of which other backend was the last: what came twice, and what did not.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_BACKPLANE_PEERS_H
#define PMA_BACKPLANE_PEERS_H

#include "server/store/backplane_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than that many backends at one time forget the one heard longest ago. */
#define PMA_PEERS_MAX 64

struct pma_peer {
    char origin[PMA_ORIGIN_BYTES];
    uint64_t sequence; /* of its newest message here */
    uint64_t turn;     /* when that came, in messages of all; 0: the place is free */
};

/* All zero: nobody was heard. Thread-safety: one thread. */
struct pma_peers {
    struct pma_peer items[PMA_PEERS_MAX];
    uint64_t turn;
};

/* Notes a message. missed: out, how many of its origin's messages never came, 0 for the
 * first that is heard of one. Returns: whether it is new; false: it came before.
 * Cost: O(PMA_PEERS_MAX). */
bool pma_peers_accept(struct pma_peers *peers, const char *origin, uint64_t sequence,
                      uint64_t *missed);

#endif
