/* Everything at once for a while, in an order that a seed decides: threads that come and
 * go in every way, blocks freed by other threads, forks (from handlers too), signals,
 * libraries opened and closed.
 *
 * The allocator (bump.c) may be interrupted anywhere, so that handlers come in the middle
 * of a recording as well.
 *
 * usage: host_stress SECONDS SEED THREADS PLUGIN PLUGIN CALLER CALLER
 * PLUGIN allocates itself, CALLER calls back; THREADS (1 to 1,024) are at work all the
 * time, and make more. Every second one takes its signals on a stack of its own.
 * Prints its own counts: {"heap":{function:[acquired,released]},"threads":{...}}.
 *
 * SPDX-License-Identifier: MIT
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS_MAX = 1024,
    SLOTS = 256,
    CHILD_STATUS = 33,
    PERIOD_US = 700,
    DEADLINE_S = 60,
    DEPTH_MAX = 24,
    SHAPE_BITS = 5,
    SHAPES = 1 << SHAPE_BITS,
    ALTERNATE_BYTES = 128 << 10
};

struct count {
    _Atomic uint64_t acquired, released;
};
static struct count taken_count;
static struct count kept_in_handler;
static struct count joined_count;
static struct count detached_count;
static struct count self_detached_count;
static _Atomic uint64_t detached_ended;
static _Atomic uint64_t forked;

static void *_Atomic slots[SLOTS];
static _Atomic bool stop;
static pid_t main_pid;
static char **plugins;
static _Thread_local volatile sig_atomic_t busy; /* inside the C library, perhaps */

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

__attribute__((noinline)) static void *take(size_t bytes)
{
    void *memory = NULL;

    memory = realloc(malloc(bytes), bytes * 2 + 1); /* two acquisitions, one release */
    atomic_fetch_add(&taken_count.acquired, 2);
    atomic_fetch_add(&taken_count.released, 1);
    return memory;
}

static void give_back(void *memory)
{
    if (memory != NULL) {
        free(memory);
        atomic_fetch_add(&taken_count.released, 1);
    }
}

__attribute__((noinline)) static void keep_in_handler(void)
{
    void *volatile kept = malloc(24);

    (void)kept;
    atomic_fetch_add(&kept_in_handler.acquired, 1);
}

/* The child goes on where the parent was interrupted, for a few events, and ends. */
static void on_signal(int number)
{
    static _Atomic uint32_t turn;
    int saved_errno = errno;
    pid_t pid = 0;

    (void)number;
    if (getpid() != main_pid || busy != 0) {
        errno = saved_errno;
        return;
    }
    keep_in_handler();
    if (atomic_fetch_add(&turn, 1) % 64 == 0) {
        pid = fork();
        if (pid == 0) {
            void *volatile memory = malloc(99);

            free(memory);
            _exit(CHILD_STATUS);
        }
        atomic_fetch_add(&forked, pid > 0 ? 1 : 0);
    }
    errno = saved_errno;
}

static void *thread_joined(void *argument)
{
    give_back(take((size_t)(uintptr_t)argument % 300));
    return NULL;
}

static void *thread_detached(void *argument)
{
    give_back(take((size_t)(uintptr_t)argument % 300));
    atomic_fetch_add(&detached_ended, 1);
    return NULL;
}

static void *thread_detaches_itself(void *argument)
{
    pthread_detach(pthread_self());
    return thread_detached(argument);
}

__attribute__((noinline)) static void make_joined(uint64_t random)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_joined, (void *)random) == 0) {
        pthread_join(thread, NULL);
        atomic_fetch_add(&joined_count.acquired, 1);
        atomic_fetch_add(&joined_count.released, 1);
    }
}

__attribute__((noinline)) static void make_detached(uint64_t random)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_detached, (void *)random) == 0) {
        pthread_detach(thread);
        atomic_fetch_add(&detached_count.acquired, 1);
        atomic_fetch_add(&detached_count.released, 1);
    }
}

__attribute__((noinline)) static void make_self_detached(uint64_t random)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_detaches_itself, (void *)random) == 0) {
        atomic_fetch_add(&self_detached_count.acquired, 1);
        atomic_fetch_add(&self_detached_count.released, 1);
    }
}

static void wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != CHILD_STATUS) {
        (void)fprintf(stderr, "child %d: status %x\n", pid, status);
        abort();
    }
}

static void fork_once(uint64_t random)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (uint64_t i = 0; i <= random % 200; i++) {
            give_back(take(i));
        }
        _exit(CHILD_STATUS);
    }
    if (pid > 0) {
        wait_for(pid);
        atomic_fetch_add(&forked, 1);
    }
}

/* Stacks of ever-changing depth and shape, not more than the tables hold. */
__attribute__((noinline)) static void *take_below(uint64_t random, int depth)
{
    uint64_t shape = random % SHAPES >> depth % SHAPE_BITS;

    volatile char *space = NULL;
    void *memory = NULL;

    if (depth == 0) {
        return take(random % 2000);
    }
    if ((shape & 1) != 0) {
        space = alloca(random % 7 * 16 + 16);
        space[0] = 1;
    }
    if ((shape & 2) != 0) { /* two calls, not one */
        memory = take_below(random, depth - 1);
        __asm__ volatile("nop");
    } else {
        memory = take_below(random, depth - 1);
    }
    __asm__ volatile("" : : "r"(space) : "memory");
    return memory;
}

