/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_OPTIONAL_H
#define SEEP_SHIM_OPTIONAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions.h"

/* The originals of the functions that not every program has (functions_optional.h). NULL
 * where no module that was loaded at the start has one behind us. */
struct seep_optional {
#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    result(*name) parameters;
    SEEP_OPTIONAL_LISTS(SEEP_X)
#undef SEEP_X
};
extern struct seep_optional seep_optional;
extern _Atomic uint32_t seep_optional_known;

/* Where our own code and that of jemalloc and tcmalloc lies; empty where there is none.
 * Written by seep_optional_find, always the same. */
struct seep_optional_code {
    uintptr_t low;
    uintptr_t high;
};
extern struct seep_optional_code seep_optional_own;
extern struct seep_optional_code seep_optional_jemalloc;
extern struct seep_optional_code seep_optional_tcmalloc;

/* Whether a call comes from the allocator itself, on behalf of one that is recorded or of
 * its own: it is passed through. An original that jumps to another function leaves us as
 * the caller. sp: of the wrapped function at entry. */
static inline bool seep_optional_is_inner(const struct seep_optional_code *code,
                                          uintptr_t sp)
{
    uintptr_t caller = *(const uintptr_t *)sp;

    return (caller >= code->low && caller < code->high) ||
           (caller >= seep_optional_own.low && caller < seep_optional_own.high);
}

/* Looks them up. Takes no lock and allocates nothing; several threads find the same.
 * Thread-safety: any thread; async-signal-safe. */
void seep_optional_find(void);

/* The originals, looked up. Call when seep_real_ready(). */
static inline const struct seep_optional *seep_optional_get(void)
{
    if (__builtin_expect(__atomic_load_n((const uint32_t *)&seep_optional_known,
                                         __ATOMIC_ACQUIRE) == 0,
                         0)) {
        seep_optional_find();
    }
    return &seep_optional;
}

/* Makes the names that have no original invisible, as they would be without us: takes
 * them out of our symbol table in memory, and out of the weak references that the loader
 * has bound to us. Runs while the process starts. */
void seep_optional_hide(void);

#endif
