/* Code whose names and lines are known: inlined calls, calls at the end of a function,
 * and the instructions of a signal trampoline. It is read by test_symbol, and never run.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#define SUBJECT_API __attribute__((visibility("default"), noinline))

SUBJECT_API void *subject_take(size_t n);
SUBJECT_API void *subject_outer(int n);
SUBJECT_API void subject_stops(int n);
SUBJECT_API int subject_block(int n);
SUBJECT_API void *subject_calls_hidden(int n);

static inline __attribute__((always_inline)) void *inlined_deepest(size_t n)
{
    return subject_take(n * 3);
}

static inline __attribute__((always_inline)) void *inlined_middle(int n)
{
    void *first = inlined_deepest((size_t)n + 1);
    void *second = inlined_deepest((size_t)n + 2);

    free(first);
    return second;
}

SUBJECT_API void *subject_take(size_t n)
{
    return malloc(n + 16);
}

SUBJECT_API void *subject_outer(int n)
{
    void *block = inlined_middle(n);

    return block != NULL ? block : inlined_deepest(1);
}

/* Its last instruction is a call: the return address belongs to the next function. */
SUBJECT_API void subject_stops(int n)
{
    if (n > 2) {
        subject_outer(n);
    }
    abort();
}

SUBJECT_API int subject_block(int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++) {
        void *block = inlined_deepest((size_t)i);

        sum += block != NULL;
        free(block);
    }
    return sum;
}

static __attribute__((noinline)) void *hidden(int n)
{
    return subject_take((size_t)n << 2);
}

SUBJECT_API void *subject_calls_hidden(int n)
{
    return (char *)hidden(n) + 1;
}

__asm__(".text\n"
        ".p2align 4\n"
        "nop\n"
        ".globl subject_trampoline\n"
        ".type subject_trampoline, @function\n"
        "subject_trampoline:\n"
        "  mov $15, %rax\n"
        "  syscall\n"
        "  ud2\n"
        ".size subject_trampoline, . - subject_trampoline\n");

int main(void)
{
    return subject_block(3) + (subject_calls_hidden(2) == NULL);
}
