/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_WAITS_WAIT_KIND_H
#define SEEP_ANALYZER_WAITS_WAIT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a blocked thread waits for. Values stand in recordings: never renumbered. */
enum seep_wait_kind {
    SEEP_WAIT_UNKNOWN = 0,
    SEEP_WAIT_MUTEX = 1,
    SEEP_WAIT_RWLOCK = 2,
    SEEP_WAIT_CONDITION = 3,
    SEEP_WAIT_SEMAPHORE = 4,
    SEEP_WAIT_BARRIER = 5,
    SEEP_WAIT_JOIN = 6,
    SEEP_WAIT_FUTEX = 7, /* a futex of a kind that the stack does not tell */
    SEEP_WAIT_FD = 8
};

/* A system call as /proc/PID/task/TID/syscall shows it. */
struct seep_wait_call {
    uint64_t number;
    uint64_t arguments[6];
};

/* Room for the bytes that seep_wait_owner looks at, from seep_wait_object_start on. */
enum { SEEP_WAIT_OBJECT_BYTES = 56 };

/* Tells the kind of wait from the call and from the names of the functions on the stack.
 *
 * call:      borrowed.
 * functions: borrowed; innermost first, NULL for frames without a name. A version behind
 *            "@" and underscores in front ("__GI___pthread_mutex_lock") do not matter.
 * Returns: SEEP_WAIT_UNKNOWN unless the call is futex.
 *   A condition variable's waiter that was woken and now waits for its mutex is told
 * apart by the call: locks wait with FUTEX_WAIT for the word to leave 2, the others with
 * FUTEX_WAIT_BITSET.
 * Thread-safety: pure.
 * Source: futex(2); glibc 2.36, sysdeps/nptl/lowlevellock-futex.h, nptl/lowlevellock.c,
 * nptl/futex-internal.c.
 */
enum seep_wait_kind seep_wait_kind_of(const struct seep_wait_call *call,
                                      const char *const *functions, size_t count);

/* Whether the call gives up by itself: a wait with a timeout, a sleep. */
bool seep_wait_is_timed(const struct seep_wait_call *call);

/* Whether it is an event loop or a listener, or waits for a signal: what ends that comes
 * from outside, and may come any time. */
bool seep_wait_is_open(const struct seep_wait_call *call);

/* Whether threads of other processes may wake it, or hold what it waits for. The C
 * library has robust mutexes wait so, too. */
bool seep_wait_is_shared(const struct seep_wait_call *call);

/* Where the object starts, given the address that the futex call names. */
uint64_t seep_wait_object_start(enum seep_wait_kind kind, uint64_t futex_address);

/* Who holds what is waited for, as the object itself says: the kernel's id of the thread
 * as the program's own pid namespace sees it.
 *
 * object: borrowed; SEEP_WAIT_OBJECT_BYTES bytes from seep_wait_object_start on.
 * Returns: 0 when nobody does, when readers hold it (their names are kept nowhere), or
 * for kinds without an owner. Of a join it is the thread that is joined.
 * Thread-safety: pure. Source: the layouts of <pthread.h> as compiled with; glibc 2.36,
 * nptl/pthread_mutex_lock.c (robust and PI mutexes keep the id in the lock word).
 */
uint32_t seep_wait_owner(enum seep_wait_kind kind, const void *object);

/* "mutex", "condition variable", ... */
const char *seep_wait_kind_name(enum seep_wait_kind kind);

#endif
