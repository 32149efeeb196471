/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_ODD_FRAMES_H
#define SEEP_TESTS_ODD_FRAMES_H

#include <stdint.h>

/* Frames that compact rules cannot say (odd_frames.S). Each calls next(argument). */
typedef void odd_frame(void (*next)(void *), void *argument);

odd_frame odd_cfa_in_rbx;
odd_frame odd_cfa_by_expression;
odd_frame odd_cfa_by_arithmetic;
odd_frame odd_rbx_in_r13;
odd_frame odd_saved_by_expression;
odd_frame odd_return_in_r12;
odd_frame odd_rbx_by_offset;
odd_frame odd_rbx_by_signed_offset;
odd_frame odd_rbx_by_expression;
odd_frame odd_on_another_stack;
odd_frame odd_on_another_stack_by_rbp;

/* Those that libunwind gets right. */
#define ODD_FRAMES(X)                                                                    \
    X(odd_cfa_in_rbx)                                                                    \
    X(odd_cfa_by_expression)                                                             \
    X(odd_cfa_by_arithmetic)                                                             \
    X(odd_rbx_in_r13)                                                                    \
    X(odd_saved_by_expression)                                                           \
    X(odd_rbx_by_expression)                                                             \
    X(odd_on_another_stack)                                                              \
    X(odd_on_another_stack_by_rbp)

/* Those that it does not: it restores r12 first and takes the return address from what it
 * restored; and it does not know DW_CFA_val_offset. */
#define ODD_FRAMES_OF_GCC(X)                                                             \
    X(odd_return_in_r12)                                                                 \
    X(odd_rbx_by_offset)                                                                 \
    X(odd_rbx_by_signed_offset)

/* Frames with a register that means nothing, or whose unwind information is wrong. */
void odd_any_rbp(void (*next)(void *), void *argument, uintptr_t value);
void odd_wild_rbp(void (*next)(void *), void *argument, uintptr_t value);
void odd_wild_sp(void (*next)(void *), void *argument, void *top);

/* Upper end of the stack that the last two switch to; 16-byte aligned. */
extern void *odd_other_stack;

#endif
