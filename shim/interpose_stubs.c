/* The exported entry points of acquisitions: an assembler stub for each row of the table
 * whose way takes the caller's stack.
 *
 * A C prologue may have changed the frame pointer, which without -fno-omit-frame-pointer
 * is an ordinary register, by the time C code can look at it; so the stub takes both
 * pointers first and jumps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch.h"
#include "functions.h"

#define STUB(name, arguments) SEEP_ARCH_STUB(name, arguments);
#define NO_STUB(name, arguments)
#define SEEP_X(name, way, kind, arguments, result, parameters, ...)                      \
    SEEP_ENTRY_##way(STUB, NO_STUB)(name, arguments)
SEEP_FUNCTIONS(SEEP_X)
#undef SEEP_X
