/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_THREAD_STOP_H
#define SEEP_ANALYZER_ATTACH_THREAD_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/memory_map.h"

/* Registers by their DWARF numbers: rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip.
 * Source: System V ABI, AMD64, figure 3.36. */
enum { SEEP_REGISTERS = 17, SEEP_REGISTER_SP = 7, SEEP_REGISTER_PC = 16 };

/* What one thread left us when it stood still. */
struct seep_thread_copy {
    uint32_t tid;
    /* 0; -ESRCH it had ended, or ended before it stopped; -ETIME it did not come to a
     * stop in time (uninterruptible sleep; with `together`, also later than the others);
     * -EPERM the kernel refuses; -ENOTSUP a 32-bit thread; -EIO its registers could not
     * be read; -ENOMEM. Valid are the other fields when it is 0. */
    int status;
    uint64_t stop_ns; /* upper bound of the time that it stood still for us */
    uint64_t registers[SEEP_REGISTERS];
    uint8_t *stack;       /* owned (seep_thread_copy_fini); from stack_start upwards */
    uint64_t stack_start; /* address; the red zone below the stack pointer is in it */
    size_t stack_bytes;   /* 0: could not be read */
    bool stack_cut;       /* more was in use than may be copied */
};

struct seep_stop_options {
    uint64_t wait_most_ns;   /* for a thread to come to its stop; 0: 20 ms */
    uint64_t stop_most_ns;   /* what a stop may take; 0: 5 ms. Beyond it nothing more is
                                read from the thread */
    size_t stack_most_bytes; /* to copy of each; 0: 1 MiB */
    bool together;           /* all at one instant, instead of one after the other */
    /* With `together`: called when all stand still that will. Must not block, and must
     * not touch what it would wait for in the program. Runs in the thread that traces. */
    void (*while_stopped)(void *context);
    void *context; /* borrowed */
};

/* Stops threads of a process for a moment, copies registers and the used part of the
 * stack, and lets them go.
 *
 * map:     borrowed; the process's mappings, for the stacks' ends.
 * copies:  in/out, borrowed; count entries with `tid` set, the rest zero.
 * options: borrowed; NULL: the defaults.
 *
 * None is left stopped: not when a call fails, when the program execs, or when this
 * process is killed. A signal that arrives in the meantime is delivered.
 *
 * Returns: 0, with a status of each; -ENOMEM, -EAGAIN without a thread to trace from.
 * Thread-safety: any thread. Allocates: yes. Cost: some 30 us per thread.
 * Source: ptrace(2).
 */
int seep_thread_stop(pid_t pid, const struct seep_memory_map *map,
                     struct seep_thread_copy *copies, size_t count,
                     const struct seep_stop_options *options);
void seep_thread_copy_fini(struct seep_thread_copy *copy);

/* Arguments of the system call that the thread stood in, as its registers hold them.
 * Thread-safety: pure. Source: System V ABI, AMD64, A.2.1. */
void seep_thread_copy_arguments(const struct seep_thread_copy *copy,
                                uint64_t arguments[6]);

#endif
