/* Why a process may not be traced.
 *
 * The kernel says EPERM for all of it: another user, Yama, a container without the
 * capability, a debugger that was there first. Whoever is on call needs to know which,
 * and the command that helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/ptrace_rights.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/proc_file.h"

enum { STATUS_BYTES = 4096, NAME_BYTES = 32, PATH_BYTES = 64 };
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

static bool has_capability(void)
{
    char text[STATUS_BYTES];
    const char *at = NULL;
    uint64_t mask = 0;

    if (seep_proc_read(AT_FDCWD, "/proc/self/status", text, sizeof(text)) <= 0) {
        return false;
    }
    at = strstr(text, "\nCapEff:\t");
    return at != NULL && sscanf(at, "\nCapEff:\t%" SCNx64, &mask) == 1 &&
           (mask >> CAP_SYS_PTRACE & 1) != 0;
}

static int yama_scope(void)
{
    char text[NAME_BYTES];
    uint64_t scope = 0;

    return seep_proc_read(AT_FDCWD, YAMA, text, sizeof(text)) > 0 &&
                   seep_proc_number(text, "", &scope)
               ? (int)scope
               : 0;
}

static int say_traced(pid_t pid, uint64_t tracer, struct seep_error *error)
{
    char path[PATH_BYTES];
    char name[NAME_BYTES] = "";

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/comm", tracer);
    (void)seep_proc_read(AT_FDCWD, path, name, sizeof(name));
    name[strcspn(name, "\n")] = '\0';
    return seep_error_set(error, -EBUSY,
                          "process %d is traced by %s (pid %" PRIu64
                          ") already; end that first",
                          (int)pid, name[0] != '\0' ? name : "another", tracer);
}

static int say_yama(pid_t pid, int scope, struct seep_error *error)
{
    if (scope >= 3) {
        return seep_error_set(error, -EPERM,
                              "process %d may not be traced: " YAMA
                              " is 3, which forbids it to everybody until the next boot",
                              (int)pid);
    }
    return seep_error_set(error, -EPERM,
                          "process %d may not be traced: " YAMA " is %d; use sudo%s",
                          (int)pid, scope, scope == 1 ? ", or write 0 to it" : "");
}

int seep_ptrace_explain(pid_t pid, struct seep_error *error)
{
    char path[PATH_BYTES];
    char text[STATUS_BYTES];
    uint64_t tracer = 0;
    uint64_t uid = 0;
    int scope = yama_scope();

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (seep_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0) {
        text[0] = '\0';
    }
    if (seep_proc_number(text, "\nTracerPid:", &tracer) && tracer != 0) {
        return say_traced(pid, tracer, error);
    }
    if (has_capability()) {
        return seep_error_set(
            error, -EPERM,
            "process %d may not be traced although we have CAP_SYS_PTRACE: a security "
            "module or a seccomp filter forbids it (in a container: --cap-add "
            "SYS_PTRACE --security-opt seccomp=unconfined)",
            (int)pid);
    }
    if (seep_proc_number(text, "\nUid:", &uid) && uid != geteuid()) {
        return seep_error_set(error, -EPERM,
                              "process %d belongs to another user (uid %" PRIu64
                              "): use sudo, or that user",
                              (int)pid, uid);
    }
    if (scope > 0) {
        return say_yama(pid, scope, error);
    }
    return seep_error_set(
        error, -EPERM,
        "process %d may not be traced: it changed its user or has capabilities that we "
        "lack: use sudo; in a container give CAP_SYS_PTRACE (docker run --cap-add "
        "SYS_PTRACE)",
        (int)pid);
}
