/* Frames as only people write them, each with unwind information that is right: what
 * compact rules cannot say.
 *
 * void odd_NAME(void (*next)(void *), void *argument): calls next(argument).
 *
 * SPDX-License-Identifier: MIT
 */
    .text

.macro begin name
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    endbr64
.endm

.macro end name
    .cfi_endproc
    .size \name, .-\name
.endm

/* next(argument); the stack must be aligned. */
.macro call_next
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
.endm

/* The CFA hangs on rbx, as in the loader's _dl_runtime_resolve. */
begin odd_cfa_in_rbx
    pushq %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset %rbx, -16
    movq %rsp, %rbx
    .cfi_def_cfa %rbx, 16
    subq $200, %rsp
    andq $-64, %rsp
    call_next
    movq %rbx, %rsp
    .cfi_def_cfa %rsp, 16
    popq %rbx
    .cfi_restore %rbx
    .cfi_def_cfa_offset 8
    ret
end odd_cfa_in_rbx

/* The CFA is an expression: (word at rsp + 8) + 8. */
begin odd_cfa_by_expression
    movq %rsp, %rax
    subq $136, %rsp
    .cfi_def_cfa_offset 144
    movq %rax, 8(%rsp)
    .cfi_escape 0x0f, 5, 0x77, 8, 0x06, 0x23, 8
    call_next
    addq $136, %rsp
    .cfi_def_cfa %rsp, 8
    ret
end odd_cfa_by_expression

/* The CFA is an expression with arithmetic, a comparison and branches, as PLT entries
 * have it: rsp + 16 + ((64 >= 64) << 6). */
begin odd_cfa_by_arithmetic
    subq $72, %rsp
    .cfi_escape 0x0f, 17, 0x77, 16, 0x08, 64, 0x08, 64, 0x2a, 0x36, 0x24, 0x22, 0x31, 0x28, 1, 0, 0x13, 0x96, 0x96
    call_next
    addq $72, %rsp
    .cfi_def_cfa %rsp, 8
    ret
end odd_cfa_by_arithmetic

/* rbx is kept in r13, and r13 on the stack. */
begin odd_rbx_in_r13
    pushq %r13
    .cfi_def_cfa_offset 16
    .cfi_offset %r13, -16
    movq %rbx, %r13
    .cfi_register %rbx, %r13
    movq $-1, %rbx
    subq $8, %rsp
    .cfi_def_cfa_offset 24
    subq $8, %rsp
    .cfi_def_cfa_offset 32
    subq $8, %rsp
    .cfi_def_cfa_offset 40
    subq $8, %rsp
    .cfi_def_cfa_offset 48
    call_next
    addq $32, %rsp
    .cfi_def_cfa_offset 16
    movq %r13, %rbx
    .cfi_restore %rbx
    popq %r13
    .cfi_restore %r13
    .cfi_def_cfa_offset 8
    ret
end odd_rbx_in_r13

/* rbx is saved where an expression says: at rsp + 24; rbp too, at rsp + 16. */
begin odd_saved_by_expression
    subq $40, %rsp
    .cfi_def_cfa_offset 48
    movq %rbx, 24(%rsp)
    .cfi_escape 0x10, 3, 2, 0x77, 24
    movq %rbp, 16(%rsp)
    .cfi_escape 0x10, 6, 2, 0x77, 16
    movq $-1, %rbx
    movq $-1, %rbp
    call_next
    movq 24(%rsp), %rbx
    .cfi_restore %rbx
    movq 16(%rsp), %rbp
    .cfi_restore %rbp
    addq $40, %rsp
    .cfi_def_cfa_offset 8
    ret
end odd_saved_by_expression

/* The return address is kept in r12. */
begin odd_return_in_r12
    movq (%rsp), %rax
    movq %r12, (%rsp)
    .cfi_offset %r12, -8
    movq %rax, %r12
    .cfi_register %rip, %r12
    subq $8, %rsp
    .cfi_def_cfa_offset 16
    call_next
    addq $8, %rsp
    .cfi_def_cfa_offset 8
    movq %r12, %rax
    .cfi_register %rip, %rax
    popq %r12
    .cfi_def_cfa_offset 0
    .cfi_restore %r12
    jmp *%rax
end odd_return_in_r12

/* Pairs: the outer one's CFA hangs on rbx; the inner one spoils rbx without saving it, as
 * it knows where it pointed: its CFA and `distance`. */
.macro inner name, distance, rule:vararg
    .type \name, @function
\name:
    .cfi_startproc
    .cfi_escape \rule
    movq $-1, %rbx
    subq $8, %rsp
    .cfi_def_cfa_offset 16
    call_next
    addq $8, %rsp
    .cfi_def_cfa_offset 8
    leaq \distance + 8(%rsp), %rbx
    ret
    .cfi_endproc
    .size \name, .-\name
.endm

.macro outer name, inner, below
begin \name
    pushq %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset %rbx, -16
    leaq -\below(%rsp), %rbx
    .cfi_def_cfa %rbx, 16 + \below
    subq $16, %rsp
    call \inner
    leaq \below(%rbx), %rsp
    .cfi_def_cfa %rsp, 16
    popq %rbx
    .cfi_restore %rbx
    .cfi_def_cfa_offset 8
    ret
end \name
.endm

    inner inner_by_offset, -48, 0x14, 3, 6
    inner inner_by_signed_offset, 16, 0x15, 3, 0x7e
    inner inner_by_expression, 16, 0x16, 3, 2, 0x23, 16
outer odd_rbx_by_offset, inner_by_offset, 64
outer odd_rbx_by_signed_offset, inner_by_signed_offset, 0
outer odd_rbx_by_expression, inner_by_expression, 0

/* Calls on another stack, whose upper end is the word odd_other_stack: rbx remembers
 * this one. */
begin odd_on_another_stack
    pushq %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset %rbx, -16
    movq %rsp, %rbx
    .cfi_def_cfa %rbx, 16
    movq odd_other_stack(%rip), %rsp
    call_next
    movq %rbx, %rsp
    .cfi_def_cfa %rsp, 16
    popq %rbx
    .cfi_restore %rbx
    .cfi_def_cfa_offset 8
    ret
end odd_on_another_stack

/* The same by rbp, as compilers of other languages do it. */
begin odd_on_another_stack_by_rbp
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa %rbp, 16
    movq odd_other_stack(%rip), %rsp
    call_next
    movq %rbp, %rsp
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa %rsp, 8
    ret
end odd_on_another_stack_by_rbp

/* void odd_any_rbp(next, argument, value): rbp holds any value, as ordinary data. */
begin odd_any_rbp
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rdx, %rbp
    call_next
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa_offset 8
    ret
end odd_any_rbp

/* void odd_wild_rbp(next, argument, value): the same, and its unwind information says
 * that its frame lies where rbp points. */
begin odd_wild_rbp
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rdx, %rbp
    .cfi_def_cfa_register %rbp
    call_next
    .cfi_def_cfa_register %rsp
    popq %rbp
    .cfi_restore %rbp
    .cfi_def_cfa_offset 8
    ret
end odd_wild_rbp

/* void odd_wild_sp(next, argument, top): on a stack with nothing above it, and without a
 * word of where it came from. */
begin odd_wild_sp
    pushq %rbx
    movq %rsp, %rbx
    movq %rdx, %rsp
    call_next
    movq %rbx, %rsp
    popq %rbx
    ret
end odd_wild_sp

    .bss
    .balign 8
    .globl odd_other_stack
    .type odd_other_stack, @object
    .size odd_other_stack, 8
odd_other_stack:
    .zero 8
    .section .note.GNU-stack, "", @progbits
