/* What stands before every handler: who the client is, whether its page may call us
 * (CORS), how often it may, and whether it has proved who it is.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_GATE_H
#define PMA_GATE_H

#include "server/rest/exchange.h"
#include "server/rest/rate_limit.h"

#include <stdbool.h>
#include <stdint.h>

struct pma_auth;
struct pma_gate;

struct pma_gate_config {
    struct pma_auth *auth; /* borrowed while the gate lives */
    bool auth_enabled;     /* false: everybody may do everything */
    bool loopback_bypass;  /* clients on this machine need no proof, and have no limit */
    const char *proxies;   /* networks whose X-Forwarded-For is believed; borrowed
                              during new */
    bool is_rate_limited;
    struct pma_rate_limit_config rate_limit;
};

struct pma_gate_stats {
    uint64_t unauthenticated; /* 401 */
    uint64_t foreign_origins; /* 403: a page that may not call us */
    uint64_t rate_limited;    /* 429 */
    uint64_t rate_overflowed; /* requests of clients without a bucket of their own */
    uint64_t preflights;      /* that were allowed */
    uint64_t local_by_bypass; /* requests that needed no proof */
    uint32_t rate_clients;    /* buckets in use */
};

/* Returns: 0; -EINVAL: proxies is no list of networks; -E2BIG: it has too many; -ENOMEM.
 * Thread-safety: any thread. Allocates. */
int pma_gate_new(const struct pma_gate_config *config, struct pma_gate **gate);

/* Frees it. NULL is allowed. Thread-safety: owner thread. */
void pma_gate_free(struct pma_gate *gate);

/* Fills request->address and ->loopback: the client behind trusted proxies, and whether
 * it is this machine for certain. request->address is the peer's before. Thread-safety:
 * any thread. */
void pma_gate_identify(const struct pma_gate *gate, struct pma_request *request);

/* Decides on an identified request, before its body is read, and sets what its reply has
 * to say to a browser. Returns: true: go on; false: *reply is the answer.
 * Thread-safety: any thread. */
bool pma_gate_admit(struct pma_gate *gate, const struct pma_request *request,
                    struct pma_reply *reply);

/* Sets what the reply has to say to a browser (Access-Control-*). Thread-safety: any
 * thread. */
void pma_gate_mark(const struct pma_request *request, struct pma_reply *reply);

/* Whether the request has proved who it is, on any path, or needs no proof.
 * Thread-safety: any thread. */
bool pma_gate_is_proved(struct pma_gate *gate, const struct pma_request *request);

/* Whether a path needs a proof: everything under /api/ but what is public.
 * Thread-safety: pure. */
bool pma_gate_is_protected(const char *path);

/* Whether the limits per address are not for this peer: it is a trusted proxy, which
 * speaks for many, or this machine with its bypass. Thread-safety: any thread. */
bool pma_gate_is_unlimited(const struct pma_gate *gate, const struct sockaddr *peer);

/* Removes what the rate limit need not remember. Thread-safety: any thread. */
void pma_gate_sweep(struct pma_gate *gate);

/* Fills *stats. Thread-safety: any thread. */
void pma_gate_stats_read(struct pma_gate *gate, struct pma_gate_stats *stats);

#endif
