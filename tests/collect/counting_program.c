/* Counts its own allocations: 8 threads that free each other's blocks. Prints the truth
 * as JSON, then ends, or waits to be killed when told to.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 20000, SLOTS = 512 };

static _Atomic(void *) slots[SLOTS];
static _Atomic uint64_t acquired, released;

static void *work(void *argument)
{
    uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761U + 1;

    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525U + 1013904223U;

        void *block = malloc(16 + (random >> 20));

        atomic_fetch_add(&acquired, 1);
        block = atomic_exchange(&slots[random >> 8 & (SLOTS - 1)], block);
        if (block != NULL) {
            free(block);
            atomic_fetch_add(&released, 1);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    char line[160];
    int n = 0;

    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    n = snprintf(line, sizeof(line), "{\"pid\":%d,\"acquired\":%llu,\"released\":%llu}\n",
                 (int)getpid(), (unsigned long long)atomic_load(&acquired),
                 (unsigned long long)atomic_load(&released));
    if (write(STDOUT_FILENO, line, (size_t)n) != n) {
        return 1;
    }
    if (argc > 1 && argv[1][0] == '1') {
        pause();
    }
    return 0;
}
