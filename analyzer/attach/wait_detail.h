/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_WAIT_DETAIL_H
#define SEEP_ANALYZER_ATTACH_WAIT_DETAIL_H

#include <stdint.h>

/* What a blocked thread waits for, as far as the kernel says. All-zero: not known. */
struct seep_wait_detail {
    uint64_t syscall_plus_1; /* number of the system call; 0: none, or not known */
    uint64_t address;        /* of the futex; 0 when it is no futex */
    uint64_t fd_plus_1;      /* the descriptor waited on; 0 none, or not known */
    char name[32];           /* of the system call, else the wait channel; "" unknown */
    char target[96];         /* text of the descriptor's link; "" unknown; cut */
};

/* Asks /proc and, for poll and select, the memory of the process.
 *
 * proc_dir_fd: borrowed /proc/PID.
 * detail:      out; all-zero when nothing can be known: it runs, it is gone, or we may
 *              not look (ptrace access mode READ, for poll and select ATTACH).
 * Thread-safety: any thread. Cost: some 10 us.
 * Source: proc(5), /proc/PID/syscall and /proc/PID/wchan; syscall(2).
 */
void seep_wait_detail_read(int proc_dir_fd, uint32_t tid,
                           struct seep_wait_detail *detail);

/* From the text of /proc/PID/task/TID/syscall: everything but `target` and descriptors
 * that lie in memory. Thread-safety: pure. */
void seep_wait_detail_parse(const char *text, struct seep_wait_detail *detail);

#endif
