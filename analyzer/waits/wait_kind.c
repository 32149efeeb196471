/* What a thread waits for, and who holds it, from what can be seen of it from outside.
 *
 * The kernel knows a futex's address and nothing of what it is part of; the C library's
 * function on the stack says that. Chosen: exported names only (pthread_cond_wait, not
 * the inner functions below it), because a stripped libc has no others. Rejected:
 * guessing the kind from the bytes at the address; a semaphore of 2 looks like a
 * contended mutex.
 *
 * SPDX-License-Identifier: MIT
 */
#include "waits/wait_kind.h"

#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>

_Static_assert(sizeof(pthread_mutex_t) <= SEEP_WAIT_OBJECT_BYTES, "a mutex fits");
_Static_assert(sizeof(pthread_rwlock_t) <= SEEP_WAIT_OBJECT_BYTES, "an rwlock fits");

enum {
    INNER_FRAMES = 6,        /* how far above the system call the C library is sought */
    CONTENDED = 2,           /* the word of a lock that somebody waits for */
    KIND_KEEPS_TID = 16 | 32 /* robust, priority inheriting: the id is in the word */
};

/* Whole names: a program's own sem_pop() is none of these. */
static const struct {
    const char *name;
    enum seep_wait_kind kind;
} waiting_functions[] = {
    {"pthread_mutex_lock", SEEP_WAIT_MUTEX},
    {"pthread_mutex_timedlock", SEEP_WAIT_MUTEX},
    {"pthread_mutex_clocklock", SEEP_WAIT_MUTEX},
    {"pthread_mutex_cond_lock", SEEP_WAIT_MUTEX},
    {"mtx_lock", SEEP_WAIT_MUTEX},
    {"mtx_timedlock", SEEP_WAIT_MUTEX},
    {"pthread_rwlock_rdlock", SEEP_WAIT_RWLOCK},
    {"pthread_rwlock_wrlock", SEEP_WAIT_RWLOCK},
    {"pthread_rwlock_timedrdlock", SEEP_WAIT_RWLOCK},
    {"pthread_rwlock_timedwrlock", SEEP_WAIT_RWLOCK},
    {"pthread_rwlock_clockrdlock", SEEP_WAIT_RWLOCK},
    {"pthread_rwlock_clockwrlock", SEEP_WAIT_RWLOCK},
    {"pthread_cond_wait", SEEP_WAIT_CONDITION},
    {"pthread_cond_timedwait", SEEP_WAIT_CONDITION},
    {"pthread_cond_clockwait", SEEP_WAIT_CONDITION},
    {"cnd_wait", SEEP_WAIT_CONDITION},
    {"cnd_timedwait", SEEP_WAIT_CONDITION},
    {"sem_wait", SEEP_WAIT_SEMAPHORE},
    {"new_sem_wait_slow64", SEEP_WAIT_SEMAPHORE}, /* sem_wait ends in it */
    {"sem_timedwait", SEEP_WAIT_SEMAPHORE},
    {"sem_clockwait", SEEP_WAIT_SEMAPHORE},
    {"pthread_barrier_wait", SEEP_WAIT_BARRIER},
    {"pthread_join", SEEP_WAIT_JOIN},
    {"pthread_timedjoin_np", SEEP_WAIT_JOIN},
    {"pthread_clockjoin_np", SEEP_WAIT_JOIN},
    {"pthread_clockjoin_ex", SEEP_WAIT_JOIN},
    {"thrd_join", SEEP_WAIT_JOIN},
};

static const char *bare_name(const char *name)
{
    for (;;) {
        if (*name == '_') {
            name++;
        } else if (strncmp(name, "GI_", 3) == 0) {
            name += 3;
        } else {
            return name;
        }
    }
}

static enum seep_wait_kind kind_by_name(const char *name)
{
    const char *bare = bare_name(name);
    size_t length = strcspn(bare, "@.");

    for (size_t i = 0; i < sizeof(waiting_functions) / sizeof(waiting_functions[0]);
         i++) {
        const char *known = waiting_functions[i].name;

        if (strlen(known) == length && strncmp(bare, known, length) == 0) {
            return waiting_functions[i].kind;
        }
    }
    return SEEP_WAIT_UNKNOWN;
}

static uint32_t operation(const struct seep_wait_call *call)
{
    return (uint32_t)call->arguments[1] & FUTEX_CMD_MASK;
}

/* A lock's wait, whatever function it is in. A robust lock's word is the owner's id with
 * a mark. */
static bool waits_for_lock(const struct seep_wait_call *call)
{
    uint32_t value = (uint32_t)call->arguments[2];

    return operation(call) == FUTEX_WAIT &&
           (value == CONTENDED || (value & FUTEX_WAITERS) != 0);
}

