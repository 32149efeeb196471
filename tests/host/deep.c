/* 2,000 frames, up and down: deeper than what is kept of a stack, which is its inner
 * part; and back to shallow stacks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "stack_tally.h"

enum { DEEP = 2000, EVERY = 97, ROUNDS = 3 };

__attribute__((noinline)) static int down(int left)
{
    volatile int here = left;

    if (left % EVERY == 0) {
        tally_once((void *)0);
    }
    return left > 0 ? down(left - 1) + here : 0;
}

int main(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        (void)down(DEEP);
    }
    tally_print();
    return 0;
}
