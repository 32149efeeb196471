/* Threads: creation with its stack, start, name, end, join, detach.
 *
 * Design: the real creation gets our start routine and the slot number as its argument;
 * the host's routine and argument wait in a table beside it, so that nothing is
 * allocated. The end is seen by a thread-specific-data destructor, which also runs for
 * pthread_exit and cancellation. How it ended: who returns passes through our start
 * routine, who leaves calls pthread_exit or thrd_exit, and what is left was cancelled.
 *
 * I1: join looks the thread up before the real call (afterwards its id may be another's)
 * and releases after it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <string.h>

#include "interpose.h"
#include "life.h"
#include "real.h"
#include "seep/kinds.h"
#include "site.h"
#include "thread_table.h"

/* What the new thread is to run; written by the creator before the real creation, which
 * orders it. */
static struct start {
    union {
        void *(*posix)(void *);
        thrd_start_t c11;
    } routine;
    void *argument;
} starts[SEEP_THREADS_MAX];

/* First steps of every new thread. */
static struct start begin(uint32_t slot)
{
    struct start start = starts[slot];
    struct seep_self *self = seep_guard_adopt(slot);

    if (self != NULL) {
        seep_thread_table_start(slot);
        seep_thread_table_register(self, slot, seep_thread_table_ticket(slot),
                                   (uintptr_t)pthread_self());
        seep_thread_table_run(slot);
    }
    return start;
}

/* The calling thread is about to end. Not by the number that it was started with: a
 * process forked from it has another table. */
static void note_ending(uint32_t way)
{
    struct seep_self *self = seep_real_ready() ? seep_guard_self() : NULL;

    if (self != NULL) {
        seep_thread_table_ending(self->slot, way);
    }
}

static void *run_posix(void *slot)
{
    struct start start = begin((uint32_t)(uintptr_t)slot);
    void *value = start.routine.posix(start.argument);

    note_ending(SEEP_THREAD_RETURNED);
    return value;
}

static int run_c11(void *slot)
{
    struct start start = begin((uint32_t)(uintptr_t)slot);
    int value = start.routine.c11(start.argument);

    note_ending(SEEP_THREAD_RETURNED);
    return value;
}

SEEP_EXPORT void pthread_exit(void *value)
{
    note_ending(SEEP_THREAD_LEFT);
    seep_real.pthread_exit(value);
    __builtin_unreachable();
}

SEEP_EXPORT void thrd_exit(int value)
{
    note_ending(SEEP_THREAD_LEFT);
    seep_real.thrd_exit(value);
    __builtin_unreachable();
}

/* Without attributes: the default of this moment (pthread_setattr_default_np). */
static uint64_t stack_bytes_of(const pthread_attr_t *attributes)
{
    pthread_attr_t defaults;
    size_t bytes = 0;

    if (attributes != NULL) {
        (void)pthread_attr_getstacksize(attributes, &bytes);
    } else if (pthread_attr_init(&defaults) == 0) {
        (void)pthread_attr_getstacksize(&defaults, &bytes);
        (void)pthread_attr_destroy(&defaults);
    }
    return bytes;
}

static bool is_detached(const pthread_attr_t *attributes)
{
    int state = PTHREAD_CREATE_JOINABLE;

    if (attributes != NULL) {
        (void)pthread_attr_getdetachstate(attributes, &state);
    }
    return state == PTHREAD_CREATE_DETACHED;
}

int seep_wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                             void *(*start)(void *), void *argument, uintptr_t sp,
                             uintptr_t fp)
{
    struct seep_self *self = seep_real_ready() ? seep_guard_self() : NULL;
    uint32_t slot = 0;
    uint64_t ticket = 0;
    int result = 0;

    if (self != NULL) {
        uint32_t site = seep_site_here(self, SEEP_KIND_THREAD, sp, fp);

        slot =
            seep_thread_table_take(self, site, (uintptr_t)start,
                                   stack_bytes_of(attributes), is_detached(attributes));
    }
    if (slot == 0) {
        return seep_real.pthread_create(thread, attributes, start, argument);
    }
    starts[slot] = (struct start){.routine.posix = start, .argument = argument};
    ticket = seep_thread_table_ticket(slot);
    result =
        seep_real.pthread_create(thread, attributes, run_posix, (void *)(uintptr_t)slot);
    if (result == 0) {
        seep_thread_table_register(self, slot, ticket, (uintptr_t)*thread);
    } else {
        seep_thread_table_drop(slot);
    }
    return result;
}

