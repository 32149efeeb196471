/* What a blocked thread waits for: system call, futex, descriptor.
 *
 * The kernel shows number and arguments of the system call that a thread sleeps in; which
 * argument is a futex's address or a descriptor is in the table here. poll and select
 * name their descriptors in the program's memory: the first one is read, with
 * process_vm_readv, which stops nobody. Asking for all of them was rejected: a line for
 * people has room for one.
 *
 * The argument is the one of the call as it was entered; a thread that was woken
 * meanwhile shows another, or "running".
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/wait_detail.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "attach/syscall_name.h"

enum { TEXT_BYTES = 256, PATH_BYTES = 48, ARGUMENTS = 6, SET_BYTES = 128 };

enum target {
    NOTHING, /* time, a child, a signal ... */
    FUTEX,   /* first argument: its address */
    FD,      /* first argument: a descriptor */
    POLL,    /* first argument: address of an array of struct pollfd */
    SELECT   /* second argument: address of the descriptors to read from */
};

/* System calls that wait for something that their arguments name. */
static const struct {
    uint32_t number;
    enum target target;
} targets[] = {
    {SYS_futex, FUTEX},        {SYS_read, FD},
    {SYS_write, FD},           {SYS_pread64, FD},
    {SYS_pwrite64, FD},        {SYS_readv, FD},
    {SYS_writev, FD},          {SYS_recvfrom, FD},
    {SYS_recvmsg, FD},         {SYS_recvmmsg, FD},
    {SYS_sendto, FD},          {SYS_sendmsg, FD},
    {SYS_accept, FD},          {SYS_accept4, FD},
    {SYS_connect, FD},         {SYS_epoll_pwait, FD},
    {SYS_ppoll, POLL},         {SYS_pselect6, SELECT},
    {SYS_flock, FD},           {SYS_fcntl, FD},
    {SYS_fsync, FD},           {SYS_fdatasync, FD},
    {SYS_mq_timedreceive, FD}, {SYS_io_uring_enter, FD},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, FD},
#endif
#ifdef SYS_poll
    {SYS_poll, POLL},
#endif
#ifdef SYS_select
    {SYS_select, SELECT},
#endif
};

static enum target target_of(uint64_t number)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (targets[i].number == number) {
            return targets[i].target;
        }
    }
    return NOTHING;
}

/* "202 0x7f.. 0x80 ..." in a system call; "running"; "-1 ..." blocked outside of one.
 * Returns: whether it is in one; number and arguments then. */
static bool take_call(const char *text, uint64_t *number, uint64_t arguments[ARGUMENTS])
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    *number = strtoull(text, &end, 10);
    for (int i = 0; i < ARGUMENTS; i++) {
        arguments[i] = strtoull(end, &end, 16);
    }
    return true;
}

static void put_call(uint64_t number, const uint64_t *arguments,
                     struct seep_wait_detail *detail)
{
    enum target target = target_of(number);
    const char *name = seep_syscall_name(number);

    detail->syscall_plus_1 = number < UINT32_MAX ? number + 1 : 0;
    if (name != NULL) {
        (void)snprintf(detail->name, sizeof(detail->name), "%s", name);
    }
    if (target == FUTEX) {
        detail->address = arguments[0];
    } else if (target == FD && (int32_t)arguments[0] >= 0) {
        detail->fd_plus_1 = (arguments[0] & INT32_MAX) + 1;
    }
}

void seep_wait_detail_parse(const char *text, struct seep_wait_detail *detail)
{
    uint64_t arguments[ARGUMENTS];
    uint64_t number = 0;

    *detail = (struct seep_wait_detail){0};
    if (take_call(text, &number, arguments)) {
        put_call(number, arguments, detail);
    }
}

/* Returns: whether all bytes could be read of a thread's memory. */
static bool read_memory(uint32_t tid, uint64_t address, void *out, size_t bytes)
{
    struct iovec to = {out, bytes};
    struct iovec from = {.iov_len = bytes};

    memcpy(&from.iov_base, &address, sizeof(from.iov_base));
    return process_vm_readv((pid_t)tid, &to, 1, &from, 1, 0) == (ssize_t)bytes;
}

/* The first descriptor of poll's array or select's set, plus 1; 0 when there is none. */
static uint64_t first_polled(uint32_t tid, enum target target,
                             const uint64_t arguments[ARGUMENTS])
{
    uint64_t words[SET_BYTES / sizeof(uint64_t)] = {0};
    struct pollfd first = {.fd = -1};

    if (target == POLL) {
        bool known = arguments[1] > 0 &&
                     read_memory(tid, arguments[0], &first, sizeof(first)) &&
                     first.fd >= 0;

        return known ? (uint64_t)first.fd + 1 : 0;
    }
    uint64_t bits = arguments[0] < SET_BYTES * 8 ? arguments[0] : SET_BYTES * 8;

    if (arguments[1] == 0 ||
        !read_memory(tid, arguments[1], words, (bits + 63) / 64 * sizeof(words[0]))) {
        return 0;
    }
    for (uint64_t i = 0; i < bits; i++) {
        if ((words[i / 64] >> (i % 64) & 1) != 0) {
            return i + 1;
        }
    }
    return 0;
}

static void read_target(int proc_dir_fd, struct seep_wait_detail *detail)
{
    char path[PATH_BYTES];
    ssize_t n = 0;

    (void)snprintf(path, sizeof(path), "fd/%u", (unsigned)(detail->fd_plus_1 - 1));
    n = readlinkat(proc_dir_fd, path, detail->target, sizeof(detail->target) - 1);
    detail->target[n > 0 ? n : 0] = '\0';
}

static void read_channel(int proc_dir_fd, uint32_t tid, struct seep_wait_detail *detail)
{
    char path[PATH_BYTES];
    char text[TEXT_BYTES];

    (void)snprintf(path, sizeof(path), "task/%u/wchan", tid);
    if (seep_proc_read(proc_dir_fd, path, text, sizeof(text)) > 0 && text[0] != '0') {
        (void)snprintf(detail->name, sizeof(detail->name), "%.31s", text);
    }
}

void seep_wait_detail_read(int proc_dir_fd, uint32_t tid, struct seep_wait_detail *detail)
{
    uint64_t arguments[ARGUMENTS];
    uint64_t number = 0;
    char path[PATH_BYTES];
    char text[TEXT_BYTES];

    *detail = (struct seep_wait_detail){0};
    (void)snprintf(path, sizeof(path), "task/%u/syscall", tid);
    if (seep_proc_read(proc_dir_fd, path, text, sizeof(text)) > 0 &&
        take_call(text, &number, arguments)) {
        enum target target = target_of(number);

        put_call(number, arguments, detail);
        if (target >= POLL) {
            detail->fd_plus_1 = first_polled(tid, target, arguments);
        }
    }
    if (detail->fd_plus_1 != 0) {
        read_target(proc_dir_fd, detail);
    }
    if (detail->name[0] == '\0') {
        read_channel(proc_dir_fd, tid, detail);
    }
}
