/* Calls of the host that change the ground under the shim: libraries closed, memory
 * locked, limits lowered.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "arch.h"
#include "guard.h"
#include "interpose.h"
#include "life.h"
#include "real.h"
#include "seep/segment.h"

/* Rules and stacks remembered for the closed library are void, in all threads. Before the
 * real call, so that nothing is remembered while its destructors run for longer than
 * that; after it, since another may now lie there. */
SEEP_EXPORT int dlclose(void *library)
{
    int result = 0;

    if (!seep_real_ready()) {
        return -1;
    }
    seep_life_unload_begin();
    result = seep_real.dlclose(library);
    seep_life_unload_end();
    return result;
}

/* The child may share our memory, this thread's with all that is remembered in it, and
 * not our descriptors. */
static void *before(void *real)
{
    seep_guard_vfork_sp = (uintptr_t)__builtin_frame_address(0);
    return real != NULL ? real : (void *)(uintptr_t)seep_real_missing;
}
__attribute__((used)) void *seep_before_vfork(void)
{
    return before((void *)(uintptr_t)SEEP_REAL(vfork));
}
__attribute__((used)) void *seep_before___vfork(void)
{
    return before((void *)(uintptr_t)SEEP_REAL(__vfork));
}
__attribute__((used)) void *seep_before_clone(void)
{
    return before((void *)(uintptr_t)SEEP_REAL(clone));
}
SEEP_ARCH_STUB_TWICE(vfork);
SEEP_ARCH_STUB_TWICE(__vfork);
SEEP_ARCH_STUB_TWICE(clone);

/* No handlers run, so ours does not either. A child of vfork ends this way in its
 * parent's memory: life.c looks whose segment it is. */
SEEP_EXPORT void _exit(int status)
{
    if (seep_real_ready()) {
        seep_life_note_exit(SEEP_EXIT_WAY_AT_ONCE, status);
        seep_real._exit(status);
    }
    (void)seep_arch_syscall3(SYS_exit_group, status, 0, 0);
    __builtin_unreachable();
}

SEEP_EXPORT void _Exit(int status)
{
    if (seep_real_ready()) {
        seep_life_note_exit(SEEP_EXIT_WAY_AT_ONCE, status);
        seep_real._Exit(status);
    }
    (void)seep_arch_syscall3(SYS_exit_group, status, 0, 0);
    __builtin_unreachable();
}

/* The segment's address range is hundreds of gigabytes of holes: locking would fill them.
 * Pages are locked as they are touched instead, which keeps the host's promise to itself
 * from then on. */
SEEP_EXPORT int mlockall(int flags)
{
    if (!seep_real_ready()) {
        return -1;
    }
    return seep_real.mlockall(flags | MCL_ONFAULT);
}

/* The segment's mapping is address space of the host, so a limit that the host sets
 * itself would leave it nothing. Before the real call, after which malloc would fail. */
static void note_limit(int resource, const struct rlimit *limits)
{
    if (resource == RLIMIT_AS && limits != NULL && limits->rlim_cur != RLIM_INFINITY) {
        seep_life_limit_address_space(limits->rlim_cur);
    }
}
_Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "the same on 64 bits");

SEEP_EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limits)
{
    if (!seep_real_ready()) {
        return -1;
    }
    note_limit((int)resource, limits);
    return seep_real.setrlimit(resource, limits);
}

SEEP_EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limits)
{
    if (!seep_real_ready()) {
        return -1;
    }
    note_limit((int)resource, (const struct rlimit *)limits);
    return seep_real.setrlimit64(resource, limits);
}

SEEP_EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource,
                        const struct rlimit *limits, struct rlimit *before)
{
    if (!seep_real_ready()) {
        return -1;
    }
    if (pid == 0 || pid == getpid()) {
        note_limit((int)resource, limits);
    }
    return seep_real.prlimit(pid, resource, limits, before);
}

SEEP_EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource,
                          const struct rlimit64 *limits, struct rlimit64 *before)
{
    if (!seep_real_ready()) {
        return -1;
    }
    if (pid == 0 || pid == getpid()) {
        note_limit((int)resource, (const struct rlimit *)limits);
    }
    return seep_real.prlimit64(pid, resource, limits, before);
}
