/* Mappings that come, go, are cut, covered, moved and refused; prints its own counts per
 * function: [acquired, released, acquired bytes, released bytes].
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { PAGE = 4096, ROUNDS = 100, THREADS = 4, THREAD_ROUNDS = 2000, HEAP_BLOCKS = 300 };

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                \
            abort();                                                                     \
        }                                                                                \
    } while (0)

static void *volatile heap_block;

/* Inlined into each function that is counted: a mapping is its caller's. */
__attribute__((always_inline)) static inline char *map(size_t pages)
{
    char *volatile at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    return at;
}

__attribute__((noinline)) static void come_and_go(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        char *at = map(3);

        CHECK(munmap(at, 3 * PAGE - 100) == 0); /* the kernel rounds up */
    }
}

__attribute__((noinline)) static char *keep_some(void)
{
    char *at = NULL;

    for (int i = 0; i < 5; i++) {
        at = map(1);
    }
    return at;
}

/* What allocators do for alignment: map too much, trim both ends. */
__attribute__((noinline)) static void trim(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        char *at = map(16);

        CHECK(munmap(at, 3 * PAGE) == 0);
        CHECK(munmap(at + 11 * PAGE, 5 * PAGE) == 0);
    }
}

/* Two holes make three of one; then two of them go, in one call over everything. */
__attribute__((noinline)) static void punch(void)
{
    char *at = map(10);
    char *other = map(10);

    CHECK(munmap(at + 2 * PAGE, PAGE) == 0 && munmap(at + 5 * PAGE, 2 * PAGE) == 0);
    CHECK(munmap(at + PAGE, 9 * PAGE) == 0);
    CHECK(munmap(other, 10 * PAGE) == 0);
}

__attribute__((noinline)) static char *reserve(void)
{
    return map(20);
}

__attribute__((noinline)) static void commit(char *reserved)
{
    void *volatile at = mmap64(reserved + 8 * PAGE, 4 * PAGE, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    CHECK(at == reserved + 8 * PAGE);
}

__attribute__((noinline)) static char *move_from(size_t pages)
{
    return map(pages);
}

/* Moved to 8 pages, moved again onto a place of its own choice, shrunk to 2 there. */
__attribute__((noinline)) static void move_to(void)
{
    char *old = move_from(4);
    char *place = move_from(12);
    void *volatile at = mremap(old, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);

    CHECK(at != MAP_FAILED);
    at = mremap(at, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 2 * PAGE);
    CHECK(at == place + 2 * PAGE);
    at = mremap(at, 8 * PAGE, 2 * PAGE, 0);
    CHECK(at == place + 2 * PAGE);
}

__attribute__((noinline)) static void move_and_keep(void)
{
    char *old = move_from(3);
    void *volatile at =
        mremap(old, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

    CHECK(at != MAP_FAILED && at != old);
}

__attribute__((noinline)) static void refused(void)
{
    char *at = map(2);
    void *volatile none = NULL;

    errno = 0;
    none = mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(none == MAP_FAILED && errno == EINVAL);
    none = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0);
    CHECK(none == MAP_FAILED && errno == EBADF);
    CHECK(munmap(at + 1, PAGE) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(munmap(at, 0) == -1 && errno == EINVAL);
    none = mremap(at + PAGE, 2 * PAGE, (size_t)1 << 62, MREMAP_MAYMOVE);
    CHECK(none == MAP_FAILED && errno != 0);
    errno = 7;
    CHECK(munmap(at + PAGE, PAGE) == 0 && errno == 7);
}

__attribute__((noinline)) static void *in_threads(void *unused)
{
    for (int i = 0; i < THREAD_ROUNDS; i++) {
        char *at = map(2);

        CHECK(munmap(at, PAGE) == 0 && munmap(at + PAGE, PAGE) == 0);
    }
    return unused;
}

__attribute__((noinline)) static void in_handler(int number)
{
    char *at = map(1);

    (void)number;
    CHECK(munmap(at, PAGE) == 0);
}

__attribute__((noinline)) static char *for_children(void)
{
    return map(6);
}

/* A forked child's memory is its own; a vforked child's is its parent's. */
static void children(void)
{
    char *at = for_children();
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        _exit(munmap(at, 6 * PAGE) == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    child = vfork(); /* NOLINT: the point of the test */
    if (child == 0) {
        _exit(munmap(at, 2 * PAGE) == 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

__attribute__((noinline)) static void attach(int id)
{
    void *volatile kept = shmat(id, NULL, 0);
    void *volatile at = shmat(id, NULL, SHM_RDONLY);

    CHECK(kept != (void *)-1 && at != (void *)-1);
    CHECK(shmdt(at) == 0);
    CHECK(shmdt(at) == -1 && errno == EINVAL);
}

/* Enough to make an allocator map memory: that is the heap's, not ours. */
static void use_heap(void)
{
    for (int i = 0; i < HEAP_BLOCKS; i++) {
        heap_block = malloc((size_t)(i + 1) * 30000);
        CHECK(heap_block != NULL);
        if (i % 2 == 0) {
            free(heap_block);
        }
    }
}

static void print(const char *name, unsigned acquired, unsigned released,
                  unsigned acquired_pages, unsigned released_pages, const char *end)
{
    (void)printf("\"%s\":[%u,%u,%u,%u]%s", name, acquired, released,
                 acquired_pages * PAGE, released_pages * PAGE, end);
}

int main(void)
{
    pthread_t threads[THREADS];
    int id = shmget(IPC_PRIVATE, 5 * PAGE - 7, IPC_CREAT | 0600);

    CHECK(id >= 0);
    use_heap();
    come_and_go();
    (void)keep_some();
    trim();
    punch();
    commit(reserve());
    move_to();
    move_and_keep();
    refused();
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, in_threads, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(signal(SIGUSR1, in_handler) != SIG_ERR);
    for (int i = 0; i < 10; i++) {
        CHECK(raise(SIGUSR1) == 0);
    }
    children();
    attach(id);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    use_heap();

    (void)printf("{");
    print("come_and_go", ROUNDS, ROUNDS, 3 * ROUNDS, 3 * ROUNDS, ",");
    print("keep_some", 5, 0, 5, 0, ",");
    print("trim", ROUNDS, 0, 16 * ROUNDS, 8 * ROUNDS, ",");
    print("punch", 4, 3, 20, 19, ",");
    print("reserve", 2, 0, 20, 4, ",");
    print("commit", 1, 0, 4, 0, ",");
    print("move_from", 4, 1, 19, 12, ",");
    print("move_to", 2, 1, 16, 14, ",");
    print("move_and_keep", 1, 0, 3, 0, ",");
    print("refused", 1, 0, 2, 1, ",");
    print("in_threads", THREADS * THREAD_ROUNDS, THREADS * THREAD_ROUNDS,
          2 * THREADS * THREAD_ROUNDS, 2 * THREADS * THREAD_ROUNDS, ",");
    print("in_handler", 10, 10, 10, 10, ",");
    print("for_children", 1, 0, 6, 2, ",");
    print("attach", 2, 1, 10, 5, "}\n");
    return 0;
}
