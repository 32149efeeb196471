/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_STACK_TALLY_H
#define SEEP_TESTS_STACK_TALLY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Allocations whose stacks libunwind has seen too: the program's own truth. */

/* malloc(bytes) after counting the stack from this function's caller outwards. A stack
 * ends at the first code that belongs to no module, that frame included, and after 1,023
 * frames. */
void *tally_malloc(size_t bytes);

/* Counts the stack from the caller of the calling function outwards; that one, whose name
 * begins with tally_, calls malloc itself, once. */
void tally_count(void);

/* tally_malloc and free, as a callback. */
void tally_once(void *unused);

/* Prints {"stacks":[[count,[[module,offset],...]],...]} and a newline. */
void tally_print(void);

#ifdef __cplusplus
}
#endif

#endif