static void put(uint64_t random)
{
    give_back(
        atomic_exchange(&slots[(random >> 20) % SLOTS],
                        take_below(random >> 40, (int)((random >> 12) % DEPTH_MAX))));
}

/* A library that calls back: its frames are in our stacks, and gone afterwards. */
static void take_for_caller(void *random)
{
    give_back(take((uintptr_t)random % 100));
}

static __thread uint64_t random_for_caller;

static void called_back(void *unused)
{
    (void)unused;
    take_for_caller((void *)random_for_caller);
}

static void use_caller(uint64_t random)
{
    void *library = dlopen(plugins[2 + random % 2], RTLD_NOW);
    void (*function)(void (*)(void *), int) = NULL;

    if (library != NULL) {
        *(void **)&function = dlsym(library, "plugin_call");
        random_for_caller = random;
        for (int i = 0; i < 3; i++) {
            function(called_back, (int)((random >> 8) % 8));
        }
        dlclose(library);
    }
}

static void use_plugin(uint64_t random)
{
    static const char *const functions[] = {"first_plugin", "second_plugin"};
    void *library = dlopen(plugins[random % 2], RTLD_NOW);
    void *(*function)(int) = NULL;

    if (library != NULL) {
        *(void **)&function = dlsym(library, functions[random % 2]);
        free(function((int)(random % 100) + 1));
        dlclose(library);
    }
}

static void *work(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    stack_t alternate = {.ss_sp = malloc(ALTERNATE_BYTES), .ss_size = ALTERNATE_BYTES};

    if (random % 2 == 0) {
        sigaltstack(&alternate, NULL);
    }
    while (!atomic_load(&stop)) {
        uint64_t r = next(&random);

        busy = r % 1024 < 3 || r % 8192 == 3 || r % 2048 == 4 || r % 2048 == 5;
        if (r % 1024 == 0) {
            make_joined(r >> 32);
        } else if (r % 1024 == 1) {
            make_detached(r >> 32);
        } else if (r % 1024 == 2) {
            make_self_detached(r >> 32);
        } else if (r % 8192 == 3) {
            fork_once(r >> 32);
        } else if (r % 2048 == 4) {
            use_plugin(r >> 32);
        } else if (r % 2048 == 5) {
            use_caller(r >> 32);
        } else {
            put(r);
        }
    }
    busy = 1;
    alternate.ss_flags = SS_DISABLE;
    sigaltstack(&alternate, NULL);
    free(alternate.ss_sp);
    return NULL;
}

/* Until every thread that nobody joins is gone, and every child of a handler is reaped.
 */
static void settle(void)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    int threads = 2;

    while (threads > 1 && time(NULL) < deadline) {
        char line[128];
        FILE *status = fopen("/proc/self/status", "r");

        while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
            (void)sscanf(line, "Threads: %d", &threads);
        }
        if (status != NULL) {
            (void)fclose(status);
        }
        (void)sched_yield();
    }
    while (waitpid(-1, NULL, 0) > 0) {
    }
}

static void print_count(const char *name, const struct count *count, const char *after)
{
    (void)printf("\"%s\":[%lu,%lu]%s", name, count->acquired, count->released, after);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = SA_RESTART | SA_ONSTACK};
    struct itimerval timer = {{0, PERIOD_US}, {0, PERIOD_US}};
    struct itimerval none = {{0, 0}, {0, 0}};
    static pthread_t threads[WORKERS_MAX];
    uint64_t seed = argc == 8 ? strtoull(argv[2], NULL, 10) : 0;
    int workers = argc == 8 ? atoi(argv[3]) : 0;

    if (workers < 1 || workers > WORKERS_MAX) {
        return 2;
    }
    plugins = argv + 4;
    main_pid = getpid();
    sigaction(SIGALRM, &action, NULL);
    for (uint64_t i = 0; i < (uint64_t)workers; i++) {
        uint64_t random = (seed + i + 1) * UINT64_C(0x9e3779b97f4a7c15);

        pthread_create(&threads[i], NULL, work, (void *)random);
    }
    setitimer(ITIMER_REAL, &timer, NULL);
    for (time_t end = time(NULL) + atoi(argv[1]); time(NULL) < end;) {
        (void)usleep(10000);
    }
    setitimer(ITIMER_REAL, &none, NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < workers; i++) {
        pthread_join(threads[i], NULL);
    }
    settle();
    (void)printf("{\"heap\":{");
    print_count("take", &taken_count, ",");
    print_count("keep_in_handler", &kept_in_handler, "},\"threads\":{");
    print_count("make_joined", &joined_count, ",");
    print_count("make_detached", &detached_count, ",");
    print_count("make_self_detached", &self_detached_count, "},");
    (void)printf("\"forks\":%lu}\n", forked);
    return 0;
}
