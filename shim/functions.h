/* The table of interposed functions: one row each, and everything else is generated from
 * it: the assembler stubs, the prototypes, the pointers to the originals, the wrappers of
 * functions with a regular way, and what the exports test expects.
 *
 * SPDX-License-Identifier: MIT
 *
 *     X(name, way, kind, arguments, result, (parameters), (values))
 *
 * name:       as exported.
 * way:        what a call means; see below. Stands for how it is entered, too.
 * kind:       resource kind without SEEP_KIND_.
 * arguments:  how many integer or pointer arguments the stub passes on: 0 to 6.
 * result, parameters:  of the original. An optional argument (open's mode, fcntl's third)
 *             is an ordinary one here: it is passed the same way, and passed through.
 * values:     the parameters' names, for the generated call; none for STACK and PLAIN.
 *
 * Ways with a wrapper written by hand:
 * - STACK: seep_wrap_<name>, with `uintptr_t sp, uintptr_t fp` after the parameters;
 * entered through a stub.
 * - PLAIN: <name> itself; the generated prototype exports it.
 *
 * Ways with a generated wrapper (interpose_regular.c, BODY_<way>):
 * - FD: returns a descriptor, or -1.
 * - FD_PAIR: puts two descriptors into the parameter `pair`; returns 0, or -1.
 * - STREAM, DIRECTORY: returns a FILE, a DIR, or NULL; its descriptor is acquired.
 * - STREAM_ADOPT, DIRECTORY_ADOPT: made around a descriptor that exists already, which is
 * acquired only if nobody has recorded it.
 * - FD_CLOSE, STREAM_CLOSE, DIRECTORY_CLOSE: releases the descriptor of its parameter
 * `fd`, `stream`, `directory`.
 *
 * An original that the program's libraries do not have is NULL in seep_real: generated
 * wrappers then fail with ENOSYS, those written by hand have to look.
 */
#ifndef SEEP_SHIM_FUNCTIONS_H
#define SEEP_SHIM_FUNCTIONS_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <threads.h>
#include <time.h>

#include "functions_fd.h"
#include "functions_map.h"
#include "functions_optional.h"
#include "seep/kinds.h"

/* All of them, and those whose originals seep_real holds (C++ operators are looked up by
 * seep_real_cxx, the optional by optional.h). A new list of rows is named in one of the
 * three. */
#define SEEP_FUNCTIONS(X) SEEP_C_FUNCTIONS(X) SEEP_CXX_FUNCTIONS(X) SEEP_OPTIONAL_LISTS(X)
#define SEEP_C_FUNCTIONS(X)                                                              \
    SEEP_HEAP_FUNCTIONS(X)                                                               \
    SEEP_MAPPING_FUNCTIONS(X)                                                            \
    SEEP_THREAD_FUNCTIONS(X)                                                             \
    SEEP_LIFE_FUNCTIONS(X)                                                               \
    SEEP_FD_FUNCTIONS(X)                                                                 \
    SEEP_TIMER_FUNCTIONS(X)

#define SEEP_HEAP_FUNCTIONS(X)                                                           \
    X(malloc, STACK, HEAP, 1, void *, (size_t size))                                     \
    X(calloc, STACK, HEAP, 2, void *, (size_t count, size_t size))                       \
    X(realloc, STACK, HEAP, 2, void *, (void *block, size_t size))                       \
    X(reallocarray, STACK, HEAP, 3, void *, (void *block, size_t count, size_t size))    \
    X(posix_memalign, STACK, HEAP, 3, int, (void **out, size_t align, size_t size))      \
    X(aligned_alloc, STACK, HEAP, 2, void *, (size_t align, size_t size))                \
    X(memalign, STACK, HEAP, 2, void *, (size_t align, size_t size))                     \
    X(valloc, STACK, HEAP, 1, void *, (size_t size))                                     \
    X(pvalloc, STACK, HEAP, 1, void *, (size_t size))                                    \
    X(free, PLAIN, HEAP, 1, void, (void *block))                                         \
    X(malloc_usable_size, PLAIN, HEAP, 1, size_t, (void *block))

