/* The one place that knows the processor: stubs, registers, single-instruction adds,
 * system calls. A port to another processor is this file once more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SHIM_ARCH_H
#define SEEP_SHIM_ARCH_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>

#if !defined(__x86_64__)
#error "libseep.so knows x86-64 only so far: add the processor to shim/arch.h"
#endif

/* DWARF register numbers. Source: System V ABI, AMD64 supplement, figure 3.36. */
enum { SEEP_ARCH_DWARF_FP = 6, SEEP_ARCH_DWARF_SP = 7, SEEP_ARCH_DWARF_RA = 16 };

/* Offsets in the frame that the kernel lays on the stack for a signal, from the stack
 * pointer inside
 * __restore_rt: struct ucontext, whose sigcontext starts at 40. Source:
 * arch/x86/include/uapi/asm/sigcontext.h. */
enum {
    SEEP_ARCH_SIGNAL_FP = 40 + 10 * 8,
    SEEP_ARCH_SIGNAL_SP = 40 + 15 * 8,
    SEEP_ARCH_SIGNAL_PC = 40 + 16 * 8
};

/* Exported stub: appends the caller's stack pointer and frame pointer to `arguments`
 * integer arguments and jumps to the wrapper, so that a C prologue cannot spoil them. */
#define SEEP_ARCH_STUB_MOVES_1 "movq %rsp, %rsi\n movq %rbp, %rdx\n"
#define SEEP_ARCH_STUB_MOVES_2 "movq %rsp, %rdx\n movq %rbp, %rcx\n"
#define SEEP_ARCH_STUB_MOVES_3 "movq %rsp, %rcx\n movq %rbp, %r8\n"
#define SEEP_ARCH_STUB_MOVES_4 "movq %rsp, %r8\n movq %rbp, %r9\n"
#define SEEP_ARCH_STUB(name, arguments)                                                  \
    __asm__(".text\n .p2align 4\n .globl " #name "\n .type " #name ", @function\n" #name \
            ":\n .cfi_startproc\n endbr64\n" SEEP_ARCH_STUB_MOVES_##arguments            \
            " jmp seep_wrap_" #name "\n .cfi_endproc\n .size " #name ", .-" #name "\n")

/* Adds in one instruction: a signal handler that interrupts the thread cannot split it.
 * Owner thread. */
static inline void seep_arch_add_own(uint64_t *counter, uint64_t amount)
{
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(amount) : "cc");
}

/* The thread control block: lies at the upper end of a thread's stack, also of a stack
 * that the program gave. */
static inline uintptr_t seep_arch_thread_pointer(void)
{
    uintptr_t pointer = 0;

    __asm__("movq %%fs:16, %0" : "=r"(pointer));
    return pointer;
}

/* A system call that leaves errno alone and that no wrapper sees. Returns: the result, or
 * a negative errno. */
static inline long seep_arch_syscall6(long number, long a, long b, long c, long d, long e,
                                      long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result = 0;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#define seep_arch_syscall3(number, a, b, c)                                              \
    seep_arch_syscall6((number), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define seep_arch_syscall4(number, a, b, c, d)                                           \
    seep_arch_syscall6((number), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

#endif
