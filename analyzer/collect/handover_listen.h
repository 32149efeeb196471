/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_HANDOVER_LISTEN_H
#define SEEP_ANALYZER_COLLECT_HANDOVER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The receiving end of the handover (seep/segment.h). */
enum { SEEP_SOCKET_NAME_BYTES = 64 };

/* A process that hands over its segment. */
struct seep_handover_peer {
    int segment_fd;      /* owned; -1: the shim stepped aside, see off_reason */
    int pidfd;           /* owned; -1: the process is gone already */
    uint32_t pid;        /* in our /proc, as the kernel says, not as the message says */
    uint32_t off_reason; /* enum seep_off_reason; not NONE only without a segment */
    bool by_number;      /* pidfd: see seep_process_open_peer */
};

/* Opens a listening socket under a random abstract name.
 *
 * name:    out; "@...", for SEEP_SOCKET.
 * Returns: owned descriptor; -errno.
 */
int seep_handover_open(char name[SEEP_SOCKET_NAME_BYTES]);

/* Accepts one connection, non-blocking. Returns: owned descriptor; -EAGAIN none waits;
 * -errno. */
int seep_handover_accept(int listen_fd);

/* Receives the message of one connection, if it is there.
 *
 * peer:    out; untouched on failure.
 * Returns: 0; -EAGAIN not yet; -ECONNABORTED the peer hung up without a word: it looked
 * for another collector; -EPERM the peer is another user; -EPROTO not a handover; -EMFILE
 * and others when the process cannot be watched; -errno. Never blocks, leaks no
 * descriptor that was sent along.
 */
int seep_handover_receive(int connection_fd, struct seep_handover_peer *peer,
                          struct seep_error *error);

/* Sends the answer byte; a peer that does not listen is no error. */
void seep_handover_answer(int connection_fd, bool taken);

#endif