/* operator new, new[]; delete, delete[] */
#define SEEP_CXX_FUNCTIONS(X)                                                            \
    X(_Znwm, STACK, HEAP, 1, void *, (size_t size))                                      \
    X(_Znam, STACK, HEAP, 1, void *, (size_t size))                                      \
    X(_ZnwmRKSt9nothrow_t, STACK, HEAP, 2, void *, (size_t size, const void *tag))       \
    X(_ZnamRKSt9nothrow_t, STACK, HEAP, 2, void *, (size_t size, const void *tag))       \
    X(_ZnwmSt11align_val_t, STACK, HEAP, 2, void *, (size_t size, size_t align))         \
    X(_ZnamSt11align_val_t, STACK, HEAP, 2, void *, (size_t size, size_t align))         \
    X(_ZnwmSt11align_val_tRKSt9nothrow_t, STACK, HEAP, 3, void *,                        \
      (size_t size, size_t align, const void *tag))                                      \
    X(_ZnamSt11align_val_tRKSt9nothrow_t, STACK, HEAP, 3, void *,                        \
      (size_t size, size_t align, const void *tag))                                      \
    X(_ZdlPv, PLAIN, HEAP, 1, void, (void *block))                                       \
    X(_ZdaPv, PLAIN, HEAP, 1, void, (void *block))                                       \
    X(_ZdlPvm, PLAIN, HEAP, 2, void, (void *block, size_t size))                         \
    X(_ZdaPvm, PLAIN, HEAP, 2, void, (void *block, size_t size))                         \
    X(_ZdlPvSt11align_val_t, PLAIN, HEAP, 2, void, (void *block, size_t align))          \
    X(_ZdaPvSt11align_val_t, PLAIN, HEAP, 2, void, (void *block, size_t align))          \
    X(_ZdlPvmSt11align_val_t, PLAIN, HEAP, 3, void,                                      \
      (void *block, size_t size, size_t align))                                          \
    X(_ZdaPvmSt11align_val_t, PLAIN, HEAP, 3, void,                                      \
      (void *block, size_t size, size_t align))                                          \
    X(_ZdlPvRKSt9nothrow_t, PLAIN, HEAP, 2, void, (void *block, const void *tag))        \
    X(_ZdaPvRKSt9nothrow_t, PLAIN, HEAP, 2, void, (void *block, const void *tag))        \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t, PLAIN, HEAP, 3, void,                         \
      (void *block, size_t align, const void *tag))                                      \
    X(_ZdaPvSt11align_val_tRKSt9nothrow_t, PLAIN, HEAP, 3, void,                         \
      (void *block, size_t align, const void *tag))

#define SEEP_THREAD_FUNCTIONS(X)                                                         \
    X(pthread_create, STACK, THREAD, 4, int,                                             \
      (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *),     \
       void *argument))                                                                  \
    X(thrd_create, STACK, THREAD, 3, int,                                                \
      (thrd_t * thread, thrd_start_t start, void *argument))                             \
    X(pthread_join, PLAIN, THREAD, 2, int, (pthread_t thread, void **value))             \
    X(pthread_tryjoin_np, PLAIN, THREAD, 2, int, (pthread_t thread, void **value))       \
    X(pthread_timedjoin_np, PLAIN, THREAD, 3, int,                                       \
      (pthread_t thread, void **value, const struct timespec *deadline))                 \
    X(pthread_clockjoin_np, PLAIN, THREAD, 4, int,                                       \
      (pthread_t thread, void **value, clockid_t clock,                                  \
       const struct timespec *deadline))                                                 \
    X(pthread_detach, PLAIN, THREAD, 1, int, (pthread_t thread))                         \
    X(pthread_setname_np, PLAIN, THREAD, 2, int, (pthread_t thread, const char *name))   \
    X(pthread_exit, PLAIN, THREAD, 1, void, (void *value))                               \
    X(thrd_join, PLAIN, THREAD, 2, int, (thrd_t thread, int *result))                    \
    X(thrd_detach, PLAIN, THREAD, 1, int, (thrd_t thread))                               \
    X(thrd_exit, PLAIN, THREAD, 1, void, (int value))