int seep_wrap_thrd_create(thrd_t *thread, thrd_start_t start, void *argument,
                          uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = seep_real_ready() ? seep_guard_self() : NULL;
    uint32_t slot = 0;
    uint64_t ticket = 0;
    int result = 0;

    if (self != NULL) {
        uint32_t site = seep_site_here(self, SEEP_KIND_THREAD, sp, fp);

        slot = seep_thread_table_take(self, site, (uintptr_t)start, stack_bytes_of(NULL),
                                      false);
    }
    if (slot == 0) {
        return seep_real.thrd_create(thread, start, argument);
    }
    starts[slot] = (struct start){.routine.c11 = start, .argument = argument};
    ticket = seep_thread_table_ticket(slot);
    result = seep_real.thrd_create(thread, run_c11, (void *)(uintptr_t)slot);
    if (result == thrd_success) {
        seep_thread_table_register(self, slot, ticket, (uintptr_t)*thread);
    } else {
        seep_thread_table_drop(slot);
    }
    return result;
}

static uint64_t entry_of(pthread_t thread)
{
    struct seep_self *self = seep_real_ready() ? seep_guard_self() : NULL;

    return self != NULL ? seep_thread_table_find((uintptr_t)thread) : 0;
}

static int joined(int result, uint64_t entry)
{
    struct seep_self *self = result == 0 && entry != 0 ? seep_guard_self() : NULL;

    if (self != NULL) {
        seep_thread_table_joined(self, entry);
    }
    return result;
}

SEEP_EXPORT int pthread_join(pthread_t thread, void **value)
{
    uint64_t entry = entry_of(thread);

    return joined(seep_real.pthread_join(thread, value), entry);
}

SEEP_EXPORT int pthread_tryjoin_np(pthread_t thread, void **value)
{
    uint64_t entry = entry_of(thread);

    return joined(seep_real.pthread_tryjoin_np(thread, value), entry);
}

SEEP_EXPORT int pthread_timedjoin_np(pthread_t thread, void **value,
                                     const struct timespec *deadline)
{
    uint64_t entry = entry_of(thread);

    return joined(seep_real.pthread_timedjoin_np(thread, value, deadline), entry);
}

SEEP_EXPORT int pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock,
                                     const struct timespec *deadline)
{
    uint64_t entry = entry_of(thread);

    return joined(seep_real.pthread_clockjoin_np(thread, value, clock, deadline), entry);
}

SEEP_EXPORT int thrd_join(thrd_t thread, int *result)
{
    uint64_t entry = entry_of(thread);

    return joined(seep_real.thrd_join(thread, result), entry);
}

/* Once detached, a thread that has ended may be gone: its entry is looked up before. A
 * failed detach changes nothing: the state is set only afterwards. */
static int detached(int result, uint64_t entry)
{
    struct seep_self *self = result == 0 && entry != 0 ? seep_guard_self() : NULL;

    if (self != NULL) {
        seep_thread_table_detached(self, entry);
    }
    return result;
}

SEEP_EXPORT int pthread_detach(pthread_t thread)
{
    uint64_t entry = entry_of(thread);

    return detached(seep_real.pthread_detach(thread), entry);
}

SEEP_EXPORT int thrd_detach(thrd_t thread)
{
    uint64_t entry = entry_of(thread);

    return detached(seep_real.thrd_detach(thread), entry);
}

SEEP_EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
    struct seep_self *self = seep_real_ready() ? seep_guard_self() : NULL;
    int result = seep_real.pthread_setname_np(thread, name);

    if (result == 0 && self != NULL) {
        seep_thread_table_name(self, (uintptr_t)thread, name);
    }
    return result;
}
