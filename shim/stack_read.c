/* Words of foreign stacks, by leave of the kernel.
 *
 * Design: rt_sigprocmask with an invalid `how` reads its mask argument and then refuses,
 * which tells a readable page from another without a fault, a descriptor or a pipe.
 * process_vm_readv was rejected: container profiles forbid it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stack_read.h"

#include <errno.h>

#include "arch.h"

enum { PAGE_SHIFT = 12, NO_SUCH_HOW = 99, MASK_BYTES = 8 };

/* Source: kernel/signal.c, sys_rt_sigprocmask: copy_from_user comes before the check of
 * `how`. */
static bool page_readable(uintptr_t address)
{
    return seep_arch_syscall4(SYS_rt_sigprocmask, NO_SUCH_HOW,
                              address & ~(uintptr_t)(MASK_BYTES - 1), 0,
                              MASK_BYTES) != -EFAULT;
}

bool seep_stack_load_far(struct seep_stack_view *view, uintptr_t address, uintptr_t *word)
{
    if ((address & (SEEP_WORD_BYTES - 1)) != 0 || view->low != UINTPTR_MAX ||
        address >> PAGE_SHIFT == 0) {
        return false; /* off our own stack without a signal frame; or page 0, "none" */
    }
    if (address >> PAGE_SHIFT != view->page) {
        if (!page_readable(address)) {
            return false;
        }
        view->page = address >> PAGE_SHIFT;
    }
    *word = *(const uintptr_t *)address;
    return true;
}
