/* How a process ended, asked by somebody who is not its parent.
 *
 * A zombie still has a line in /proc; once reaped, only its pidfd can tell (since
 * Linux 6.15). The order of the two questions, asked twice, leaves no gap: what is not
 * yet reaped at the first is a zombie at the second, or reaped at the third.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/process_end.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/proc_file.h"

/* linux/pidfd.h of 6.15; Debian 12's headers are older. */
struct pidfd_info_v0 {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t ids[11];
    int32_t exit_code;
};
_Static_assert(sizeof(struct pidfd_info_v0) == 64, "the kernel's PIDFD_INFO_SIZE_VER0");

#define PIDFD_GET_INFO_V0 _IOWR(0xff, 11, struct pidfd_info_v0)

enum {
    INFO_EXIT = 1 << 3,
    STAT_BYTES = 2048,
    STAT_EXIT_CODE = 52,
    PEER_PIDFD = 77 /* SO_PEERPIDFD, Linux 6.5 */
};

struct seep_process_end seep_process_end_of_wait(int wait_status)
{
    if (WIFSIGNALED(wait_status)) {
        return (struct seep_process_end){SEEP_ENDING_SIGNALLED,
                                         (uint32_t)WTERMSIG(wait_status)};
    }
    return (struct seep_process_end){SEEP_ENDING_EXITED,
                                     (uint32_t)WEXITSTATUS(wait_status)};
}

int seep_process_open_peer(int socket_fd, uint32_t pid, bool *by_number)
{
    int pidfd = -1;
    socklen_t len = sizeof(pidfd);

    *by_number = false;
    if (getsockopt(socket_fd, SOL_SOCKET, PEER_PIDFD, &pidfd, &len) == 0) {
        return pidfd;
    }
    *by_number = true;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return pidfd >= 0 ? pidfd : -errno;
}

static bool ask_pidfd(int pidfd, struct seep_process_end *end)
{
    struct pidfd_info_v0 info = {.mask = INFO_EXIT};

    if (pidfd < 0 || ioctl(pidfd, PIDFD_GET_INFO_V0, &info) < 0 ||
        (info.mask & INFO_EXIT) == 0) {
        return false;
    }
    *end = seep_process_end_of_wait(info.exit_code);
    return true;
}

static bool ask_zombie(int proc_dir_fd, struct seep_process_end *end)
{
    char stat[STAT_BYTES];
    uint64_t code = 0;

    if (proc_dir_fd < 0 || seep_proc_read(proc_dir_fd, "stat", stat, sizeof(stat)) <= 0) {
        return false;
    }
    /* The state is the letter behind the name: "... (name) Z ...". */
    const char *at = stat;

    for (const char *p = stat; *p != '\0'; p++) {
        at = *p == ')' ? p : at;
    }
    if (at[0] != ')' || at[1] != ' ' || at[2] != 'Z' ||
        !seep_proc_stat_field(stat, STAT_EXIT_CODE, &code)) {
        return false;
    }
    *end = seep_process_end_of_wait((int)code);
    return true;
}

bool seep_process_end_ask(int pidfd, int proc_dir_fd, struct seep_process_end *end)
{
    return ask_pidfd(pidfd, end) || ask_zombie(proc_dir_fd, end) || ask_pidfd(pidfd, end);
}
