/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_KERNEL_WORDS_H
#define SEEP_ANALYZER_COLLECT_KERNEL_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Words that a program left with the kernel and gets back from it: the data of epoll's
 * entries, the values of timers' signals. Often pointers, and the only ones. */
struct seep_kernel_words {
    uint64_t *words; /* owned */
    size_t count, capacity;
};

void seep_kernel_words_fini(struct seep_kernel_words *words);

/* Reads what /proc tells of them.
 *
 * out: all-zero before; to be freed on error, too.
 * Returns: 0; -ENOMEM; -ENOTSUP: there are some that cannot be read (io_uring's); -errno
 * of opening /proc/PID/fd.
 * Thread-safety: any thread. Cost: a readlink per descriptor.
 * Source: fs/eventpoll.c (ep_show_fdinfo), fs/proc/base.c (show_timer).
 */
int seep_kernel_words_read(uint32_t pid, struct seep_kernel_words *out);

#endif
