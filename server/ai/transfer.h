/* HTTP transfers to the providers: libcurl's multi interface on one thread, however many
 * callers wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_TRANSFER_H
#define PMA_TRANSFER_H

#include "server/ai/ai_exchange.h"

struct pma_transfers;

struct pma_transfers_config {
    uint32_t max_transfers;      /* at a time; one more is refused */
    uint64_t max_response_bytes; /* of a body */
    uint64_t connect_timeout_ns;
};

#define PMA_TRANSFER_HEADERS_MAX 4

struct pma_transfer_call {
    const char *url;                               /* borrowed; http or https */
    const char *headers[PMA_TRANSFER_HEADERS_MAX]; /* borrowed; "Name: value" or NULL */
    const char *body;                 /* borrowed; JSON text of a POST; NULL: a GET */
    const struct pma_ai_scope *scope; /* borrowed; required */
};

struct pma_transfer_reply {
    unsigned status; /* of HTTP */
    char *body;      /* owned by the caller: free(); NUL after the last byte */
    size_t body_bytes;
    uint64_t retry_after_ns; /* of the Retry-After header, 0: none */
};

struct pma_transfers_info {
    uint32_t running; /* callers that wait now */
    uint32_t running_max;
    uint64_t begun, succeeded, failed, cancelled, refused;
    uint64_t received_bytes;
};

/* Starts the thread. Returns: 0; -ENOMEM; as pma_worker_start. Thread-safety: owner
 * thread. Allocates. */
int pma_transfers_start(const struct pma_transfers_config *config,
                        struct pma_transfers **transfers);

/* Makes one transfer and waits for its end. Redirects are not followed: a key would go to
 * wherever a redirect points. Returns: 0 for any status of HTTP; an error of pma_ai_fail,
 * *reply untouched: NETWORK (the time-outs and cut connections too), TOO_LARGE,
 * CANCELLED (the scope was given up or the transfers are shut), RATE_LIMIT (too many at a
 * time), INTERNAL. When it returns, the connection is no longer in use by it.
 * Thread-safety: any thread. Allocates. */
int pma_transfers_run(struct pma_transfers *transfers,
                      const struct pma_transfer_call *call,
                      struct pma_transfer_reply *reply, struct pma_ai_error *error);

/* Lets running transfers go on for grace_ns at most and refuses new ones.
 * Thread-safety: any thread. */
void pma_transfers_shut(struct pma_transfers *transfers, uint64_t grace_ns);

/* Ends all transfers, joins the thread and frees everything; NULL is allowed. Nobody may
 * be in pma_transfers_run any more when it frees: callers come back at once because their
 * transfers end. Returns: as pma_worker_stop; lives on when that fails.
 * Thread-safety: owner thread. */
int pma_transfers_stop(struct pma_transfers *transfers, uint64_t timeout_ns);

/* Fills *info. Thread-safety: any thread. */
void pma_transfers_info_read(struct pma_transfers *transfers,
                             struct pma_transfers_info *info);

#endif
