/* The one place that knows the processor: stubs, registers, single-instruction adds,
 * system calls. A port to another processor is this file and arch_compare once more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SHIM_ARCH_H
#define SEEP_SHIM_ARCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#if !defined(__x86_64__)
#error "libseep.so knows x86-64 only so far: add the processor to shim/arch.h"
#endif

/* For globals that every event reads: side by side they cost a program that needs its
 * caches and its TLB itself the least. */
#define SEEP_HOT_DATA __attribute__((section("seep_hot")))
enum { SEEP_CACHE_LINE_BYTES = 64 };

/* DWARF register numbers. Source: System V ABI, AMD64 supplement, figure 3.36. */
enum {
    SEEP_ARCH_DWARF_FP = 6,
    SEEP_ARCH_DWARF_SP = 7,
    SEEP_ARCH_DWARF_RA = 16,
    SEEP_ARCH_DWARF_REGISTERS = 17 /* general ones and the return address */
};

/* The registers at this very instruction, as far as a call keeps them, by DWARF number;
 * the program counter is the return address's. Returns: a bit for each that was set. */
static inline __attribute__((always_inline)) uint32_t
seep_arch_registers_here(uintptr_t *values)
{
    __asm__ volatile("movq %%rbx, 24(%0)\n movq %%rbp, 48(%0)\n movq %%rsp, 56(%0)\n"
                     " movq %%r12, 96(%0)\n movq %%r13, 104(%0)\n movq %%r14, 112(%0)\n"
                     " movq %%r15, 120(%0)\n leaq 0f(%%rip), %%rax\n"
                     " 0: movq %%rax, 128(%0)\n"
                     :
                     : "r"(values)
                     : "rax", "memory");
    return 1U << 3 | 1U << 6 | 1U << 7 | 0xfU << 12 | 1U << 16;
}

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
 * integer arguments and jumps to the wrapper, so that a C prologue cannot spoil them.
 * With five or six arguments the registers do not suffice: what is left over goes on the
 * stack, and the wrapper is called instead, with the stack aligned for it. */
#define SEEP_ARCH_STUB_JUMP(name, sp, fp)                                                \
    "movq %rsp, " sp "\n movq %rbp, " fp "\n jmp seep_wrap_" name "\n"
#define SEEP_ARCH_STUB_0(name) SEEP_ARCH_STUB_JUMP(name, "%rdi", "%rsi")
#define SEEP_ARCH_STUB_1(name) SEEP_ARCH_STUB_JUMP(name, "%rsi", "%rdx")
#define SEEP_ARCH_STUB_2(name) SEEP_ARCH_STUB_JUMP(name, "%rdx", "%rcx")
#define SEEP_ARCH_STUB_3(name) SEEP_ARCH_STUB_JUMP(name, "%rcx", "%r8")
#define SEEP_ARCH_STUB_4(name) SEEP_ARCH_STUB_JUMP(name, "%r8", "%r9")
#define SEEP_ARCH_STUB_5(name)                                                           \
    "movq %rsp, %r9\n pushq %rbp\n .cfi_adjust_cfa_offset 8\n call seep_wrap_" name      \
    "\n addq $8, %rsp\n .cfi_adjust_cfa_offset -8\n ret\n"
#define SEEP_ARCH_STUB_6(name)                                                           \
    "movq %rsp, %rax\n subq $8, %rsp\n .cfi_adjust_cfa_offset 8\n"                       \
    " pushq %rbp\n .cfi_adjust_cfa_offset 8\n pushq %rax\n .cfi_adjust_cfa_offset 8\n"   \
    " call seep_wrap_" name "\n addq $24, %rsp\n .cfi_adjust_cfa_offset -24\n ret\n"
#define SEEP_ARCH_STUB(name, arguments)                                                  \
    __asm__(".text\n .p2align 4\n .globl " #name "\n .type " #name ", @function\n" #name \
            ":\n .cfi_startproc\n endbr64\n " SEEP_ARCH_STUB_##arguments(                \
                #name) " .cfi_endproc\n .size " #name ", .-" #name "\n")

/* Exported stub of a function that may return twice, on the stack that it was called on:
 * what seep_before_<name>() returns is jumped to, with the arguments as they came. */
#define SEEP_ARCH_STUB_TWICE(name)                                                       \
    __asm__(".text\n .p2align 4\n .globl " #name "\n .type " #name ", @function\n" #name \
            ":\n .cfi_startproc\n endbr64\n pushq %rdi\n pushq %rsi\n pushq %rdx\n"      \
            " pushq %rcx\n pushq %r8\n pushq %r9\n subq $8, %rsp\n"                      \
            " .cfi_adjust_cfa_offset 56\n call seep_before_" #name "\n addq $8, %rsp\n"  \
            " popq %r9\n popq %r8\n popq %rcx\n popq %rdx\n popq %rsi\n popq %rdi\n"     \
            " .cfi_adjust_cfa_offset -56\n jmp *%rax\n .cfi_endproc\n .size " #name      \
            ", .-" #name "\n")

/* Whether a relocation of this type puts a symbol's address into a word: R_X86_64_64,
 * _GLOB_DAT, _JUMP_SLOT. Source: System V ABI, AMD64 supplement, table 4.9. */
static inline bool seep_arch_is_address_relocation(uint32_t type)
{
    return type == 1 || type == 6 || type == 7;
}

/* Calls function(argument) on another stack, whose upper end is `top` (16-byte aligned).
 */
static inline __attribute__((always_inline)) void
seep_arch_call_on_stack(void (*function)(void *), void *argument, void *top)
{
    __asm__ volatile("movq %%rsp, %%rbx\n movq %[top], %%rsp\n call *%[function]\n"
                     " movq %%rbx, %%rsp\n"
                     : "+D"(argument), [function] "+r"(function), [top] "+r"(top)
                     :
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc",
                       "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                       "xmm14", "xmm15");
}

/* A function of at most so many bytes (a power of two) lies in one page. A compare across
 * the boundary of two was seen to take 10 ns more, run after run of the same file, and
 * not in copies of it: two pages of a file need not be neighbours in memory. */
#define SEEP_ARCH_IN_ONE_PAGE(bytes) __attribute__((aligned(bytes)))

/* Adds in one instruction: a signal handler that interrupts the thread cannot split it.
 * Owner thread. */
static inline void seep_arch_add_own(uint64_t *counter, uint64_t amount)
{
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(amount) : "cc");
}

/* Takes away in one instruction. Returns: whether it was less than that. Owner thread. */
static inline bool seep_arch_take_own(uint64_t *counter, uint64_t amount)
{
    bool borrowed = false;

    __asm__("subq %2, %0" : "+m"(*counter), "=@ccb"(borrowed) : "er"(amount));
    return borrowed;
}

/* Reads a word as if to change it: of a page that does not exist yet the kernel then
 * makes one to write to, without looking for its neighbours. Nobody else may write to the
 * word at that time. */
static inline uint64_t seep_arch_read_to_write(uint64_t *word)
{
    __asm__("orq $0, %0" : "+m"(*word) : : "cc");
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Whether a word that others write has a value: loaded and compared in one instruction,
 * which no compiler does of an atomic load. What comes after is not done before. */
static inline bool seep_arch_is(const uint64_t *word, uint64_t value)
{
    bool is = false;

    __asm__ volatile("cmpq %2, %1" : "=@cce"(is) : "m"(*word), "r"(value) : "memory");
    return is;
}

/* A counter of short times, for comparing them. */
static inline uint64_t seep_arch_ticks(void)
{
    return __builtin_ia32_rdtsc();
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
