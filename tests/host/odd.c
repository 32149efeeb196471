/* Allocations below frames that only people write (odd_frames.S), on the thread's stack
 * and on others, and below the resolver of a lazily bound function, where the loader's
 * own frame keeps its CFA in rbx.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "stack_tally.h"
#include "subjects/odd_frames.h"

enum { STACK_BYTES = 256 << 10, ROUNDS = 20 };

extern void (*lazy_hook)(void);
int lazy_answer(void);

struct chain {
    odd_frame *const *left;
    int count;
};

#define ADDRESS(name) name,
static odd_frame *const odd[] = {ODD_FRAMES(ADDRESS)};
enum { ODD_COUNT = sizeof(odd) / sizeof(odd[0]), ON_ONE_STACK = ODD_COUNT - 2 };

static void go_on(void *argument)
{
    struct chain *chain = argument;

    if (chain->count-- == 0) {
        tally_once(NULL);
    } else {
        (*chain->left++)(go_on, chain);
    }
    __asm__ volatile("");
}

static void use_stack(void *memory)
{
    odd_other_stack = (char *)memory + STACK_BYTES;
    for (int i = 0; i < ODD_COUNT; i++) {
        odd[i](tally_once, NULL);
    }
}

static void hook(void)
{
    tally_once(NULL);
}

int main(void)
{
    void *mapped = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *allocated = aligned_alloc(16, STACK_BYTES);

    for (int round = 0; round < ROUNDS; round++) {
        struct chain chain = {odd, ON_ONE_STACK};

        use_stack(mapped);
        use_stack(allocated);
        go_on(&chain);
    }
    lazy_hook = hook;
    if (lazy_answer() != 42) {
        return 1;
    }
    tally_print();
    return 0;
}
