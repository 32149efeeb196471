/* System calls that a stop ends.
 *
 * The kernel repeats most calls by itself after a stop (read, futex, nanosleep, poll
 * ...). Some return EINTR although no handler has run: epoll_wait, semop, sigtimedwait,
 * io_getevents, and every socket call with a timeout set. A debugger leaves it at that; a
 * tool that looks at a server in production may not. The stop is at the end of the call,
 * with its result in rax: put the number back, go back over the instruction, and it is
 * made again. Only calls that have done nothing when they return EINTR are listed. close
 * is not: its descriptor is gone.
 *
 * A wait with a timeout begins it anew: it is longer by what had passed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/syscall_restart.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "attach/proc_file.h"

enum { STATUS_BYTES = 4096, PATH_BYTES = 64, SYSCALL_BYTES = 2 };

static bool may_be_repeated(uint64_t number)
{
    static const uint16_t calls[] = {
        SYS_epoll_wait,      SYS_epoll_pwait,  SYS_epoll_pwait2,  SYS_semop,
        SYS_semtimedop,      SYS_read,         SYS_write,         SYS_readv,
        SYS_writev,          SYS_recvfrom,     SYS_recvmsg,       SYS_recvmmsg,
        SYS_sendto,          SYS_sendmsg,      SYS_accept,        SYS_accept4,
        SYS_rt_sigtimedwait, SYS_io_getevents, SYS_io_uring_enter};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (calls[i] == number) {
            return true;
        }
    }
    return false;
}

static bool mask_of(const char *status, const char *key, uint64_t *mask)
{
    const char *at = strstr(status, key);

    return at != NULL && sscanf(at + strlen(key), "%" SCNx64, mask) == 1;
}

/* Whether a signal is about to be delivered, as far as can be told. */
static bool signal_waits(pid_t pid, pid_t tid)
{
    char path[PATH_BYTES];
    char text[STATUS_BYTES];
    uint64_t own = 0;
    uint64_t shared = 0;
    uint64_t blocked = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
    return seep_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
           !mask_of(text, "\nSigPnd:\t", &own) ||
           !mask_of(text, "\nShdPnd:\t", &shared) ||
           !mask_of(text, "\nSigBlk:\t", &blocked) || ((own | shared) & ~blocked) != 0;
}

/* Whether the instruction before is `syscall`: another way into the kernel has other
 * numbers. */
static bool came_by_syscall(pid_t pid, const struct user_regs_struct *regs)
{
    static const uint8_t code[SYSCALL_BYTES] = {0x0f, 0x05};
    uint8_t found[SYSCALL_BYTES] = {0};
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address in another process */
    struct iovec theirs = {(void *)(regs->rip - SYSCALL_BYTES), SYSCALL_BYTES};
    struct iovec ours = {found, SYSCALL_BYTES};

    return process_vm_readv(pid, &ours, 1, &theirs, 1, 0) == SYSCALL_BYTES &&
           memcmp(found, code, SYSCALL_BYTES) == 0;
}

bool seep_syscall_restart(pid_t pid, pid_t tid, const struct user_regs_struct *regs)
{
    struct user_regs_struct changed = *regs;
    struct iovec whole = {.iov_base = &changed, .iov_len = sizeof(changed)};

    if ((int64_t)regs->rax != -EINTR || !may_be_repeated(regs->orig_rax) ||
        !came_by_syscall(pid, regs) || signal_waits(pid, tid)) {
        return false;
    }
    changed.rax = regs->orig_rax;
    changed.rip -= SYSCALL_BYTES;
    return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &whole) == 0;
}
