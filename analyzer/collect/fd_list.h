/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_FD_LIST_H
#define SEEP_ANALYZER_COLLECT_FD_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* One open descriptor of a process. */
struct seep_fd {
    uint32_t fd;
    uint32_t link_at; /* of its link in the list's text, NUL terminated */
    bool writes;      /* of a pipe: the end that is written to */
};

/* What /proc/PID/fd shows. All-zero is empty. */
struct seep_fd_list {
    struct seep_fd *entries; /* owned; ascending */
    uint32_t count, capacity;
    struct seep_buf text;
};

void seep_fd_list_fini(struct seep_fd_list *list);

/* Reads all descriptors and what each is a link to.
 *
 * proc_dir_fd: borrowed /proc/PID.
 * list:        in/out; what it held before is replaced.
 * Returns: 0; -EACCES the process is closed to us; -ESRCH it is gone; -ENOMEM; other
 * -errno of openat and getdents.
 * Cost: a system call and a half per descriptor.
 */
int seep_fd_list_read(struct seep_fd_list *list, int proc_dir_fd);

/* Puts the link of one descriptor into `out`. Returns: whether it is open. */
bool seep_fd_list_link(int proc_dir_fd, uint32_t fd, char *out, size_t out_bytes);

/* The entry of a number; NULL when it was not open. Cost: O(log count). */
const struct seep_fd *seep_fd_list_find(const struct seep_fd_list *list, uint32_t fd);

/* Adds an entry that is looked up later by number; keeps the order only when `fd` is the
 * highest. Returns: 0; -ENOMEM. */
int seep_fd_list_add(struct seep_fd_list *list, uint32_t fd, const char *link);

/* Never NULL; borrowed until the next change of the list. */
const char *seep_fd_list_text(const struct seep_fd_list *list, const struct seep_fd *fd);

#endif