#define SEEP_LIFE_FUNCTIONS(X)                                                           \
    X(dlclose, PLAIN, NONE, 1, int, (void *library))                                     \
    X(mlockall, PLAIN, NONE, 1, int, (int flags))                                        \
    X(vfork, PLAIN, NONE, 0, pid_t, (void))                                              \
    X(__vfork, PLAIN, NONE, 0, pid_t, (void))                                            \
    X(clone, PLAIN, NONE, 4, int,                                                        \
      (int (*function)(void *), void *stack, int flags, void *argument, ...))            \
    X(_exit, PLAIN, NONE, 1, void, (int status))                                         \
    X(_Exit, PLAIN, NONE, 1, void, (int status))                                         \
    X(setrlimit, PLAIN, NONE, 2, int,                                                    \
      (enum __rlimit_resource resource, const struct rlimit *limits))                    \
    X(setrlimit64, PLAIN, NONE, 2, int,                                                  \
      (enum __rlimit_resource resource, const struct rlimit64 *limits))                  \
    X(prlimit, PLAIN, NONE, 4, int,                                                      \
      (pid_t pid, enum __rlimit_resource resource, const struct rlimit *limits,          \
       struct rlimit *before))                                                           \
    X(prlimit64, PLAIN, NONE, 4, int,                                                    \
      (pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *limits,        \
       struct rlimit64 *before))

#define SEEP_TIMER_FUNCTIONS(X)                                                          \
    X(timer_create, STACK, TIMER, 3, int,                                                \
      (clockid_t clock, struct sigevent * event, timer_t * timer))                       \
    X(timer_delete, PLAIN, TIMER, 1, int, (timer_t timer))

/* What a way means for the entry: X for functions that have a stub, Y for the others. */
#define SEEP_ENTRY_STACK(X, Y)           X
#define SEEP_ENTRY_FD(X, Y)              X
#define SEEP_ENTRY_FD_PAIR(X, Y)         X
#define SEEP_ENTRY_STREAM(X, Y)          X
#define SEEP_ENTRY_DIRECTORY(X, Y)       X
#define SEEP_ENTRY_STREAM_ADOPT(X, Y)    X
#define SEEP_ENTRY_DIRECTORY_ADOPT(X, Y) X
#define SEEP_ENTRY_PLAIN(X, Y)           Y
#define SEEP_ENTRY_FD_CLOSE(X, Y)        Y
#define SEEP_ENTRY_STREAM_CLOSE(X, Y)    Y
#define SEEP_ENTRY_DIRECTORY_CLOSE(X, Y) Y

/* (parameters) and stack and frame pointer at entry. */
#define SEEP_UNWRAP(...)                    __VA_ARGS__
#define SEEP_PARAMETERS_0(parameters)       (uintptr_t sp, uintptr_t fp)
#define SEEP_PARAMETERS_1(parameters)       (SEEP_UNWRAP parameters, uintptr_t sp, uintptr_t fp)
#define SEEP_PARAMETERS_2                   SEEP_PARAMETERS_1
#define SEEP_PARAMETERS_3                   SEEP_PARAMETERS_1
#define SEEP_PARAMETERS_4                   SEEP_PARAMETERS_1
#define SEEP_PARAMETERS_5                   SEEP_PARAMETERS_1
#define SEEP_PARAMETERS_6                   SEEP_PARAMETERS_1
#define SEEP_WRAP_PARAMETERS(n, parameters) SEEP_PARAMETERS_##n(parameters)

#endif
