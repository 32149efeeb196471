/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_STACK_READ_H
#define SEEP_SHIM_STACK_READ_H

#include <stdbool.h>
#include <stdint.h>

/* Reading words of a stack whose pointers may be wild.
 *
 * Words on the thread's own stack above its stack pointer are readable and loaded
 * directly. On any other stack (coroutines, sigaltstack) each page is first shown to the
 * kernel, so that a wild pointer ends the walk and not the host.
 */
enum { SEEP_WORD_BYTES = 8 };

/* A function that looks at words of a stack whoever they belong to now: what was a return
 * address once may since be the edge of an array, which AddressSanitizer guards. */
#if defined(__SANITIZE_ADDRESS__)
#define SEEP_READS_ANY_STACK __attribute__((no_sanitize_address))
#else
#define SEEP_READS_ANY_STACK
#endif

struct seep_stack_view {
    uintptr_t low;  /* [low, high) is readable; UINTPTR_MAX on a stack not our own */
    uintptr_t high; /* end of the thread's own stack */
    uintptr_t page; /* number of the last foreign page found readable; 0 = none */
};

/* Starts or moves a view: the stack pointer is now `sp`.
 *
 * own_low, own_high:  the thread's own stack; bytes in [sp, own_high) are readable when
 * sp is inside.
 */
static inline void seep_stack_view_enter(struct seep_stack_view *view, uintptr_t own_low,
                                         uintptr_t own_high, uintptr_t sp)
{
    view->low = sp >= own_low && sp < own_high ? sp : UINTPTR_MAX;
    view->high = own_high;
    view->page = 0;
}

/* The slow half of seep_stack_load: a word outside [low, high). */
bool seep_stack_load_far(struct seep_stack_view *view, uintptr_t address,
                         uintptr_t *word);

/* Loads an aligned word. Returns: false when it must not be read: misaligned, unmapped,
 * or off our own stack. async-signal-safe; keeps errno. */
static inline __attribute__((always_inline)) bool
seep_stack_load(struct seep_stack_view *view, uintptr_t address, uintptr_t *word)
{
    if (__builtin_expect(address < view->low || address > view->high - SEEP_WORD_BYTES ||
                             (address & (SEEP_WORD_BYTES - 1)) != 0,
                         0)) {
        return seep_stack_load_far(view, address, word);
    }
    *word = *(const uintptr_t *)address;
    return true;
}

#endif
