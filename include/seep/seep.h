/* Annotations for programs that want their own words in Seep's report. Optional.
 *
 * Headers only: the functions are weak, so a program that includes this file needs
 * neither libseep at link time nor at run time; without it every call is a test and no
 * more.
 *
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

#include "seep/seep_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the program runs under Seep. */
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
 * Returns: 0, also without the shim; -ENOSPC: a label beyond the first 256. */
static inline int seep_mark(const char *label)
{
    return seep_shim_mark != 0 ? seep_shim_mark(label) : 0;
}

/* What the shim has counted so far. Returns: 0; -1 without the shim; -ENODEV. */
static inline int seep_totals(struct seep_totals *out)
{
    return seep_shim_totals != 0 ? seep_shim_totals(out) : -1;
}

/* The sites of a kind, and a site's stack. Of both: -1 without the shim, or with one that
 * lacks the function; else as seep_shim_sites and seep_shim_stack (seep_api.h). */
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
