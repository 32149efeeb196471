/* Coroutines on stacks of every place: above and below the thread's own, in allocated
 * memory, inside the thread's own stack; one stack used by one coroutine after another.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "stack_tally.h"

enum { STACK_BYTES = 256 << 10, ROUNDS = 40, OWN_BYTES = 64 << 10 };

static _Thread_local ucontext_t outside;
static _Thread_local ucontext_t inside;

__attribute__((noinline)) static void yield(void)
{
    swapcontext(&inside, &outside);
}

/* Two bodies of one shape: what they call lies at the same places of the stack. */
#define BODY(name)                                                                       \
    static void name(void)                                                               \
    {                                                                                    \
        for (int i = 0; i < 3; i++) {                                                    \
            tally_once(NULL);                                                            \
            yield();                                                                     \
        }                                                                                \
    }
BODY(first_body)
BODY(second_body)

__attribute__((noinline)) static void run(void (*body)(void), void *stack, size_t bytes)
{
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = bytes;
    inside.uc_link = &outside;
    makecontext(&inside, body, 0);
    for (int i = 0; i < 4; i++) { /* the last lets it end */
        swapcontext(&outside, &inside);
        tally_once(NULL);
    }
}

static void run_both(void *stack, size_t bytes)
{
    run(first_body, stack, bytes);
    run(second_body, stack, bytes);
}

/* The thread's own stack is the middle one of three. */
static void *in_thread(void *argument)
{
    char *stacks = argument;
    char own[OWN_BYTES];
    void *allocated = malloc(STACK_BYTES);

    for (int round = 0; round < ROUNDS; round++) {
        run_both(stacks, STACK_BYTES);
        run_both(stacks + (ptrdiff_t)2 * STACK_BYTES, STACK_BYTES);
        run_both(allocated, STACK_BYTES);
        run_both(own, sizeof(own));
    }
    return NULL;
}

int main(void)
{
    char *stacks = mmap(NULL, (size_t)3 * STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stacks + STACK_BYTES, STACK_BYTES);
    if (pthread_create(&thread, &attributes, in_thread, stacks) != 0) {
        return 1;
    }
    pthread_join(thread, NULL);
    run_both(stacks, STACK_BYTES); /* below the main thread's */
    tally_print();
    return 0;
}