enum seep_wait_kind seep_wait_kind_of(const struct seep_wait_call *call,
                                      const char *const *functions, size_t count)
{
    enum seep_wait_kind kind = SEEP_WAIT_UNKNOWN;

    if (call->number != SYS_futex) {
        return SEEP_WAIT_UNKNOWN;
    }
    if (operation(call) == FUTEX_LOCK_PI || operation(call) == FUTEX_LOCK_PI2) {
        return SEEP_WAIT_MUTEX;
    }
    for (size_t i = 0; i < count && i < INNER_FRAMES && kind == SEEP_WAIT_UNKNOWN; i++) {
        kind = functions[i] != NULL ? kind_by_name(functions[i]) : SEEP_WAIT_UNKNOWN;
    }
    if (kind == SEEP_WAIT_CONDITION && waits_for_lock(call)) {
        return SEEP_WAIT_MUTEX;
    }
    if (kind == SEEP_WAIT_MUTEX && !waits_for_lock(call)) {
        return SEEP_WAIT_FUTEX;
    }
    return kind == SEEP_WAIT_UNKNOWN ? SEEP_WAIT_FUTEX : kind;
}

bool seep_wait_is_timed(const struct seep_wait_call *call)
{
    const uint64_t *arguments = call->arguments;

    switch (call->number) {
    case SYS_futex:
    case SYS_pselect6:
    case SYS_select:
        return arguments[call->number == SYS_futex ? 3 : 4] != 0;
    case SYS_poll:
        return (int32_t)arguments[2] >= 0;
    case SYS_ppoll:
    case SYS_rt_sigtimedwait:
        return arguments[2] != 0;
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
        return (int32_t)arguments[3] >= 0;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
        return true;
    default:
        return false;
    }
}

bool seep_wait_is_open(const struct seep_wait_call *call)
{
    switch (call->number) {
    case SYS_accept:
    case SYS_accept4:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
        return true;
    default:
        return false;
    }
}

bool seep_wait_is_shared(const struct seep_wait_call *call)
{
    return call->number == SYS_futex && (call->arguments[1] & FUTEX_PRIVATE_FLAG) == 0;
}

uint64_t seep_wait_object_start(enum seep_wait_kind kind, uint64_t futex_address)
{
    const uint64_t phase = offsetof(pthread_rwlock_t, __data.__wrphase_futex);
    const uint64_t writers = offsetof(pthread_rwlock_t, __data.__writers_futex);

    if (kind != SEEP_WAIT_RWLOCK) {
        return futex_address;
    }
    /* An rwlock lies at a multiple of 8, and so does the first of its two futexes. */
    return futex_address - (futex_address % 8 == 0 ? phase : writers);
}

static uint32_t mutex_owner(const void *object)
{
    pthread_mutex_t mutex;

    memcpy(&mutex, object, sizeof(mutex));
    if ((mutex.__data.__kind & KIND_KEEPS_TID) != 0) {
        return (uint32_t)mutex.__data.__lock & FUTEX_TID_MASK;
    }
    return mutex.__data.__lock != 0 && mutex.__data.__owner > 0
               ? (uint32_t)mutex.__data.__owner
               : 0;
}

uint32_t seep_wait_owner(enum seep_wait_kind kind, const void *object)
{
    pthread_rwlock_t rwlock;
    uint32_t tid = 0;

    switch (kind) {
    case SEEP_WAIT_MUTEX:
        return mutex_owner(object);
    case SEEP_WAIT_RWLOCK:
        memcpy(&rwlock, object, sizeof(rwlock));
        return rwlock.__data.__cur_writer > 0 ? (uint32_t)rwlock.__data.__cur_writer : 0;
    case SEEP_WAIT_JOIN:
        memcpy(&tid, object, sizeof(tid));
        return tid;
    default:
        return 0;
    }
}

const char *seep_wait_kind_name(enum seep_wait_kind kind)
{
    static const char *const names[] = {
        [SEEP_WAIT_UNKNOWN] = "unknown",     [SEEP_WAIT_MUTEX] = "mutex",
        [SEEP_WAIT_RWLOCK] = "rwlock",       [SEEP_WAIT_CONDITION] = "condition variable",
        [SEEP_WAIT_SEMAPHORE] = "semaphore", [SEEP_WAIT_BARRIER] = "barrier",
        [SEEP_WAIT_JOIN] = "join",           [SEEP_WAIT_FUTEX] = "futex",
        [SEEP_WAIT_FD] = "descriptor",
    };

    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
