/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_HANDOVER_H
#define SEEP_SHIM_HANDOVER_H

#include <stdbool.h>

/* Gives the segment's descriptor to the collector: that of SEEP_SOCKET, else that of the nearest ancestor that has
 * one, else one started for this process.
 *
 * fd:  borrowed; the caller closes it afterwards.
 * Returns: 0; -ECONNREFUSED when there is no collector and none could be started; -EPERM when the one that
 *   answers belongs to another user.
 * Thread-safety: attach state only. Allocates: no. Never blocks longer than about a quarter of a second.
 */
int seep_handover_send(int fd);

/* Whether SEEP_OPTIONS says no-children. */
bool seep_handover_children_off(void);

#endif
