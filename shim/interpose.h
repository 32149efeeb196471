/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_INTERPOSE_H
#define SEEP_SHIM_INTERPOSE_H

#include "functions.h"
#include "guard.h"

/* Makes a wrapper visible to the host; everything else in the library is hidden. */
#define SEEP_EXPORT __attribute__((visibility("default")))

/* Looks the C++ operators up while the process starts. Later it would take the loader's
 * lock and change what dlerror() says. */
void seep_interpose_cxx_start(void);

/* The descriptor of a stream; -1 for none (NULL, or a stream of memory). Keeps errno. */
int seep_interpose_fileno(struct _IO_FILE *stream);

/* What the stubs of functions that return twice call first, and then jump to. */
void *seep_before_vfork(void);
void *seep_before___vfork(void);
void *seep_before_clone(void);

/* Every row's wrapper: seep_wrap_<name> with the original's parameters, then stack and
 * frame pointer at entry, which its stub jumps to; or, without a stub, <name> itself. */
#define SEEP_WITH_STUB(name, arguments, result, parameters)                              \
    result seep_wrap_##name SEEP_WRAP_PARAMETERS(arguments, parameters);
#define SEEP_WITHOUT_STUB(name, arguments, result, parameters)                           \
    SEEP_EXPORT result name parameters;
#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    SEEP_ENTRY_##way(SEEP_WITH_STUB, SEEP_WITHOUT_STUB)(name, arguments, result,         \
                                                        parameters)
SEEP_FUNCTIONS(SEEP_X)
#undef SEEP_X
#undef SEEP_WITH_STUB
#undef SEEP_WITHOUT_STUB

#endif
