/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_REAL_H
#define SEEP_SHIM_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions.h"

/* The functions behind the wrappers: the next definition after ours in the host's search
 * order, which is the host's own allocator when it brings one. NULL where the program's
 * libraries have none. */
struct seep_real {
#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    result(*name) parameters;
    SEEP_C_FUNCTIONS(SEEP_X)
#undef SEEP_X
    void *(*first_realloc)(void *, size_t); /* of an allocator before us in the search
                                               order (the program's own); else NULL */
};
extern struct seep_real seep_real __attribute__((visibility("hidden")));
extern _Atomic uint32_t seep_real_state __attribute__((visibility("hidden")));
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

/* The original of a row: seep_real's, or looked up alone while the look-up of all is
 * under way; NULL where there is none. */
#define SEEP_REAL(name)                                                                  \
    (seep_real_ready() ? seep_real.name                                                  \
                       : (__typeof__(seep_real.name))seep_real_early(#name))
void *seep_real_early(const char *name);
/* There is no original. Sets errno to ENOSYS. Returns: -1. */
int seep_real_missing(void);

/* A C++ operator by mangled name. Returns: NULL when nobody has it. */
void *seep_real_cxx(const char *name);
/* Whether a C++ library is loaded. Allocates: no. */
bool seep_real_cxx_loaded(void);

/* Memory for allocations made while the look-up runs (it may allocate itself): a small
 * static area, never freed. boot_alloc returns NULL when it is used up. */
void *seep_real_boot_alloc(size_t size_bytes, size_t align_bytes);
enum { SEEP_BOOT_BYTES = 65536 };
extern uint8_t seep_real_boot[SEEP_BOOT_BYTES] __attribute__((visibility("hidden")));
static inline bool seep_real_is_boot(const void *block)
{
    return (uintptr_t)block - (uintptr_t)seep_real_boot < SEEP_BOOT_BYTES;
}
size_t seep_real_boot_size(const void *block);

#endif
