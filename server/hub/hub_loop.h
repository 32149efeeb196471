/* How the service thread waits: an event loop that libwebsockets' sockets are in too.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_LOOP_H
#define PMA_HUB_LOOP_H

#include <stdint.h>

struct pma_loop;

/* Returns: 0; -ENOMEM (also when the system gives no epoll). Thread-safety: owner thread.
 * Allocates. */
int pma_loop_new(struct pma_loop **loop);

/* Frees it; libwebsockets' context has to be destroyed before. NULL is allowed.
 * Thread-safety: owner thread. */
void pma_loop_free(struct pma_loop *loop);

/* The libev loop, for lws_context_creation_info.foreign_loops. Borrowed. */
void *pma_loop_ev(struct pma_loop *loop);

/* Waits for events until `until_ns` (monotonic; 0: not at all, UINT64_MAX: for ever) and
 * has libwebsockets handle those that came; also returns after lws_cancel_service.
 * Thread-safety: service thread. */
void pma_loop_wait(struct pma_loop *loop, uint64_t until_ns);

#endif
