/* Eight threads that allocate, pass blocks on and free each other's, and count for
 * themselves.
 *
 * Each acquiring function is one site. At the end, or when asked to be killed, all
 * threads rest at a barrier, the program prints its own counts per function as one JSON
 * line and, with --kill, ends by SIGKILL there and then.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 20000, SLOTS = 512, FUNCTIONS = 5 };

struct counts {
    _Atomic uint64_t acquired, released, acquired_bytes, released_bytes;
};
static struct counts counts[FUNCTIONS];
static const char *const names[FUNCTIONS] = {"by_malloc", "by_calloc", "by_realloc",
                                             "by_memalign", "by_strange"};

struct block {
    void *memory;
    uint64_t bytes;
    uint32_t function;
};
static struct block *_Atomic slots[SLOTS];
static struct block table[SLOTS * 4];
static _Atomic uint32_t table_used;
static pthread_barrier_t rest;

static void acquired(uint32_t function, uint64_t bytes)
{
    atomic_fetch_add(&counts[function].acquired, 1);
    atomic_fetch_add(&counts[function].acquired_bytes, bytes);
}

static void released(uint32_t function, uint64_t bytes)
{
    atomic_fetch_add(&counts[function].released, 1);
    atomic_fetch_add(&counts[function].released_bytes, bytes);
}

__attribute__((noinline)) static void *by_malloc(size_t bytes)
{
    void *volatile memory = malloc(bytes);

    acquired(0, bytes);
    return memory;
}

__attribute__((noinline)) static void *by_calloc(size_t bytes)
{
    void *volatile memory = calloc(3, bytes / 3);

    acquired(1, bytes / 3 * 3);
    return memory;
}

/* Two acquisitions and one release: realloc gives the block back and takes another. */
__attribute__((noinline)) static void *by_realloc(size_t bytes)
{
    void *volatile memory = realloc(NULL, 10);

    memory = realloc(memory, bytes);
    acquired(2, 10);
    released(2, 10);
    acquired(2, bytes);
    return memory;
}

__attribute__((noinline)) static void *by_memalign(size_t bytes)
{
    void *memory = NULL;

    if (posix_memalign(&memory, 256, bytes) != 0) {
        abort();
    }
    acquired(3, bytes);
    return memory;
}

/* Sizes at the edges: zero, one, and beyond what a live entry holds inline. */
__attribute__((noinline)) static void *by_strange(size_t bytes)
{
    size_t strange = bytes % 100 == 7 ? (size_t)17 << 20 : bytes % 2;
    void *volatile memory = malloc(strange);

    acquired(4, strange);
    return memory;
}

static void *acquire(uint32_t function, size_t bytes)
{
    static void *(*const functions[FUNCTIONS])(size_t) = {
        by_malloc, by_calloc, by_realloc, by_memalign, by_strange};

    return functions[function](bytes);
}

static uint64_t bytes_of(uint32_t function, size_t bytes)
{
    if (function == 1) {
        return bytes / 3 * 3;
    }
    if (function == 4) {
        return bytes % 100 == 7 ? (uint64_t)17 << 20 : bytes % 2;
    }
    return bytes;
}

static void give_back(struct block *block)
{
    free(block->memory);
    released(block->function, block->bytes);
}

static void *work(void *argument)
{
    uint64_t random = (uintptr_t)argument * UINT64_C(0x9e3779b97f4a7c15) + 1;
    struct block *mine = &table[atomic_fetch_add(&table_used, 1)];

    for (unsigned i = 0; i < ROUNDS; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t bytes = random % 5000 + 1;
        uint32_t function = (uint32_t)(random >> 32) % FUNCTIONS;

        mine->memory = acquire(function, bytes);
        mine->bytes = bytes_of(function, bytes);
        mine->function = function;
        struct block *other = atomic_exchange(&slots[(random >> 40) % SLOTS], mine);

        if (other != NULL) {
            give_back(other);
            mine = other;
        } else {
            mine = &table[atomic_fetch_add(&table_used, 1)];
        }
    }
    pthread_barrier_wait(&rest);
    pthread_barrier_wait(&rest);
    return NULL;
}

static void report(void)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "{");

    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%s\"%s\":[%lu,%lu,%lu,%lu]",
                      i != 0 ? "," : "", names[i], counts[i].acquired, counts[i].released,
                      counts[i].acquired_bytes, counts[i].released_bytes);
    }
    n += snprintf(line + n, sizeof(line) - (size_t)n, "}\n");
    if (write(STDOUT_FILENO, line, (size_t)n) != n) {
        abort();
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];

    pthread_barrier_init(&rest, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    }
    pthread_barrier_wait(&rest);
    report();
    if (argc > 1 && strcmp(argv[1], "--kill") == 0) {
        (void)kill(getpid(), SIGKILL);
    }
    pthread_barrier_wait(&rest);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}
