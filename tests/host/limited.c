/* Limits its own address space while it runs, as `ulimit -v` in a script does, and then
 * needs memory. Argument: "alone", "threads" or "child".
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, BLOCK_BYTES = 32 << 20, ROUNDS = 20000 };

static _Atomic bool stop;

static void churn(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        void *volatile memory = malloc(i % 900 + 1);

        free(memory);
    }
}

static void *work(void *argument)
{
    while (!atomic_load(&stop)) {
        churn(100);
    }
    return argument;
}

/* Returns: whether memory is to be had under the limit. */
static bool limit_and_allocate(void)
{
    struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
    void *volatile block = NULL;

    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return false;
    }
    churn(ROUNDS);
    block = malloc(BLOCK_BYTES);
    free(block);
    return block != NULL;
}

int main(int argc, char **argv)
{
    bool with_threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    pthread_t threads[THREADS];
    int status = 0;

    churn(100);
    if (argc > 1 && strcmp(argv[1], "child") == 0) {
        if (fork() == 0) {
            _exit(limit_and_allocate() ? 0 : 1);
        }
        (void)wait(&status);
        (void)puts(status == 0 ? "enough" : "too little");
        return 0;
    }
    for (int i = 0; with_threads && i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, NULL);
    }
    (void)puts(limit_and_allocate() ? "enough" : "too little");
    atomic_store(&stop, true);
    for (int i = 0; with_threads && i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}
