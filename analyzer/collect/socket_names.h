/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SOCKET_NAMES_H
#define SEEP_ANALYZER_COLLECT_SOCKET_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEEP_SOCKET_ADDRESS_BYTES = 128 };

/* One socket by its inode, and what the kernel's tables say of it. */
struct seep_socket_name {
    uint64_t inode;
    const char *protocol; /* "tcp", "udp", "unix"; "" not in any table */
    const char *state;    /* "ESTABLISHED", "CLOSE_WAIT" ...; "" unknown */
    char
        local[SEEP_SOCKET_ADDRESS_BYTES]; /* "127.0.0.1:80", "[::1]:80", "/run/x", "@x" */
    char peer[SEEP_SOCKET_ADDRESS_BYTES]; /* "" none */
};

/* "socket:[123]" -> 123. Returns: false for another link. */
bool seep_socket_inode(const char *link, uint64_t *inode);

/* Names sockets from /proc/PID/net/{tcp,tcp6,udp,udp6,unix}: the tables of the process's
 * own network namespace.
 *
 * proc_dir_fd: borrowed /proc/PID.
 * names:       in/out; ascending by inode, with the other fields empty.
 * Sockets of other families, and such as are neither bound nor connected, keep protocol
 * "". Cost: O(sockets of the namespace x log count).
 */
void seep_socket_names_fill(int proc_dir_fd, struct seep_socket_name *names,
                            size_t count);

/* One line of such a table. Returns: whether it could be read (a table's heading cannot).
 *
 * protocol: "tcp", "udp" or "unix". Thread-safety: pure.
 */
bool seep_socket_names_parse(const char *line, const char *protocol,
                             struct seep_socket_name *name);

#endif
