/* The exported entry points of acquisitions, one assembler stub per row of
 * SEEP_STACK_FUNCTIONS.
 *
 * A C prologue may have changed the frame pointer, which without -fno-omit-frame-pointer
 * is an ordinary register, by the time C code can look at it; so the stub takes both
 * pointers first and jumps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch.h"
#include "seep/kinds.h"

#define SEEP_X(name, arguments, kind) SEEP_ARCH_STUB(name, arguments);
SEEP_STACK_FUNCTIONS(SEEP_X)
#undef SEEP_X
