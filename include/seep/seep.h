/* Annotations for programs that want their own words in Seep's report. Optional.
 *
 * Header only: the functions are weak, so a program that includes this file needs neither
 * libseep at link time nor at run time; without it every call is a test and no more.
 *     void hub_register(struct hub *hub)
 *     {
 *         SEEP_SUBSYSTEM("websocket");      // until the end of the enclosing block
 *         ...
 *     }
 * A thread starts in the subsystem in which pthread_create was called. What fills for
 * longer than a run looks like a leak: SEEP_BOUNDED declares its limit.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SEEP_H
#define SEEP_SEEP_H

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

/* Implemented by libseep.so; NULL without it. Call the inline functions below instead.
 *
 * seep_shim_enter: makes `name` (borrowed during the call) the calling thread's
 * subsystem. Returns: the subsystem before, to be given back to seep_shim_leave.
 *   Thread-safety: any thread; async-signal-safe.
 * seep_shim_enter_bounded: the same, of a container's entries (borrowed, too; name NULL:
 * of the present subsystem; most 0: no limit). Of one container the highest limit of the
 * run counts. seep_shim_leave: restores what seep_shim_enter returned. seep_shim_mark:
 * counts a mark of this label (up to 63 bytes) and, of the first 64 marks of a label,
 * keeps the time; 1,024 times in all. Returns: 0; -ENOSPC: a label beyond the first 256.
 * Thread-safety: any thread; async-signal-safe; no lock. Cost: 6 ns, some 15 where two
 * threads mark the same label at once. seep_shim_totals: fills *out. Returns: 0; -ENODEV
 * when the shim stepped aside (out untouched). Cost: O(sites x threads); meant for once a
 * second, not for hot paths. seep_shim_sites: calls visit for each site of a kind, until
 * it returns something else than 0. It holds nothing meanwhile: visit may allocate and
 * take locks, and may not fork. Returns: what visit returned last, 0 without a site;
 * -ENODEV as above. Cost: O(sites x threads). seep_shim_stack: the return addresses of a
 * site's stack, innermost first. Returns: how many there are, of which at most `capacity`
 * were written; -ENOENT: no such site; -ENODEV. Cost: O(depth). async-signal-safe.
 * seep_shim_threads_live: calls visit (may be NULL) for each thread that a wrapped
 * function (pthread_create, thrd_create, and so std::thread) made and that is still
 * there, but not for the calling one, until it returns something else than 0. It holds
 * nothing meanwhile. Returns: how many it came to; -ENODEV as above. Cost: a system call
 * per thread. seep_shim_threads_settle: waits until none of those runs any more, for
 * grace_ns at the most. Returns: how many still run; -ENODEV.
 */
extern uint32_t seep_shim_enter(const char *name) __attribute__((weak));
extern uint32_t seep_shim_enter_bounded(const char *name, const char *container,
                                        uint64_t most) __attribute__((weak));
extern void seep_shim_leave(uint32_t previous) __attribute__((weak));
extern int seep_shim_mark(const char *label) __attribute__((weak));
extern int seep_shim_totals(struct seep_totals *out) __attribute__((weak));
extern int seep_shim_sites(uint32_t kind,
                           int (*visit)(void *arg, const struct seep_site_figures *site),
                           void *arg) __attribute__((weak));
extern int seep_shim_stack(uint32_t site, uintptr_t *addresses, int capacity)
    __attribute__((weak));
extern int seep_shim_threads_live(int (*visit)(void *arg,
                                               const struct seep_live_thread *thread),
                                  void *arg) __attribute__((weak));
extern int seep_shim_threads_settle(uint64_t grace_ns) __attribute__((weak));

static inline int seep_present(void)
{
    return seep_shim_enter != 0;
}

static inline uint32_t seep_enter(const char *name)
{
    return seep_shim_enter != 0 ? seep_shim_enter(name) : 0;
}

static inline uint32_t seep_enter_bounded(const char *name, const char *container,
                                          uint64_t most)
{
    return seep_shim_enter_bounded != 0 ? seep_shim_enter_bounded(name, container, most)
                                        : seep_enter(name);
}

static inline void seep_leave(const uint32_t *previous)
{
    if (seep_shim_leave != 0) {
        seep_shim_leave(*previous);
    }
}

/* Names this instant of the run ("warm": judge from here), or counts a unit of work, as
 * often as there is one: growth is then set against it: seep_mark("http request");
 * Returns: 0, also without the shim; -ENOSPC as above. */
static inline int seep_mark(const char *label)
{
    return seep_shim_mark != 0 ? seep_shim_mark(label) : 0;
}

/* Returns: 0; -1 without the shim; -ENODEV as above. */
static inline int seep_totals(struct seep_totals *out)
{
    return seep_shim_totals != 0 ? seep_shim_totals(out) : -1;
}

/* Of both: -1 without the shim, or with one that lacks the function. */
static inline int
seep_sites(uint32_t kind, int (*visit)(void *arg, const struct seep_site_figures *site),
           void *arg)
{
    return seep_shim_sites != 0 ? seep_shim_sites(kind, visit, arg) : -1;
}

static inline int seep_stack(uint32_t site, uintptr_t *addresses, int capacity)
{
    return seep_shim_stack != 0 ? seep_shim_stack(site, addresses, capacity) : -1;
}

/* Threads that the program has made and not taken back: those that run, and those that
 * ended and were neither joined nor detached. For tests: none must be left.
 *     assert(seep_threads_settle(1000000000) == 0);  // who is about to end may do so
 *     assert(seep_threads_live(NULL, NULL) == 0);
 * Both: 0 without the shim, which knows of none. */
static inline int seep_threads_live(int (*visit)(void *arg,
                                                 const struct seep_live_thread *thread),
                                    void *arg)
{
    return seep_shim_threads_live != 0 ? seep_shim_threads_live(visit, arg) : 0;
}

static inline int seep_threads_settle(uint64_t grace_ns)
{
    return seep_shim_threads_settle != 0 ? seep_shim_threads_settle(grace_ns) : 0;
}

#define SEEP_CONCAT_(a, b) a##b
#define SEEP_CONCAT(a, b)  SEEP_CONCAT_(a, b)

/* All acquired until the end of the enclosing block belongs to subsystem `name`. */
#define SEEP_SUBSYSTEM(name)                                                             \
    __attribute__((cleanup(seep_leave), unused)) const uint32_t SEEP_CONCAT(             \
        seep_subsystem_, __LINE__) = seep_enter(name)

/* The same, of the entries of a container that holds at most `most` of them, in all: so
 * many blocks (descriptors ...) of each place that acquires some. For where the limit is
 * enforced, not for what bypasses it. What a thread made here acquires is no entry. */
#define SEEP_BOUNDED(name, container, most)                                              \
    __attribute__((cleanup(seep_leave), unused)) const uint32_t SEEP_CONCAT(             \
        seep_subsystem_, __LINE__) = seep_enter_bounded(name, container, most)

#ifdef __cplusplus
}
#endif

#endif
