/* What libseep.so offers to the program that it is in. Part of seep.h, which is what
 * programs include.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SEEP_API_H
#define SEEP_SEEP_API_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the shim has counted for this process so far. */
struct seep_totals {
    uint64_t heap_live_blocks; /* blocks acquired and not yet released */
    uint64_t heap_live_bytes;  /* requested bytes of those blocks */
    uint64_t threads_live;     /* threads that run or wait to be joined */
    uint64_t lost_events; /* acquisitions that could not be recorded, for any reason */
};

/* What one call site has acquired and released so far; their difference is live. While
 * other threads work, a release may be counted here before its acquisition. In a sampled
 * recording heap figures are estimates. */
struct seep_site_figures {
    uint32_t site; /* the same for the life of the process */
    uint32_t kind; /* SEEP_SITE_* */
    uint64_t acquired, released;
    uint64_t acquired_bytes,
        released_bytes;    /* heap: as requested; thread: of its stack */
    const char *subsystem; /* borrowed for ever; "" = none */
};

enum {
    SEEP_SITE_HEAP = 1,
    SEEP_SITE_MAPPING = 2,
    SEEP_SITE_THREAD = 3,
    SEEP_SITE_FD = 4,
    SEEP_SITE_TIMER = 5
};

/* A thread that the program has made and not taken back. */
struct seep_live_thread {
    uint32_t state; /* SEEP_THREAD_IS_* */
    uint32_t tid;   /* of the kernel; 0: it has not begun to run */
    uint32_t site;  /* where it was made: for seep_stack */
    int is_detached;
    uint64_t age_ns;       /* since it was made */
    uint64_t stack_bytes;  /* address space of its stack; 0 unknown */
    const char *name;      /* as set through pthread_setname_np; "" none; borrowed during
                              the call */
    const char *subsystem; /* in which it was made; "" none; borrowed for ever */
};

enum {
    SEEP_THREAD_IS_RUNNING = 1, /* or about to begin */
    SEEP_THREAD_IS_UNJOINED = 2 /* it has ended; nobody has joined or detached it */
};

/* Implemented by libseep.so; NULL without it: call the inline functions of seep.h, which
 * look. Thread-safety of all: any thread. enter, enter_bounded, leave, mark and stack are
 * async-signal-safe. -ENODEV: the shim has stepped aside. */

/* Makes `name` (borrowed during the call) the calling thread's subsystem.
 * Returns: the subsystem before, to be given back to seep_shim_leave. */
extern uint32_t seep_shim_enter(const char *name) __attribute__((weak));

/* The same, of the entries of a container that holds at most `most` of them.
 *
 * name, container: borrowed during the call; name NULL: of the present subsystem.
 * most: 0: no limit. Of one container the highest limit of the run counts.
 * Returns: as seep_shim_enter. */
extern uint32_t seep_shim_enter_bounded(const char *name, const char *container,
                                        uint64_t most) __attribute__((weak));

/* Restores what seep_shim_enter or seep_shim_enter_bounded returned. */
extern void seep_shim_leave(uint32_t previous) __attribute__((weak));

/* Counts a mark of this label (up to 63 bytes) and, of the first 64 marks of a label,
 * keeps the time; 1,024 times in all.
 *
 * Returns: 0; -ENOSPC: a label beyond the first 256.
 * Cost: no lock; 6 ns, some 15 where two threads mark the same label at once
 * (docs/shim.md). */
extern int seep_shim_mark(const char *label) __attribute__((weak));

/* Fills *out. Returns: 0; -ENODEV (out untouched).
 * Cost: O(sites x threads); meant for once a second, not for hot paths. */
extern int seep_shim_totals(struct seep_totals *out) __attribute__((weak));

/* Calls visit for each site of a kind (SEEP_SITE_*), until it returns something else than
 * 0. Nothing is held meanwhile: visit may allocate and take locks, and may not fork.
 *
 * Returns: what visit returned last, 0 without a site; -ENODEV.
 * Cost: O(sites x threads). */
extern int seep_shim_sites(uint32_t kind,
                           int (*visit)(void *arg, const struct seep_site_figures *site),
                           void *arg) __attribute__((weak));

/* The return addresses of a site's stack, innermost first.
 *
 * Returns: how many there are, of which at most `capacity` were written; -ENOENT: no such
 * site; -ENODEV. Cost: O(depth). */
extern int seep_shim_stack(uint32_t site, uintptr_t *addresses, int capacity)
    __attribute__((weak));

/* Calls visit (may be NULL) for each thread that a wrapped function (pthread_create,
 * thrd_create, and so std::thread) made and that is still there, but not for the calling
 * one, until it returns something else than 0. Nothing is held meanwhile.
 *
 * Returns: how many it came to; -ENODEV. Cost: a system call per thread. */
extern int seep_shim_threads_live(int (*visit)(void *arg,
                                               const struct seep_live_thread *thread),
                                  void *arg) __attribute__((weak));

/* Waits until none of those threads runs any more, for grace_ns at the most.
 * Returns: how many still run; -ENODEV. */
extern int seep_shim_threads_settle(uint64_t grace_ns) __attribute__((weak));

#ifdef __cplusplus
}
#endif

#endif
