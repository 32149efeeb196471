/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_REAL_H
#define SEEP_SHIM_REAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <threads.h>
#include <time.h>

/* The functions behind the wrappers: the next definition after ours in the host's search
 * order, which is the host's own allocator when it brings one. X(return type, name,
 * (parameters)) */
#define SEEP_REAL_FUNCTIONS(X)                                                           \
    X(void *, malloc, (size_t))                                                          \
    X(void *, calloc, (size_t, size_t))                                                  \
    X(void *, realloc, (void *, size_t))                                                 \
    X(void, free, (void *))                                                              \
    X(int, posix_memalign, (void **, size_t, size_t))                                    \
    X(void *, aligned_alloc, (size_t, size_t))                                           \
    X(void *, memalign, (size_t, size_t))                                                \
    X(void *, valloc, (size_t))                                                          \
    X(void *, pvalloc, (size_t))                                                         \
    X(size_t, malloc_usable_size, (void *))                                              \
    X(int, pthread_create,                                                               \
      (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))                  \
    X(int, pthread_join, (pthread_t, void **))                                           \
    X(int, pthread_tryjoin_np, (pthread_t, void **))                                     \
    X(int, pthread_timedjoin_np, (pthread_t, void **, const struct timespec *))          \
    X(int, pthread_clockjoin_np,                                                         \
      (pthread_t, void **, clockid_t, const struct timespec *))                          \
    X(int, pthread_detach, (pthread_t))                                                  \
    X(int, pthread_setname_np, (pthread_t, const char *))                                \
    X(int, thrd_create, (thrd_t *, thrd_start_t, void *))                                \
    X(int, thrd_join, (thrd_t, int *))                                                   \
    X(int, thrd_detach, (thrd_t))                                                        \
    X(int, dlclose, (void *))                                                            \
    X(int, mlockall, (int))                                                              \
    X(int, setrlimit, (enum __rlimit_resource, const struct rlimit *))                   \
    X(int, setrlimit64, (enum __rlimit_resource, const struct rlimit64 *))               \
    X(int, prlimit,                                                                      \
      (pid_t, enum __rlimit_resource, const struct rlimit *, struct rlimit *))           \
    X(int, prlimit64,                                                                    \
      (pid_t, enum __rlimit_resource, const struct rlimit64 *, struct rlimit64 *))

struct seep_real {
#define SEEP_X(type, name, parameters) type(*name) parameters;
    SEEP_REAL_FUNCTIONS(SEEP_X)
#undef SEEP_X
    void *(*first_realloc)(void *, size_t); /* of an allocator before us in the search
                                               order (the program's own); else NULL */
};
extern struct seep_real seep_real;
extern _Atomic uint32_t seep_real_state;
enum { SEEP_REAL_UNKNOWN = 0, SEEP_REAL_RESOLVING = 1, SEEP_REAL_READY = 2 };

/* Looks all of them up. Returns: whether they can be called; false while a look-up is
 * under way. */
bool seep_real_resolve(void);

static inline bool seep_real_ready(void)
{
    return __builtin_expect(__atomic_load_n((const uint32_t *)&seep_real_state,
                                            __ATOMIC_ACQUIRE) == SEEP_REAL_READY,
                            1) ||
           seep_real_resolve();
}

/* A C++ operator by mangled name. Returns: NULL when nobody has it. */
void *seep_real_cxx(const char *name);
/* Whether a C++ library is loaded. Allocates: no. */
bool seep_real_cxx_loaded(void);

/* Memory for allocations made while the look-up runs (it may allocate itself): a small
 * static area, never freed. boot_alloc returns NULL when it is used up. */
void *seep_real_boot_alloc(size_t size_bytes, size_t align_bytes);
bool seep_real_is_boot(const void *block);
size_t seep_real_boot_size(const void *block);

#endif
