/* How much stack one allocation takes, on the smallest thread stack that there is.
 *
 * Prints the most bytes seen below the caller: [at a call never seen before, at one seen
 * before].
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAINTED_BYTES = 6000, PAINT = 0xa5 };

static size_t first_bytes;
static size_t later_bytes;

/* Bytes of the painted area that malloc has overwritten. */
__attribute__((noinline)) static size_t used_by_malloc(void)
{
    uint8_t *here = __builtin_frame_address(0);
    volatile uint8_t *low = here - PAINTED_BYTES;
    size_t untouched = 0;
    void *volatile memory = NULL;

    for (size_t i = 0; i < PAINTED_BYTES - 256; i++) {
        low[i] = PAINT;
    }
    memory = malloc(40);
    while (untouched < PAINTED_BYTES && low[untouched] == PAINT) {
        untouched++;
    }
    free(memory);
    return PAINTED_BYTES - untouched;
}

static void *run(void *argument)
{
    void *volatile warm = malloc(40); /* the allocator's own start in this thread */

    free(warm);
    for (volatile int i = 0; i < 10; i++) { /* volatile: one call, new once */
        size_t bytes = used_by_malloc();

        first_bytes = i == 0 ? bytes : first_bytes;
        later_bytes = i != 0 && bytes > later_bytes ? bytes : later_bytes;
    }
    return argument;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, run, NULL) != 0) {
        return 1;
    }
    pthread_join(thread, NULL);
    (void)printf("[%zu,%zu]\n", first_bytes, later_bytes);
    return 0;
}
