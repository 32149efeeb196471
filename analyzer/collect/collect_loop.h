/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_COLLECT_LOOP_H
#define SEEP_ANALYZER_COLLECT_COLLECT_LOOP_H

#include <stdint.h>

#include "base/error.h"
#include "collect/options.h"

struct seep_collect {
    int listen_fd;           /* taken; listening SOCK_SEQPACKET */
    int control_fd;          /* taken; the other end of `seep run`; -1: a sidecar */
    int dir_fd;              /* taken; where recordings go */
    uint32_t main_pid;       /* 0: `seep run` will say */
    const char *socket_name; /* borrowed; of listen_fd, with control_fd */
    const char *file;        /* borrowed; "" = PROGRAM.PID.seep, or `seep run` will say */
    struct seep_collect_options options;
};

/* Collects until the last process has ended (of a sidecar: also when none came within 5
 * s), or SIGTERM.
 *
 * Blocks SIGTERM, SIGINT, SIGHUP and SIGPIPE of the calling process and raises its
 * descriptor limit. Returns: 0; -errno of what could not be set up.
 */
int seep_collect_run(const struct seep_collect *collect, struct seep_error *error);

#endif
