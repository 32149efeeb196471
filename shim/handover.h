/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_HANDOVER_H
#define SEEP_SHIM_HANDOVER_H

#include "seep/kinds.h"

/* Gives the segment's descriptor to the collector: that of SEEP_SOCKET, else the one
 * that a former image of this process (before exec) or its nearest ancestor has started,
 * else one started for this process.
 *
 * fd:      borrowed; the caller closes it afterwards; -1 when there is none.
 * reason:  SEEP_OFF_NONE, or why there is no segment: the collector tells the person.
 * Returns: 0; -ECONNREFUSED when there is no collector and none could be started; -EPERM
 * when the one that answers belongs to another user. Thread-safety: attach state only.
 * Allocates: no. Never blocks longer than about a quarter of a second.
 */
int seep_handover_send(int fd, enum seep_off_reason reason);

#endif
