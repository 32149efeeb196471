/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_SIDECAR_H
#define SEEP_SHIM_SIDECAR_H

#include <stdint.h>

/* Starts `seep collect --listen-fd 3 --main PID` as a detached process of its own
 * session: no child of the host, none of the host's descriptors, standard streams on
 * /dev/null, LD_PRELOAD removed.
 *
 * listen_fd:  borrowed; the listening socket that it inherits as descriptor 3.
 * Returns: 0; a negative errno. Thread-safety: attach state only. Allocates: no.
 */
int seep_sidecar_start(int listen_fd, uint32_t main_pid);

#endif
