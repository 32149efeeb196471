/* What the hub of the first implementation did wrong, behind switches (server/fault).
 *
 * Its loop was a thread of control that posted to its own queue and then stood still; who
 * registered, left or broadcast afterwards waited for it for ever. Here the loop goes on,
 * and a thread per victim is parked instead.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_FAULT_H
#define PMA_HUB_FAULT_H

#include "server/hub/hub_core.h"

/* F02: called when a heartbeat is due. Returns: whether the loop stands still from now
 * on, so that there is neither heartbeat nor clean-up. Thread-safety: service thread. */
bool pma_fault_stalls_loop(struct pma_hub *hub);

/* F02: called for each message that is broadcast. Returns: whether it is lost, with a
 * thread that waits for ever to hand it over. Thread-safety: any thread. Allocates. */
bool pma_fault_swallows_message(struct pma_hub *hub);

/* F03: called after an upgrade. Returns: whether the client is not to be registered; a
 * thread waits for that for ever, and the socket stays open when its connection ends.
 * Thread-safety: service thread. Allocates. */
bool pma_fault_stops_registration(struct pma_client *client);

/* F04: called when a client's connection ends: a thread waits for ever to unregister it,
 * and its socket stays open until the next ping would have failed.
 * Thread-safety: service thread. Allocates. */
void pma_fault_stops_removal(struct pma_hub *hub, const struct pma_client *client);

/* F08: called when a reply does not fit into a client's queue: its reader waits for ever
 * for room, with the socket. Thread-safety: service thread. Allocates. */
void pma_fault_stops_reader(struct pma_client *client);

/* F03, F08: called when a connection ends: whoever waits for ever keeps the socket.
 * Thread-safety: service thread. */
void pma_fault_keeps_socket(const struct pma_client *client);

/* F09: called for a client that was refused: its writer lives until its first ping.
 * Thread-safety: any thread. Allocates. */
void pma_fault_writer_lingers(struct pma_hub *hub);

/* Gives back what lingers (F04: sockets, F09: writers) and is over; all of it when
 * is_end. Thread-safety: service thread, or owner thread without it; not under LOCK. */
void pma_fault_sweep(struct pma_hub *hub, bool is_end);

/* How much lingers. Thread-safety: any thread, under LOCK or not. */
uint32_t pma_fault_lingering(struct pma_hub *hub);

#endif
