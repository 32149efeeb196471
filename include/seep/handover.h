/* How a process gives its segment to the collector.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_HANDOVER_H
#define SEEP_HANDOVER_H

#include <assert.h>
#include <stdint.h>

/* Handover: one message on a SOCK_SEQPACKET unix socket, with the segment's descriptor
 * (SCM_RIGHTS). The collector answers with one byte: SEEP_HANDOVER_TAKEN or
 * SEEP_HANDOVER_REFUSED. Socket name: $SEEP_SOCKET, abstract ("@name"); without it,
 * "@seep-UID-PID" of the process itself, when a former image of it has started a
 * collector (a sidecar), or of the nearest ancestor process that has. Where that name is
 * taken by another pid namespace's or a former process's, "@seep-UID-PID-START", START
 * being field 22 of /proc/PID/stat. Whoever finds a name to be a stranger's hangs up
 * without a message. */
#define SEEP_HANDOVER_MAGIC UINT64_C(0x7265766f646e6168) /* "handover" */
enum { SEEP_HANDOVER_TAKEN = 1, SEEP_HANDOVER_REFUSED = 2 };

struct seep_handover {
    uint64_t magic;
    uint32_t version; /* SEEP_SEGMENT_VERSION */
    uint32_t pid;
    uint32_t off_reason; /* enum seep_off_reason: not NONE = the shim stepped aside; no
                            descriptor comes */
    uint32_t pad;
};
static_assert(sizeof(struct seep_handover) == 24, "layout");

#endif
